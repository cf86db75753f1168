"""One sample of runs: how far they differ, and what such runs could find."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.report.groups import groups, prior
from benchmarks.report.judge import Rule, detectable_change
from benchmarks.report.runs import DataError
from benchmarks.report.samples import Reduced, one_sample
from benchmarks.report.stats import variance_of
from benchmarks.report.stored import NOTHING_STORED, Stored
from benchmarks.report.variances import Estimate, moderated


@dataclass(frozen=True)
class Spread:
    """How far the runs of one sample differ in a group: `sigma` in the units of a hypothesis, with `df` degrees.

    `prior_df` is the part of them that is known from elsewhere.
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
        error = self.sigma * math.sqrt(2 / runs)
        return detectable_change(self.quantity, error, 2 * runs - 2 + self.prior_df, rule, hypotheses)


def spreads_of(runs: Sequence[Reduced], stored: Stored = NOTHING_STORED) -> list[Spread]:
    """Return the spread between runs of each group, moderated as a comparison would.

    Raises DataError if there are fewer than two runs, or if they differ in what one sample must share.
    """
    if len(runs) < 2:
        raise DataError(f"{runs[0].source}: a spread between runs needs two runs or more of one name")
    sets = stored.without(runs).sets
    tests, _ = groups(one_sample(runs), runs, ())
    df = len(runs) - 1
    estimates = [Estimate(variance_of(test.base), df, test.key.kind, prior(test, sets)) for test in tests]
    return [
        Spread(*test.key, len(test.ids), math.sqrt(variance), freedom, freedom - df)
        for test, (variance, freedom) in zip(tests, moderated(estimates), strict=True)
    ]
