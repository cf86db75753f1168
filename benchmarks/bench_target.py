"""Should I parallelise this function of mine, and how?

The settings that a race has left, measured like any other: beside the loop and bare processes, in rounds. There is
nothing to measure without `--target`.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.measuring.cells import PRESETS, Cell, Family, Measurement
from benchmarks.measuring.race import FINALISTS
from benchmarks.report.metrics import Metrics
from benchmarks.report.phrases import NO_DIFFERENCE, known, ranked


def answer(rows: Sequence[Metrics]) -> str:
    """Answer the question from its rows, null rows left out."""
    found = [(row, row.speedup) for row in rows if row.speedup is not None]
    if not found:
        return ""
    tied, _ = ranked(found, lambda pair: pair[1], most=True)
    row, gain = tied[0]
    if gain.high is not None and gain.high <= 1:
        return f"a loop; the best pool is {known(gain)} times as fast"
    doubt = f", {NO_DIFFERENCE} from the loop" if gain.meets(1, 1) else ""
    others = f", {NO_DIFFERENCE} from {', '.join(one.place.strategy for one, _ in tied[1:])}" if len(tied) > 1 else ""
    return f"{row.place.strategy} in chunks of {row.place.tasks_per_chunk}: {known(gain)} times as fast{doubt}{others}"


FAMILY = Family(
    name="target",
    topic="your function",
    question="Should this function be parallelised, and how?",
    timed=(
        "one pass over the inputs, pool already running; of a function that remembers results, the pool made and ended "
        "too, in an interpreter that has just started"
    ),
    judged_by=("function time", "speedup", "efficiency", "CPU time"),
    shows_speedup=True,
    settings_vary=True,
    takes_clusters=True,
    presets={preset: tuple(FINALISTS) for preset in PRESETS},
    label_axes=("workload", "tasks", "strategy", "start_method", "chunk_size", "workers"),
    answer=answer,
)


def bench_own(cell: Cell, measure: Measurement) -> None:
    """Time a person's own function over its inputs."""
    measure(cell)
