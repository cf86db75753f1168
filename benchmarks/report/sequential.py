"""Looking at two samples after each turn, and stopping early, without more false alarms than one look would have.

Each look spends a part of alpha: little at first, when only a large change can be sure, most of it at the last look
(O'Brien & Fleming 1979, as a spending function: Lan & DeMets 1983).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from statistics import NormalDist

from benchmarks.report.causes import OWN_CAUSES
from benchmarks.report.compare import LEAST_RUNS, Comparison
from benchmarks.report.judge import Change, Rule, Verdict, margin
from benchmarks.report.stats import student_quantile

POINTS = 301
"""Of a grid, odd for Simpson's rule: twice as many change no level by more than a thousandth."""

FARTHEST = 9.0
"""Standard deviations below the middle at which a grid begins; nothing lies beyond."""

STANDARD_ERRORS = 1.0
"""What is added to a trend in favour of going on."""

NORMAL = NormalDist()


def spent(alpha: float, share: float) -> float:
    """Return how much of a one-sided alpha may be spent when a share of all runs is there (Lan & DeMets 1983)."""
    return 2 * NORMAL.cdf(-NORMAL.inv_cdf(1 - alpha / 2) / math.sqrt(share))


@cache
def levels(turns: tuple[int, ...], alpha: float, tests: int) -> tuple[float, ...]:
    """Return what adjusted p-values are held against at each look, when looks are taken after so many `turns`.

    By the recursion of Armitage, McPherson & Rowe (1969): the sum of a normal difference a turn, on a grid of the
    values at which it went on, is carried from look to look, and each bound is where just the part of alpha that this
    look adds is cut off. For one of `tests`, each with its share of alpha, so that Holm's rule at the level of a look
    keeps alpha over all tests and looks; with fewer left, the levels are a little stricter than they need be.
    """
    found = []
    density: list[tuple[float, float]] = []
    before, used = 0, 0.0
    for turn in turns:
        deviation, now = math.sqrt(turn - before), spent(alpha, turn / turns[-1])
        bound = _falling(partial(_beyond, density, deviation), (now - used) / tests, FARTHEST * math.sqrt(turn))
        found.append(min(alpha, tests * NORMAL.cdf(-bound / math.sqrt(turn))))
        density = _carried(density, deviation, -FARTHEST * math.sqrt(turn), bound)
        before, used = turn, now
    return tuple(found)


def _beyond(density: Sequence[tuple[float, float]], deviation: float, bound: float) -> float:
    """Return the chance to go on until a look, and then to be beyond a bound; without a `density` it is the first."""
    if not density:
        return NORMAL.cdf(-bound / deviation)
    return math.fsum(weight * NORMAL.cdf((value - bound) / deviation) for value, weight in density)


def _falling(function: Callable[[float], float], wanted: float, most: float) -> float:
    """Return where a falling function takes a value, between 0 and `most`, by bisection."""
    low, high = 0.0, most
    for _ in range(60):
        middle = (low + high) / 2
        if function(middle) > wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _carried(
    density: Sequence[tuple[float, float]], deviation: float, lowest: float, bound: float
) -> list[tuple[float, float]]:
    """Return the sums at which it goes on after a look, below its bound, each with its weight in an integral.

    Simpson's weights times the density, which is the former one spread by what a turn adds.
    """
    step = (bound - lowest) / (POINTS - 1)
    carried = []
    for place in range(POINTS):
        value = lowest + place * step
        simpson = step / 3 * (1 if place in {0, POINTS - 1} else 4 if place % 2 else 2)
        if density:
            height = math.fsum(weight * _bell((value - former) / deviation) for former, weight in density)
        else:
            height = _bell(value / deviation)
        carried.append((value, simpson * height / deviation))
    return carried


def _bell(value: float) -> float:
    return math.exp(-value * value / 2) / math.sqrt(2 * math.pi)


@dataclass(frozen=True)
class Look:
    """What a comparison says after `turn` of at most `turns` turns.

    `found` are the groups that changed for sure, `unchanged` counts those that did not, `open` those of which more
    turns may tell, `futile` those of which they cannot any more.
    """

    result: Comparison
    turn: int
    turns: int

    @property
    def line(self) -> str:
        """Say what is decided, and what is open."""
        if self.result.differences:
            return f"turn {self.turn}: not comparable, {self.result.differences[0]}"
        names = ", ".join(f"{group.verdict} {named(group)}" for group in self.found)
        rest = len(self.result.groups) - len(self.found) - self.unchanged - self.open
        return (
            f"turn {self.turn} of at most {self.turns}: {len(self.found)} changed{f' ({names})' if names else ''}, "
            f"{self.unchanged} unchanged, {self.open} open, {rest} not needed or undecidable"
        )

    @property
    def found(self) -> list[Change]:
        """The groups that changed for sure."""
        return [group for group in self.result.groups if group.verdict.sure]

    @property
    def unchanged(self) -> int:
        """How many groups did not change."""
        return sum(group.verdict is Verdict.UNCHANGED for group in self.result.groups)

    @property
    def open(self) -> int:
        """How many groups may still be told by more turns, of strategies of which nothing is known yet.

        That a strategy changed is the answer; where else it did would take all turns to say.
        """
        settled = {group.strategy for group in self.found if group.cause in OWN_CAUSES}
        undecided = [group for group in self.result.groups if group.verdict is Verdict.INCONCLUSIVE]
        return sum(group.strategy not in settled and not self._futile(group) for group in undecided)

    @property
    def over(self) -> bool:
        """Whether more turns are of no use."""
        return self.turn >= self.turns or bool(self.result.differences) or not self.open

    def _futile(self, change: Change) -> bool:
        """Say whether a change cannot be told by the last turn, even if its trend went on a standard error higher."""
        tests = len(self.result.groups)
        last = levels(looks(self.turns), self.result.rule.alpha, tests)[-1]
        error = change.error * math.sqrt(self.turn / self.turns)
        df = change.df + 2 * (self.turns - self.turn)  # each turn brings two runs
        needed = max(margin(change.quantity, self.result.rule), student_quantile(1 - last / tests, df) * error)
        return abs(change.change) + STANDARD_ERRORS * change.error < needed


def named(change: Change) -> str:
    """Name a group in one phrase."""
    method = f" by {change.start_method}" if change.start_method else ""
    return f"{change.family}: {change.strategy}{method}: {change.quantity}"


def looks(turns: int) -> tuple[int, ...]:
    """Return the turns after which there is a look: from the third, from which on there are verdicts, to the last."""
    return tuple(range(LEAST_RUNS, turns + 1))


def look(compared: Callable[[Rule], Comparison], turn: int, turns: int) -> Look:
    """Compare two samples after a turn by the rule of that look; `compared` does it by a rule."""
    rule = Rule()
    result = compared(rule)
    if result.groups and turn in looks(turns):
        level = levels(looks(turns), rule.alpha, len(result.groups))[turn - LEAST_RUNS]
        result = compared(replace(rule, spent=level))
    return Look(result, turn, turns)
