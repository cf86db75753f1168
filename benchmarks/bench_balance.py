"""What if tasks are uneven?

Twenty-four counting loops whose lengths have a heavy tail: the longest is a quarter of all the work. Where it stands
among the others decides whether it is begun last, and what else is in its chunk.
"""

from __future__ import annotations

from benchmarks.measuring.cells import Axes, Cell, Family
from benchmarks.measuring.measure import MeasureFunction

WORKLOADS = ("heavy first", "heavy last", "heavy clustered")


def _axes(seconds: float, size: int) -> tuple[Axes, ...]:
    null = Axes(WORKLOADS[0], 24, ("floor",), seconds, sizes=(size,))
    return null, *(
        axes
        for workload in WORKLOADS
        for axes in (
            Axes(workload, 24, ("Pool.map",), seconds, sizes=(size,), chunk_sizes=(None, 1)),
            Axes(workload, 24, ("Pool.imap_unordered",), seconds, sizes=(size,), template=True),
        )
    )


FAMILY = Family(
    name="balance",
    question="What if tasks are uneven?",
    timed="one pass over all tasks; the pool exists",
    judged_by=("speedup", "efficiency", "CPU time"),
    presets={"default": _axes(0.4, 15_000), "full": _axes(5, 100_000)},
    label_axes=("workload", "strategy"),
)


def bench_uneven(cell: Cell, measure: MeasureFunction) -> None:
    """Time uneven counting loops."""
    measure(cell)
