"""What does a task cost, by which call and with which chunk size?

A function that returns its argument, a thousand times: all that is left is the price of handing tasks out. The calls
that cost over 100 us a task get a hundred.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.measuring.cells import Axes, Cell, Family, Measurement
from benchmarks.report import units
from benchmarks.report.metrics import Metrics

REFERENCES = ("serial", "floor")
CHUNKED = ("Pool.map", "Pool.starmap")
CHEAP = ("Pool.imap", "Pool.imap_unordered", "Pool.apply_async")
DEAR = ("ProcessPoolExecutor.map", "ProcessPoolExecutor.submit")


def _axes(seconds: float) -> tuple[Axes, ...]:
    return (
        Axes("nothing", 1000, (*REFERENCES, *CHUNKED), seconds),
        Axes("nothing", 200, ("Pool.map",), 2 * seconds, chunk_sizes=(1,)),
        Axes("nothing", 200, CHEAP, 2 * seconds),
        Axes("nothing", 100, DEAR, 1.5 * seconds, template=True),
        Axes("nothing", 1000, ("ProcessPoolExecutor.map",), seconds, chunk_sizes=(125,)),
    )


def answer(rows: Sequence[Metrics]) -> str:
    """Answer the question from its rows, null rows left out."""
    ranked = sorted(rows, key=lambda row: row.task_seconds)
    cheapest, dearest = ranked[0], ranked[-1]
    text = f"{units.seconds(cheapest.task_seconds)} by {_call(cheapest)}"
    if dearest is not cheapest:
        times = dearest.task_seconds / cheapest.task_seconds
        text += (
            f", {units.seconds(dearest.task_seconds)} by {_call(dearest)}, which is {units.factor(times)} times as much"
        )
    floor = ""
    if cheapest.floor is not None:
        floor = f"; bare processes take {units.seconds(cheapest.floor / cheapest.place.tasks)} for the former"
    return f"A task costs {text}{floor}."


def _call(row: Metrics) -> str:
    return f"{row.place.strategy} in chunks of {row.place.tasks_per_chunk}"


FAMILY = Family(
    name="dispatch",
    question="What does a task cost, by which call and chunk size?",
    timed="one pass over all tasks; the pool exists",
    judged_by=("overhead", "CPU time"),
    short_tasks=lambda _cell: True,
    presets={
        "quick": _axes(0.25),
        "default": _axes(1.0),
        "full": tuple(
            Axes("nothing", tasks, (strategy,), 5, chunk_sizes=chunk_sizes, template=strategies is DEAR)
            for strategies, tasks, chunk_sizes in (
                ((*REFERENCES, *CHUNKED, *CHEAP), 1000, (None,)),
                (("Pool.map", "Pool.imap", "Pool.imap_unordered"), 1000, (1, 10, 100)),
                (DEAR, 100, (None,)),
                (("ProcessPoolExecutor.map",), 1000, (10, 100)),
            )
            for strategy in strategies
        ),
    },
    per_task=True,
    label_axes=("strategy",),
    answer=answer,
)


def bench_nothing(cell: Cell, measure: Measurement) -> None:
    """Time a thousand calls of a function that does nothing."""
    measure(cell)
