"""What happens when it breaks?

A task that raises, a worker that is killed, a result that cannot be pickled: what the caller sees and after how long,
whether the pool still works, and what is left behind. Nothing is compared with a loop, and a hang is a result.
"""

from __future__ import annotations

from benchmarks.cells import FRESH, Axes, Cell, Family
from benchmarks.failures import ObserveFunction

STRATEGIES = ("Pool.map", "Pool.imap", "ProcessPoolExecutor.map")
WORKLOADS = ("task raises", "worker killed", "unpicklable")

FAMILY = Family(
    name="failure",
    question="What happens when it breaks?",
    timed="from the call until the caller knows; a wait without end is cut short",
    judged_by=(),
    presets={
        "default": tuple(Axes(workload, 8, STRATEGIES, 0.5, state=FRESH) for workload in WORKLOADS),
        "full": tuple(
            Axes(workload, 8, (*STRATEGIES, "Pool.apply_async", "ProcessPoolExecutor.submit"), 0.5, state=FRESH)
            for workload in WORKLOADS
        ),
    },
    arms=(),
    label_axes=("workload", "strategy"),
)


def bench_broken(cell: Cell, observe: ObserveFunction) -> None:
    """Take down what the caller of a strategy sees."""
    observe(cell)
