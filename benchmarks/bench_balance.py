"""What if tasks are uneven?

Twenty-four counting loops whose lengths have a heavy tail: the longest is a quarter of all the work. Where it stands
among the others decides whether it is begun last, and what else is in its chunk.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.measuring.cells import Axes, Cell, Family, Measurement
from benchmarks.report.metrics import Metrics
from benchmarks.report.phrases import NO_DIFFERENCE, either, known, ranked
from benchmarks.report.stats import Summary

ARRANGEMENTS = ("heavy first", "heavy last", "heavy clustered")


def _axes(seconds: float, null_seconds: float, size: int) -> tuple[Axes, ...]:
    null = Axes(ARRANGEMENTS[0], 24, ("floor",), null_seconds, sizes=(size,))
    return null, *(
        axes
        for workload in ARRANGEMENTS
        for axes in (
            Axes(workload, 24, ("Pool.map",), seconds, sizes=(size,), chunk_sizes=(None, 1)),
            Axes(workload, 24, ("Pool.imap_unordered",), seconds, sizes=(size,), template=True),
        )
    )


def answer(rows: Sequence[Metrics]) -> str:
    """Say whether the chunk size matters, for the order of tasks in which it does so most."""
    orders: dict[str, list[Metrics]] = {}
    for row in rows:
        if row.speedup and row.place.strategy == "Pool.map":
            orders.setdefault(row.place.axes.workload, []).append(row)
    several = [group for group in orders.values() if len(group) > 1]
    if not several:
        return ""
    groups = [ranked(group, _speedup, most=True) for group in several]
    tied, rest = max(groups, key=lambda group: (len(group[0]) == 1, _ratio([*group[0], *group[1]])))
    order = tied[0].place.axes.workload
    if len(tied) == 1:
        best, worst = tied[0], rest[-1]
        return (
            f"with {order}, {best.place.strategy} in chunks of {best.place.tasks_per_chunk} is "
            f"{known(_speedup(best))} times as fast as the loop, in chunks of {worst.place.tasks_per_chunk} "
            f"{known(_speedup(worst))} times"
        )
    chunks = either([str(row.place.tasks_per_chunk) for row in tied])
    return (
        f"chunks of {chunks}: {NO_DIFFERENCE} in any order ({order}: "
        f"{', '.join(known(_speedup(row)) for row in tied)} times as fast)"
    )


def _speedup(row: Metrics) -> Summary:
    assert row.speedup is not None
    return row.speedup


def _ratio(rows: Sequence[Metrics]) -> float:
    speedups = [_speedup(row).center for row in rows]
    return max(speedups) / min(speedups)


FAMILY = Family(
    name="balance",
    topic="uneven tasks",
    question="What if tasks are uneven?",
    timed="one pass over all tasks, pool already running",
    judged_by=("speedup", "efficiency", "CPU time"),
    shows_speedup=True,
    presets={"default": _axes(0.5, 1.5, 15_000), "full": _axes(5, 5, 100_000)},
    label_axes=("workload", "strategy"),
    answer=answer,
)


def bench_uneven(cell: Cell, measure: Measurement) -> None:
    """Time uneven counting loops."""
    measure(cell)
