"""Rows that are their own control: what they say of a bias between the arms of a round, over all runs together.

Serial and floor are measured as strategies too, so that their ratio is 1 unless the measuring favours an arm. One run
tells a bias of 10 % in half of the rows; whatever favours an arm does so in the runs of both samples, so that their
mean tells more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from benchmarks.report import units
from benchmarks.report.groups import hypothesis, prior
from benchmarks.report.judge import GroupKey
from benchmarks.report.metrics import NULL_QUANTITIES, Bias, Metrics, bias, hidden, null_ratio
from benchmarks.report.phrases import known
from benchmarks.report.quantities import TIME
from benchmarks.report.samples import Reduced, in_all
from benchmarks.report.stats import Summary, student_quantile, variance_of
from benchmarks.report.stored import Replicates
from benchmarks.report.variances import Estimate, moderated
from benchmarks.words import ALL

VAIN = 10.0
"""A bias, as a share, beyond which a row tells nothing."""

LEVEL = 0.99
"""Of the intervals: nineteen rows a report, of which hardly one may be called biased by chance."""


@dataclass(frozen=True)
class NullRow:
    """A null cell over several runs: its ratio, strategy's time over the other arm's, and what that says of bias."""

    family: str
    cell: str
    ratio: Summary
    bias: Bias


def null_rows(runs: Sequence[Reduced], stored: Sequence[Replicates] = ()) -> list[NullRow]:
    """Return the null cells that all runs have measured. Their intervals are at a level of 99 %, by moderated t."""
    tests = []
    for name in in_all(runs):
        place = runs[0].views[name].place
        quantity = NULL_QUANTITIES.get(place.strategy)
        if quantity is not None and all(quantity in run.views[name].values for run in runs):
            key = GroupKey(place.family, place.strategy, None, ALL, quantity)
            tests.append(hypothesis(key, [name], runs, ()))
    df = len(runs) - 1
    estimates = [Estimate(variance_of(test.base), df, test.key.kind, prior(test, stored)) for test in tests]
    found = []
    for test, (variance, freedom) in zip(tests, moderated(estimates), strict=True):
        middle = fmean(test.base)
        reach = math.inf if not freedom else student_quantile((1 + LEVEL) / 2, freedom)
        reach *= math.sqrt(variance / len(runs)) if variance else 1.0
        low, high = (math.exp(min(middle + side * reach, 700.0)) for side in (-1, 1))
        ratio = Summary(len(runs), math.exp(middle), low, high)
        (name,) = test.ids
        seconds = math.exp(fmean(run.views[name].values[TIME] for run in runs))
        found.append(NullRow(test.key.family, name, ratio, bias(ratio, seconds)))
    return found


def null_rows_of(rows: Sequence[Metrics]) -> list[NullRow]:
    """Return the null rows among the rows of a summary, whose intervals are at a level of 95 %."""
    return [
        NullRow(row.place.family, row.place.id, ratio, bias(ratio, row.time.center))
        for row in rows
        if (ratio := null_ratio(row)) is not None
    ]


def bias_line(nulls: Sequence[NullRow], most: int | None = None) -> str:
    """Say what null rows tell: which families are biased, and what bias could hide in the others, in `most` of them."""
    if not nulls:
        return "no null rows, so a bias towards an arm would go unnoticed"
    biased = {row.family for row in nulls if row.bias is Bias.BIASED}
    passed = sum(row.bias is Bias.SMALL for row in nulls)
    unclear = sum(row.bias is Bias.UNKNOWN for row in nulls)
    text = f"{passed} of {len(nulls)} passed{f', {unclear} unclear' if unclear else ''}"
    off = ", ".join(f"{row.family} {known(row.ratio)}" for row in nulls if row.bias is Bias.BIASED)
    hiding: dict[str, float] = {}
    for row in nulls:
        if row.family not in biased:
            hiding[row.family] = max(hiding.get(row.family, 0.0), hidden(row.ratio))
    worst = sorted(hiding, key=hiding.__getitem__, reverse=True)[:most]
    told = ", ".join(f"{_bias(hiding[family])} ({family})" for family in worst)
    return "; ".join(
        part for part in (text, f"biased: {off}" if off else "", f"undetected bias {told}" if told else "") if part
    )


def _bias(share: float) -> str:
    return f"up to {units.percent(share)}" if share < VAIN else "any amount"
