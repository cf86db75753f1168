"""What to do with one's own function: code to paste, its gain, what cannot be told from it, where its time goes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from benchmarks.report import units
from benchmarks.report.metrics import NULLS, Metrics
from benchmarks.report.paste import code_for, names_for, needs_a_library
from benchmarks.report.phrases import known, ranked
from benchmarks.report.units import counted, wrapped
from benchmarks.schema import TargetInfo

FAMILY_NAME = "target"


def recommendation(info: TargetInfo, rows: Sequence[Metrics], width: int) -> Iterator[str]:
    """Yield the lines; none where no setting was measured."""
    own = [row for row in rows if row.place.family == FAMILY_NAME and row.place.strategy not in NULLS]
    found = [(row, row.speedup) for row in own if row.speedup is not None]
    if not found:
        return
    tied, _ = ranked(found, lambda pair: pair[1], most=True)
    # of those that cannot be told apart one that needs nothing installed
    tied.sort(key=lambda pair: needs_a_library(pair[0].place.strategy))
    best, gain = tied[0]
    loop = info.task_time * info.inputs
    if gain.high is not None and gain.high <= 1:
        yield from wrapped(
            f"Keep the loop: {counted(info.inputs, 'task')} of {units.seconds(info.task_time)} take "
            f"{units.seconds(loop)}, and the best pool is {known(gain)} times as fast.",
            width,
        )
        return
    doubt = ", which cannot be told from the loop" if gain.meets(1, 1) else ""
    yield from wrapped(f"Recommended, {known(gain)} times as fast as the loop{doubt}:", width)
    yield ""
    yield from (f"    {line}" for line in _code(info, best))
    yield ""
    others = [
        f"{row.place.strategy} in chunks of {row.place.tasks_per_chunk} ({known(other)})" for row, other in tied[1:]
    ]
    if others:
        yield from wrapped(f"Not told from it for sure: {'; '.join(others)}.", width)
    whole = f"about {units.seconds(loop / gain.center)} instead of {units.seconds(loop)}"
    yield from wrapped(f"All {counted(info.inputs, 'input')}: {whole}.", width)
    yield from wrapped(_cost(best), width)
    start = info.starts.get(best.place.strategy)
    saved = info.task_time * (1 - 1 / gain.center)
    if start is not None and saved > 0:
        yield from wrapped(
            f"Making and ending the pool took {units.seconds(start)}: it pays from about "
            f"{counted(max(1, math.ceil(start / saved)), 'task')} on.",
            width,
        )
    yield from wrapped(_limits(best), width)


def _code(info: TargetInfo, row: Metrics) -> Iterator[str]:
    module, _, name = info.name.partition(":")
    place = row.place
    yield from names_for(place.strategy)
    yield f"from {module} import {name.partition('.')[0]}"
    yield ""
    if info.prepared_by is not None:
        yield f"# each worker must have called {info.prepared_by} before its first task"
    if info.star:
        yield from ("def call(arguments):", f"    return {name}(*arguments)", "")
        name = "call"
    for line in code_for(place.strategy, place.start_method, place.workers, place.tasks_per_chunk):
        yield line.replace("function", name)


def _cost(row: Metrics) -> str:
    if row.cpu is None or row.serial is None:
        return "Its CPU time is not known here."
    return f"It takes {units.factor(row.cpu / row.serial)} times the loop's time of CPU time."


def _limits(row: Metrics) -> str:
    """Say where the time goes beyond an ideal share of the loop: into the machine, into handing out and back."""
    if row.serial is None or row.floor is None:
        return ""
    total, ideal = row.time.center, row.serial / row.place.workers
    parts = {
        "work": min(ideal, total),
        "these processors": max(0.0, min(row.floor, total) - ideal),
        "handing out and bringing back": max(0.0, total - max(row.floor, ideal)),
    }
    whole = sum(parts.values())
    return f"Its time goes into: {', '.join(f'{name} {units.percent(part / whole)}' for name, part in parts.items())}."
