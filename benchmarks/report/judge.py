"""Hypotheses in, verdicts out: what changed, by how much, and how surely."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean, median
from typing import NamedTuple

from benchmarks.report.quantities import LARGEST, quantity_of
from benchmarks.report.stats import Prior, holm, student_cdf, student_quantile, variance_of
from benchmarks.report.variances import Estimate, moderated, noise_of_today

POWER = 0.95
"""With which a change that is called detectable is found."""

SINGLE_DF = 3.0
"""Degrees of freedom of a spread that all changes give: few, since the largest of many has a heavy tail."""

STANDS_OUT = 4.0
"""Standard errors by which a change stands out. No verdict: one run that its host robbed of its CPUs would be one."""

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

    @property
    def kind(self) -> tuple[str, str, str]:
        """What those have in common whose spreads tell of each other."""
        return self.family, self.part, self.quantity


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
    """When a change counts: family-wise adjusted p below `alpha`, and at least `margin` (a share, 0.05 is 5 %).

    `spent` is what may be spent of alpha by now where samples are looked at more than once; None where they are not.
    """

    margin: float = 0.05
    alpha: float = 0.01
    spent: float | None = None

    @property
    def level(self) -> float:
        """What adjusted p-values are held against."""
        return self.alpha if self.spent is None else self.spent


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
    def shares(self) -> float:
        """The variance of the difference of the means, where that between runs is 1."""
        return 1 / len(self.base) + 1 / len(self.new)

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
    spread between runs that was used, with `df` degrees of freedom, `error` the standard error of the change that
    follows from it. `adjusted_p` is one-sided, of the change's direction. `detectable` is the smallest change, as a
    share, that these numbers of runs find with a power of 95 %; `runs_needed` the runs a side that would find the
    margin so, None beyond `MOST_RUNS_NEEDED`.
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
    df: float
    error: float
    verdict: Verdict
    cause: str | None
    detectable: float
    runs_needed: int | None

    @property
    def change(self) -> float:
        """The difference of the means, positive for the worse."""
        return self.new - self.base

    @property
    def stands_out(self) -> bool:
        """Whether it is worth another look where there are too few runs for a verdict."""
        return abs(self.change) > STANDS_OUT * self.error

    @property
    def silent(self) -> bool:
        """Whether it tells nothing at all."""
        return self.verdict is Verdict.INCONCLUSIVE and self.adjusted_p >= 1

    @property
    def key(self) -> GroupKey:
        """Which group it is, or belongs to."""
        return GroupKey(self.family, self.strategy, self.start_method, self.part, self.quantity)

    def share(self, difference: float) -> float:
        """Return a difference from the base as a share of it: 0.1 is 10 % more."""
        if not quantity_of(self.quantity).signed:
            return share(self.quantity, difference)
        return difference / self.base if self.base > 0 else math.copysign(math.inf, difference)


def judge(tests: Sequence[Hypothesis], rule: Rule, priors: Sequence[Prior | None]) -> list[Change]:
    """Turn hypotheses into changes; all of them together are one family of tests in each direction.

    `priors` has what stored runs say of the variance of each. With one run a side, from which no variance comes, all
    changes together stand in for today's: most of them are none.
    """
    estimates = [
        Estimate(test.variance, test.df, test.key.kind, prior) for test, prior in zip(tests, priors, strict=True)
    ]
    spreads = moderated(estimates) if any(test.df for test in tests) else _of_changes(tests, priors)
    known = [(*spread, math.sqrt(spread[0] * test.shares)) for test, spread in zip(tests, spreads, strict=True)]
    tails = [_tails(test.difference, error, df) for test, (_, df, error) in zip(tests, known, strict=True)]
    worse, better = (holm([tail[side] for tail in tails]) for side in (0, 1))
    return [
        _change(test, *numbers, p if test.difference > 0 else q, rule, len(tests))
        for test, numbers, p, q in zip(tests, known, worse, better, strict=True)
    ]


def _tails(difference: float, error: float, df: float) -> tuple[float, float]:
    """Return the chance of a difference that is at least so far to the worse, and of one so far to the better."""
    if not error:
        return (0.5, 0.5) if not difference else (float(difference < 0), float(difference > 0))
    return student_cdf(-difference / error, df), student_cdf(difference / error, df)


def _of_changes(tests: Sequence[Hypothesis], priors: Sequence[Prior | None]) -> list[tuple[float, float]]:
    """Return variances and degrees of freedom where there is one run a side.

    1.4826 times the median of absolute differences is the standard deviation of normal ones. Taken about zero: if
    everything moved, nothing stands out.
    """
    squares = [test.difference**2 / test.shares for test in tests]
    noise = noise_of_today([Estimate(square, 1, None, prior) for square, prior in zip(squares, priors, strict=True)])
    alike: dict[str, list[float]] = {}
    for test, square in zip(tests, squares, strict=True):
        alike.setdefault(test.key.quantity, []).append(square)
    return [
        (1.4826**2 * median(alike[test.key.quantity]), SINGLE_DF)
        if prior is None
        else (noise * prior.variance, prior.df)
        for test, prior in zip(tests, priors, strict=True)
    ]


def _change(  # noqa: PLR0913, PLR0917 - what is known of one test
    test: Hypothesis, variance: float, df: float, error: float, p: float, rule: Rule, hypotheses: int
) -> Change:
    difference = test.difference
    reach = student_quantile(1 - rule.alpha / 2, df) * error
    low, high = difference - reach, difference + reach
    bound = margin(test.key.quantity, rule)
    verdict = Verdict.INCONCLUSIVE
    if p < rule.level and abs(difference) >= bound:
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
        sigma=math.sqrt(variance),
        df=df,
        error=error,
        verdict=verdict,
        cause=None,
        detectable=detectable_change(test.key.quantity, error, df, rule, hypotheses),
        runs_needed=runs_needed(math.sqrt(variance), df, 1 - rule.alpha / hypotheses, bound),
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
    level = 1 - rule.alpha / hypotheses
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
