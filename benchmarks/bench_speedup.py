"""Is a pool worth it, and from which task length on?

A counting loop, handed out as four tasks, from microseconds to tens of milliseconds a task.
"""

from __future__ import annotations

from benchmarks.measuring.cells import Axes, Cell, Family
from benchmarks.measuring.measure import MeasureFunction

STRATEGIES = ("serial", "floor", "Pool.map", "Pool.imap", "ProcessPoolExecutor.map")
ALL = ("serial", "floor", "Pool.map", "Pool.starmap", "Pool.imap", "Pool.imap_unordered", "Pool.apply_async",
       "ProcessPoolExecutor.map", "ProcessPoolExecutor.submit")  # fmt: skip

FAMILY = Family(
    name="speedup",
    question="Is a pool worth it?",
    timed="one pass over all tasks; the pool exists",
    judged_by=("speedup", "efficiency", "overhead", "CPU time"),
    presets={
        "quick": (Axes("count", 4, STRATEGIES, seconds=0.4, sizes=(100, 10_000, 100_000), template=True),),
        "default": (
            Axes("count", 4, STRATEGIES, seconds=1.5, sizes=(100, 1_000, 10_000), template=True),
            Axes("count", 4, STRATEGIES, seconds=1.8, sizes=(100_000,), template=True),
            # Its null rows would take another ten seconds to say what those of 1e5 say.
            Axes("count", 4, STRATEGIES[2:], seconds=1.5, sizes=(1_000_000,), template=True),
        ),
        "full": (
            Axes(
                "count",
                4,
                ALL,
                seconds=5,
                sizes=(100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000),
                template=True,
            ),
        ),
    },
)


def bench_count(cell: Cell, measure: MeasureFunction) -> None:
    """Time four counting loops."""
    measure(cell)
