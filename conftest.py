"""Loads the plugin; nothing else."""

pytest_plugins = ["benchmarks.plugin"]
