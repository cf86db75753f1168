"""What does a pool cost to make, to use for the first time, and to end, by start method?

The forkserver is already there, as it is for each pool of a program but the first. The pool is used for a single task:
a Pool starts all its workers all the same, a ProcessPoolExecutor only those that its tasks need, unless it forks.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.environment import start_methods
from benchmarks.measuring.cells import Axes, Cell, Family, Measurement
from benchmarks.report.metrics import Metrics
from benchmarks.report.phrases import known
from benchmarks.words import COLD

POOLS = ("Pool.map", "ProcessPoolExecutor.map")


def _axes(seconds: float, workload: str, strategies: tuple[str, ...], methods: tuple[str, ...]) -> tuple[Axes, ...]:
    return tuple(
        Axes(workload, 1, strategies, seconds, start_methods=(method,), state=COLD, template=workload == "nothing")
        for method in methods
        if method in start_methods()
    )


def answer(rows: Sequence[Metrics]) -> str:
    """Answer the question from its rows, null rows left out: of one strategy, with an empty task."""
    first = rows[0].place
    own = [
        row
        for row in rows
        if (row.place.strategy, row.place.workers, row.place.axes.workload)
        == (first.strategy, first.workers, first.axes.workload)
    ]
    costs = ", ".join(f"{known(row.time, 's')} ({row.place.start_method})" for row in own)
    return f"used once and ended: {costs}"


FAMILY = Family(
    name="startup",
    topic="making a pool",
    question="What does a pool cost to make?",
    timed="create the pool, wait for the first result, shut it down",
    judged_by=("efficiency",),
    presets={
        "quick": _axes(0.5, "nothing", POOLS, ("fork", "forkserver", "spawn")),
        "default": (
            *_axes(0.6, "nothing", ("floor", *POOLS), ("fork",)),
            *_axes(1.0, "nothing", ("floor", *POOLS), ("forkserver",)),
            *_axes(2.0, "nothing", POOLS, ("spawn",)),
            *_axes(1.2, "heavy import", ("Pool.map",), ("fork", "forkserver")),
            *_axes(1.0, "large heap", ("Pool.map",), ("fork", "forkserver")),
        ),
        "full": tuple(
            axes
            for workload in ("nothing", "heavy import", "large heap")
            for axes in _axes(5, workload, ("floor", *POOLS), ("fork", "forkserver", "spawn"))
        ),
    },
    arms=("floor",),
    label_axes=("workload", "start_method", "strategy"),
    answer=answer,
)


def bench_life(cell: Cell, measure: Measurement) -> None:
    """Time the life of a pool that is used once."""
    measure(cell)
