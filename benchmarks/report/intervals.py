"""Intervals that hold the mean of further runs as often as they say.

What is missing in the rounds of one run lies between runs: intervals over rounds held the mean of four other runs in 55
to 84 of 100 cases, for a nominal 95. So the spread between runs counts, of these runs and of stored ones; of a cell,
shrunk to that of its kind. Where nothing but the rounds of one run is known, theirs is widened by what it lacked in
the baselines.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import fmean, median

from benchmarks.report.metrics import NULLS, Metrics, row_of
from benchmarks.report.quantities import MACHINE_SPEEDUP, QUANTITIES, TIME
from benchmarks.report.runs import Place
from benchmarks.report.samples import Reduced, observed
from benchmarks.report.stats import CONFIDENCE, Prior, Summary, moderate, student_quantile, variance_of
from benchmarks.report.stored import Replicates
from benchmarks.report.variances import Estimate, moderated, pooled
from benchmarks.words import EFFICIENCY, FIRST_RESULT, OR, OVERHEAD, PEAK_MEMORY, SPEEDUP

KIND_DF = 8.0
"""Degrees of freedom that the spread of all cells of a kind counts for in that of each."""

CELL_DF = 9.0
"""Degrees of freedom that the stored runs of a cell count for at most beside `KIND_DF`."""

ANOTHER_DAY_DF = 3.0
"""Degrees of freedom that stored runs count for at most in an interval: a single run cannot tell how noisy its day is.

With the 17 that they would have, the intervals of twenty runs held the mean of the others in 90 %, those of `dispatch`
in 74 %, whose day was noisier than that of the 30 baselines; with 3 in 95 %.
"""

Kind = tuple[str, str | None, str]

WIDENING = {
    TIME: 4.1,
    SPEEDUP: 2.4,
    MACHINE_SPEEDUP: 2.4,
    EFFICIENCY: 1.7,
    OVERHEAD: 2.8,
    FIRST_RESULT: 7.2,
    PEAK_MEMORY: 17.1,
}
"""By how much intervals over the rounds of one run are too narrow for the mean of further runs.

As many times as long they held the mean of nineteen others in 95 % (twenty runs, `benchmarks.evidence.coverage`).
"""

Reaches = Mapping[tuple[str, str], float]
"""Half of a cell's interval for a quantity, by both: in logs, or as a share of its mean for one that is signed."""


def reaches(runs: Sequence[Reduced], names: Sequence[str], stored: Sequence[Replicates]) -> Reaches:
    """Return half of the 95 % interval for the mean of further runs, for the cells that some runs share.

    By moderated t. Without stored runs a single one has none.
    """
    keys: list[tuple[str, str]] = []
    estimates: list[Estimate] = []
    known = _spreads(stored)
    for name in names:
        for quantity in QUANTITIES:
            values = _values(runs, name, quantity)
            if values is not None:
                keys.append((name, quantity))
                kind = _kind(runs[0].views[name].place, quantity)
                estimates.append(Estimate(variance_of(values), len(runs) - 1, kind, known.get((name, quantity))))
    by_kind: dict[object, list[int]] = {}
    for place, estimate in enumerate(estimates):
        by_kind.setdefault(estimate.kind, []).append(place)
    found = {}
    for places in by_kind.values():  # each for itself: a quantity may be noisier today and another not
        own = moderated([estimates[place] for place in places], ANOTHER_DAY_DF)
        for place, (variance, df) in zip(places, own, strict=True):
            if df:
                found[keys[place]] = student_quantile((1 + CONFIDENCE) / 2, df) * math.sqrt(variance / len(runs))
    return found


def _values(runs: Sequence[Reduced], name: str, quantity: str) -> list[float] | None:
    """Return a cell's values as they are judged, those of a signed quantity as shares of their mean.

    None where a run does not have them, or where nothing can be a share of that mean.
    """
    values = [run.views[name].values.get(quantity) for run in runs if name in run.views]
    known = [value for value in values if value is not None]
    if len(known) < len(runs):
        return None
    if not QUANTITIES[quantity].signed:
        return known
    scale = abs(fmean(known))
    return [value / scale for value in known] if scale else None


def _spreads(stored: Sequence[Replicates]) -> dict[tuple[str, str], Prior]:
    """Return what stored runs say of the variance of each cell and quantity, shrunk to that of its kind."""
    samples: dict[tuple[str, str], list[list[float]]] = {}
    kinds: dict[tuple[str, str], Kind] = {}
    for runs in stored:
        for name, view in runs[0].views.items():
            for quantity in QUANTITIES:
                values = _values(runs, name, quantity)
                if values is not None:
                    samples.setdefault((name, quantity), []).append(values)
                    kinds[name, quantity] = _kind(view.place, quantity)
    of_cells = {key: prior for key, some in samples.items() if (prior := pooled(some, CELL_DF)) is not None}
    of_kinds: dict[Kind, list[Prior]] = {}
    for key, prior in of_cells.items():
        of_kinds.setdefault(kinds[key], []).append(prior)
    found = {}
    for key, prior in of_cells.items():
        alike = of_kinds[kinds[key]]
        typical = sum(one.variance * one.df for one in alike) / sum(one.df for one in alike)
        variance, df = moderate(prior.variance, prior.df, Prior(typical, KIND_DF))
        found[key] = Prior(variance, min(df, ANOTHER_DAY_DF))
    return found


def _kind(place: Place, quantity: str) -> Kind:
    """Return what cells have in common whose spreads tell of each other: a null row's is of another size."""
    return place.family, place.strategy if place.strategy in NULLS else None, quantity


def _around(middle: float, quantity: str, reach: float, n: int) -> Summary:
    """Return a value with its interval; `reach` is that of `reaches`."""
    of = QUANTITIES[quantity]
    judged = of.judged(middle)
    reach = reach * abs(judged) if of.signed else reach
    low, high = sorted(of.unjudged(judged + side * reach) for side in (-1, 1))
    return Summary(n, middle, low, high)


def of_one_run(row: Metrics, found: Reaches) -> Metrics:
    """Return the row of a run with intervals for the mean of further runs instead of those over its rounds."""

    def known(quantity: str, value: Summary) -> Summary:
        reach = found.get((row.place.id, quantity))
        if reach is None or not (value.center > 0 or QUANTITIES[quantity].signed):
            return _widened(value, quantity)
        return _around(value.center, quantity, reach, value.n)

    return replace(
        row,
        time=known(TIME, row.time),
        speedup=row.speedup and known(SPEEDUP, row.speedup),
        machine_speedup=row.machine_speedup and known(MACHINE_SPEEDUP, row.machine_speedup),
        efficiency=row.efficiency and known(EFFICIENCY, row.efficiency),
        overhead=row.overhead and known(OVERHEAD, row.overhead),
        first_result=row.first_result and known(FIRST_RESULT, row.first_result),
        peak_memory=row.peak_memory and known(PEAK_MEMORY, row.peak_memory),
    )


def _widened(value: Summary, quantity: str) -> Summary:
    """Widen an interval over rounds to each side by the factor that it lacks, in logs unless it is signed."""
    if value.low is None or value.high is None:
        return value
    of, factor = QUANTITIES[quantity], WIDENING[quantity]
    if of.signed or min(value.low, value.center) <= 0:
        bounds = [value.center + factor * (bound - value.center) for bound in (value.low, value.high)]
    else:
        bounds = [value.center * (bound / value.center) ** factor for bound in (value.low, value.high)]
    return replace(value, low=bounds[0], high=bounds[1])


def between_runs(runs: Sequence[Reduced], names: Sequence[str], stored: Sequence[Replicates]) -> Iterator[Metrics]:
    """Yield the rows of cells over two runs or more: means of the runs' values as they are judged, with intervals."""
    known = reaches(runs, names, stored)
    for name in names:
        views = [run.views[name] for run in runs]
        found = {}
        for quantity, of in QUANTITIES.items():
            values = [view.values[quantity] for view in views if quantity in view.values]
            if len(values) == len(views):
                reach = known.get((name, quantity), 0.0)
                found[quantity] = _around(of.unjudged(fmean(values)), quantity, reach, len(values))
        yield row_of(
            views[0].place,
            found,
            tail=None,
            measures=[
                (what, (median([view.measures[what][0] for view in views if what in view.measures]), unit))
                for what, (_, unit) in views[0].measures.items()
            ],
            observed={what: OR.join(observed(views, what)) for what in views[0].observed},
        )
