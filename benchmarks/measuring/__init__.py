"""Measuring: cells, arms, rounds, and the run on its way to the disk. `cells` says what is measured, `measure` how."""
