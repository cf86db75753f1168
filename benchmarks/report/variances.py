"""Variances of few values, helped by what is known beforehand: from stored runs, or else from each other."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from statistics import median
from typing import NamedTuple

from benchmarks.report.stats import Prior, f_median, moderate, prior_of, variance_of

MOST_DF = 2.0
"""Degrees of freedom that stored runs count for at most beside today's: today is another day, however many there are.

The variances of 74 tests in twenty runs were compared with those in the thirty baselines, taken a day before on a
machine of the same kind: the logs of their ratios have a standard deviation of 1.25, as with a scaled inverse
chi-square of 2 degrees of freedom; single ones differ by a factor of twelve. (Those of sets that were taken in turns
differ as with 9: with so many, 11 % of the reports over three runs a side of those twenty were sure of something.)
"""

GAINED_DF = 1.0
"""Degrees of freedom that a verdict gains by stored runs at most.

Fewer than they count for, since some variances differ by more than any chi-square's: with two, 3.0 % of the reports
over three runs a side had a false alarm, with one 1.0 %.
"""

CAUTIOUS_DF = 4.0
"""Those that other variances of today count for at most: estimated from a few, the number is often infinite by luck."""


class Estimate(NamedTuple):
    """A variance between today's runs with its degrees of freedom, and the prior that stored runs give, if any.

    Those of one `kind` tell of each other where there is none.
    """

    variance: float
    df: float
    kind: Hashable
    prior: Prior | None


def moderated(estimates: Sequence[Estimate], gained: float = GAINED_DF) -> list[tuple[float, float]]:
    """Return each variance, moderated by its prior, with its degrees of freedom and those `gained` at most by that.

    The stored runs' variances are rescaled to today's noise first. What has no prior is held to be no smaller than its
    kind says, and gains no degrees of freedom by that: what fits a few variances that move together fits them too well.
    With four degrees more, 4.3 % of the reports over three runs a side had a false alarm; so 0.6 %.
    """
    noise = noise_of_today(estimates)
    kinds: dict[Hashable, list[Estimate]] = {}
    for estimate in estimates:
        kinds.setdefault(estimate.kind, []).append(estimate)
    cautious = {
        kind: prior_of([one.variance for one in some], some[0].df, CAUTIOUS_DF) if some[0].df else Prior(0.0, 0.0)
        for kind, some in kinds.items()
    }
    found = []
    for estimate in estimates:
        if estimate.prior is None:
            guess, _ = moderate(estimate.variance, estimate.df, cautious[estimate.kind])
            found.append((max(guess, estimate.variance), estimate.df))
        else:
            prior = Prior(noise * estimate.prior.variance, estimate.prior.df)
            variance, df = moderate(estimate.variance, estimate.df, prior)
            found.append((variance, min(df, estimate.df + gained)))
    return found


def noise_of_today(estimates: Sequence[Estimate]) -> float:
    """Return how many times as large today's variances are as those of stored runs, at least 1.

    The median of the ratios, over what it would be if nothing but chance were in them. Without this, a day that is 1.6
    times as noisy as those of the stored runs gave 14.5 % false alarms. A calmer day is no reason to be bolder.
    """
    known = [(one.variance / one.prior.variance, one) for one in estimates if one.prior and one.df]
    if not known:
        return 1.0
    prior_df = median(one.prior.df for _, one in known if one.prior)
    return max(1.0, median(ratio for ratio, _ in known) / f_median(known[0][1].df, prior_df))


def pooled(samples: Sequence[Sequence[float]], most: float = MOST_DF) -> Prior | None:
    """Return what samples of one and the same spread say of it, each about its own mean; None if they say nothing.

    It has `most` degrees of freedom at most.
    """
    df = sum(len(values) - 1 for values in samples)
    squares = sum(variance_of(values) * (len(values) - 1) for values in samples)
    return Prior(squares / df, min(df, most)) if df and squares else None
