"""The statistics of verdicts: Student's t, moderated variances, Holm."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.report import stats


def test_holm() -> None:
    """0.01, 0.02, 0.03, 0.04 become 0.04, 0.06, 0.06, 0.06 (worked by hand), in whatever order they come."""
    assert stats.holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert stats.holm([]) == []
    assert stats.holm([0.7, 0.9]) == [1.0, 1.0]


@settings(deadline=None)  # SciPy takes its time to be imported
@example(t=5.960464477539063e-08, df=30.0)
@example(t=1.9261726817059563e-09, df=1.0)  # atan(t) / pi from a half, where SciPy's stdtr says a half
@given(st.floats(-30, 30), st.sampled_from([1.0, 2.0, 3.5, 8.0, 30.0, 200.0, 2000.0]))
def test_student_against_scipy(t: float, df: float) -> None:
    """The distribution function agrees with SciPy's to ten digits, its inverse with itself."""
    scipy = pytest.importorskip("scipy.special", reason="SciPy is a development dependency")

    # near the middle SciPy's own stdtr loses the distance from a half; its incomplete beta function keeps it
    expected = scipy.stdtr(df, t)
    if abs(t) < 1:
        expected = 0.5 + math.copysign(0.5 * scipy.betainc(0.5, df / 2, t * t / (df + t * t)), t)

    assert stats.student_cdf(t, df) == pytest.approx(float(expected), rel=1e-9, abs=1e-13)


@pytest.mark.parametrize("df", [1, 2, 5, 8.5, 30, 1000])
@pytest.mark.parametrize("probability", [0.0005, 0.01, 0.3, 0.5, 0.9, 0.975, 0.99999])
def test_student_quantile(probability: float, df: float) -> None:
    """The quantile is where the distribution function takes the probability."""
    assert stats.student_cdf(stats.student_quantile(probability, df), df) == pytest.approx(probability, rel=1e-9)


def test_student_with_many_degrees_is_normal() -> None:
    """The 97.5 % quantile of the normal distribution is 1.959964 (any table)."""
    assert stats.student_quantile(0.975, math.inf) == pytest.approx(1.959964, abs=1e-6)


@pytest.mark.parametrize(
    ("function", "x", "expected"),
    [
        # digamma(1) = -gamma, digamma(1/2) = -gamma - 2 log 2; trigamma(1) = pi^2 / 6, trigamma(1/2) = pi^2 / 2
        (stats.digamma, 1.0, -0.5772156649015329),
        (stats.digamma, 0.5, -0.5772156649015329 - 2 * math.log(2)),
        (stats.trigamma, 1.0, math.pi**2 / 6),
        (stats.trigamma, 0.5, math.pi**2 / 2),
    ],
)
def test_derivatives_of_log_gamma(function: Any, x: float, expected: float) -> None:
    """The polygamma functions have their known values."""
    assert function(x) == pytest.approx(expected, rel=1e-11)


@given(st.floats(0.01, 1000))
def test_inverse_trigamma(x: float) -> None:
    """The inverse undoes the function."""
    assert stats.inverse_trigamma(stats.trigamma(x)) == pytest.approx(x, rel=1e-6)


def test_prior_finds_what_variances_share() -> None:
    """Variances of the same true value give a prior of that value that weighs more than any of them.

    400 seeded variances of 0.04 with 8 degrees of freedom: the typical variance is found within 10 %.
    """
    source = random.Random(5)
    variances = [stats.variance_of([source.gauss(0, 0.2) for _ in range(9)]) for _ in range(400)]
    prior = stats.prior_of(variances, 8, 1000)

    assert prior.variance == pytest.approx(0.04, rel=0.1)
    assert prior.df > 50


def test_priors_are_capped() -> None:
    """Variances that happen to be the same never count for more than they are said to, or than the others have."""
    same = stats.prior_of([0.04, 0.04, 0.04], 8, 4)

    # the log of a variance with 8 degrees of freedom is on the average digamma(4) - log(4) off, which is undone;
    # digamma(4) = 1 + 1/2 + 1/3 - gamma
    assert same.variance == pytest.approx(0.04 * 4 / math.exp(1 + 1 / 2 + 1 / 3 - 0.5772156649015329))
    assert same.df == 4
    assert stats.prior_of([0.04, 0.04], 2, 4).df == 2
    assert stats.prior_of([0.09], 4, 4) == stats.prior_of([], 4, 4) == stats.Prior(0.0, 0.0)


def test_moderation() -> None:
    """4 degrees of 0.09 and 8 of a prior 0.03 make 12 of 0.05; without any degrees there is nothing to weigh."""
    assert stats.moderate(0.09, 4, stats.Prior(0.03, 8)) == pytest.approx((0.05, 12))
    assert stats.moderate(0.09, 4, stats.Prior(0.0, 0.0)) == (0.09, 4)
    assert stats.moderate(0.0, 0, stats.Prior(0.0, 0.0)) == (0.0, 0)


@settings(deadline=None)
@given(st.sampled_from([1.0, 2.0, 4.0, 8.0, 14.0]), st.sampled_from([1.0, 4.0, 8.5, 20.0]))
def test_f_median_against_scipy(df: float, other: float) -> None:
    """The median of F agrees with SciPy's."""
    scipy = pytest.importorskip("scipy.special", reason="SciPy is a development dependency")

    assert stats.f_median(df, other) == pytest.approx(float(scipy.fdtri(df, other, 0.5)), rel=1e-8)
