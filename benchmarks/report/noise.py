"""One sample of runs: how far they differ, and what such runs could find."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from benchmarks.report.groups import groups
from benchmarks.report.judge import SINGLE_DF, Rule, detectable_change, kind, priors_of
from benchmarks.report.runs import DataError
from benchmarks.report.samples import Reduced, one_sample
from benchmarks.report.stats import moderate


@dataclass(frozen=True)
class Spread:
    """How far the runs of one sample differ in a group: `sigma` in the units of a hypothesis, with `df` degrees.

    `prior_df` is the part of them that comes from the other groups.
    """

    family: str
    strategy: str
    start_method: str | None
    part: str
    quantity: str
    cells: int
    sigma: float
    df: float
    prior_df: float

    def detectable(self, runs: int, rule: Rule, hypotheses: int) -> float:
        """Return the smallest change, as a share, that `runs` runs a side would find with a power of 95 %."""
        df = SINGLE_DF if runs == 1 else 2 * runs - 2 + self.prior_df
        return detectable_change(self.quantity, self.sigma * math.sqrt(2 / runs), df, rule, hypotheses)


def spreads_of(runs: Sequence[Reduced]) -> list[Spread]:
    """Return the spread between runs of each group, moderated as a comparison would.

    Raises DataError if there are fewer than two runs, or if they differ in what one sample must share.
    """
    if len(runs) < 2:
        raise DataError(f"{runs[0].source}: a spread between runs needs two runs or more of one name")
    # one side alone: its deviations from its mean, with one degree of freedom less than runs
    tests = [replace(test, new=(fmean(test.base),)) for test in groups(one_sample(runs), runs, runs)]
    priors = priors_of(tests)
    found = []
    for test in tests:
        variance, df = moderate(test.variance, test.df, priors[kind(test)])
        found.append(Spread(*test.key, len(test.ids), math.sqrt(variance), df, df - test.df))
    return found
