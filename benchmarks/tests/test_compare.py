"""Verdicts: from made-up runs whose changes are known."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from msgspec.structs import replace as changed

from benchmarks.report.compare import Comparison, compare
from benchmarks.report.judge import Rule, Verdict, runs_needed
from benchmarks.report.metrics import Bias, hidden
from benchmarks.tests.sampled import run, sample


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
