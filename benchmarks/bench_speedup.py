"""Is a pool worth it, and from which task length on?

A counting loop, handed out as four tasks, from microseconds to tens of milliseconds a task.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.measuring.cells import Axes, Cell, Family, Measurement
from benchmarks.report import units
from benchmarks.report.metrics import Metrics, break_evens
from benchmarks.report.phrases import NO_DIFFERENCE, known, ranked
from benchmarks.report.stats import Summary

USUAL = ("serial", "floor", "Pool.map", "Pool.imap", "ProcessPoolExecutor.map")
EVERY = ("serial", "floor", "Pool.map", "Pool.starmap", "Pool.imap", "Pool.imap_unordered", "Pool.apply_async",
       "ProcessPoolExecutor.map", "ProcessPoolExecutor.submit")  # fmt: skip

LEAST_WORK = 10_000
"""Iterations of a task, a quarter of a millisecond, from which on its own work is about half of the time or more."""


def answer(rows: Sequence[Metrics]) -> str:
    """Answer the question from its rows, null rows left out."""
    points = break_evens(rows)
    if not points:
        return ""
    crossing = [(point.strategy, length) for point in points if (length := point.interval) is not None]
    if points[0].always:
        shortest, gain = points[0].shortest
        return f"{points[0].strategy}, even for tasks of {units.seconds(shortest)}: {_sure(gain)}"
    if not crossing:
        point = max(points, key=lambda one: one.longest[1].center)
        longest, gain = point.longest
        return f"a loop, up to tasks of {units.seconds(longest)}: {point.strategy} {_sure(gain)}"
    tied, _ = ranked(crossing, lambda pair: pair[1])
    # the table has the break-even of each
    which = tied[0][0] if len(tied) == 1 else f"a pool (which: {NO_DIFFERENCE})"
    return f"a loop below {known(tied[0][1], 's')} per task, then {which}"


def _sure(gain: Summary) -> str:
    doubt = f", {NO_DIFFERENCE} from the loop" if gain.meets(1, 1) else ""
    return f"{known(gain)} times as fast{doubt}"


FAMILY = Family(
    name="speedup",
    topic="worth a pool",
    question="Is a pool worth it?",
    timed="one pass over all tasks, pool already running",
    judged_by=("speedup", "efficiency", "overhead", "CPU time"),
    short_tasks=lambda cell: (cell.size or 0) < LEAST_WORK,
    shows_speedup=True,
    presets={
        "quick": (Axes("count", 4, USUAL, seconds=0.4, sizes=(100, 10_000, 100_000), template=True),),
        "default": (
            Axes("count", 4, USUAL, seconds=1.5, sizes=(100, 1_000, 10_000), template=True),
            Axes("count", 4, USUAL, seconds=1.8, sizes=(100_000,), template=True),
            # Its null rows would take another ten seconds to say what those of 1e5 say.
            Axes("count", 4, USUAL[2:], seconds=1.5, sizes=(1_000_000,), template=True),
        ),
        "full": (
            Axes(
                "count",
                4,
                EVERY,
                seconds=5,
                sizes=(100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000),
                template=True,
            ),
        ),
    },
    answer=answer,
)


def bench_count(cell: Cell, measure: Measurement) -> None:
    """Time four counting loops."""
    measure(cell)
