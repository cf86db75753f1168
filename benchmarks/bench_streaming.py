"""Long input, slow consumer: when does the first result come, and how much is held in memory meanwhile?

A generator of five hundred blocks of 16 KiB, whose checksums are consumed one by one, each run in an interpreter of its
own. `map` lists its input first, `imap` and an executor's `map` read it to its end whether anybody takes the results
or not; a `buffersize` (Python 3.14) stops that.
"""

from __future__ import annotations

from benchmarks.measuring.cells import Axes, Cell, Family
from benchmarks.measuring.measure import MeasureFunction
from benchmarks.strategies.base import FRESH

STRATEGIES = (
    "serial",
    "Pool.map",
    "Pool.imap",
    "ProcessPoolExecutor.map",
    "ProcessPoolExecutor.map buffersize",
)
BLOCK = 16 << 10

FAMILY = Family(
    name="streaming",
    question="Long input, slow consumer: when does the first result come, and what is held meanwhile?",
    timed="make a pool, consume all results one by one, end the pool, in a fresh interpreter",
    judged_by=("first result", "peak memory"),
    presets={
        "default": (Axes("long input", 500, STRATEGIES, 0.6, sizes=(BLOCK,), state=FRESH, template=True),),
        "full": (Axes("long input", 10_000, STRATEGIES, 20, sizes=(BLOCK,), state=FRESH, template=True),),
    },
    arms=("serial",),
    label_axes=("workload", "strategy"),
)


def bench_stream(cell: Cell, measure: MeasureFunction) -> None:
    """Time a long stream of blocks."""
    measure(cell)
