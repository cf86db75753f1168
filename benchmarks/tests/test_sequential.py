"""Looks at a comparison turn by turn: how much alpha each may spend, and when more turns are of no use."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from functools import partial
from statistics import NormalDist
from typing import Any

import pytest

from benchmarks.report.compare import compare
from benchmarks.report.judge import Change, Rule, Verdict
from benchmarks.report.sequential import Look, levels, look, looks, spent
from benchmarks.tests.sampled import STRATEGIES, sample


def test_alpha_is_spent_late() -> None:
    """O'Brien and Fleming's spending: 2 - 2 Phi(z / sqrt(t)), all of it at the end.

    With a one-sided alpha of 0.025 and half of the data it is 0.0015 (Jennison & Turnbull 2000, section 7.2).
    """
    assert spent(0.025, 1.0) == pytest.approx(0.025)
    assert spent(0.025, 0.5) == pytest.approx(0.0015, abs=5e-5)
    assert spent(0.01, 0.375) < 1e-4 < spent(0.01, 0.625)


def test_the_first_look_needs_no_recursion() -> None:
    """Of two looks the first is held against what may be spent by then; a single one against alpha."""
    assert levels((5,), 0.01, 1) == pytest.approx((0.01,), rel=1e-6)
    assert levels((4, 8), 0.025, 1)[0] == pytest.approx(spent(0.025, 0.5), rel=1e-6)


def test_bounds_are_those_of_the_literature() -> None:
    """For five equal looks at a one-sided 0.025 the bounds are 4.877, 3.357, 2.680, 2.290, 2.031 (Lan & DeMets)."""
    found = [-NormalDist().inv_cdf(level) for level in levels((1, 2, 3, 4, 5), 0.025, 1)]

    assert found == pytest.approx([4.877, 3.357, 2.680, 2.290, 2.031], abs=0.002)


@pytest.mark.parametrize("tests", [1, 74])
def test_levels_against_scipy(tests: int) -> None:
    """The chance to be beyond any bound is alpha, by SciPy's integral over three looks that are correlated."""
    integrate = pytest.importorskip("scipy.integrate", reason="SciPy is a development dependency")
    turns = (3, 5, 8)
    found = levels(turns, 0.01, tests)
    a, b, c = (-NormalDist().inv_cdf(level / tests) * math.sqrt(turn) for level, turn in zip(found, turns, strict=True))
    normal = NormalDist()

    def later(first: float) -> Any:
        """Return the chance to be beyond the second bound or the third, after the first sum."""
        second = normal.cdf((first - b) / math.sqrt(2))
        low = b - 12 * math.sqrt(2)
        third, _ = integrate.quad(
            lambda value: (
                math.exp(-((value - first) ** 2) / 4) / math.sqrt(4 * math.pi) * normal.cdf((value - c) / math.sqrt(3))
            ),
            low, b, epsabs=1e-14, limit=200,
        )  # fmt: skip
        return second + third

    rest, _ = integrate.quad(
        lambda value: math.exp(-value * value / 6) / math.sqrt(6 * math.pi) * later(value),
        -20, a, epsabs=1e-14, limit=200,
    )  # fmt: skip

    assert normal.cdf(-a / math.sqrt(3)) + rest == pytest.approx(0.01 / tests, rel=2e-3)


def test_holm_over_looks_keeps_alpha() -> None:
    """Over 4000 seeded sequences of six looks at twenty independent tests, 1 % have a false alarm, give or take.

    With 1 % the count is 40 with a standard deviation of 6.3; 63 would be more than three and a half above.
    """
    source = random.Random(1)
    turns = looks(8)
    bounds = [-NormalDist().inv_cdf(level / 20) for level in levels(turns, 0.01, 20)]
    alarms = 0
    for _ in range(4000):
        sums = [source.gauss(0, math.sqrt(2)) for _ in range(20)]
        found = False
        for turn, bound in zip(turns, bounds, strict=True):
            sums = [value + source.gauss(0, 1) for value in sums]
            found = found or max(sums) > bound * math.sqrt(turn)
        alarms += found

    assert 15 < alarms < 63


def test_looks_begin_at_the_third_turn() -> None:
    """Of eight turns there are six looks; of two none."""
    assert looks(8) == (3, 4, 5, 6, 7, 8)
    assert looks(2) == ()


def test_a_large_change_is_over_at_once() -> None:
    """Twice the time in all strategies, among runs that differ by 1 %, is decided at the first look."""
    base, new = sample(1, 3, sigma=0.01), sample(2, 3, sigma=0.01, slower=dict.fromkeys(STRATEGIES, 2.0))
    seen = look(partial(compare, base, new), 3, 8)

    assert (seen.over, seen.open, len(seen.found)) == (True, 0, 6)
    assert "6 changed (REGRESSED speedup: Pool.map: speedup" in seen.line


def test_nothing_changed_is_over_soon() -> None:
    """Runs that differ by 0.5 % and in nothing else need no more turns than the first look."""
    seen = look(partial(compare, sample(1, 3, sigma=0.005), sample(2, 3, sigma=0.005)), 3, 8)

    assert (seen.over, seen.found) == (True, [])


def test_a_change_at_the_margin_stays_open() -> None:
    """12 % more in one strategy, among runs that differ by 5 %, is not decided after three turns, but may be."""
    seen = look(partial(compare, sample(1, 3, sigma=0.05), sample(2, 3, sigma=0.05, slower={"Pool.map": 1.12})), 3, 8)

    assert (seen.over, seen.open > 0) == (False, True)
    assert not seen.found


def test_what_the_last_turn_would_know_counts() -> None:
    """A change of 0.40 among runs that differ by 0.113, in logs, stays open after three turns; one of 0.10 does not.

    At the last turn its standard error is 0.056, and its bound 4.9 of them with the 15 degrees of freedom then: 0.28.
    With the 5 of now it would be 9.9, that is 0.56, and 0.40 with a standard error more to hope for falls short.
    """
    result = compare(sample(1, 3), sample(2, 3), Rule())
    error = 0.113 * math.sqrt(2 / 3)
    large = replace(result.groups[0], base=0.0, new=0.40, error=error, df=5.0, verdict=Verdict.INCONCLUSIVE, cause=None)
    small = replace(large, new=0.1)
    tests = 74

    def open_of(change: Change) -> int:
        others = [replace(change, verdict=Verdict.UNCHANGED)] * (tests - 1)
        return Look(replace(result, groups=(change, *others)), 3, 8).open

    assert (open_of(large), open_of(small)) == (1, 0)


def test_the_last_turn_is_the_last() -> None:
    """Whatever is open after the last turn, there are no more."""
    base, new = sample(1, 8, sigma=0.2), sample(2, 8, sigma=0.2, slower={"Pool.map": 1.2})

    assert look(partial(compare, base, new), 8, 8).over


def test_early_looks_are_stricter() -> None:
    """What one look would be sure of after three turns is not sure at the first of six."""
    base, new = sample(1, 3, sigma=0.02), sample(2, 3, sigma=0.02, slower={"Pool.map": 1.08})
    compared = partial(compare, base, new)
    at_once = [group.verdict for group in compared(Rule()).groups]
    early = [group.verdict for group in look(compared, 3, 8).result.groups]

    assert at_once.count(Verdict.REGRESSED) > early.count(Verdict.REGRESSED)


def test_what_is_not_comparable_is_over() -> None:
    """Samples of two machines are not measured to the end."""
    seen = look(partial(compare, sample(1, 3), sample(2, 3, facts={"cpu_model": "another"})), 3, 8)

    assert seen.over
    assert seen.line == "turn 3: not comparable, cpu_model: a CPU against another"
