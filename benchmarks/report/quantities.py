"""What is measured of a cell, each quantity once: its formula, its unit, which way is better, what it is judged for.

Everything that shows, compares or checks numbers draws from this table: the summary of one run and of several, the
comparison, the matrix, the pictures, the programs of evidence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import sub, truediv
from statistics import median

from benchmarks.report import units
from benchmarks.report.runs import Measured
from benchmarks.report.stats import quantile, quantile_rank
from benchmarks.words import (
    ALL,
    CPU_TIME,
    CREATE,
    EFFICIENCY,
    FIRST_RESULT,
    FUNCTION_TIME,
    LONG,
    OVERHEAD,
    PEAK_MEMORY,
    SHORT,
    SHUTDOWN,
    SPEEDUP,
)

TIME = "time"
SERIAL_TIME = "serial time"
FLOOR_TIME = "floor time"
MACHINE_SPEEDUP = "machine speedup"
CPU_SECONDS = "CPU seconds"

LARGEST = 700.0
"""The natural log of a number that a float can hold."""

Values = Sequence[float]


@dataclass(frozen=True)
class Quantity:
    """A quantity of a cell.

    `formula` says in words of the arms what a round gives, in a `unit` of `units.amount`; `rounds` returns a value a
    round, or None where the cell does not have it, and `middle` what stands for all rounds. Values are positive but for
    those that are `signed`. `judged_for` says which tasks of a family it is judged for, where long and short ones are
    told apart; None for what is shown and never judged.
    """

    name: str
    formula: str
    unit: str
    rounds: Callable[[Measured], Values | None]
    more_is_better: bool = False
    signed: bool = False
    judged_for: str | None = None
    middle: Callable[[Measured], float | None] | None = None

    def of(self, cell: Measured) -> float | None:
        """Return what stands for all rounds of a cell where runs are compared: their median, or its `middle`.

        Where more is better that is the inverse of the inverse's median, which judging is about: of an even number of
        rounds the harmonic mean of the two in the middle.
        """
        if self.middle is not None:
            return self.middle(cell)
        values = self.rounds(cell)
        if values is None:
            return None
        ordered = sorted(values)
        half = len(ordered) // 2
        if len(ordered) % 2:
            return ordered[half]
        low, high = ordered[half - 1], ordered[half]
        return 2 * low * high / (low + high) if self.more_is_better else (low + high) / 2

    def judged(self, value: float) -> float:
        """Turn a value into what is judged: larger for the worse, and its natural log unless it is signed."""
        if self.signed:
            return value
        return -math.log(value) if self.more_is_better else math.log(value)

    def unjudged(self, value: float) -> float:
        """Return the value that is judged so; what no float can hold becomes the largest that can be."""
        if self.signed:
            return value
        return math.exp(min(-value if self.more_is_better else value, LARGEST))


def _ratio(above: Values | None, below: Values | None) -> Values | None:
    return None if above is None or below is None else list(map(truediv, above, below))


def _difference(more: Values | None, less: Values | None) -> Values | None:
    return None if more is None or less is None else list(map(sub, more, less))


def _measured(name: str) -> Callable[[Measured], Values | None]:
    """Return what gives the values that an engine has measured beside its arms."""
    return lambda cell: cell.measures[name].values if name in cell.measures else None


def _cpu_seconds(cell: Measured) -> float | None:
    """Return the median CPU time, None where the clock is too coarse to see any."""
    return median(cell.cpu_seconds) or None if cell.cpu_seconds else None


def _cpu_ratio(cell: Measured) -> float | None:
    """Return the CPU time over the floor's: the lower quartile of each, not the median of ratios.

    What a busy host does to CPU time only ever adds to it, and to one arm here and the other there. While a host took 7
    to 43 % of the CPUs, five runs of one program had spreads of 0.02 to 0.06 so where tasks had work in them, and 0.02
    to 0.14 by the median of ratios.
    """
    if not cell.cpu_seconds or not cell.floor_cpu_seconds:
        return None
    low = sorted(cell.cpu_seconds)[quantile_rank(len(cell.cpu_seconds), 0.25)]
    floor = quantile(cell.floor_cpu_seconds, 0.25)
    return low / floor if low and floor else None


OF_ARMS: dict[str, Quantity] = {
    quantity.name: quantity
    for quantity in (
        Quantity(TIME, "strategy", "s", lambda cell: cell.strategy_seconds),
        Quantity(SERIAL_TIME, "serial", "s", lambda cell: cell.serial_seconds),
        Quantity(FLOOR_TIME, "floor", "s", lambda cell: cell.floor_seconds),
        Quantity(
            SPEEDUP,
            "serial / strategy",
            units.FACTOR,
            lambda cell: _ratio(cell.serial_seconds, cell.strategy_seconds),
            more_is_better=True,
            judged_for=LONG,
        ),
        Quantity(
            MACHINE_SPEEDUP,
            "serial / floor",
            units.FACTOR,
            lambda cell: _ratio(cell.serial_seconds, cell.floor_seconds),
            more_is_better=True,
        ),
        Quantity(
            EFFICIENCY,
            "floor / strategy",
            units.SHARE,
            lambda cell: _ratio(cell.floor_seconds, cell.strategy_seconds),
            more_is_better=True,
            judged_for=LONG,
        ),
        Quantity(
            OVERHEAD,
            "strategy - floor",
            "s",
            lambda cell: _difference(cell.strategy_seconds, cell.floor_seconds),
            signed=True,
            judged_for=SHORT,
        ),
        Quantity(
            FUNCTION_TIME,
            "serial / the loop of the null rows, medians of a run",
            units.TIMES,
            lambda _cell: None,  # no cell has it alone: `samples.reduce` takes it from two
            judged_for=ALL,
        ),
        Quantity(CPU_SECONDS, "CPU time of the strategy", "s", lambda cell: cell.cpu_seconds, middle=_cpu_seconds),
        Quantity(
            CPU_TIME,
            "CPU time of strategy / floor, lower quartiles",
            units.TIMES,
            lambda _cell: None,  # not round by round: one arm's clock may have seen nothing in some
            judged_for=ALL,
            middle=_cpu_ratio,
        ),
    )
}
"""The quantities that come of arms, by name."""

QUANTITIES: dict[str, Quantity] = OF_ARMS | {
    quantity.name: quantity
    for quantity in (
        Quantity(CREATE, "making the pool", "s", _measured(CREATE)),
        Quantity(FIRST_RESULT, "from the pool to its first result", "s", _measured(FIRST_RESULT), judged_for=ALL),
        Quantity(SHUTDOWN, "ending the pool", "s", _measured(SHUTDOWN)),
        Quantity(PEAK_MEMORY, "most memory - memory before", "B", _measured(PEAK_MEMORY), judged_for=ALL),
    )
}
"""All of them, those that an engine measures beside its arms too."""


def quantity_of(name: str, unit: str = "s") -> Quantity:
    """Return a quantity by its name; one that only the engine that measures it knows has `unit`."""
    return QUANTITIES.get(name) or Quantity(name, "measured by the engine", unit, _measured(name))
