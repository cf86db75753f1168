"""How many workers?

Sixteen counting loops, by one worker up to twice as many as there are CPUs: what each further one brings, and what it
costs to have too many.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.environment import usable_cpus
from benchmarks.measuring.cells import Axes, Cell, Family, Measurement
from benchmarks.report import units
from benchmarks.report.metrics import Metrics

CALLS = ("Pool.map", "ProcessPoolExecutor.map")
UP_TO_TWICE = tuple(range(1, 2 * usable_cpus() + 1))
DOUBLING = tuple(
    sorted({2**power for power in range(20) if 2**power <= usable_cpus()} | {usable_cpus(), 2 * usable_cpus()})
)
"""Where there are many CPUs, a few numbers of workers tell the story."""


def answer(rows: Sequence[Metrics]) -> str:
    """Answer the question from its rows, null rows left out."""
    known = sorted((row for row in rows if row.speedup), key=lambda row: row.place.workers)
    best = max(known, key=lambda row: row.gain)
    enough = next(row for row in known if row.gain > 0.95 * best.gain)
    text = (
        f"{units.counted(enough.place.workers, 'worker')}: {enough.place.tasks} tasks of "
        f"{units.seconds(enough.task_length)} "
        f"run {units.factor(enough.gain)} times as fast as the loop by {enough.place.strategy}"
    )
    most = known[-1]
    if most is enough:
        return f"{text}, and more were not tried."
    return f"{text}; {units.counted(most.place.workers, 'worker')} bring {units.factor(most.gain)}."


FAMILY = Family(
    name="scaling",
    question="How many workers?",
    timed="one pass over all tasks; the pool exists",
    judged_by=("speedup", "efficiency", "CPU time"),
    shows_speedup=True,
    presets={
        "default": (
            Axes("count", 16, ("floor",), 1.5, sizes=(30_000,)),
            Axes("count", 16, ("Pool.map",), 1.3, sizes=(30_000,), workers=DOUBLING, template=True),
        ),
        "full": (
            Axes("count", 16, ("floor",), 5, sizes=(30_000, 300_000), workers=UP_TO_TWICE),
            Axes("count", 16, CALLS, 5, sizes=(30_000, 300_000), workers=UP_TO_TWICE, template=True),
        ),
    },
    label_axes=("size", "strategy", "workers"),
    answer=answer,
)


def bench_count(cell: Cell, measure: Measurement) -> None:
    """Time sixteen counting loops."""
    measure(cell)
