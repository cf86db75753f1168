"""Is a pool worth it, and from which task length on?

A counting loop, handed out as four tasks, from microseconds to tens of milliseconds a task.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.measuring.cells import Axes, Cell, Family, Measurement
from benchmarks.report import units
from benchmarks.report.metrics import Metrics, break_evens

USUAL = ("serial", "floor", "Pool.map", "Pool.imap", "ProcessPoolExecutor.map")
EVERY = ("serial", "floor", "Pool.map", "Pool.starmap", "Pool.imap", "Pool.imap_unordered", "Pool.apply_async",
       "ProcessPoolExecutor.map", "ProcessPoolExecutor.submit")  # fmt: skip

LEAST_WORK = 10_000
"""Iterations of a task, a quarter of a millisecond, from which on its own work is about half of the time or more."""


def answer(rows: Sequence[Metrics]) -> str:
    """Answer the question from its rows, null rows left out."""
    points = break_evens(rows)
    paying = [point for point in points if point.task_length is not None]
    if any(point.always for point in points):
        verdict = "Yes, even for the shortest tasks here."
    elif paying:
        verdict = (
            f"Yes, if a task takes longer than about {units.seconds(paying[0].task_length)} ({paying[0].strategy})."
        )
    elif points:
        verdict = "No: not even the longest tasks here gained anything."
    else:
        verdict = "One task length alone shows no break-even."
    return f"{verdict} {_best(rows)}"


def _best(rows: Sequence[Metrics]) -> str:
    """Say what the longest tasks gain at best, and whose the missing part is."""
    longest = max(row.task_length or 0 for row in rows)
    candidates = [
        row for row in rows if row.speedup is not None and row.task_length is not None and row.task_length > longest / 2
    ]
    if not candidates:
        return ""
    best = max(candidates, key=lambda row: row.gain)
    assert best.speedup is not None
    place = best.place
    text = (
        f"{place.tasks} tasks of {units.seconds(best.task_length)} run {units.factor(best.speedup.center)} times as "
        f"fast on {place.workers} workers by {place.strategy}"
    )
    if best.machine_speedup is None:
        return f"{text}."
    # not the efficiency of the table: medians of ratios do not multiply, and a reader will divide these two
    share = best.speedup.center / best.machine_speedup.center
    return (
        f"{text}: bare processes get {units.factor(best.machine_speedup.center)} out of this machine, and the pool "
        f"delivers {'all' if share > 0.995 else units.percent(share)} of that."
    )


FAMILY = Family(
    name="speedup",
    question="Is a pool worth it?",
    timed="one pass over all tasks; the pool exists",
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
