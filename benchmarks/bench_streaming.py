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
from benchmarks.report.phrases import NO_DIFFERENCE, known, ranked
from benchmarks.report.stats import Summary
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
    found = [(row, row.first_result) for row in rows if row.first_result is not None and row.peak_memory is not None]
    if not found:
        return ""
    tied, rest = ranked(found, lambda pair: pair[1])

    def said(row: Metrics, first: Summary) -> str:
        held = "" if row.peak_memory is None else f" (holds {units.size(row.peak_memory.center)})"
        return f"{row.place.strategy} {known(first, 's')}{held}"

    text = "; ".join(said(*pair) for pair in tied[:2])
    text = f"{text}, {NO_DIFFERENCE}" if len(tied) > 1 else text
    return f"{text}; {said(*rest[-1])}" if rest else text


FAMILY = Family(
    name="streaming",
    topic="first result",
    question="Long input, slow consumer: when does the first result arrive, and how much memory is held?",
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
