"""Processes at all? Threads? Interpreters?

Tasks that wait, tasks that compute without the GIL, and tasks that need it: who runs them side by side, at what price.
"""

from __future__ import annotations

from benchmarks.measuring.cells import Axes, Cell, Family
from benchmarks.measuring.measure import MeasureFunction

STRATEGIES = ("Pool.map", "ProcessPoolExecutor.map", "ThreadPoolExecutor.map", "InterpreterPoolExecutor.map")


def _axes(seconds: float, milliseconds: int, mebibytes: int, iterations: int) -> tuple[Axes, ...]:
    return (
        Axes("sleep", 8, ("serial", "floor"), 0.7 * seconds, sizes=(milliseconds,)),
        Axes("sleep", 8, STRATEGIES, seconds, sizes=(milliseconds,), template=True),
        Axes("hash", 8, STRATEGIES, seconds, sizes=(mebibytes,), template=True),
        Axes("count", 8, STRATEGIES, seconds, sizes=(iterations,), template=True),
    )


FAMILY = Family(
    name="waiting",
    question="Processes at all, or threads, or interpreters?",
    timed="one pass over all tasks; the workers exist",
    judged_by=("speedup", "efficiency"),
    presets={"default": _axes(0.4, 2, 2, 30_000), "full": _axes(5, 10, 10, 300_000)},
    label_axes=("workload", "strategy"),
)


def bench_tasks(cell: Cell, measure: MeasureFunction) -> None:
    """Time tasks that wait, hash or count."""
    measure(cell)
