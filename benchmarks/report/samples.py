"""Runs without their rounds: all that a comparison needs, and whether two samples of them can be compared."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.report.metrics import NULLS, metrics, null_holds
from benchmarks.report.runs import Cell, Run

ACROSS: Mapping[str, tuple[str, ...]] = {
    "python": ("implementation", "python", "build", "compiler", "free_threaded", "gil", "caches_bytecode"),
    "machine": ("cpu_model", "machine", "system", "release", "cpus", "affinity", "quota", "usable_cpus"),
}
"""Facts that two samples must share, unless their difference is what is asked about."""

AXES = ("workers", "start_method")
"""Axes whose usual value depends on the machine, so that cells of one name may differ in them."""


@dataclass(frozen=True)
class View:
    """A cell of one run without its rounds: natural logs, larger is worse, by the name of the quantity."""

    family: str
    strategy: str
    logs: Mapping[str, float]
    axes: Mapping[str, object]


@dataclass(frozen=True)
class Reduced:
    """A run without its rounds."""

    source: str
    environment: Mapping[str, object]
    judged_by: Mapping[str, tuple[str, ...]]
    views: Mapping[str, View]
    outcomes: Mapping[str, str]
    nulls: int
    nulls_held: int


def reduce(run: Run) -> Reduced:
    """Return what a comparison needs of a run; its rounds can then be forgotten."""
    held = [null_holds(metrics(cell)) for cell in run.cells if cell.strategy in NULLS]
    return Reduced(
        source=run.source,
        environment=run.environment,
        judged_by={name: family.judged_by for name, family in run.families.items()},
        views={cell.id: View(cell.family, cell.strategy, _logs(cell), cell.axes) for cell in run.cells},
        outcomes={outcome.id: outcome.outcome for outcome in run.outcomes},
        nulls=len(held),
        nulls_held=sum(held),
    )


def _logs(cell: Cell) -> dict[str, float]:
    own, serial, floor = cell.strategy_seconds, cell.serial_seconds, cell.floor_seconds
    values = {"time": median(own)}
    if cell.cpu_seconds is not None:
        # against the floor of the same round where there is one: in ten runs of one program that halved the spread
        against = floor or (1.0,) * len(own)
        values["CPU time"] = median(a / b for a, b in zip(cell.cpu_seconds, against, strict=True))
    if serial is not None:
        values["speedup"] = median(a / b for a, b in zip(own, serial, strict=True))
        values["serial time"] = median(serial)
    if floor is not None:
        values["efficiency"] = median(a / b for a, b in zip(own, floor, strict=True))
        values["floor time"] = median(floor)
    return {name: math.log(value) for name, value in values.items()}


def differences(
    base: Sequence[Reduced], new: Sequence[Reduced], across: Iterable[str], shared: Sequence[str]
) -> list[str]:
    """Say in which facts the runs differ that they should share, and in which axes cells of one name do."""
    meant = {fact for group in across for fact in ACROSS.get(group, (group,))}
    found = []
    for axis in AXES:
        old, now = ({str(run.views[name].axes.get(axis)) for run in side for name in shared} for side in (base, new))
        if axis not in meant and old != now:
            found.append(f"{axis}: {', '.join(sorted(old))} against {', '.join(sorted(now))}")
    for facts in ACROSS.values():
        for fact in facts:
            old, now = ({str(run.environment.get(fact)) for run in side} for side in (base, new))
            if fact not in meant and len(old | now) > 1:
                found.append(f"{fact}: {', '.join(sorted(old))} against {', '.join(sorted(now))}")
    return found
