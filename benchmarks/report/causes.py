"""Whose doing a change is: that of the strategy, of bare processes, of the serial code, or nobody can tell.

A ratio moves with either of its arms. A change is put down to one of them only where that is sure, for each of two
witnesses has noise of its own: the arms' own times differ between runs by much more than their ratio does. What a
witness says is how much of a change is the strategy's own, less half of the change: whether that is above zero, or
below, is a test like any other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from functools import partial
from statistics import fmean, median

from benchmarks.report.groups import hypothesis, with_quantity
from benchmarks.report.judge import Change, Hypothesis
from benchmarks.report.metrics import NULLS
from benchmarks.report.quantities import CPU_SECONDS, FLOOR_TIME, SERIAL_TIME
from benchmarks.report.samples import Reduced, in_all
from benchmarks.report.stats import student_cdf
from benchmarks.report.stored import Replicates
from benchmarks.report.variances import Estimate, moderated, pooled
from benchmarks.words import CPU_TIME, EFFICIENCY, FUNCTION_TIME, OVERHEAD, PEAK_MEMORY, SPEEDUP

HALF = 0.5
"""A change is a strategy's own where its own part explains this much of it: most of it, that is."""

SURE = 0.01
"""The chance that a witness is believed who is wrong; one-sided, for each change."""

FLOOR_QUANTITIES = {EFFICIENCY, OVERHEAD, CPU_TIME}
"""Those that have the floor in them, and not the serial arm."""


ALONE = {PEAK_MEMORY, FUNCTION_TIME}
"""Those of which neither another arm nor another strategy says anything."""


class Cause(StrEnum):
    """Whose doing a change is.

    Bare processes are what machine and operating system give at all; where versions of Python differ, what its own
    start takes too.
    """

    STRATEGY = "strategy"
    FUNCTION = "the function"
    BARE_PROCESSES = "bare processes"
    SERIAL_CODE = "serial code"
    UNCLEAR = "cause unclear"


OWN_CAUSES = frozenset({Cause.STRATEGY, Cause.FUNCTION})
"""The causes that a comparison is after: what was measured has changed, not what it is measured against."""


Witness = Callable[[Hypothesis, Sequence[Reduced], Sequence[Reduced]], list[float] | None]
"""Returns what is a strategy's own of a quantity, less half of it, for each run of two samples; None if it cannot."""


def attributed(
    changes: Sequence[Change],
    tests: Sequence[Hypothesis],
    base: Sequence[Reduced],
    new: Sequence[Reduced],
    stored: Sequence[Replicates],
) -> list[Change]:
    """Add to each change that is sure whose doing it is."""
    if not any(change.verdict.sure for change in changes):
        return list(changes)
    witnesses = partial(_against_other_arms), partial(_against_other_strategies, tests)
    said = [_said(witness, tests, base, new, stored) for witness in witnesses]
    return [
        replace(change, cause=_cause(test, arms, others, base, new)) if change.verdict.sure else change
        for change, test, arms, others in zip(changes, tests, *said, strict=True)
    ]


def _cause(
    test: Hypothesis, arms: int | None, others: int | None, base: Sequence[Reduced], new: Sequence[Reduced]
) -> Cause:
    """Say whose doing a change is, from what the witnesses say: 1 for the strategy, -1 against it, 0 for neither.

    That all strategies changed alike is what another arm does to them, and what one cause in all of them does too: it
    says nothing against any. That one changed and the others did not is its own doing.
    """
    if test.key.quantity == FUNCTION_TIME:
        return Cause.FUNCTION  # what the machine did to it, it did to the loop that it is measured by
    if arms is None and others is None:
        return Cause.STRATEGY  # there is no other arm in the quantity
    if arms == -1:
        if others == 1:
            return Cause.UNCLEAR
        moved = [with_quantity(test, quantity, base, new) for quantity in (SERIAL_TIME, FLOOR_TIME)]
        serial, floor = (0.0 if other is None else abs(other.difference) for other in moved)
        of_loop = test.key.quantity not in FLOOR_QUANTITIES and serial > floor
        return Cause.SERIAL_CODE if of_loop else Cause.BARE_PROCESSES
    return Cause.STRATEGY if 1 in {arms, others} else Cause.UNCLEAR


def _said(
    witness: Witness,
    tests: Sequence[Hypothesis],
    base: Sequence[Reduced],
    new: Sequence[Reduced],
    stored: Sequence[Replicates],
) -> list[int | None]:
    """Return what a witness says of each change: 1, -1, or 0 where it is not sure, None where it knows nothing."""
    known: list[tuple[int, Hypothesis]] = []
    estimates: list[Estimate] = []
    for place, test in enumerate(tests):
        values = witness(test, base, new)
        if values is None:
            continue
        leaning = replace(test, base=tuple(values[: len(base)]), new=tuple(values[len(base) :]))
        sets = [runs for runs in stored if all(_has(run, test) for run in runs)]
        before = [witness(hypothesis(test.key, test.ids, runs, ()), runs, ()) for runs in sets]
        prior = pooled([some for some in before if some is not None])
        known.append((place, leaning))
        estimates.append(Estimate(leaning.variance, leaning.df, test.key.kind, prior))
    said: list[int | None] = [None] * len(tests)
    for (place, leaning), (variance, df) in zip(known, moderated(estimates), strict=True):
        error = math.sqrt(variance * leaning.shares)
        way = math.copysign(1.0, tests[place].difference) * leaning.difference
        sure = student_cdf(-abs(way) / error, df) < SURE if error else bool(way)
        said[place] = (1 if way > 0 else -1) if sure else 0
    return said


def _has(run: Reduced, test: Hypothesis) -> bool:
    return all(name in run.views and test.key.quantity in run.views[name].values for name in test.ids)


def _values(
    test: Hypothesis, quantity: str, base: Sequence[Reduced], new: Sequence[Reduced]
) -> tuple[float, ...] | None:
    other = with_quantity(test, quantity, base, new)
    return None if other is None else other.base + other.new


def _against_other_arms(test: Hypothesis, base: Sequence[Reduced], new: Sequence[Reduced]) -> list[float] | None:
    """Take the other arms of the same rounds for witnesses.

    For speedup, what efficiency changed by is the strategy's own. Where the floor is in a quantity, it is what that
    would have changed by had the floor stayed as it was. What is judged in seconds is taken against the serial loop, or
    else the floor: the speed of the machine moves all of them.
    """
    quantity = test.key.quantity
    values = test.base + test.new
    loop = _values(test, SERIAL_TIME, base, new)
    floor = _floor(test, base, new)
    if quantity in ALONE:
        return None
    if quantity == SPEEDUP:
        efficiency = _values(test, EFFICIENCY, base, new)
        if efficiency is not None:
            own = list(efficiency)
        elif loop is not None:
            own = [value + serial for value, serial in zip(values, loop, strict=True)]
        else:
            return None
    elif quantity in FLOOR_QUANTITIES:
        if floor is None:
            return None
        speed = loop if quantity == OVERHEAD and loop is not None else (0.0,) * len(values)
        own = [value - serial + bare for value, serial, bare in zip(values, speed, floor, strict=True)]
    else:
        machine = loop if loop is not None else floor
        if machine is None:
            return None
        own = [value - speed for value, speed in zip(values, machine, strict=True)]
    return [mine - HALF * value for mine, value in zip(own, values, strict=True)]


def _against_other_strategies(
    tests: Sequence[Hypothesis], test: Hypothesis, base: Sequence[Reduced], new: Sequence[Reduced]
) -> list[float] | None:
    """Take the other strategies of the family for witnesses: if the floor or the loop changed, they all did."""
    if test.key.quantity in ALONE:
        return None
    alike = [
        hypothesis(other.key, other.ids, base, new)
        for other in tests
        if other.key._replace(strategy="") == test.key._replace(strategy="")
        and other.key != test.key
        and all(_has(run, other) for run in (*base, *new))
    ]
    if not alike:
        return None
    # each about its own mean, over both samples: then the samples can be swapped
    every = [other.base + other.new for other in alike]
    centered = [[value - fmean(values) for value in values] for values in every]
    return [(1 - HALF) * value - median(column) for value, *column in zip(test.base + test.new, *centered, strict=True)]


def _floor(test: Hypothesis, base: Sequence[Reduced], new: Sequence[Reduced]) -> list[float] | None:
    """Return what the floor took in each run, over all such cells of the family: against the loop, where there is one.

    Of the overhead as a share of it, else as a log.
    """

    def floor(run: Reduced, name: str) -> float | None:
        values = run.views[name].values
        if test.key.quantity == CPU_TIME:
            bare = values[CPU_SECONDS] - values[CPU_TIME] if CPU_TIME in values else None
        else:
            bare = values.get(FLOOR_TIME)
        return None if bare is None else bare - values.get(SERIAL_TIME, 0.0)

    runs = (*base, *new)
    names = [
        name
        for name in in_all(runs)
        if (place := runs[0].views[name].place).family == test.key.family
        and test.key.start_method in {None, place.start_method}
        and (place.part, place.strategy in NULLS) == (test.key.part, False)
        and all(floor(run, name) is not None for run in runs)
    ]
    if not names:
        return None
    found = [fmean(floor(run, name) or 0.0 for name in names) for run in runs]
    if test.key.quantity != OVERHEAD:
        return found
    bare = fmean(math.exp(run.views[name].values[FLOOR_TIME]) for run in runs for name in test.ids)
    return [value * bare / (test.scale or 1.0) for value in found]
