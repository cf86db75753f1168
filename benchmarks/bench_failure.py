"""What happens when it breaks?

A task that raises, a worker that is killed, a result that cannot be pickled: what the caller sees and after how long,
whether the pool still works, and what is left behind. Nothing is compared with a loop, and a hang is a result.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.measuring.cells import Axes, Cell, Family, Measurement
from benchmarks.report import units
from benchmarks.report.metrics import Metrics
from benchmarks.report.phrases import either, known
from benchmarks.words import CALLER_SEES, FRESH, HANGS

CALLS = ("Pool.map", "Pool.imap", "ProcessPoolExecutor.map")
MORE = (*CALLS, "Pool.apply_async", "ProcessPoolExecutor.submit")
TOPIC = "worker killed"
FAILURES = ("task raises", TOPIC, "unpicklable")


def answer(rows: Sequence[Metrics]) -> str:
    """Answer the question from its rows, null rows left out."""
    parts = []
    others = []
    workloads = dict.fromkeys(row.place.axes.workload for row in rows)
    for workload in sorted(workloads, key=lambda workload: workload != TOPIC):
        own = [row for row in rows if row.place.axes.workload == workload]
        hanging = [row for row in own if HANGS in row.observed.get(CALLER_SEES, "")]
        told = [row for row in own if row not in hanging]
        if not hanging:
            others += told
            continue
        before = "" if workload == TOPIC else f"{workload}: "
        parts.append(f"{before}{', '.join([*map(_told, told), _hung(hanging)])}")
    if others and not parts:
        slowest = max(others, key=lambda row: row.time.center)
        parts.append(f"every failure is reported within {units.seconds(slowest.time.center)} (median)")
    return "; ".join(parts)


def _told(row: Metrics) -> str:
    return f"{row.place.strategy} reports it after {known(row.time, 's')}"


def _hung(rows: Sequence[Metrics]) -> str:
    """Say who hangs, and who does so in some runs only."""
    always = [row.place.strategy for row in rows if row.observed[CALLER_SEES] == HANGS]
    sometimes = [row.place.strategy for row in rows if row.observed[CALLER_SEES] != HANGS]
    said = [f"{either(always, 'and')} hang{'s' if len(always) == 1 else ''}"] if always else []
    return ", ".join([*said, *(f"{name} hangs in some runs" for name in sometimes)])


FAMILY = Family(
    name="failure",
    topic=TOPIC,
    question="What happens when a task or a worker fails?",
    timed="from the call until the caller knows; a hang is cut short",
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
