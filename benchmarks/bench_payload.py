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
    moved = [row for row in rows if row.throughput]
    shared = sorted((row for row in rows if not row.throughput), key=lambda row: row.time.center)
    parts = []
    if moved:
        best = max(moved, key=lambda row: row.throughput or 0)
        parts.append(f"at best {units.throughput(best.throughput)} ({_described(best)})")
    if len(shared) > 1:
        parts.append(
            f"a large input that {shared[0].place.tasks} tasks share takes {units.seconds(shared[0].time.center)} by "
            f"{shared[0].place.strategy}, {units.seconds(shared[-1].time.center)} by {shared[-1].place.strategy}"
        )
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _described(row: Metrics) -> str:
    return f"{row.place.axes.workload} by {row.place.strategy}"


FAMILY = Family(
    name="payload",
    question="What does moving data cost?",
    timed="one pass over all tasks; the pool exists, but for the shared input, where it is made and ended too",
    judged_by=("efficiency", "overhead", "CPU time"),
    short_tasks=_sent,
    presets={"default": _axes(0.4, 1.2, 8 * MIB), "full": _axes(5, 5, 64 * MIB)},
    label_axes=("workload", "size", "strategy"),
    answer=answer,
)


def bench_bytes(cell: Cell, measure: Measurement) -> None:
    """Time tasks that are sent or return bytes."""
    measure(cell)
