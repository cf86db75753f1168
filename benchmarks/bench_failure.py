"""What happens when it breaks?

A task that raises, a worker that is killed, a result that cannot be pickled: what the caller sees and after how long,
whether the pool still works, and what is left behind. Nothing is compared with a loop, and a hang is a result.
"""

from __future__ import annotations

from benchmarks.measuring.cells import Axes, Cell, Family
from benchmarks.measuring.failures import ObserveFunction
from benchmarks.strategies.base import FRESH

STRATEGIES = ("Pool.map", "Pool.imap", "ProcessPoolExecutor.map")
MORE = (*STRATEGIES, "Pool.apply_async", "ProcessPoolExecutor.submit")
WORKLOADS = ("task raises", "worker killed", "unpicklable")

FAMILY = Family(
    name="failure",
    question="What happens when it breaks?",
    timed="from the call until the caller knows; a wait without end is cut short",
    judged_by=(),
    presets={
        "default": tuple(Axes(workload, 8, STRATEGIES, 0.5, state=FRESH, template=True) for workload in WORKLOADS),
        "full": tuple(Axes(workload, 8, MORE, 0.5, state=FRESH, template=True) for workload in WORKLOADS),
    },
    arms=(),
    label_axes=("workload", "strategy"),
)


def bench_broken(cell: Cell, observe: ObserveFunction) -> None:
    """Take down what the caller of a strategy sees."""
    observe(cell)
