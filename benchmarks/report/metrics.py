"""What the arms of a cell say together: speedup, machine speedup, efficiency, overhead, break-even."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.report.runs import Cell, Place
from benchmarks.report.stats import Summary, quantile, summarize

NULLS = ("serial", "floor")
"""Strategies that are measured against themselves: their ratio must be 1."""

NULL_SHARE = 0.03
NULL_SECONDS = 5e-6
"""How far a null row may be off: identical code after another arm meets cold caches, which costs some microseconds."""


@dataclass(frozen=True)
class Metrics:
    """The quantities of one cell, in one run or over several. Times are seconds of a whole round.

    What an absent arm would give is None. `time.n` counts rounds, or runs if there are several; the 95th percentile
    `tail` is known for the rounds of one run only. `measures` are medians with their units, by name; `observed` is
    what was seen beside the numbers, in words.

    Ratios and differences are taken round by round, between arms that ran within milliseconds of each other, and then
    summarized: speedup = serial / strategy, machine speedup = serial / floor, efficiency = floor / strategy,
    overhead = strategy - floor.
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
    measures: Mapping[str, tuple[float, str]]
    observed: Mapping[str, str]

    @property
    def task_length(self) -> float | None:
        """What one task takes in the plain loop, in seconds."""
        return None if self.serial is None else self.serial / self.place.tasks

    @property
    def throughput(self) -> float | None:
        """The bytes that tasks were sent or returned, in a second of the strategy's time."""
        return None if self.place.bytes_moved is None else self.place.bytes_moved / self.time.center


def metrics(cell: Cell) -> Metrics:
    """Return the quantities of a cell of one run.

    A serial row has no efficiency and no overhead: a loop does not deliver what several processes could.
    """
    floor = None if cell.place.strategy == "serial" else cell.floor_seconds
    return Metrics(
        place=cell.place,
        time=summarize(cell.strategy_seconds),
        tail=quantile(cell.strategy_seconds, 0.95),
        serial=_median(cell.serial_seconds),
        floor=_median(cell.floor_seconds),
        cpu=_median(cell.cpu_seconds),
        speedup=_ratio(cell.serial_seconds, cell.strategy_seconds),
        machine_speedup=_ratio(cell.serial_seconds, cell.floor_seconds),
        efficiency=_ratio(floor, cell.strategy_seconds),
        overhead=_difference(cell.strategy_seconds, floor),
        measures={name: (median(measure.values), measure.unit) for name, measure in cell.measures.items()},
        observed=cell.observed,
    )


def _median(values: Sequence[float] | None) -> float | None:
    return None if values is None else median(values)


def _ratio(above: Sequence[float] | None, below: Sequence[float] | None) -> Summary | None:
    if above is None or below is None:
        return None
    return summarize([a / b for a, b in zip(above, below, strict=True)])


def _difference(more: Sequence[float] | None, less: Sequence[float] | None) -> Summary | None:
    if more is None or less is None:
        return None
    return summarize([a - b for a, b in zip(more, less, strict=True)])


def null_cell_holds(cell: Cell) -> bool:
    """Say of a null cell what `null_holds` says of its row, without the rest of the row."""
    arm = cell.serial_seconds if cell.place.strategy == "serial" else cell.floor_seconds
    ratio = _ratio(arm, cell.strategy_seconds)
    return ratio is None or _holds(ratio, median(cell.strategy_seconds))


def null_ratio(row: Metrics) -> Summary | None:
    """Return the ratio of a null row, which must be 1, or None if the row is no null."""
    if row.place.strategy == "serial":
        return row.speedup
    return row.efficiency if row.place.strategy == "floor" else None


def null_holds(row: Metrics) -> bool:
    """Say whether the interval of a null row has a point within max(3 %, 5 us) of 1. True for other rows."""
    ratio = null_ratio(row)
    return ratio is None or _holds(ratio, row.time.center)


def _holds(ratio: Summary, seconds: float) -> bool:
    tolerance = max(NULL_SHARE, NULL_SECONDS / seconds)
    return ratio.meets(1 - tolerance, 1 + tolerance)


@dataclass(frozen=True)
class BreakEven:
    """The task length in seconds from which on a strategy pays, with an interval.

    `task_length` is None where no crossing was seen; `always` then tells whether all lengths gain, or the longest does
    not. `low` and `high` are None where the interval is open, beyond the lengths that were measured.
    """

    strategy: str
    task_length: float | None
    always: bool
    low: float | None
    high: float | None


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
    return BreakEven(rows[0].place.strategy, crossing, always, low, high)


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


def by_strategy(rows: Sequence[Metrics]) -> dict[str, list[Metrics]]:
    """Group rows by strategy, in the order of their first appearance."""
    groups: dict[str, list[Metrics]] = {}
    for row in rows:
        groups.setdefault(row.place.strategy, []).append(row)
    return groups
