"""Processes at all? Threads? Interpreters?

Tasks that wait, tasks that compute without the GIL, and tasks that need it: who runs them side by side, at what price.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.measuring.cells import Axes, Cell, Family, Measurement
from benchmarks.report import units
from benchmarks.report.metrics import Metrics

CALLS = ("Pool.map", "ProcessPoolExecutor.map", "ThreadPoolExecutor.map", "InterpreterPoolExecutor.map")


def _axes(seconds: float, milliseconds: int, mebibytes: int, iterations: int) -> tuple[Axes, ...]:
    return (
        Axes("sleep", 8, ("serial", "floor"), 0.7 * seconds, sizes=(milliseconds,)),
        Axes("sleep", 8, CALLS, seconds, sizes=(milliseconds,), template=True),
        Axes("hash", 8, CALLS, seconds, sizes=(mebibytes,), template=True),
        Axes("count", 8, CALLS, seconds, sizes=(iterations,), template=True),
    )


def answer(rows: Sequence[Metrics]) -> str:
    """Answer the question from its rows, null rows left out."""
    parts = []
    for workload in dict.fromkeys(row.place.axes.workload for row in rows):
        group = [row for row in rows if row.place.axes.workload == workload and row.speedup]
        if not group:
            continue
        best = max(group, key=lambda row: row.gain)
        threads = next((row for row in group if row.place.strategy.startswith("Thread")), None)
        said = f"tasks that {workload} gain most by {best.place.strategy}, {units.factor(best.gain)} times"
        if threads is not None and threads is not best:
            said += f" (threads {units.factor(threads.gain)})"
        parts.append(said)
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


FAMILY = Family(
    name="waiting",
    question="Processes at all, or threads, or interpreters?",
    timed="one pass over all tasks; the workers exist",
    judged_by=("speedup", "efficiency"),
    shows_speedup=True,
    presets={"default": _axes(0.7, 2, 2, 30_000), "full": _axes(5, 10, 10, 300_000)},
    label_axes=("workload", "strategy"),
    answer=answer,
)


def bench_tasks(cell: Cell, measure: Measurement) -> None:
    """Time tasks that wait, hash or count."""
    measure(cell)
