"""Benchmarks of Python's process pools. `tests/test_layout.py` has the layers that it is built in."""
