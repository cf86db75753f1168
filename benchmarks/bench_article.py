"""The article's experiment: four counting loops, serially and with `with Pool() as pool: pool.map(...)`.

Everything as a script would have it: an interpreter that has just started, and the pool made inside the clock, with
the import of `multiprocessing.pool` that the first `Pool()` does. The article ran 1e8 iterations, where its pool was
3.8 times as fast, and guessed that at 1e4 the pool is slower.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.environment import start_methods
from benchmarks.measuring.cells import Axes, Cell, Family, Measurement
from benchmarks.report import units
from benchmarks.report.metrics import Metrics
from benchmarks.report.phrases import NO_DIFFERENCE, known
from benchmarks.words import FRESH

METHODS = start_methods()


def answer(rows: Sequence[Metrics]) -> str:
    """Answer the question from its rows, null rows left out."""
    methods = [row.place.start_method for row in rows]
    said: dict[str, list[str]] = {}
    for row in rows:
        if row.speedup is None:
            continue
        slowdown = row.speedup.inverse()
        if row.speedup.meets(1, 1):
            kind, value = f"times as long as the loop, {NO_DIFFERENCE}", slowdown
        elif slowdown.center > 1:
            kind, value = "times as long as the loop", slowdown
        else:
            kind, value = "times as fast as the loop", row.speedup
        method = row.place.start_method
        length = f", {units.seconds(row.task_length)} tasks" if methods.count(method) > 1 else ""
        said.setdefault(kind, []).append(f"{known(value)} ({method}{length})")
    return "; ".join(
        f"{'takes' if 'long' in kind else 'runs'} {', '.join(values)} {kind}" for kind, values in said.items()
    )


FAMILY = Family(
    name="article",
    topic="one-off pool",
    question="What does a script gain by making a pool for one map?",
    timed="make a pool, map four tasks, terminate the pool, in a fresh interpreter",
    judged_by=("speedup", "efficiency"),
    shows_speedup=True,
    presets={
        "quick": (Axes("count", 4, ("with Pool",), 0.5, sizes=(10_000,), state=FRESH),),
        "default": (
            Axes("count", 4, ("serial",), 3.5, sizes=(10_000,), state=FRESH),
            # fork was Linux's default until 3.13, forkserver is from 3.14 on: a script that names none changed with it
            Axes("count", 4, ("with Pool",), 1.5, sizes=(10_000,), start_methods=METHODS[:2], state=FRESH),
        ),
        "full": (
            Axes("count", 4, ("serial",), 2, sizes=(10_000,), state=FRESH),
            Axes("count", 4, ("with Pool",), 5, sizes=(10_000, 1_000_000), start_methods=METHODS, state=FRESH),
        ),
        "article": (
            Axes("count", 4, ("serial", "with Pool"), 10, sizes=(10_000,), state=FRESH),
            Axes("count", 4, ("with Pool",), 120, sizes=(100_000_000,), state=FRESH),
        ),
    },
    label_axes=("size", "start_method", "strategy"),
    answer=answer,
)


def bench_count(cell: Cell, measure: Measurement) -> None:
    """Time the article's script."""
    measure(cell)
