"""Numbers in, summaries out. Knows nothing of benchmarks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

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


def interval_rank(n: int, confidence: float) -> int | None:
    """Return k such that the k-th smallest and the k-th largest of n values (from 0) enclose the median.

    The median of the distribution lies outside with a probability of twice that of at most k heads among n throws of
    a coin (the binomial test turned round; David & Nagaraja, Order Statistics, 7.1). None if even the smallest and
    largest do not reach the confidence: at 95 % that takes six values.
    """
    outside = 0.0
    rank = None
    for k in range(n // 2):
        outside += 2 * math.comb(n, k) * 0.5**n
        if outside > 1 - confidence:
            break
        rank = k
    return rank


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
