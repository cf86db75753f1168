"""Every question of the suite: the families of the files beside this one that are called bench_*.py."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from benchmarks.measuring.cells import Family


def families() -> dict[str, Family]:
    """Return the families by their names."""
    names = (module.name for module in iter_modules([str(Path(__file__).parent)]) if module.name.startswith("bench_"))
    found: list[Family] = [import_module(f"benchmarks.{name}").FAMILY for name in names]
    return {family.name: family for family in found}
