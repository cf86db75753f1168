"""Two samples of runs: what changed, by how much, how surely, and by whose doing.

The unit of replication is the run. The rounds of one process share its luck: taken for replicates, they turn almost
every comparison of identical code into a "significant" one. Of each run and cell there is one number, the log of the
median over rounds of each quantity that the cell's family is judged by.

A slower call shows in many cells at once, so the pools come first: the mean over the cells that a strategy has in a
family. All pools together are one family of tests (Holm). Inside a pool that changed, its cells say where.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from statistics import mean, median

from benchmarks.report.metrics import NULLS
from benchmarks.report.runs import DataError
from benchmarks.report.samples import Reduced, differences
from benchmarks.report.stats import Prior, holm, moderate, prior_of, student_cdf, student_quantile, variance_of

POWER = 0.95
SINGLE_DF = 3.0
"""Degrees of freedom of a test between two single runs: few, since the largest of many differences has a heavy tail."""

MOST_RUNS = 100
NULLS_TO_HOLD = 0.9
"""The share of null rows that must hold before anything is judged: of 130 in ten runs of one program, 128 did."""

STRATEGY = "strategy"
MACHINE = "machine"
SERIAL = "serial code"


class Verdict(StrEnum):
    """What can be said of a change."""

    REGRESSED = "REGRESSED"
    IMPROVED = "IMPROVED"
    UNCHANGED = "unchanged"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Rule:
    """When a change counts: family-wise adjusted p below `alpha`, and at least `margin` (a share, 0.05 is 5 %)."""

    margin: float = 0.05
    alpha: float = 0.01

    @property
    def bound(self) -> float:
        """The margin as a log."""
        return math.log1p(self.margin)


@dataclass(frozen=True)
class Change:
    """How a quantity of a pool, or of one of its cells (`cell`), differs between two samples.

    `base_values` and `new_values` are the logs of the quantity, a value a run. `change` is the difference of their
    means, positive for the worse, with its interval at the level 1 - alpha. `sigma` is the
    spread between runs that was used. `detectable` is the smallest change, as a share, that these numbers of runs find
    with a power of 95 %; `runs_needed` the runs a side that would find the margin so, None beyond `MOST_RUNS`.
    """

    family: str
    strategy: str
    quantity: str
    cell: str | None
    cells: int
    base: float
    new: float
    base_values: tuple[float, ...]
    new_values: tuple[float, ...]
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
        """The difference of the logs."""
        return self.new - self.base


@dataclass(frozen=True)
class Comparison:
    """All that two samples say about each other.

    `appeared` and `vanished` are cells that are planned on one side only, `missing` those that were not measured in
    each run of both, though they were planned and could have been.
    """

    rule: Rule
    runs: tuple[int, int]
    pools: tuple[Change, ...]
    cells: tuple[Change, ...]
    appeared: tuple[str, ...]
    vanished: tuple[str, ...]
    missing: tuple[str, ...]
    differences: tuple[str, ...]
    nulls: int
    nulls_held: int

    @property
    def nulls_hold(self) -> bool:
        """Whether enough null rows of both samples hold for anything to be judged."""
        return self.nulls_held >= NULLS_TO_HOLD * self.nulls

    @property
    def judged(self) -> bool:
        """Whether the samples can be compared at all."""
        return self.nulls_hold and not self.differences and bool(self.pools)

    @property
    def regressed(self) -> tuple[Change, ...]:
        """The pools that got worse by their own doing."""
        return tuple(pool for pool in self.pools if pool.verdict is Verdict.REGRESSED and pool.cause == STRATEGY)


@dataclass(frozen=True)
class _Test:
    """A hypothesis with its numbers, a value a run on each side."""

    family: str
    strategy: str
    quantity: str
    ids: tuple[str, ...]
    base: tuple[float, ...]
    new: tuple[float, ...]

    @property
    def df(self) -> int:
        return len(self.base) + len(self.new) - 2

    @property
    def difference(self) -> float:
        return mean(self.new) - mean(self.base)

    @property
    def variance(self) -> float:
        squares = sum(variance_of(side) * (len(side) - 1) for side in (self.base, self.new))
        return squares / max(1, self.df)


def compare(base: Sequence[Reduced], new: Sequence[Reduced], rule: Rule, across: Iterable[str] = ()) -> Comparison:
    """Compare two samples of at least one run each.

    Raises DataError if they have no cell in common.
    """
    runs = (*base, *new)
    shared = [name for name in base[0].views if all(name in run.views for run in runs)]
    if not shared:
        raise DataError(f"{base[0].source} and {new[0].source} have no measured cell in common: nothing to compare")
    pools = _pools(shared, base, new)
    spread = _single_run_spread(shared, base[0], new[0]) if len(runs) == 2 else None
    judged = _judge(pools, rule, spread)
    judged = [_attributed(change, test, base, new) for change, test in zip(judged, pools, strict=True)]
    cells: list[Change] = []
    for change, pool in zip(judged, pools, strict=True):
        parts = [_test(pool, (name,), base, new) for name in pool.ids]
        found = [
            replace(part, cell=name, cause=change.cause)
            for part, name in zip(_judge(parts, rule, spread), pool.ids, strict=True)
        ]
        sure = change.verdict in {Verdict.REGRESSED, Verdict.IMPROVED}
        cells += found if sure else [_without_verdict(cell) for cell in found]
    planned_base, planned_new = ({name for run in side for name in run.outcomes} for side in (base, new))
    both = planned_base & planned_new
    wanted = {name for name in both if any(run.outcomes.get(name) != "skipped" for run in runs)}
    return Comparison(
        rule=rule,
        runs=(len(base), len(new)),
        pools=tuple(judged),
        cells=tuple(cells),
        appeared=tuple(sorted(planned_new - planned_base)),
        vanished=tuple(sorted(planned_base - planned_new)),
        missing=tuple(sorted(wanted - set(shared))),
        differences=tuple(differences(base, new, across, shared)),
        nulls=sum(run.nulls for run in runs),
        nulls_held=sum(run.nulls_held for run in runs),
    )


def _pools(shared: Sequence[str], base: Sequence[Reduced], new: Sequence[Reduced]) -> list[_Test]:
    """Return a hypothesis for each strategy of a family and each quantity that the family is judged by."""
    members: dict[tuple[str, str, str], list[str]] = {}
    for name in shared:
        view = base[0].views[name]
        for quantity in base[0].judged_by[view.family]:
            has = all(quantity in run.views[name].logs for run in (*base, *new))
            if has and view.strategy not in NULLS:
                members.setdefault((view.family, view.strategy, quantity), []).append(name)
    return [_test(_Test(*key, ids=(), base=(), new=()), tuple(names), base, new) for key, names in members.items()]


def _test(like: _Test, ids: tuple[str, ...], base: Sequence[Reduced], new: Sequence[Reduced]) -> _Test:
    def values(side: Sequence[Reduced]) -> tuple[float, ...]:
        return tuple(mean(run.views[name].logs[like.quantity] for name in ids) for run in side)

    return replace(like, ids=ids, base=values(base), new=values(new))


def _single_run_spread(shared: Sequence[str], base: Reduced, new: Reduced) -> float:
    """Return the spread of a cell's difference, from all cells and nulls, where there is one run a side.

    1.4826 times the median of the absolute differences is the standard deviation of normal ones. Taken about zero, and
    over all cells: if everything moved, nothing stands out.
    """
    moved = [
        abs(new.views[name].logs[quantity] - base.views[name].logs[quantity])
        for name in shared
        for quantity in base.judged_by[base.views[name].family]
        if quantity in base.views[name].logs and quantity in new.views[name].logs
    ]
    return 1.4826 * median(moved) if moved else math.inf


def _judge(tests: Sequence[_Test], rule: Rule, spread: float | None) -> list[Change]:
    """Turn hypotheses into changes; all of them together are one family of tests.

    `spread` is the standard deviation of a difference where there is one run a side, and so none between runs.
    """
    priors = _priors(tests)
    moderated = []
    for test in tests:
        if spread is None:
            variance, df = moderate(test.variance, test.df, priors[test.quantity])
            error = math.sqrt(variance * (1 / len(test.base) + 1 / len(test.new)))
            moderated.append((math.sqrt(variance), df, error))
        else:
            moderated.append((spread / math.sqrt(2), SINGLE_DF, spread))
    p_values = [
        2 * student_cdf(-abs(test.difference) / error, df) if error else float(not test.difference)
        for test, (_, df, error) in zip(tests, moderated, strict=True)
    ]
    return [
        _change(test, numbers, p, rule, len(tests))
        for test, numbers, p in zip(tests, moderated, holm(p_values), strict=True)
    ]


def _priors(tests: Sequence[_Test]) -> dict[str, Prior]:
    """Return what the variances of each quantity say of each other."""
    variances: dict[str, list[float]] = {}
    for test in tests:
        variances.setdefault(test.quantity, []).append(test.variance)
    return {quantity: prior_of(found, tests[0].df) for quantity, found in variances.items() if tests[0].df}


def _change(test: _Test, numbers: tuple[float, float, float], p: float, rule: Rule, hypotheses: int) -> Change:
    sigma, df, error = numbers
    difference = test.difference
    reach = quantile(1 - rule.alpha / 2, df) * error
    low, high = difference - reach, difference + reach
    verdict = Verdict.INCONCLUSIVE
    if p < rule.alpha and abs(difference) >= rule.bound:
        verdict = Verdict.REGRESSED if difference > 0 else Verdict.IMPROVED
    elif -rule.bound < low and high < rule.bound:
        verdict = Verdict.UNCHANGED
    level = 1 - rule.alpha / (2 * hypotheses)
    return Change(
        family=test.family,
        strategy=test.strategy,
        quantity=test.quantity,
        cell=None,
        cells=len(test.ids),
        base=mean(test.base),
        new=mean(test.new),
        base_values=test.base,
        new_values=test.new,
        low=low,
        high=high,
        adjusted_p=p,
        sigma=sigma,
        verdict=verdict,
        cause=None,
        detectable=detectable_change(error, df, rule, hypotheses),
        runs_needed=runs_needed(sigma, df, level, rule.bound),
    )


@cache
def quantile(probability: float, df: float) -> float:
    """Return a quantile of Student's t; they are asked for again and again."""
    return student_quantile(probability, df)


def runs_needed(sigma: float, df: float, level: float, bound: float) -> int | None:
    """Return how many runs a side find a change of `bound` with a power of 95 %, None beyond `MOST_RUNS`.

    The normal quantiles stand in for those of the larger samples, those of today's `df` for the smaller: the number
    is a guide, and a gate at the margin itself finds a change of just that size half of the time whatever the runs.
    """
    reach = quantile(level, max(df, 8.0)) + quantile(POWER, max(df, 8.0))
    runs = math.ceil(2 * (reach * sigma / bound) ** 2)
    return max(2, runs) if runs <= MOST_RUNS else None


def _attributed(change: Change, test: _Test, base: Sequence[Reduced], new: Sequence[Reduced]) -> Change:
    """Add whose doing a change is.

    strategy / floor is the strategy's own. strategy / serial is that times floor / serial: if the strategy's own part
    did not change, the rest is the machine's parallel capacity or the serial code, whichever of the two arms moved.
    A plain time is the strategy's only if its ratio to the floor explains at least half of it.
    """
    if change.verdict not in {Verdict.REGRESSED, Verdict.IMPROVED}:
        return change
    if test.quantity in {"efficiency", "CPU time"}:
        return replace(change, cause=STRATEGY)

    def moved(quantity: str) -> float | None:
        if not all(quantity in run.views[name].logs for run in (*base, *new) for name in test.ids):
            return None
        part = _test(replace(test, quantity=quantity), test.ids, base, new)
        return part.difference

    own, serial, floor = moved("efficiency"), moved("serial time"), moved("floor time")
    if own is None or own / change.change >= 0.5:
        return replace(change, cause=STRATEGY)
    if serial is not None and floor is not None and abs(serial) > abs(floor):
        return replace(change, cause=SERIAL)
    return replace(change, cause=MACHINE)


def _without_verdict(cell: Change) -> Change:
    """Take back the verdict of a cell whose pool did not change: among so many cells some stand out by chance."""
    sure = cell.verdict in {Verdict.REGRESSED, Verdict.IMPROVED}
    return replace(cell, verdict=Verdict.INCONCLUSIVE) if sure else cell


@dataclass(frozen=True)
class Spread:
    """How far the runs of one sample differ in a pool: `sigma` of the logs, with `df` degrees of freedom.

    `prior_df` is the part of them that comes from the other pools.
    """

    family: str
    strategy: str
    quantity: str
    cells: int
    sigma: float
    df: float
    prior_df: float

    def detectable(self, runs: int, rule: Rule, hypotheses: int) -> float:
        """Return the smallest change, as a share, that `runs` runs a side would find with a power of 95 %."""
        df = SINGLE_DF if runs == 1 else 2 * runs - 2 + self.prior_df
        return detectable_change(self.sigma * math.sqrt(2 / runs), df, rule, hypotheses)


def pool_spreads(runs: Sequence[Reduced]) -> list[Spread]:
    """Return the spread between runs of each pool, moderated as a comparison would.

    Raises DataError if there are fewer than two runs, or if they differ in what one sample must share.
    """
    if len(runs) < 2:
        raise DataError(f"{runs[0].source}: a spread between runs needs two runs or more of one name")
    shared = [name for name in runs[0].views if all(name in run.views for run in runs)]
    different = differences(runs[:1], runs[1:], (), shared)
    if different:
        raise DataError(f"{runs[0].source} and others of one name differ ({different[0]}): they are not one sample")
    # one side alone: its deviations from its mean, with one degree of freedom less than runs
    tests = [replace(test, new=(mean(test.base),)) for test in _pools(shared, runs, runs[:1])]
    priors = _priors(tests)
    found = []
    for test in tests:
        variance, df = moderate(test.variance, test.df, priors[test.quantity])
        names = (test.family, test.strategy, test.quantity)
        found.append(Spread(*names, len(test.ids), math.sqrt(variance), df, df - test.df))
    return found


def detectable_change(error: float, df: float, rule: Rule, hypotheses: int) -> float:
    """Return the smallest change, as a share, that is found with a power of 95 %.

    `error` is the standard error of the difference. The sum of what the test asks for and what the power asks for; a
    change below the margin is never reported, and one beyond e^10 is beyond reason.
    """
    reach = (quantile(1 - rule.alpha / (2 * hypotheses), df) + quantile(POWER, df)) * error
    return max(rule.margin, math.expm1(min(reach, 10.0)))
