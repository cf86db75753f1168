"""Processes at all? Threads? Interpreters?

Tasks that wait, tasks that compute without the GIL, and tasks that need it: who runs them side by side, at what price.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.measuring.cells import Axes, Cell, Family, Measurement
from benchmarks.report.metrics import Metrics
from benchmarks.report.phrases import NO_DIFFERENCE, known, ranked
from benchmarks.report.stats import Summary

CALLS = ("Pool.map", "ProcessPoolExecutor.map", "ThreadPoolExecutor.map", "InterpreterPoolExecutor.map")


def _axes(seconds: float, milliseconds: int, mebibytes: int, iterations: int) -> tuple[Axes, ...]:
    return (
        Axes("sleep", 8, ("serial", "floor"), 0.7 * seconds, sizes=(milliseconds,)),
        Axes("sleep", 8, CALLS, seconds, sizes=(milliseconds,), template=True),
        Axes("hash", 8, CALLS, seconds, sizes=(mebibytes,), template=True),
        Axes("count", 8, CALLS, seconds, sizes=(iterations,), template=True),
    )


def answer(rows: Sequence[Metrics]) -> str:
    """Answer the question from its rows, null rows left out: for each kind of task, the best of each kind of worker."""
    clear: list[str] = []
    open_: list[str] = []
    for workload in dict.fromkeys(row.place.axes.workload for row in rows):
        best: dict[str, Summary] = {}
        for row in rows:
            if row.place.axes.workload == workload and row.speedup is not None:
                kind = _kind(row)
                best[kind] = max(best.get(kind, row.speedup), row.speedup, key=lambda gain: gain.center)
        if best:
            tied, _ = ranked(best.items(), lambda pair: pair[1], most=True)
            said = " or ".join(f"{kind} {known(gain)}" for kind, gain in tied[:2])
            (open_ if len(tied) > 1 else clear).append(f"{workload}: {said}")
    parts = [*clear, *([f"{NO_DIFFERENCE} for {'; '.join(open_)}"] if open_ else [])]
    return "; ".join(parts)


def _kind(row: Metrics) -> str:
    """Return what runs the tasks."""
    if row.place.start_method is not None:
        return "processes"
    return "interpreters" if row.place.strategy.startswith("Interpreter") else "threads"


FAMILY = Family(
    name="waiting",
    topic="or threads",
    question="Processes, threads or interpreters?",
    timed="one pass over all tasks, workers already running",
    judged_by=("speedup", "efficiency"),
    shows_speedup=True,
    presets={"default": _axes(0.7, 2, 2, 30_000), "full": _axes(5, 10, 10, 300_000)},
    label_axes=("workload", "strategy"),
    answer=answer,
)


def bench_tasks(cell: Cell, measure: Measurement) -> None:
    """Time tasks that wait, hash or count."""
    measure(cell)
