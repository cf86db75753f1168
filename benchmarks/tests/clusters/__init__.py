"""Tests of clusters on real parts."""
