"""What does moving data cost?

Bytes sent to each task, bytes returned by each task, and one large input that all tasks read: sent with every task,
with every worker, inherited by fork, or in shared memory. The last four make their pool anew, since that is where
two of them pay.
"""

from __future__ import annotations

from benchmarks.measuring.cells import Axes, Cell, Family
from benchmarks.measuring.measure import MeasureFunction
from benchmarks.strategies.base import COLD

CALLS = ("Pool.map", "ProcessPoolExecutor.map")
SHARING = ("Pool.map", "Pool initializer", "Pool inherited", "Pool shared memory")
KIB, MIB = 1 << 10, 1 << 20


def _axes(seconds: float, shared: int) -> tuple[Axes, ...]:
    return (
        Axes("bytes out", 8, ("floor",), seconds, sizes=(MIB,)),
        Axes("bytes in", 8, CALLS, seconds, sizes=(KIB, MIB), template=True),
        Axes("bytes out", 8, CALLS, seconds, sizes=(KIB, MIB), template=True),
        Axes("shared input", 8, SHARING, 1.5 * seconds, sizes=(shared,), state=COLD),
    )


FAMILY = Family(
    name="payload",
    question="What does moving data cost?",
    timed="one pass over all tasks; the pool exists, but for the shared input, where it is made and ended too",
    judged_by=("efficiency", "overhead", "CPU time"),
    presets={"default": _axes(0.4, 8 * MIB), "full": _axes(5, 64 * MIB)},
    label_axes=("workload", "size", "strategy"),
)


def bench_bytes(cell: Cell, measure: MeasureFunction) -> None:
    """Time tasks that are sent or return bytes."""
    measure(cell)
