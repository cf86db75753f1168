"""Which hypotheses two samples are asked about: groups of cells, and the cells inside a group.

A slower call shows in many cells at once, so the groups come first: the mean over the cells that a strategy has in a
family. A mean must not dilute: a dearer call is 10 % of a short task's cell and nothing of a long one's, more work in
each task the other way round. Where a family tells short tasks from long ones, its cells are therefore two groups: long
tasks are judged by speedup and efficiency, short ones by the overhead in seconds. Which is which the family declares:
measured, cells near the border would change sides from run to run, and the verdict with whoever is the base. And where
a family has several start methods, each is a group of its own: a version of Python may change one and leave the others
alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean

from benchmarks.report.judge import GroupKey, Hypothesis
from benchmarks.report.metrics import NULLS
from benchmarks.report.quantities import quantity_of
from benchmarks.report.runs import Place
from benchmarks.report.samples import Reduced
from benchmarks.report.stats import Prior
from benchmarks.report.stored import Replicates
from benchmarks.report.variances import pooled
from benchmarks.words import ALL

LEAST_SCALE = 1e-9
"""Seconds: a mean overhead below this is none, and nothing can be a share of it."""


def groups(
    shared: Sequence[str], base: Sequence[Reduced], new: Sequence[Reduced]
) -> tuple[list[Hypothesis], list[str]]:
    """Return a hypothesis for each strategy of a family, each start method, part and quantity that it is judged by.

    And what is lacking: the quantities that some runs have of a cell and others do not, in words. A group does without
    such a cell. What no run has is not there to be judged, such as CPU time where the system does not tell.
    """
    members: dict[GroupKey, list[str]] = {}
    lacking: list[str] = []
    runs = (*base, *new)
    places = [base[0].views[name].place for name in shared]
    several = several_start_methods(places)
    for name, place in zip(shared, places, strict=True):
        if place.strategy in NULLS:
            continue
        method = place.start_method if place.family in several else None
        for quantity in _judged_by(place.family, runs):
            if place.part != ALL and quantity_of(quantity).judged_for not in {place.part, ALL}:
                continue
            known = sum(quantity in run.views[name].values for run in runs)
            if known == len(runs):
                key = GroupKey(place.family, place.strategy, method, place.part, quantity)
                members.setdefault(key, []).append(name)
            elif known:
                lacking.append(f"{quantity} of {place.label} (in {len(runs) - known} of {len(runs)} runs)")
    return [hypothesis(key, names, base, new) for key, names in members.items()], lacking


def _judged_by(family: str, runs: Sequence[Reduced]) -> list[str]:
    """Return the quantities by which every run says that a family is judged."""
    said = [run.families[family].judged_by for run in runs]
    return [quantity for quantity in said[0] if all(quantity in one for one in said)]


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


def prior(test: Hypothesis, sets: Sequence[Replicates]) -> Prior | None:
    """Return what stored runs say of the variance of a hypothesis; None where they do not have its cells."""
    quantity = test.key.quantity
    return pooled(
        [
            hypothesis(test.key, test.ids, runs, ()).base
            for runs in sets
            if all(name in run.views and quantity in run.views[name].values for run in runs for name in test.ids)
        ]
    )


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
