"""What to do with one's own function: code to paste, its gain, what cannot be told from it, where its time goes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from benchmarks.report import units
from benchmarks.report.costs import Costs
from benchmarks.report.forecast import predict
from benchmarks.report.metrics import NULLS, Metrics
from benchmarks.report.paste import NO_ADDRESSES, Pasted, code_for, needs_a_library
from benchmarks.report.phrases import NO_DIFFERENCE, known, shares
from benchmarks.report.propose import costs_for, costs_of_setting
from benchmarks.report.stats import Summary
from benchmarks.report.units import counted, wrapped
from benchmarks.schema import Setting, TargetInfo
from benchmarks.words import FRESH, TARGET_FAMILY

NEXT_TRY = 1.1
"""How many more tasks are looked at next, when so many do not pay: the answer has two digits."""


@dataclass(frozen=True)
class Option:
    """A setting that was measured: how many times as fast as the loop a pass is, and what all inputs take with it.

    `whole` has the start of the pool in it, in seconds.
    """

    row: Metrics
    gain: Summary
    whole: Summary


def chosen(info: TargetInfo, rows: Sequence[Metrics]) -> Metrics | None:
    """Return the row of the setting that is recommended; None where that is the loop, or nothing was measured."""
    first, _ = _places(info, rows)
    return first[0].row if first and first[0].whole.center < _task(info, first[0].row) * info.inputs else None


def _task(info: TargetInfo, row: Metrics) -> float:
    """Return what a task takes in a loop, in seconds: over all inputs, as the look has seen them, by the row's loop."""
    if row.serial is None or not info.lengths or row.place.axes.state == FRESH:
        return info.task_time
    return info.task_time * (row.serial / row.place.tasks) / fmean(info.lengths)


def recommendation(
    info: TargetInfo, rows: Sequence[Metrics], width: int, addresses: Mapping[str, str] = NO_ADDRESSES
) -> Iterator[str]:
    """Yield the lines; none where no setting was measured. `addresses` are those of running clusters, by library."""
    first, slower = _places(info, rows)
    if not first:
        return
    best, *others = first
    task = _task(info, best.row)
    loop = task * info.inputs
    once = best.whole.inverse().scaled(loop)
    pays = _pays_from(info, best)
    if chosen(info, rows) is None:
        yield from wrapped(
            f"Keep the loop: {counted(info.inputs, 'task')} of {units.seconds(task)} take "
            f"{units.seconds(loop)}; with the best pool, its start included, {known(best.whole, 's')}.",
            width,
        )
        if best.gain.low is not None and best.gain.low > 1 and pays is not None:
            yield from wrapped(f"{_start(info, best.row)}: it pays from about {counted(pays, 'task')} on.", width)
        yield from _tied(others, loop, "that pool", width)
        yield from _slower(slower, loop, width)
        return
    doubt = f", {NO_DIFFERENCE}" if once.meets(1, 1) else ""
    # all inputs may gain more than those that were measured: with a few workers are idle at the end
    there = f" ({known(best.gain)} once the pool is there)" if best.gain.center > once.center else ""
    yield from wrapped(f"Recommended, {known(once)} times as fast as the loop{doubt}{there}:", width)
    yield ""
    code = code_for(_setting(best.row), Pasted(info.name, info.star, info.prepared_by), addresses)
    yield from (f"    {line}".rstrip() for line in code)
    yield ""
    yield from _tied(others, loop, "it", width)
    yield from _slower(slower, loop, width)
    yield from wrapped(
        f"All {counted(info.inputs, 'input')} take {known(best.whole, 's')} instead of {units.seconds(loop)}, the "
        "start of the pool included.",
        width,
    )
    yield from wrapped(_cost(best.row), width)
    if pays is not None:
        yield from wrapped(f"{_start(info, best.row)}: it pays from about {counted(pays, 'task')} on.", width)
    yield from wrapped(_limits(info, best.row, best.whole.center), width)


def _tied(options: Sequence[Option], loop: float, best: str, width: int) -> Iterator[str]:
    """Yield the lines that name what is not slower than the best for sure; none where nothing is."""
    if options:
        named = "; ".join(f"{_named(one.row)} ({known(one.whole.inverse().scaled(loop))})" for one in options)
        yield from wrapped(f"{NO_DIFFERENCE.capitalize()} from {best}: {named}.", width)


def _slower(options: Sequence[Option], loop: float, width: int) -> Iterator[str]:
    """Yield the lines that name what is slower for sure; none where nothing is."""
    if options:
        named = "; ".join(f"{_named(one.row)} ({known(one.whole.inverse().scaled(loop))})" for one in options)
        yield from wrapped(f"Slower, the start of each included: {named}.", width)


def _places(info: TargetInfo, rows: Sequence[Metrics]) -> tuple[list[Option], list[Option]]:
    """Return the best setting, by what all inputs take, with those that are not slower for sure; and the rest.

    The best is one than which none is faster for sure; of several what needs nothing installed.
    """
    own = [row for row in rows if row.place.family == TARGET_FAMILY and row.place.strategy not in NULLS]
    found = [Option(row, row.speedup, _whole(info, row, row.speedup)) for row in own if row.speedup is not None]
    if not found:
        return [], []
    unbeaten = [one for one in found if not any(_faster(other, one) for other in found)]
    best = min(unbeaten, key=lambda one: (needs_a_library(one.row.place.strategy), one.whole.center))
    rest = sorted((one for one in found if one is not best), key=lambda one: one.whole.center)
    apart = [one for one in rest if one.whole.apart(best.whole)]
    return [best, *(one for one in rest if one not in apart)], apart


def _faster(one: Option, other: Option) -> bool:
    """Say whether the one is faster than the other for sure."""
    return one.whole.center < other.whole.center and one.whole.apart(other.whole)


def _setting(row: Metrics) -> Setting:
    axes = row.place.axes
    return Setting(axes.strategy, row.place.tasks_per_chunk, axes.workers, axes.start_method)


def _named(row: Metrics) -> str:
    place = row.place
    chunks = "" if place.start_method is None else f" in chunks of {place.tasks_per_chunk}"
    return f"{place.strategy}{chunks} by {counted(place.workers, 'worker')}"


def _costs(info: TargetInfo, row: Metrics) -> Costs | None:
    """Return what calls of a row's strategy were found to cost, None where nobody asked."""
    return costs_of_setting(costs_for(info), _setting(row))


def _pool_seconds(info: TargetInfo, row: Metrics) -> float:
    """Return what making and ending the pool takes beside a pass: nothing where that is in each pass."""
    if row.place.axes.state == FRESH:
        return 0.0
    return info.start_of(row.place.axes.strategy, row.place.workers, row.place.axes.start_method) or 0.0


def _whole(info: TargetInfo, row: Metrics, gain: Summary) -> Summary:
    """Return what all inputs take with the start of the pool: as measured, and by the model where these are more."""
    loop = _task(info, row) * info.inputs
    costs, setting = _costs(info, row), _setting(row)
    grown = 1.0
    if costs is not None and info.inputs > row.place.tasks and info.lengths:
        some, all_of_them = predict(info, costs, setting), predict(info, costs, setting, info.inputs)
        # against a loop that grows in proportion
        grown = (all_of_them.seconds / some.seconds) / (info.inputs / row.place.tasks)
    once = gain.inverse().scaled(loop * grown)
    start = _pool_seconds(info, row)
    low, high = (None if bound is None else bound + start for bound in (once.low, once.high))
    return Summary(once.n, once.center + start, low, high)


def _start(info: TargetInfo, row: Metrics) -> str:
    return f"Making and ending the pool takes {units.seconds(_pool_seconds(info, row))}"


def _pays_from(info: TargetInfo, best: Option) -> int | None:
    """Return the number of tasks from which on the pool has earned its start, None where it never does.

    With a few tasks not all workers have one: what these take the model tells, if it knows the strategy.
    """
    start = _pool_seconds(info, best.row)
    task = _task(info, best.row)
    saved = task * (1 - 1 / best.gain.center)
    if start <= 0 or saved <= 0:
        return None
    tasks, costs, setting = max(1, math.ceil(start / saved)), _costs(info, best.row), _setting(best.row)
    if costs is not None and info.lengths:
        while tasks < info.inputs and predict(info, costs, setting, tasks).seconds + start >= task * tasks:
            tasks = math.ceil(tasks * NEXT_TRY)
    return int(float(f"{tasks:.2g}"))


def _cost(row: Metrics) -> str:
    if row.cpu is None or row.serial is None:
        return "Its CPU time is not known here."
    return f"It takes {units.factor(row.cpu / row.serial)} times the loop's time of CPU time."


def _limits(info: TargetInfo, row: Metrics, whole: float) -> str:
    """Say where the time of all inputs goes.

    What was measured counts: an ideal share of the loop, what bare processes take beyond that, what the pool takes
    beyond these. The model only says which part of these is imbalance, and which is data.
    """
    if row.serial is None:
        return ""
    start = _pool_seconds(info, row)
    measured, ideal = row.time.center, row.serial / row.place.workers
    costs = _costs(info, row)
    model = None if costs is None or not info.lengths else predict(info, costs, _setting(row))
    floor = row.floor if row.floor is not None else ideal + (model.machine + model.imbalance if model else 0.0)
    beyond, handing = max(0.0, min(floor, measured) - ideal), max(0.0, measured - max(floor, ideal))
    idle = min(beyond, model.imbalance) if model else 0.0
    moved = model.data / (model.data + model.dispatch) if model and model.data else 0.0
    parts = (
        ("work", min(ideal, measured)),
        ("machine", beyond - idle),
        ("dispatch", handing * (1 - moved)),
        ("data", handing * moved),
        ("imbalance", idle),
    )
    scale = (whole - start) / math.fsum(part for _, part in parts)
    return shares([*((name, part * scale / whole) for name, part in parts), ("start", start / whole)])
