"""Verdicts: from made-up runs whose changes are known."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest
from msgspec.structs import replace as changed

from benchmarks.report.compare import Comparison, compare
from benchmarks.report.judge import Rule, Verdict, runs_needed
from benchmarks.report.metrics import Bias, hidden
from benchmarks.report.runs import DataError, Place
from benchmarks.report.samples import Reduced, View, aligned, of_python, python_of
from benchmarks.schema import Commit, FamilyInfo
from benchmarks.tests.made_up import environment, params
from benchmarks.words import ALL, LONG, SHORT

FLOOR_SECONDS = {"1e2": 1e-4, "1e4": 2e-3, "1e5": 2e-2}
STRATEGIES = ("Pool.map", "Pool.imap", "ProcessPoolExecutor.map")


def run(
    source: random.Random,
    *,
    slower: dict[str, float] | None = None,
    serial: float = 1.0,
    capacity: float = 1.0,
    sigma: float = 0.02,
    drift: float = 0.2,
    facts: dict[str, object] | None = None,
    call: dict[str, float] | float = 0.0,
    judged_by: tuple[str, ...] = ("speedup", "efficiency"),
    bias: Mapping[str, float] = MappingProxyType({}),
) -> Reduced:
    """Make a run of three strategies at three sizes, and two null rows.

    `slower` are factors on a strategy's own time, `serial` one on the serial arm, `capacity` one on whatever runs in
    parallel, `call` is what a call costs in seconds, `bias` are factors on the ratios of null rows; `sigma` is the
    spread between runs of each cell, `drift` that of the whole machine.
    """
    speed = source.gauss(0, drift)
    facts = dict(facts or {})
    workers = facts.pop("workers", 2)
    family = FamilyInfo("Is a pool worth it?", "one pass", list(judged_by), ["serial", "floor"], per_task=False)
    views = {}
    for strategy in STRATEGIES:
        for size, seconds in FLOOR_SECONDS.items():
            floor = math.log(seconds) + speed + math.log(capacity)
            loop = math.log(seconds) + speed + math.log(2 * serial)
            work = math.exp(floor + math.log((slower or {}).get(strategy, 1.0)) + 0.1)
            paid = call.get(strategy, call.get("", 0.0)) if isinstance(call, dict) else call
            own = math.log(work + paid) + source.gauss(0, sigma)
            values = {
                "time": own,
                "efficiency": own - floor,
                "speedup": own - loop,
                "overhead": math.exp(own) - math.exp(floor),
                "serial time": loop,
                "floor time": floor,
            }
            name = f"bench_speedup.py::bench_count[{size}-{strategy}]"
            axes = params(size=int(float(size)), strategy=strategy, workers=workers)
            part = ALL if "overhead" not in judged_by else SHORT if size == "1e2" else LONG
            views[name] = View(Place(name, "speedup", axes, 1, part), values, {}, {})
    for arm, quantity in (("serial", "speedup"), ("floor", "efficiency")):
        name = f"bench_speedup.py::bench_count[1e4-{arm}]"
        ratio = math.log(bias.get(arm, 1.0)) + source.gauss(0, sigma)
        place = Place(name, "speedup", params(size=10_000, strategy=arm, workers=workers), 1)
        views[name] = View(place, {"time": math.log(2e-3) + speed, quantity: ratio}, {}, {})
    return Reduced(
        source=f"run {source.random()}",
        when=f"2026-11-22T12:00:{source.random()}",
        commit=Commit("1234567", dirty=False),
        version="5.3.1",
        preset="default",
        budget=None,
        least_rounds=5,
        complete=True,
        stolen=None,
        environment=environment(**facts),
        families={"speedup": family},
        views=views,
        outcomes=dict.fromkeys(views, "measured"),
    )


def sample(seed: int, number: int = 5, **how: Any) -> list[Reduced]:
    """Make runs."""
    source = random.Random(seed)
    return [run(source, **how) for _ in range(number)]


def verdicts(result: Comparison, quantity: str = "efficiency") -> dict[str, tuple[Verdict, str | None]]:
    """Return verdict and cause of each strategy."""
    return {pool.strategy: (pool.verdict, pool.cause) for pool in result.groups if pool.quantity == quantity}


def test_a_slower_strategy_is_found() -> None:
    """20 % more in one strategy is REGRESSED, by the strategy's own doing, and the others are left in peace."""
    result = compare(sample(1), sample(2, slower={"Pool.imap": 1.2}), Rule())

    assert verdicts(result)["Pool.imap"] == (Verdict.REGRESSED, "strategy")
    assert [pool.strategy for pool in result.regressed] == ["Pool.imap", "Pool.imap"]
    assert {verdicts(result)[name][0] for name in ("Pool.map", "ProcessPoolExecutor.map")} <= {
        Verdict.UNCHANGED,
        Verdict.INCONCLUSIVE,
    }
    found = next(pool for pool in result.groups if (pool.strategy, pool.quantity) == ("Pool.imap", "efficiency"))
    assert found.low < math.log(1.2) < found.high


def test_its_cells_say_where() -> None:
    """Cells of a pool that changed have verdicts; those of a pool that did not are never called changed."""
    result = compare(sample(1), sample(2, slower={"Pool.imap": 1.2}), Rule())
    cells = {(cell.cell, cell.quantity): cell.verdict for cell in result.cells}

    assert cells["bench_speedup.py::bench_count[1e4-Pool.imap]", "efficiency"] is Verdict.REGRESSED
    assert all(
        verdict not in {Verdict.REGRESSED, Verdict.IMPROVED}
        for (cell, _), verdict in cells.items()
        if "Pool.imap" not in str(cell)
    )


def test_swapping_the_samples_turns_the_verdict_round() -> None:
    """What regressed from A to B improved from B to A, by the same amount, overhead too."""
    base = sample(1, call=4e-4, judged_by=JUDGED_BY)
    new = sample(2, slower={"Pool.map": 1.3}, call=6e-4, judged_by=JUDGED_BY)
    there, back = compare(base, new, Rule()), compare(new, base, Rule())

    assert by_pool(there)["Pool.map", "long tasks", "efficiency"] == (Verdict.REGRESSED, "strategy")
    assert by_pool(back)["Pool.map", "long tasks", "efficiency"] == (Verdict.IMPROVED, "strategy")
    assert by_pool(there)["Pool.imap", "short tasks", "overhead"][0] is Verdict.REGRESSED
    for one, other in zip(there.groups, back.groups, strict=True):
        assert one.change * (one.scale or 1) == pytest.approx(-other.change * (other.scale or 1))
    assert [pool.adjusted_p for pool in there.groups] == pytest.approx([pool.adjusted_p for pool in back.groups])


JUDGED_BY = ("speedup", "efficiency", "overhead")


def by_pool(result: Comparison) -> dict[tuple[str, str, str], tuple[Verdict, str | None]]:
    """Return verdict and cause of each pool, by strategy, part and quantity."""
    return {(pool.strategy, pool.part, pool.quantity): (pool.verdict, pool.cause) for pool in result.groups}


def test_long_and_short_tasks_are_judged_apart() -> None:
    """A call that costs 400 us is most of a cell of 100 us and little of the longer ones.

    The former is judged by overhead, the latter by speedup and efficiency, and nothing by both.
    """
    how: dict[str, Any] = {"call": 4e-4, "judged_by": JUDGED_BY}
    result = compare(sample(1, **how), sample(2, **how), Rule())
    found = {(pool.part, pool.quantity): pool.cells for pool in result.groups if pool.strategy == "Pool.map"}

    assert found == {("short tasks", "overhead"): 1, ("long tasks", "speedup"): 2, ("long tasks", "efficiency"): 2}


def test_a_dearer_call_is_overhead() -> None:
    """100 us more for each call is a quarter more overhead where tasks are short, and nothing where they are long.

    The change is that of the overhead in seconds, 100 of about 410 us, give or take the seeded noise.
    """
    base = sample(1, drift=0.02, call=4e-4, judged_by=JUDGED_BY)
    new = sample(2, drift=0.02, call={"": 4e-4, "Pool.imap": 5e-4}, judged_by=JUDGED_BY)
    result = compare(base, new, Rule())
    found = by_pool(result)
    pool = next(p for p in result.groups if (p.strategy, p.quantity) == ("Pool.imap", "overhead"))
    assert pool.scale is not None

    assert found["Pool.imap", "short tasks", "overhead"] == (Verdict.REGRESSED, "strategy")
    assert not found["Pool.imap", "long tasks", "efficiency"][0].sure
    assert not any(verdict.sure for (strategy, _, _), (verdict, _) in found.items() if strategy != "Pool.imap")
    assert pool.low * pool.scale < 1e-4 < pool.high * pool.scale
    assert pool.change * pool.scale == pytest.approx(1e-4, rel=0.2)


def test_slower_tasks_are_efficiency() -> None:
    """15 % more work in each task is an efficiency lost where tasks are long, though a short call hides it."""
    base = sample(1, call=4e-4, judged_by=JUDGED_BY)
    new = sample(2, call=4e-4, judged_by=JUDGED_BY, slower={"Pool.map": 1.15})
    found = by_pool(compare(base, new, Rule()))

    assert found["Pool.map", "long tasks", "efficiency"] == (Verdict.REGRESSED, "strategy")
    assert not found["Pool.map", "short tasks", "overhead"][0].sure


def test_nothing_changed_is_unchanged() -> None:
    """Runs that differ by 0.5 % only are called unchanged within 5 %."""
    result = compare(sample(1, sigma=0.005), sample(2, sigma=0.005), Rule())

    assert set(verdicts(result).values()) == {(Verdict.UNCHANGED, None)}
    assert result.regressed == ()


@pytest.mark.parametrize(
    ("how", "cause"),
    [({"serial": 0.6}, "serial code"), ({"capacity": 1.6}, "bare processes")],
    ids=["serial", "capacity"],
)
def test_what_is_not_the_strategy_s_doing_is_said(how: dict[str, Any], cause: str) -> None:
    """A speedup that fell because the loop got faster, or the machine gave less, is no regression of a strategy."""
    result = compare(sample(1, sigma=0.01, drift=0.02), sample(2, sigma=0.01, drift=0.02, **how), Rule())

    assert set(verdicts(result, "speedup").values()) == {(Verdict.REGRESSED, cause)}
    assert all(verdict is Verdict.UNCHANGED for verdict, _ in verdicts(result).values())
    assert result.regressed == ()


@pytest.mark.parametrize(
    ("facts", "across", "differs"),
    [
        ({}, (), []),
        ({"python": "3.14.0"}, (), ["python: 3.13.0 against 3.14.0"]),
        ({"python": "3.14.0"}, ("python",), []),
        ({"python": "3.14.0", "usable_cpus": 4}, ("python",), ["usable_cpus: 2 against 4"]),
        ({"cpu_model": "two"}, ("machine",), []),
        ({"workers": 8}, ("machine",), ["workers: 2 against 8"]),
    ],
)
def test_not_comparable(facts: dict[str, object], across: tuple[str, ...], differs: list[str]) -> None:
    """Facts that differ are named and stop the judging, unless their difference is meant."""
    result = compare(sample(1), sample(2, facts=facts, slower={"Pool.map": 2}), Rule(), across)

    assert list(result.differences) == differs
    assert result.judged is (not differs)


@pytest.mark.parametrize("arm", ["serial", "floor"])
def test_a_biased_family_is_not_judged(arm: str) -> None:
    """A null row that is off by 10 % in all runs silences its family, and one that is off by 2 % does not."""
    how: dict[str, Any] = {"bias": {arm: 1.1}}
    result = compare(sample(1, **how), sample(2, **how, slower={"Pool.map": 2}), Rule())
    calm = compare(sample(1, bias={arm: 1.02}), sample(2, bias={arm: 1.02}, slower={"Pool.map": 2}), Rule())

    assert [row.cell.partition("-")[2] for row in result.biased] == [f"{arm}]"]
    assert (result.groups, result.judged, result.regressed) == ((), False, ())
    assert (calm.biased, verdicts(calm)["Pool.map"][0]) == ((), Verdict.REGRESSED)


def test_a_null_row_that_varies_shows_nothing() -> None:
    """A null row whose runs differ by 40 % is neither biased nor shown to be good: it says what could hide."""
    result = compare(sample(1, sigma=0.4), sample(2, sigma=0.4), Rule())

    assert {row.bias for row in result.nulls} == {Bias.UNKNOWN}
    assert all(hidden(row.ratio) > 0.1 for row in result.nulls)


@pytest.mark.parametrize(("base", "new"), [(1, 1), (5, 1), (2, 5)])
def test_fewer_than_three_runs_give_no_verdict(base: int, new: int) -> None:
    """With one or two runs a side nothing is a verdict, and ten times the time in one strategy stands out."""
    calm = compare(sample(1, base), sample(2, new), Rule())
    result = compare(sample(1, base), sample(2, new, slower={"Pool.map": 10}), Rule())

    assert not calm.judged
    assert (result.judged, result.regressed) == (False, ())
    assert {change.verdict for change in (*result.groups, *result.cells)} == {Verdict.INCONCLUSIVE}
    assert {change.verdict for change in (*calm.groups, *calm.cells)} == {Verdict.INCONCLUSIVE}
    assert {group.strategy for group in result.standing_out} == {"Pool.map"}
    assert len(calm.standing_out) <= 1


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


def test_peak_memory_is_judged() -> None:
    """A quantity that only some families have, such as memory, is judged like others: twice as much is REGRESSED."""
    samples = []
    for seed, factor in ((1, 1.0), (2, 2.0)):
        runs = sample(seed, judged_by=("peak memory",))
        for number, each in enumerate(runs):
            assert isinstance(each.views, dict)
            for name, view in each.views.items():
                memory = math.log(10e6 * factor * (1 + 0.01 * number))
                each.views[name] = changed(view, values={**view.values, "peak memory": memory})
        samples.append(runs)

    assert set(verdicts(compare(samples[0], samples[1], Rule()), "peak memory").values()) == {
        (Verdict.REGRESSED, "strategy")
    }


def test_false_alarms_are_rare() -> None:
    """Over 200 seeded comparisons of identical code, at most a few give any REGRESSED: alpha is 1 % for all together.

    With an error rate of 1 %, seven or more of 200 have a probability of 0.4 % (binomial).
    """
    source = random.Random(7)
    alarms = 0
    for _ in range(200):
        base, new = ([run(source, sigma=0.08) for _ in range(5)] for _ in "ab")
        alarms += any(pool.verdict is Verdict.REGRESSED for pool in compare(base, new, Rule()).groups)

    assert alarms < 7


def test_intervals_cover() -> None:
    """99 % intervals of 400 seeded comparisons hold the true change in 97 % or more of the pools.

    Pools of one run share its luck, so the count is less certain than a binomial one: the bound is wide.
    """
    source = random.Random(11)
    held = total = 0
    for _ in range(100):
        base = [run(source, sigma=0.05) for _ in range(4)]
        new = [run(source, sigma=0.05, slower={"Pool.map": 1.1}) for _ in range(4)]
        for pool in compare(base, new, Rule()).groups:
            if pool.quantity == "efficiency":
                true = math.log(1.1) if pool.strategy == "Pool.map" else 0.0
                held += pool.low <= true <= pool.high
                total += 1

    assert held / total >= 0.97


@pytest.mark.parametrize(
    ("sigma", "expected"),
    # 2 ((z_0.9995 + z_0.95) sigma / log 1.05)^2 with normal quantiles 3.291 and 1.645
    [
        (0.01, math.ceil(2 * (4.936 * 0.01 / math.log(1.05)) ** 2)),
        (0.05, math.ceil(2 * (4.936 * 0.05 / math.log(1.05)) ** 2)),
        (0.5, None),
    ],
)
def test_runs_needed(sigma: float, expected: int | None) -> None:
    """The number of runs follows from the spread, the level and the power."""
    assert runs_needed(sigma, math.inf, 0.9995, math.log(1.05)) == expected


def test_swapping_mirrors_exactly() -> None:
    """compare(new, base) says of each group what compare(base, new) does, with its sign turned round, to the bit."""
    for seed in range(20):
        how: dict[str, Any] = {"call": 2e-4, "judged_by": (*JUDGED_BY, "CPU time"), "sigma": 0.05}
        base, new = sample(seed, 4, **how), sample(100 + seed, 3, **how, slower={"Pool.map": 1.2})
        there = {group.key: group for group in compare(base, new, Rule()).groups}
        back = {group.key: group for group in compare(new, base, Rule()).groups}

        assert there.keys() == back.keys()
        for key, group in there.items():
            other = back[key]
            assert (group.change, group.low, group.high) == (-other.change, -other.high, -other.low)
            assert (group.adjusted_p, group.sigma, group.cause) == (other.adjusted_p, other.sigma, other.cause)
            assert (group.verdict, other.verdict) in MIRRORED


MIRRORED = {
    (Verdict.REGRESSED, Verdict.IMPROVED),
    (Verdict.IMPROVED, Verdict.REGRESSED),
    (Verdict.UNCHANGED, Verdict.UNCHANGED),
    (Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE),
}


@pytest.mark.parametrize("quantity", ["efficiency", "overhead"])
def test_a_faster_floor_is_no_strategy_s_doing(quantity: str) -> None:
    """Bare processes that take a fifth less, beside a strategy that takes as long as ever, regress nothing."""
    how: dict[str, Any] = {"sigma": 0.01, "drift": 0.02, "call": 2e-4, "judged_by": JUDGED_BY}
    base, new = sample(1, **how), sample(2, **how)
    for each in new:
        assert isinstance(each.views, dict)
        for name, view in each.views.items():
            if "floor time" in view.values:
                floor = view.values["floor time"] - math.log(1.25)
                own = view.values["time"]
                moved = {
                    "floor time": floor,
                    "efficiency": own - floor,
                    "overhead": math.exp(own) - math.exp(floor),
                }
                each.views[name] = changed(view, values={**view.values, **moved})
    result = compare(base, new, Rule())
    causes = {group.cause for group in result.groups if group.quantity == quantity}

    assert "bare processes" in causes
    assert causes <= {"bare processes", "cause unclear"}
    assert result.regressed == ()


@pytest.mark.parametrize(
    ("cpu", "floor_cpu", "cause"),
    [(1.3, 1.0, "strategy"), (1.0, 1 / 1.3, "bare processes"), (1.1, 1 / 1.3, "bare processes")],
)
def test_cpu_time_is_put_down_to_the_arm_that_took_it(cpu: float, floor_cpu: float, cause: str) -> None:
    """Of the ratio of CPU times that part is the strategy's by which its own CPU seconds changed."""
    samples = []
    for seed, factors in ((1, (1.0, 1.0)), (2, (cpu, floor_cpu))):
        runs = sample(seed, judged_by=("CPU time",))
        source = random.Random(seed)
        for each in runs:
            assert isinstance(each.views, dict)
            for name, view in each.views.items():
                if "floor time" in view.values:
                    own, bare = (math.log(factor) + source.gauss(0, 0.01) for factor in factors)
                    loop = source.gauss(0, 0.01)
                    values = {**view.values, "CPU seconds": own, "CPU time": own - bare, "serial time": loop}
                    each.views[name] = changed(view, values=values)
        samples.append(runs)

    assert set(verdicts(compare(samples[0], samples[1], Rule()), "CPU time").values()) == {(Verdict.REGRESSED, cause)}


@pytest.mark.parametrize(("serial", "cause"), [(1.0, "strategy"), (1.4, "serial code")])
def test_a_first_result_on_a_slower_machine_is_no_strategy_s_doing(serial: float, cause: str) -> None:
    """Where the loop beside it takes as much longer, a later first result is not the strategy's own."""
    samples = []
    for seed, factor in ((1, 1.0), (2, 1.4)):
        runs = sample(seed, drift=0.01, serial=1.0 if factor == 1 else serial, judged_by=("first result",))
        source = random.Random(seed)
        for each in runs:
            assert isinstance(each.views, dict)
            for name, view in each.views.items():
                late = math.log(1e-3 * factor) + source.gauss(0, 0.01)
                each.views[name] = changed(view, values={**view.values, "first result": late})
        samples.append(runs)

    assert set(verdicts(compare(samples[0], samples[1], Rule()), "first result").values()) == {
        (Verdict.REGRESSED, cause)
    }


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
