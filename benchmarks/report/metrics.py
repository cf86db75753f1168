"""What the arms of a cell say together: speedup, machine speedup, efficiency, overhead, break-even."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from operator import itemgetter
from statistics import median

from benchmarks.report.quantities import CPU_SECONDS, FLOOR_TIME, MACHINE_SPEEDUP, QUANTITIES, SERIAL_TIME, TIME
from benchmarks.report.runs import Measured, Place
from benchmarks.report.stats import Summary, quantile, summarize
from benchmarks.words import EFFICIENCY, FIRST_RESULT, NO_METHOD, OVERHEAD, PEAK_MEMORY, SPEEDUP

NULL_SHARE = 0.03
NULL_SECONDS = 5e-6
SMALL_SHARE = 0.1
"""How far a null row may be off: identical code after another arm meets cold caches, which costs some microseconds. And
what bias is small beside the changes that matter."""


@dataclass(frozen=True)
class Metrics:
    """The quantities of one cell, in one run or over several. Times are seconds of a whole round.

    What an absent arm would give is None. `time.n` counts rounds, or runs if there are several; the 95th percentile
    `tail` is known for the rounds of one run only. `measures` are medians with their units, by name; `observed` is
    what was seen beside the numbers, in words.

    Ratios and differences are taken round by round, between arms that ran within milliseconds of each other, and then
    summarized; `quantities` has their formulas. A serial row has no efficiency and no overhead: a loop does not deliver
    what several processes could.
    """

    place: Place
    time: Summary
    tail: float | None
    serial: float | None
    floor: float | None
    cpu: float | None
    speedup: Summary | None
    machine_speedup: Summary | None
    efficiency: Summary | None
    overhead: Summary | None
    first_result: Summary | None
    peak_memory: Summary | None
    measures: Mapping[str, tuple[float, str]]
    observed: Mapping[str, str]

    @property
    def task_length(self) -> float | None:
        """What one task takes in the plain loop, in seconds."""
        return None if self.serial is None else self.serial / self.place.tasks

    @property
    def task_time(self) -> Summary:
        """What one task takes by the strategy, its share of all that is done for it, in seconds."""
        return self.time.scaled(1 / self.place.tasks)

    @property
    def throughput(self) -> Summary | None:
        """The bytes that tasks were sent or returned, in a second of the strategy's time."""
        return None if self.place.bytes_moved is None else self.time.inverse().scaled(self.place.bytes_moved)


def metrics(cell: Measured) -> Metrics:
    """Return the quantities of a cell of one run."""
    found = {}
    for name, quantity in QUANTITIES.items():
        values = quantity.rounds(cell)
        if values is not None:
            found[name] = summarize(values)
    if QUANTITIES[CPU_SECONDS].of(cell) is None:
        found.pop(CPU_SECONDS, None)
    return row_of(
        cell.place,
        found,
        tail=quantile(cell.strategy_seconds, 0.95),
        measures=[(name, (median(measure.values), measure.unit)) for name, measure in cell.measures.items()],
        observed=cell.observed,
    )


def row_of(
    place: Place,
    found: Mapping[str, Summary],
    *,
    tail: float | None,
    measures: Iterable[tuple[str, tuple[float, str]]],
    observed: Mapping[str, str],
) -> Metrics:
    """Return a row from what was found of each quantity, by name, and what else was measured."""

    def center(name: str) -> float | None:
        return found[name].center if name in found else None

    loop = place.strategy == "serial"
    return Metrics(
        place=place,
        time=found[TIME],
        tail=tail,
        serial=center(SERIAL_TIME),
        floor=center(FLOOR_TIME),
        cpu=center(CPU_SECONDS),
        speedup=found.get(SPEEDUP),
        machine_speedup=found.get(MACHINE_SPEEDUP),
        efficiency=None if loop else found.get(EFFICIENCY),
        overhead=None if loop else found.get(OVERHEAD),
        first_result=found.get(FIRST_RESULT),
        peak_memory=found.get(PEAK_MEMORY),
        # the same number wherever it is shown: over several runs that is the mean of the runs' values as judged
        measures={what: (found[what].center if what in found else middle, unit) for what, (middle, unit) in measures},
        observed=observed,
    )


NULL_QUANTITIES = {"serial": SPEEDUP, "floor": EFFICIENCY}
"""The strategies that are measured against themselves, and the ratio that must then be 1."""

NULLS = tuple(NULL_QUANTITIES)


def null_ratio(row: Metrics) -> Summary | None:
    """Return the ratio of a null row, which must be 1, or None if the row is no null."""
    ratios = {SPEEDUP: row.speedup, EFFICIENCY: row.efficiency}
    quantity = NULL_QUANTITIES.get(row.place.strategy)
    return None if quantity is None else ratios[quantity]


class Bias(StrEnum):
    """What a null row says: that the measuring favours an arm, that it does so by little if at all, or not enough."""

    BIASED = "biased"
    SMALL = "small"
    UNKNOWN = "unknown"


def bias(ratio: Summary, seconds: float) -> Bias:
    """Say what a null row's ratio tells whose strategy takes `seconds`.

    It is biased where the whole interval is off by more than 3 % or 5 us, and its bias is small where the interval
    leaves room for none above 10 %, or that.
    """
    if ratio.low is None or ratio.high is None:
        return Bias.UNKNOWN
    tolerance = max(NULL_SHARE, NULL_SECONDS / seconds)
    if not ratio.meets(1 / (1 + tolerance), 1 + tolerance):
        return Bias.BIASED
    return Bias.SMALL if hidden(ratio) <= max(SMALL_SHARE, tolerance) else Bias.UNKNOWN


def hidden(ratio: Summary) -> float:
    """Return the largest bias, as a share, that a null row's interval leaves room for; infinite where it has none."""
    if not ratio.low or ratio.high is None:
        return math.inf
    return max(ratio.high, 1 / ratio.low) - 1


@dataclass(frozen=True)
class BreakEven:
    """The task length in seconds from which on a strategy pays, with an interval.

    `task_length` is None where no crossing was seen; `always` then tells whether all lengths gain, or the longest does
    not. `low` and `high` are None where the interval is open, beyond the lengths that were measured. `shortest` and
    `longest` are the task lengths at both ends, with their speedups.
    """

    strategy: str
    task_length: float | None
    always: bool
    low: float | None
    high: float | None
    shortest: tuple[float, Summary]
    longest: tuple[float, Summary]

    @property
    def interval(self) -> Summary | None:
        """The task length with its interval, None where no crossing was seen."""
        return None if self.task_length is None else Summary(0, self.task_length, self.low, self.high)


def break_even(rows: Sequence[Metrics]) -> BreakEven | None:
    """Return the task length at which the speedup of one strategy's rows crosses 1.

    It is read off between the last size that loses and the next, which gains, on a straight line of log speedup over
    log task length; its interval is where the bounds of the speedups cross. None if there are no rows with a speedup.
    """
    known = [(row.task_length, row.speedup) for row in rows if row.task_length is not None and row.speedup is not None]
    if not known:
        return None
    crossing, always = _crossing([(length, speedup.center) for length, speedup in known])
    low, _ = _crossing([(length, speedup.high or speedup.center) for length, speedup in known])
    high, _ = _crossing([(length, speedup.low or speedup.center) for length, speedup in known])
    ends = sorted(known, key=itemgetter(0))
    return BreakEven(rows[0].place.strategy, crossing, always, low, high, ends[0], ends[-1])


def _crossing(points: Sequence[tuple[float, float]]) -> tuple[float | None, bool]:
    """Return where a speedup crosses 1 for the last time, and whether it is above 1 everywhere."""
    curve = sorted((math.log(length), math.log(speedup)) for length, speedup in points)
    losing = [index for index, (_, gain) in enumerate(curve) if gain < 0]
    if not losing:
        return None, True
    last = losing[-1]
    if last == len(curve) - 1:
        return None, False
    (x0, y0), (x1, y1) = curve[last], curve[last + 1]
    return math.exp(x0 - y0 * (x1 - x0) / (y1 - y0)), False


def break_evens(rows: Sequence[Metrics]) -> list[BreakEven]:
    """Return the break-even of each configuration that has several task lengths, the earliest first.

    A configuration is a strategy with its workers, start method, tasks and chunk size; it is named by those that vary.
    """
    groups: dict[tuple[str, ...], list[Metrics]] = {}
    varying = [
        axis for axis in ("workload", "start_method", "workers", "tasks", "chunk_size") if len(on_axis(rows, axis)) > 1
    ]
    for row in rows:
        if row.place.strategy not in NULLS:
            name = [
                row.place.strategy,
                *(f"{axis.replace('_', ' ')} {getattr(row.place.axes, axis)}" for axis in varying),
            ]
            groups.setdefault(tuple(name), []).append(row)
    found = []
    for names, group in groups.items():
        point = break_even(group) if len(on_axis(group, "size")) > 1 else None
        if point is not None:
            found.append(replace(point, strategy=", ".join(names)))
    return sorted(found, key=lambda point: (not point.always, point.task_length is None, point.task_length or 0))


def on_axis(rows: Sequence[Metrics], axis: str) -> set[str | int | None]:
    """Return what rows have on an axis; that some have no start method differs from nothing."""
    return {getattr(row.place.axes, axis) for row in rows} - {NO_METHOD}


def task_lengths(rows: Sequence[Metrics]) -> dict[int | None, float]:
    """Return the lengths of tasks in seconds, by size: what they take in the loop, in the middle over the rows."""
    found: dict[int | None, list[float]] = {}
    for row in rows:
        if row.task_length is not None:
            found.setdefault(row.place.axes.size, []).append(row.task_length)
    return {size: median(found[size]) for size in sorted(found, key=lambda size: size or 0)}


SETTING: Mapping[str, str] = {"workers": "{} workers", "start_method": "by {}", "tasks": "{} tasks"}
"""The axes of which a run may have several values beside those that a question is about, and how each is said."""


def by_setting(rows: Sequence[Metrics]) -> dict[str, list[Metrics]]:
    """Group rows by strategy, and by whatever of workers, start method and tasks was selected several times.

    Rows of a strategy that are alike but for these would otherwise be taken for one another. A group is named by its
    strategy, and by those that vary.
    """
    found: dict[str, list[Metrics]] = {}
    for strategy, own in by_strategy(rows).items():
        values: dict[str, dict[tuple[object, ...], set[object]]] = {axis: {} for axis in SETTING}
        for row in own:
            axes = row.place.axes
            about = axes.workload, axes.size, axes.chunk_size, axes.state
            for axis in SETTING:
                values[axis].setdefault(about, set()).add(getattr(axes, axis))
        varying = [axis for axis in SETTING if any(len(some) > 1 for some in values[axis].values())]
        for row in own:
            said = [SETTING[axis].format(getattr(row.place.axes, axis)) for axis in varying]
            found.setdefault(", ".join([strategy, *said]), []).append(row)
    return found


def by_strategy(rows: Sequence[Metrics]) -> dict[str, list[Metrics]]:
    """Group rows by strategy, in the order of their first appearance."""
    groups: dict[str, list[Metrics]] = {}
    for row in rows:
        groups.setdefault(row.place.strategy, []).append(row)
    return groups
