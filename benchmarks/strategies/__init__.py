"""How work is spread: every module of this folder registers its strategies, and is found by being here."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from benchmarks.strategies.base import STRATEGIES

__all__ = ["LIBRARIES", "STRATEGIES"]

# the null rows and the standard library's own first, in the order in which they are listed for a reader
FIRST = ("serial", "floor", "pools", "executors", "threads", "sharing")

for _name in dict.fromkeys((*FIRST, *sorted(module.name for module in iter_modules(__path__)))):
    import_module(f"{__name__}.{_name}")

LIBRARIES = {
    strategy.library.name: strategy.library
    for strategy in STRATEGIES.values()
    if strategy.library is not None and not strategy.cluster
}
"""The third-party libraries that bring engines of one machine, by their names."""
