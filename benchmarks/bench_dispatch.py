"""What does a task cost, by which call and with which chunk size?

A function that returns its argument, a thousand times: all that is left is the price of handing tasks out. The calls
that cost over 100 us a task get a hundred.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.measuring.cells import Axes, Cell, Family, Measurement
from benchmarks.report.metrics import Metrics
from benchmarks.report.phrases import NO_DIFFERENCE, known, ranked

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
    tied, rest = ranked(rows, lambda row: row.task_time)
    alike = [row for row in tied if row.place.tasks_per_chunk == tied[0].place.tasks_per_chunk]
    text = " or ".join(f"{row.place.strategy} {known(row.task_time, 's')}" for row in alike[:2])
    text = f"per task in chunks of {tied[0].place.tasks_per_chunk}: {text}"
    text = f"{text}, {NO_DIFFERENCE}" if len(tied) > 1 else text
    single = [row for row in rest if row.place.tasks_per_chunk == 1]
    if single:
        text += f"; singly {known(single[0].task_time, 's')} or more"
    return text


FAMILY = Family(
    name="dispatch",
    topic="short tasks",
    question="What does each task cost, by call and chunk size?",
    timed="one pass over all tasks, pool already running",
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
