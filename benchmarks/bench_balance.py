"""What if tasks are uneven?

Twenty-four counting loops whose lengths have a heavy tail: the longest is a quarter of all the work. Where it stands
among the others decides whether it is begun last, and what else is in its chunk.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.measuring.cells import Axes, Cell, Family, Measurement
from benchmarks.report import units
from benchmarks.report.metrics import Metrics

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
    """Name the order of tasks in which the chunk size matters most."""
    orders: dict[str, list[Metrics]] = {}
    for row in rows:
        if row.speedup and row.place.strategy == "Pool.map":
            orders.setdefault(row.place.axes.workload, []).append(row)
    several = [sorted(group, key=lambda row: row.gain) for group in orders.values() if len(group) > 1]
    if not several:
        return ""
    worst = max(several, key=lambda group: group[-1].gain / group[0].gain)
    low, high = worst[0], worst[-1]
    order = low.place.axes.workload.replace("heavy", "the heavy ones")
    return (
        f"It depends on their order: with {order}, "
        f"{low.place.strategy} in chunks of {low.place.tasks_per_chunk} is {units.factor(low.gain)} times as fast "
        f"as the loop, in chunks of {high.place.tasks_per_chunk} {units.factor(high.gain)} times."
    )


FAMILY = Family(
    name="balance",
    question="What if tasks are uneven?",
    timed="one pass over all tasks; the pool exists",
    judged_by=("speedup", "efficiency", "CPU time"),
    shows_speedup=True,
    presets={"default": _axes(0.5, 1.5, 15_000), "full": _axes(5, 5, 100_000)},
    label_axes=("workload", "strategy"),
    answer=answer,
)


def bench_uneven(cell: Cell, measure: Measurement) -> None:
    """Time uneven counting loops."""
    measure(cell)
