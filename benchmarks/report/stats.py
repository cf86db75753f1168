"""Numbers in, summaries out. Knows nothing of benchmarks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist, fmean, median

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Summary:
    """The middle of some values and how well it is known: `low` and `high` are None where there are too few."""

    n: int
    center: float
    low: float | None
    high: float | None

    def meets(self, low: float, high: float) -> bool:
        """Say whether the interval, or the bare center where there is none, has a point between two bounds."""
        own_low = self.center if self.low is None else self.low
        own_high = self.center if self.high is None else self.high
        return own_low <= high and low <= own_high

    def apart(self, other: Summary) -> bool:
        """Say whether two intervals do not overlap. An open side reaches for ever: two bare centers are not apart."""
        return self._below(other) or other._below(self)

    def _below(self, other: Summary) -> bool:
        return self.high is not None and other.low is not None and self.high < other.low

    def scaled(self, factor: float) -> Summary:
        """Return this times a positive factor."""
        low, high = (None if bound is None else bound * factor for bound in (self.low, self.high))
        return Summary(self.n, self.center * factor, low, high)

    def inverse(self) -> Summary:
        """Return one over a positive value; a bound at or below zero leaves a side open."""
        low, high = (1 / bound if bound is not None and bound > 0 else None for bound in (self.high, self.low))
        return Summary(self.n, 1 / self.center, low, high)


def summarize(values: Sequence[float], confidence: float = CONFIDENCE) -> Summary:
    """Return the median of independent values with an interval for it that assumes no distribution.

    Raises ValueError if there are none.
    """
    ordered = sorted(values)
    if not ordered:
        message = "no values to summarize"
        raise ValueError(message)
    rank = interval_rank(len(ordered), confidence)
    low, high = (None, None) if rank is None else (ordered[rank], ordered[-1 - rank])
    return Summary(len(ordered), median(ordered), low, high)


@cache
def interval_rank(n: int, confidence: float) -> int | None:
    """Return k such that the k-th smallest and the k-th largest of n values (from 0) enclose the median.

    The median of the distribution lies outside with a probability of twice that of at most k heads among n throws of
    a coin (the binomial test turned round; David & Nagaraja, Order Statistics, 7.1). None if even the smallest and
    largest do not reach the confidence: at 95 % that takes six values. Cached: a report has few numbers of rounds.
    """
    outside = 0.0
    rank = None
    for k in range(n // 2):
        outside += 2 * math.comb(n, k) / 2**n
        if outside > 1 - confidence:
            break
        rank = k
    return rank


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of the values do not exceed."""
    return sorted(values)[quantile_rank(len(values), share)]


@cache
def quantile_rank(n: int, share: float) -> int:
    """Return the place of that value, from 0, among n in ascending order. Cached, as the ranks of intervals are."""
    return max(0, math.ceil(share * n) - 1)


def student_cdf(t: float, df: float) -> float:
    """Return the probability that Student's t with `df` degrees of freedom is at most `t`.

    Through the incomplete beta function (DLMF 8.17); SciPy would do it too, but takes over a second to import.
    """
    if math.isinf(df):
        return NormalDist().cdf(t)
    if abs(t) < 1:  # near the middle the tail's argument is too close to 1 to tell its distance from it
        return 0.5 + math.copysign(0.5 * incomplete_beta(0.5, df / 2, t * t / (df + t * t)), t)
    tail = 0.5 * incomplete_beta(df / 2, 0.5, df / (df + t * t))
    return 1 - tail if t > 0 else tail


@cache
def student_quantile(probability: float, df: float) -> float:
    """Return the t that Student's t with `df` degrees of freedom stays below with a probability in (0, 1).

    By Newton's method from the normal quantile, which is nearer to zero: above zero the distribution is concave, so
    each step stays below the answer, until what is left to go is rounding. Cached: a report asks for the same few.
    """
    if probability < 0.5:
        return -student_quantile(1 - probability, df)
    t = NormalDist().inv_cdf(probability)
    if math.isinf(df):
        return t
    log_scale = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - 0.5 * math.log(df * math.pi)
    while True:
        log_density = log_scale - (df + 1) / 2 * math.log1p(t * t / df)
        step = (probability - student_cdf(t, df)) / math.exp(log_density)
        if not step > 1e-12 * t:
            return t
        t += step


def incomplete_beta(a: float, b: float, x: float) -> float:
    """Return the regularized incomplete beta function I_x(a, b), by the continued fraction DLMF 8.17.22.

    It converges fast for x < (a + 1) / (a + b + 2), in a number of terms that grows with the root of a and b; the
    symmetry I_x(a, b) = 1 - I_(1-x)(b, a) (DLMF 8.17.4) leads there. Evaluated from its end: with a fixed number of
    terms that is both the shortest and the most stable way.
    """
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(b, a, 1 - x)
    fraction = 1.0
    for n in range(40 + 4 * math.isqrt(math.ceil(max(a, b))), 0, -1):
        m = n // 2
        if n % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        fraction = 1 + term / fraction
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) / (a * fraction)


@dataclass(frozen=True)
class Prior:
    """What is known of a variance beforehand, and the degrees of freedom that this knowledge is worth."""

    variance: float
    df: float


def prior_of(variances: Sequence[float], df: float, most_df: float) -> Prior:
    """Fit a prior to variances that were each estimated with `df` degrees of freedom: what each says of the others.

    The moment estimator of Smyth (2004), Linear models and empirical Bayes methods, section 6.2: the logs of the
    variances spread by trigamma(df / 2) if they are all the same, and by trigamma(d0 / 2) more if the true ones follow
    a scaled inverse chi-square distribution with d0 degrees of freedom. That number is itself a guess, and infinite
    where a few variances happen to be alike: more than `most_df`, or than the others together have, it never counts.
    Fewer than two positive variances tell nothing: the prior then has no weight.
    """
    logs = [math.log(variance) for variance in variances if variance > 0]
    if len(logs) < 2:
        return Prior(0.0, 0.0)
    shifted = [value - digamma(df / 2) + math.log(df / 2) for value in logs]
    middle = fmean(shifted)
    excess = variance_of(shifted) - trigamma(df / 2)
    most_df = min(most_df, df * (len(logs) - 1))
    if excess <= 0:
        return Prior(math.exp(middle), most_df)
    prior_df = 2 * inverse_trigamma(excess)
    variance = math.exp(middle + digamma(prior_df / 2) - math.log(prior_df / 2))
    return Prior(variance, min(most_df, prior_df))


def moderate(variance: float, df: float, prior: Prior) -> tuple[float, float]:
    """Return the mean of a variance and its prior, weighted by their degrees of freedom, and those of both."""
    total = df + prior.df
    return ((df * variance + prior.df * prior.variance) / total if total else variance), total


@cache
def f_median(df: float, other_df: float) -> float:
    """Return the median of Fisher's F, the ratio of two variances with these degrees of freedom.

    Where the incomplete beta function is a half (DLMF 8.17), found by bisection. Cached: a report asks for few.
    """
    low, high = 0.0, 1.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        if incomplete_beta(df / 2, other_df / 2, middle) < 0.5:
            low = middle
        else:
            high = middle
    return other_df * low / (df * (1 - low))


def digamma(x: float) -> float:
    """Return the derivative of log gamma at x > 0: recurrence (DLMF 5.5.2), then the asymptotic series (5.11.2)."""
    value = 0.0
    while x < 10:
        value -= 1 / x
        x += 1
    y = 1 / (x * x)
    return value + math.log(x) - 0.5 / x - y * (1 / 12 - y * (1 / 120 - y * (1 / 252 - y * (1 / 240 - y / 132))))


def trigamma(x: float) -> float:
    """Return the derivative of digamma at x > 0: recurrence (DLMF 5.15.5), then the asymptotic series (5.15.8)."""
    value = 0.0
    while x < 10:
        value += 1 / (x * x)
        x += 1
    y = 1 / (x * x)
    return value + 1 / x + y / 2 + y / x * (1 / 6 - y * (1 / 30 - y * (1 / 42 - y * (1 / 30 - y * 5 / 66))))


def inverse_trigamma(value: float) -> float:
    """Return the x at which trigamma, which falls from infinity to 0, takes a value, by bisection of log x."""
    low, high = -40.0, 40.0
    for _ in range(100):
        middle = (low + high) / 2
        if trigamma(math.exp(middle)) > value:
            low = middle
        else:
            high = middle
    return math.exp((low + high) / 2)


def variance_of(values: Sequence[float]) -> float:
    """Return the sample variance, 0 for a single value; the same to the bit in whatever order they come."""
    middle = fmean(values)
    return math.fsum((value - middle) ** 2 for value in values) / max(1, len(values) - 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted so that the chance of any false alarm among them is bounded (Holm 1979)."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for place, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = highest
    return adjusted
