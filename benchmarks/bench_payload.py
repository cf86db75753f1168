"""What does moving data cost?

Bytes sent to each task, bytes returned by each task, and one large input that all tasks read: sent with every task,
with every worker, inherited by fork, or in shared memory. The last four make their pool anew, since that is where
two of them pay.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.measuring.cells import Axes, Cell, Family, Measurement
from benchmarks.report import units
from benchmarks.report.metrics import Metrics
from benchmarks.report.phrases import NO_DIFFERENCE, known, ranked
from benchmarks.schema import Params
from benchmarks.words import COLD

CALLS = ("Pool.map", "ProcessPoolExecutor.map")
SHARING = ("Pool.map", "Pool initializer", "Pool inherited", "Pool shared memory")
KIB, MIB = 1 << 10, 1 << 20


def _axes(seconds: float, null_seconds: float, shared: int) -> tuple[Axes, ...]:
    return (
        Axes("bytes out", 8, ("floor",), null_seconds, sizes=(MIB,)),
        Axes("bytes in", 8, CALLS, seconds, sizes=(KIB, MIB), template=True),
        Axes("bytes out", 8, CALLS, seconds, sizes=(KIB, MIB), template=True),
        Axes("shared input", 8, SHARING, 1.5 * seconds, sizes=(shared,), state=COLD),
    )


def _sent(cell: Params) -> bool:
    """Say whether sending is most of a cell's time; bare processes inherit what others send."""
    if cell.workload == "shared input":
        return cell.strategy not in SHARING[1:]
    return cell.workload == "bytes in" or (cell.size or 0) < MIB


def answer(rows: Sequence[Metrics]) -> str:
    """Answer the question from its rows, null rows left out."""
    shared = [row for row in rows if row.throughput is None]
    if len(shared) > 1:
        tied, rest = ranked(shared, lambda row: row.time)
        text = " or ".join(f"{row.place.strategy} {known(row.time, 's')}" for row in tied[:2])
        if len(tied) > 1:
            return f"{text}, {NO_DIFFERENCE}"
        return f"{text}; {rest[-1].place.strategy} {known(rest[-1].time, 's')}"
    rates = [(row, rate) for row in rows if (rate := row.throughput) is not None]
    if not rates:
        return ""
    best, rate = max(rates, key=lambda pair: pair[1].center)
    return f"at most {known(rate.scaled(1 / units.MEGABYTE), 'MB/s')} ({best.place.axes.workload})"


FAMILY = Family(
    name="payload",
    topic="shared input",
    question="What does moving data cost?",
    timed="one pass over all tasks, pool already running; for the shared input, making and ending it too",
    judged_by=("efficiency", "overhead", "CPU time"),
    short_tasks=_sent,
    presets={"default": _axes(0.4, 1.2, 8 * MIB), "full": _axes(5, 5, 64 * MIB)},
    label_axes=("workload", "size", "strategy"),
    answer=answer,
)


def bench_bytes(cell: Cell, measure: Measurement) -> None:
    """Time tasks that are sent or return bytes."""
    measure(cell)
