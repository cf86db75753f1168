"""Which hypotheses two samples are asked about: groups of cells, and the cells inside a group.

A slower call shows in many cells at once, so the groups come first: the mean over the cells that a strategy has in a
family. A mean must not dilute: a dearer call is 10 % of a short task's cell and nothing of a long one's, more work in
each task the other way round. Where a family is judged by overhead, its cells are therefore two groups: those with long
tasks, in which bare processes would take at least half of the strategy's time, are judged by speedup and efficiency;
those with short tasks, in which the strategy itself takes most of it, by the overhead in seconds. And where a family
has several start methods, each is a group of its own: a version of Python may change one and leave the others alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean, median

from benchmarks.report.judge import GroupKey, Hypothesis
from benchmarks.report.metrics import NULLS
from benchmarks.report.quantities import quantity_of
from benchmarks.report.runs import Place
from benchmarks.report.samples import Reduced
from benchmarks.words import ALL

LEAST_SCALE = 1e-9
"""Seconds: a mean overhead below this is none, and nothing can be a share of it."""


def groups(shared: Sequence[str], base: Sequence[Reduced], new: Sequence[Reduced]) -> list[Hypothesis]:
    """Return a hypothesis for each strategy of a family, each start method, part and quantity that it is judged by."""
    members: dict[GroupKey, list[str]] = {}
    runs = (*base, *new)
    places = [base[0].views[name].place for name in shared]
    several = several_start_methods(places)
    for name, place in zip(shared, places, strict=True):
        if place.strategy in NULLS:
            continue
        method = place.start_method if place.family in several else None
        judged_by = base[0].families[place.family].judged_by
        part = place.part
        for quantity in judged_by:
            fits = part == ALL or quantity_of(quantity).judged_for in {part, ALL}
            if fits and all(quantity in run.views[name].values for run in runs):
                key = GroupKey(place.family, place.strategy, method, part, quantity)
                members.setdefault(key, []).append(name)
    return [hypothesis(key, names, base, new) for key, names in members.items()]


def several_start_methods(places: Iterable[Place]) -> set[str]:
    """Return the families of which there are cells with different start methods."""
    methods: dict[str, set[str]] = {}
    for place in places:
        if place.start_method is not None:
            methods.setdefault(place.family, set()).add(place.start_method)
    return {family for family, found in methods.items() if len(found) > 1}


def hypothesis(key: GroupKey, ids: Sequence[str], base: Sequence[Reduced], new: Sequence[Reduced]) -> Hypothesis:
    """Return the hypothesis of some cells: the mean over them of a quantity, a value a run."""
    quantity = key.quantity
    if not quantity_of(quantity).signed:
        sides = [[fmean([run.views[name].values[quantity] for name in ids]) for run in side] for side in (base, new)]
        return Hypothesis(key, tuple(ids), tuple(sides[0]), tuple(sides[1]))
    # Of both samples: a share of the base's mean alone would have that mean's noise in it, which gave twice the false
    # alarms that were asked for. One run gone mad must not turn the sign of what is most of its cell's time.
    both = (*base, *new)
    scales = {name: max(fmean([run.views[name].values[quantity] for run in both]), LEAST_SCALE) for name in ids}
    sides = [
        [fmean([run.views[name].values[quantity] / scales[name] for name in ids]) for run in side]
        for side in (base, new)
    ]
    return Hypothesis(key, tuple(ids), tuple(sides[0]), tuple(sides[1]), fmean(scales.values()))


def cells_of(group: Hypothesis, base: Sequence[Reduced], new: Sequence[Reduced]) -> list[Hypothesis]:
    """Return the hypotheses of a group's cells, one each."""
    return [hypothesis(group.key, (name,), base, new) for name in group.ids]


def with_quantity(
    group: Hypothesis, quantity: str, base: Sequence[Reduced], new: Sequence[Reduced]
) -> Hypothesis | None:
    """Return the same cells with another quantity, None where a run does not have it."""
    if not all(quantity in run.views[name].values for run in (*base, *new) for name in group.ids):
        return None
    return hypothesis(group.key._replace(quantity=quantity), group.ids, base, new)


def single_run_spreads(tests: Sequence[Hypothesis], base: Reduced, new: Reduced) -> dict[str, float]:
    """Return the spread of a cell's difference, by quantity, where there is one run a side.

    From all cells that are judged by the quantity, and the nulls: 1.4826 times the median of the absolute differences
    is the standard deviation of normal ones. Taken about zero: if everything moved, nothing stands out.
    """
    moved: dict[str, list[float]] = {}
    for test in tests:
        moved.setdefault(test.key.quantity, []).extend(abs(cell.difference) for cell in cells_of(test, [base], [new]))
    for quantity, found in moved.items():
        if not quantity_of(quantity).signed:
            found += [
                abs(new.views[name].values[quantity] - view.values[quantity])
                for name, view in base.views.items()
                if view.place.strategy in NULLS and name in new.views
                if quantity in view.values and quantity in new.views[name].values
            ]
    return {quantity: 1.4826 * median(found) for quantity, found in moved.items()}
