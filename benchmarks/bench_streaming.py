"""Long input, slow consumer: when does the first result come, and how much is held in memory meanwhile?

A generator of five hundred blocks of 16 KiB, whose checksums are consumed one by one, each run in an interpreter of its
own. `map` lists its input first, `imap` and an executor's `map` read it to its end whether anybody takes the results
or not; a `buffersize` (Python 3.14) stops that.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.measuring.cells import Axes, Cell, Family, Measurement
from benchmarks.report import units
from benchmarks.report.metrics import Metrics
from benchmarks.words import FIRST_RESULT, FRESH, PEAK_MEMORY

CALLS = (
    "serial",
    "Pool.map",
    "Pool.imap",
    "ProcessPoolExecutor.map",
    "ProcessPoolExecutor.map buffersize",
)
BLOCK = 16 << 10


def answer(rows: Sequence[Metrics]) -> str:
    """Answer the question from its rows, null rows left out."""
    known = [row for row in rows if {FIRST_RESULT, PEAK_MEMORY} <= set(row.measures)]
    if not known:
        return ""
    quick = min(known, key=lambda row: row.measures[FIRST_RESULT][0])
    small = min(known, key=lambda row: row.measures[PEAK_MEMORY][0])
    large = max(known, key=lambda row: row.measures[PEAK_MEMORY][0])
    return (
        f"The first of {quick.place.tasks} results comes after {units.seconds(quick.measures[FIRST_RESULT][0])} by "
        f"{quick.place.strategy}; at most {units.amount(*large.measures[PEAK_MEMORY])} are held by "
        f"{large.place.strategy}, {units.amount(*small.measures[PEAK_MEMORY])} by {small.place.strategy}."
    )


FAMILY = Family(
    name="streaming",
    question="Long input, slow consumer: when does the first result come, and what is held meanwhile?",
    timed="make a pool, consume all results one by one, end the pool, in a fresh interpreter",
    judged_by=(FIRST_RESULT, PEAK_MEMORY),
    presets={
        "default": (Axes("long input", 500, CALLS, 0.6, sizes=(BLOCK,), state=FRESH, template=True),),
        "full": (Axes("long input", 10_000, CALLS, 20, sizes=(BLOCK,), state=FRESH, template=True),),
    },
    arms=("serial",),
    label_axes=("workload", "strategy"),
    answer=answer,
)


def bench_stream(cell: Cell, measure: Measurement) -> None:
    """Time a long stream of blocks."""
    measure(cell)
