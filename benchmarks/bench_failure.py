"""What happens when it breaks?

A task that raises, a worker that is killed, a result that cannot be pickled: what the caller sees and after how long,
whether the pool still works, and what is left behind. Nothing is compared with a loop, and a hang is a result.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.measuring.cells import Axes, Cell, Family, Measurement
from benchmarks.report import units
from benchmarks.report.metrics import Metrics
from benchmarks.words import CALLER_SEES, FRESH, HANGS

CALLS = ("Pool.map", "Pool.imap", "ProcessPoolExecutor.map")
MORE = (*CALLS, "Pool.apply_async", "ProcessPoolExecutor.submit")
FAILURES = ("task raises", "worker killed", "unpicklable")


def answer(rows: Sequence[Metrics]) -> str:
    """Answer the question from its rows, null rows left out."""
    hanging = [row for row in rows if row.observed.get(CALLER_SEES) == HANGS]
    unsure = [row for row in rows if row not in hanging and HANGS in row.observed.get(CALLER_SEES, "")]
    told = [row for row in rows if row not in hanging and row not in unsure]
    parts = []
    for workload in dict.fromkeys(row.place.axes.workload for row in hanging):
        names = [row.place.strategy for row in hanging if row.place.axes.workload == workload]
        parts.append(f"{' and '.join(names)} hang{'s' if len(names) == 1 else ''} for ever ({workload})")
    parts += [f"{row.place.strategy} did not always answer in time ({row.place.axes.workload})" for row in unsure]
    if told:
        slowest = max(told, key=lambda row: row.time.center)
        parts.append(f"every other failure is seen after {units.seconds(slowest.time.center)} or sooner, by the median")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


FAMILY = Family(
    name="failure",
    question="What happens when it breaks?",
    timed="from the call until the caller knows; a wait without end is cut short",
    judged_by=(),
    presets={
        "default": tuple(Axes(workload, 8, CALLS, 0.5, state=FRESH, template=True) for workload in FAILURES),
        "full": tuple(Axes(workload, 8, MORE, 0.5, state=FRESH, template=True) for workload in FAILURES),
    },
    arms=(),
    label_axes=("workload", "strategy"),
    answer=answer,
)


def bench_broken(cell: Cell, observe: Measurement) -> None:
    """Take down what the caller of a strategy sees."""
    observe(cell)
