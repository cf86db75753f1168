"""Hypotheses in, verdicts out: what changed, by how much, and how surely."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean
from typing import NamedTuple

from benchmarks.report.quantities import LARGEST, quantity_of
from benchmarks.report.stats import Prior, holm, moderate, prior_of, student_cdf, student_quantile, variance_of

POWER = 0.95
"""With which a change that is called detectable is found."""

SINGLE_DF = 3.0
"""Degrees of freedom of a test between two single runs: few, since the largest of many differences has a heavy tail."""

MOST_RUNS_NEEDED = 100
LEAST_DF = 8.0
"""Degrees of freedom from which the number of further runs is reckoned: more runs bring more of them."""


class GroupKey(NamedTuple):
    """Which cells are judged together, and by what.

    Those of a `strategy` in a `family`, with one `start_method` where the family has several (else None), and of one
    `part` where long and short tasks are told apart.
    """

    family: str
    strategy: str
    start_method: str | None
    part: str
    quantity: str


class Verdict(StrEnum):
    """What can be said of a change."""

    REGRESSED = "REGRESSED"
    IMPROVED = "IMPROVED"
    UNCHANGED = "unchanged"
    INCONCLUSIVE = "inconclusive"

    @property
    def sure(self) -> bool:
        """Whether something changed."""
        return self in {Verdict.REGRESSED, Verdict.IMPROVED}


@dataclass(frozen=True)
class Rule:
    """When a change counts: family-wise adjusted p below `alpha`, and at least `margin` (a share, 0.05 is 5 %)."""

    margin: float = 0.05
    alpha: float = 0.01


@dataclass(frozen=True)
class Hypothesis:
    """That a quantity did not change, in the cells `ids`, with a value a run on each side, larger for the worse.

    The values are logs; those of a signed quantity, which has no log, are shares of `scale`, the mean of both samples.
    """

    key: GroupKey
    ids: tuple[str, ...]
    base: tuple[float, ...]
    new: tuple[float, ...]
    scale: float | None = None

    @property
    def df(self) -> int:
        """Degrees of freedom of the variance between runs."""
        return len(self.base) + len(self.new) - 2

    @property
    def difference(self) -> float:
        """The difference of the means."""
        return fmean(self.new) - fmean(self.base)

    @property
    def variance(self) -> float:
        """The variance between runs of one side, pooled over both."""
        squares = sum(variance_of(side) * (len(side) - 1) for side in (self.base, self.new))
        return squares / max(1, self.df)


@dataclass(frozen=True)
class Change:
    """How a quantity of a group, or of one of its cells (`cell`), differs between two samples.

    `base_values` and `new_values` have a value a run, `base` and `new` are their means, in the units of a
    `Hypothesis`. `change` is the difference of the means, with its interval at the level 1 - alpha. `sigma` is the
    spread between runs that was used. `detectable` is the smallest change, as a share, that these numbers of runs find
    with a power of 95 %; `runs_needed` the runs a side that would find the margin so, None beyond `MOST_RUNS_NEEDED`.
    """

    family: str
    strategy: str
    start_method: str | None
    part: str
    quantity: str
    cell: str | None
    cells: int
    base: float
    new: float
    base_values: tuple[float, ...]
    new_values: tuple[float, ...]
    scale: float | None
    low: float
    high: float
    adjusted_p: float
    sigma: float
    verdict: Verdict
    cause: str | None
    detectable: float
    runs_needed: int | None

    @property
    def change(self) -> float:
        """The difference of the means, positive for the worse."""
        return self.new - self.base

    @property
    def key(self) -> GroupKey:
        """Which group it is, or belongs to."""
        return GroupKey(self.family, self.strategy, self.start_method, self.part, self.quantity)

    def share(self, difference: float) -> float:
        """Return a difference from the base as a share of it: 0.1 is 10 % more."""
        if not quantity_of(self.quantity).signed:
            return share(self.quantity, difference)
        return difference / self.base if self.base > 0 else math.copysign(math.inf, difference)


def judge(tests: Sequence[Hypothesis], rule: Rule, spreads: Mapping[str, float] | None) -> list[Change]:
    """Turn hypotheses into changes; all of them together are one family of tests.

    `spreads` are the standard deviations of a difference by quantity where there is one run a side, and so none
    between runs.
    """
    priors = priors_of(tests)
    numbers = []
    for test in tests:
        if spreads is None:
            variance, df = moderate(test.variance, test.df, priors[kind(test)])
            error = math.sqrt(variance * (1 / len(test.base) + 1 / len(test.new)))
            numbers.append((math.sqrt(variance), df, error))
        else:
            error = spreads[test.key.quantity]
            numbers.append((error / math.sqrt(2), SINGLE_DF, error))
    p_values = [
        2 * student_cdf(-abs(test.difference) / error, df) if error else float(not test.difference)
        for test, (_, df, error) in zip(tests, numbers, strict=True)
    ]
    return [
        _change(test, known, p, rule, len(tests)) for test, known, p in zip(tests, numbers, holm(p_values), strict=True)
    ]


def kind(test: Hypothesis) -> tuple[str, str]:
    """Return what hypotheses have in common whose variances tell of each other."""
    return test.key.quantity, test.key.part


def priors_of(tests: Sequence[Hypothesis]) -> dict[tuple[str, str], Prior]:
    """Return what the variances of each kind say of each other; nothing where one run a side has none."""
    variances: dict[tuple[str, str], list[float]] = {}
    for test in tests:
        variances.setdefault(kind(test), []).append(test.variance)
    return {of: prior_of(found, tests[0].df) for of, found in variances.items() if tests[0].df}


def _change(test: Hypothesis, numbers: tuple[float, float, float], p: float, rule: Rule, hypotheses: int) -> Change:
    sigma, df, error = numbers
    difference = test.difference
    reach = student_quantile(1 - rule.alpha / 2, df) * error
    low, high = difference - reach, difference + reach
    bound = margin(test.key.quantity, rule)
    verdict = Verdict.INCONCLUSIVE
    if p < rule.alpha and abs(difference) >= bound:
        verdict = Verdict.REGRESSED if difference > 0 else Verdict.IMPROVED
    elif -bound < low and high < bound:
        verdict = Verdict.UNCHANGED
    return Change(
        **test.key._asdict(),
        cell=None,
        cells=len(test.ids),
        base=fmean(test.base),
        new=fmean(test.new),
        base_values=test.base,
        new_values=test.new,
        scale=test.scale,
        low=low,
        high=high,
        adjusted_p=p,
        sigma=sigma,
        verdict=verdict,
        cause=None,
        detectable=detectable_change(test.key.quantity, error, df, rule, hypotheses),
        runs_needed=runs_needed(sigma, df, 1 - rule.alpha / (2 * hypotheses), bound),
    )


def margin(quantity: str, rule: Rule) -> float:
    """Return the margin in a hypothesis' units: a log, or the share itself of a signed quantity."""
    return rule.margin if quantity_of(quantity).signed else math.log1p(rule.margin)


def share(quantity: str, difference: float) -> float:
    """Return a difference in a hypothesis' units as a share: 0.1 is 10 % more."""
    return difference if quantity_of(quantity).signed else math.expm1(min(difference, LARGEST))


def detectable_change(quantity: str, error: float, df: float, rule: Rule, hypotheses: int) -> float:
    """Return the smallest change, as a share, that is found with a power of 95 %.

    `error` is the standard error of the difference. The sum of what the test, or the margin, asks for and what the
    power asks for; one beyond e^10 is beyond reason.
    """
    level = 1 - rule.alpha / (2 * hypotheses)
    asked = max(student_quantile(level, df) * error, margin(quantity, rule))
    return share(quantity, min(asked + student_quantile(POWER, df) * error, 10.0))


def runs_needed(sigma: float, df: float, level: float, bound: float) -> int | None:
    """Return how many runs a side find a change of `bound` with a power of 95 %, None beyond `MOST_RUNS_NEEDED`.

    The normal quantiles stand in for those of the larger samples, those of today's `df` for the smaller: the number
    is a guide, and a gate at the margin itself finds a change of just that size half of the time whatever the runs.
    """
    df = max(df, LEAST_DF)
    runs = math.ceil(2 * ((student_quantile(level, df) + student_quantile(POWER, df)) * sigma / bound) ** 2)
    return max(2, runs) if runs <= MOST_RUNS_NEEDED else None
