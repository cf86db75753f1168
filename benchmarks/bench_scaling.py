"""How many workers?

Sixteen counting loops, by one worker up to twice as many as there are CPUs: what each further one brings, and what it
costs to have too many.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.environment import usable_cpus
from benchmarks.measuring.cells import Axes, Cell, Family, Measurement
from benchmarks.report.metrics import Metrics
from benchmarks.report.phrases import NO_DIFFERENCE, either, known, ranked

CALLS = ("Pool.map", "ProcessPoolExecutor.map")
UP_TO_TWICE = tuple(range(1, 2 * usable_cpus() + 1))
DOUBLING = tuple(
    sorted({2**power for power in range(20) if 2**power <= usable_cpus()} | {usable_cpus(), 2 * usable_cpus()})
)
"""Where there are many CPUs, a few numbers of workers tell the story."""


def answer(rows: Sequence[Metrics]) -> str:
    """Answer the question from its rows, null rows left out: of one strategy, and its longest tasks."""
    first = rows[0].place.strategy
    longest = max(row.place.axes.size or 0 for row in rows if row.place.strategy == first)
    found = [
        (row, row.speedup)
        for row in rows
        if row.speedup and (row.place.strategy, row.place.axes.size or 0) == (first, longest)
    ]
    if not found:
        return ""
    tied, rest = ranked(found, lambda pair: pair[1], most=True)
    if len(tied) > 1:
        few = sorted(tied, key=lambda pair: pair[0].place.workers)
        numbers = either([str(row.place.workers) for row, _ in few])
        return f"{numbers}: {NO_DIFFERENCE} ({', '.join(known(gain) for _, gain in few)} times as fast)"
    row, gain = tied[0]
    most = row.place.workers == max(one.place.workers for one, _ in found)
    text = f"{row.place.workers}{', the most tried' if most else ''}: {known(gain)} times as fast as the loop"
    return f"{text}; {rest[0][0].place.workers}: {known(rest[0][1])}" if rest else text


FAMILY = Family(
    name="scaling",
    topic="workers",
    question="How many workers?",
    timed="one pass over all tasks, pool already running",
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
