"""How many workers?

Sixteen counting loops, by one worker up to twice as many as there are CPUs: what each further one brings, and what it
costs to have too many.
"""

from __future__ import annotations

from benchmarks.environment import usable_cpus
from benchmarks.measuring.cells import Axes, Cell, Family
from benchmarks.measuring.measure import MeasureFunction

CALLS = ("Pool.map", "ProcessPoolExecutor.map")
UP_TO_TWICE = tuple(range(1, 2 * usable_cpus() + 1))
DOUBLING = tuple(
    sorted({2**power for power in range(20) if 2**power <= usable_cpus()} | {usable_cpus(), 2 * usable_cpus()})
)
"""Where there are many CPUs, a few numbers of workers tell the story."""

FAMILY = Family(
    name="scaling",
    question="How many workers?",
    timed="one pass over all tasks; the pool exists",
    judged_by=("speedup", "efficiency", "CPU time"),
    presets={
        "default": (
            Axes("count", 16, ("floor",), 0.6, sizes=(30_000,)),
            Axes("count", 16, ("Pool.map",), 0.8, sizes=(30_000,), workers=DOUBLING, template=True),
        ),
        "full": (
            Axes("count", 16, ("floor",), 5, sizes=(30_000, 300_000), workers=UP_TO_TWICE),
            Axes("count", 16, CALLS, 5, sizes=(30_000, 300_000), workers=UP_TO_TWICE, template=True),
        ),
    },
    label_axes=("size", "strategy", "workers"),
)


def bench_count(cell: Cell, measure: MeasureFunction) -> None:
    """Time sixteen counting loops."""
    measure(cell)
