"""Cells that one side has and the other has not, or under another name, and what is only observed."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Any

import pytest
from msgspec.structs import replace as changed

from benchmarks.report.compare import compare
from benchmarks.report.judge import Rule, Verdict
from benchmarks.report.runs import DataError
from benchmarks.report.samples import Reduced, View, aligned, of_python, python_of
from benchmarks.tests.made_up import params
from benchmarks.tests.sampled import STRATEGIES, run, sample
from benchmarks.tests.test_compare import verdicts
from benchmarks.words import SHORT


def test_a_start_method_is_judged_by_itself() -> None:
    """What got slower by forkserver alone is said of forkserver, and fork is left in peace."""
    samples = [sample(1), sample(2)]
    for runs, factor in zip(samples, (1.0, 1.5), strict=True):
        for each in runs:
            assert isinstance(each.views, dict)
            for name, view in list(each.views.items()):
                axes = changed(view.place.axes, start_method="forkserver")
                values = {key: value + math.log(factor) for key, value in view.values.items()}
                other = name.replace("[", "[forkserver-")
                each.views[other] = View(changed(view.place, id=other, axes=axes), values, {}, {})
    pools = [pool for pool in compare(samples[0], samples[1], Rule()).groups if pool.quantity == "efficiency"]

    assert {(pool.start_method, pool.verdict is Verdict.REGRESSED) for pool in pools} == {
        ("fork", False),
        ("forkserver", True),
    }
    assert {(pool.strategy, pool.start_method) for pool in pools} == {
        (name, method) for name in STRATEGIES for method in ("fork", "forkserver")
    }


def renamed(runs: list[Reduced], axes: dict[str, Any], *, keep: bool = False) -> list[Reduced]:
    """Return runs whose cells have other axes, and names that say so; `keep` keeps the former ones beside them."""
    found = []
    for each in runs:
        views = {}
        for name, view in each.views.items():
            other = f"{name}-other"
            views[other] = changed(view, place=changed(view.place, id=other, axes=changed(view.place.axes, **axes)))
        views |= each.views if keep else {}
        found.append(replace(each, views=views, outcomes=dict.fromkeys(views, "measured")))
    return found


def test_cells_that_differ_in_what_is_meant_are_paired() -> None:
    """Runs of 2 and of 4 workers are compared if that is meant, though their cells have other names."""
    base, new = sample(1), renamed(sample(2, slower={"Pool.map": 2}), {"workers": 4})

    with pytest.raises(DataError, match="has no measured cell in common with"):
        compare(base, aligned(base, new, []), Rule())
    result = compare(base, aligned(base, new, ["workers"]), Rule(), ["workers"])

    assert (result.appeared, result.vanished, result.differences) == ((), (), ())
    assert verdicts(result)["Pool.map"] == (Verdict.REGRESSED, "strategy")


def test_cells_of_a_family_about_workers_stay_apart() -> None:
    """Where a run has a cell for 2 workers and one for 4, each is paired with its like, whatever is meant."""
    both, one = renamed(sample(1), {"workers": 4}, keep=True), renamed(sample(2), {"workers": 8})

    assert aligned(both, one, ["workers"]) == one
    assert aligned(one, both, ["workers"]) == both
    assert aligned(sample(1), one, ["workers"]) != one


def test_a_cell_that_failed_has_its_name_from_the_other_runs() -> None:
    """A cell that one of the runs of 4 workers failed to measure is called failed, as that of 2 workers."""
    new = renamed(sample(2), {"workers": 4})
    assert isinstance(new[1].outcomes, dict)
    assert isinstance(new[1].views, dict)
    lost = next(iter(new[1].views))
    new[1].outcomes[lost] = "failed"
    del new[1].views[lost]
    base = sample(1)
    result = compare(base, aligned(base, new, ["workers"]), Rule(), ["workers"])

    assert result.failed == (lost.removesuffix("-other"),)
    assert (result.appeared, result.vanished) == ((), ())


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("3.13.0", ["3.13.0"]),
        ("3.13.9", ["3.13.1"]),
        ("3.14.0t", ["3.14.0t"]),
        ("3.14.2", ["3.14.0"]),
        ("3.15.2", ["3.13.0", "3.13.1", "3.14.0", "3.14.0t"]),
    ],
)
def test_runs_of_a_python(version: str, expected: list[str]) -> None:
    """The same release is taken, else another of the same version, else all, which then are not comparable."""

    def of(python: str) -> Reduced:
        facts = {"python": python.removesuffix("t"), "free_threaded": python.endswith("t")}
        return run(random.Random(1), facts=facts)

    runs = [of(python) for python in ("3.13.0", "3.13.1", "3.14.0", "3.14.0t")]

    assert [python_of(each) for each in of_python(runs, of(version))] == expected


def test_cells_that_swap_an_axis_are_not_comparable() -> None:
    """Cells differ one by one, though both sides have the same values somewhere."""
    base, new = sample(1), sample(2)
    for runs, numbers in ((base, (1, 2)), (new, (2, 1))):
        for each in runs:
            assert isinstance(each.views, dict)
            for place, (name, view) in enumerate(list(each.views.items())):
                each.views[name] = changed(view, place=changed(view.place, axes=params(workers=numbers[place % 2])))

    assert compare(base, new, Rule()).differences == ("workers: 1, 2 against 1, 2",)
    assert compare(base, base, Rule()).differences == ()


def test_samples_without_a_common_cell() -> None:
    """There is nothing to compare, and that is said."""
    other = run(random.Random(1))
    renamed = Reduced(**{**vars(other), "views": {f"x{name}": view for name, view in other.views.items()}})
    with pytest.raises(DataError, match="has no measured cell in common with"):
        compare([other], [renamed], Rule())


def test_appeared_vanished_missing() -> None:
    """Cells that are planned on one side only are listed, and those that a run lost; what no run could have is not."""
    base, new = sample(1), sample(2)
    assert isinstance(new[0].outcomes, dict)
    assert isinstance(base[0].outcomes, dict)
    assert isinstance(new[3].outcomes, dict)
    assert isinstance(new[3].views, dict)
    base[0].outcomes["a.py::old"] = "measured"
    new[0].outcomes["a.py::new"] = "measured"
    lost = "bench_speedup.py::bench_count[1e4-Pool.map]"
    new[3].outcomes[lost] = "not reached"
    del new[3].views[lost]
    for side in (*base, *new):
        assert isinstance(side.outcomes, dict)
        side.outcomes["a.py::elsewhere"] = "skipped"
    result = compare(base, new, Rule())

    assert (result.appeared, result.vanished) == (("a.py::new",), ("a.py::old",))
    assert result.missing == (lost,)


def test_a_failed_cell_is_said_to_have_failed() -> None:
    """A cell that a new run failed to measure is listed as failed, not as missing or vanished."""
    base, new = sample(1), sample(2)
    assert isinstance(new[1].outcomes, dict)
    assert isinstance(new[1].views, dict)
    lost = "bench_speedup.py::bench_count[1e4-Pool.map]"
    new[1].outcomes[lost] = "failed"
    del new[1].views[lost]
    result = compare(base, new, Rule())

    assert (result.failed, result.missing, result.vanished) == ((lost,), (), ())


def test_what_was_observed_is_compared() -> None:
    """A pool that hung and now raises is said to do something else, and one that does the same is not."""
    base, new = sample(1, 2), sample(2, 2)
    name, other = list(base[0].views)[:2]
    for runs, seen in ((base, "hangs"), (new, "raises")):
        for each in runs:
            assert isinstance(each.views, dict)
            each.views[name] = changed(each.views[name], observed={"caller sees": seen})
            each.views[other] = changed(each.views[other], observed={"caller sees": "the same"})
    result = compare(base, new, Rule())

    assert result.observed == (f"{name.rpartition('::')[2]}, caller sees: hangs, now raises",)


def test_what_some_runs_observe_is_counted() -> None:
    """What one run of three saw, in one of its rounds, is said with how many runs saw it."""
    base, new = sample(1, 3), sample(2, 3)
    name = next(iter(base[0].views))
    for each in (*base, *new):
        assert isinstance(each.views, dict)
        seen = "raises or a hang" if each is new[1] else "raises"
        each.views[name] = changed(each.views[name], observed={"caller sees": seen})
    label = name.rpartition("::")[2]

    assert compare(base, new, Rule()).observed == (
        f"{label}, caller sees: raises, now raises or a hang in 1 of 3 runs",
    )


def test_a_quantity_that_one_run_lacks_is_listed() -> None:
    """A cell whose efficiency one run of ten does not tell leaves its group, and that is said; it fails the gate."""
    base, new = sample(1), sample(2)
    name = "bench_speedup.py::bench_count[1e4-Pool.map]"
    view = new[2].views[name]
    assert isinstance(new[2].views, dict)
    new[2].views[name] = changed(view, values={key: v for key, v in view.values.items() if key != "efficiency"})
    result = compare(base, new, Rule())

    assert result.lacking == ("efficiency of bench_count[1e4-Pool.map] (in 1 of 10 runs)",)
    assert (result.judged, result.whole) == (True, False)
    assert {
        group.cells for group in result.groups if (group.strategy, group.quantity) == ("Pool.map", "efficiency")
    } == {2}


def test_cells_that_count_as_long_and_as_short_are_not_comparable() -> None:
    """Which tasks are short the family declares; where two versions of it differ, that is named."""
    base, new = sample(1), sample(2)
    name = "bench_speedup.py::bench_count[1e4-Pool.map]"
    for each in new:
        assert isinstance(each.views, dict)
        each.views[name] = changed(each.views[name], place=changed(each.views[name].place, part=SHORT))

    assert compare(base, new, Rule()).differences == (
        "what bench_count[1e4-Pool.map] counts as: all tasks against short tasks",
    )
