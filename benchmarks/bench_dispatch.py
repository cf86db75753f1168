"""What does a task cost, by which call and with which chunk size?

A function that returns its argument, a thousand times: all that is left is the price of handing tasks out. The calls
that cost over 100 us a task get a hundred.
"""

from __future__ import annotations

from benchmarks.measuring.cells import Axes, Cell, Family
from benchmarks.measuring.measure import MeasureFunction

NULLS = ("serial", "floor")
CHUNKED = ("Pool.map", "Pool.starmap")
CHEAP = ("Pool.imap", "Pool.imap_unordered", "Pool.apply_async")
DEAR = ("ProcessPoolExecutor.map", "ProcessPoolExecutor.submit")


def _axes(seconds: float) -> tuple[Axes, ...]:
    return (
        Axes("nothing", 1000, (*NULLS, *CHUNKED), seconds),
        Axes("nothing", 200, ("Pool.map",), 2 * seconds, chunk_sizes=(1,)),
        Axes("nothing", 200, CHEAP, 2 * seconds),
        Axes("nothing", 100, DEAR, 1.5 * seconds, template=True),
        Axes("nothing", 1000, ("ProcessPoolExecutor.map",), seconds, chunk_sizes=(125,)),
    )


FAMILY = Family(
    name="dispatch",
    question="What does a task cost, by which call and chunk size?",
    timed="one pass over all tasks; the pool exists",
    judged_by=("efficiency", "overhead", "CPU time"),
    presets={
        "quick": _axes(0.25),
        "default": _axes(1.0),
        "full": tuple(
            Axes("nothing", tasks, (strategy,), 5, chunk_sizes=chunk_sizes, template=strategies is DEAR)
            for strategies, tasks, chunk_sizes in (
                ((*NULLS, *CHUNKED, *CHEAP), 1000, (None,)),
                (("Pool.map", "Pool.imap", "Pool.imap_unordered"), 1000, (1, 10, 100)),
                (DEAR, 100, (None,)),
                (("ProcessPoolExecutor.map",), 1000, (10, 100)),
            )
            for strategy in strategies
        ),
    },
    per_task=True,
    label_axes=("strategy",),
)


def bench_nothing(cell: Cell, measure: MeasureFunction) -> None:
    """Time a thousand calls of a function that does nothing."""
    measure(cell)
