"""Non-negative least squares for few terms. Knows nothing of benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

MOST_TERMS = 7
"""All sets of terms are tried: of seven there are 127."""

SINGULAR = 1e-12
"""A pivot below this share of the largest number in its matrix is none."""


def nonnegative(rows: Sequence[Sequence[float]], values: Sequence[float]) -> list[float]:
    """Return the factors, none below zero, whose sums over `rows` come nearest to `values` in squares.

    Each set of terms that may be above zero is solved for itself, and the best one without a negative factor is the
    answer (the active sets of Lawson & Hanson 1974, all of them). Raises ValueError for more than `MOST_TERMS`.
    (numpy or SciPy were rejected: each takes longer to import than this to run, and nothing else here needs them.)
    """
    terms = len(rows[0]) if rows else 0
    if terms > MOST_TERMS:
        message = f"{terms} terms, at most {MOST_TERMS} can be fitted"
        raise ValueError(message)
    best = [0.0] * terms
    least = _misses(rows, values, best)
    for number in range(1, min(terms, len(rows)) + 1):
        for chosen in combinations(range(terms), number):
            found = _solved([[row[term] for term in chosen] for row in rows], values)
            if found is None or min(found) < 0:
                continue
            factors = [0.0] * terms
            for term, factor in zip(chosen, found, strict=True):
                factors[term] = factor
            miss = _misses(rows, values, factors)
            if miss < least:
                best, least = factors, miss
    return best


def _misses(rows: Sequence[Sequence[float]], values: Sequence[float], factors: Sequence[float]) -> float:
    return sum(
        (value - sum(map(float.__mul__, map(float, row), factors))) ** 2
        for row, value in zip(rows, values, strict=True)
    )


def _solved(rows: Sequence[Sequence[float]], values: Sequence[float]) -> list[float] | None:
    """Return the factors without a bound, None where the terms cannot be told apart.

    By the normal equations with the terms scaled alike: costs of a byte and of a call differ by nine decades.
    """
    terms = range(len(rows[0]))
    scales = [max(abs(row[term]) for row in rows) for term in terms]
    if not all(scales):
        return None
    scaled = [[row[term] / scales[term] for term in terms] for row in rows]
    matrix = [
        [
            *(sum(row[one] * row[other] for row in scaled) for other in terms),
            sum(row[one] * value for row, value in zip(scaled, values, strict=True)),
        ]
        for one in terms
    ]
    largest = max(abs(number) for line in matrix for number in line[:-1])
    for place in terms:
        pivot = max(range(place, len(matrix)), key=lambda line: abs(matrix[line][place]))
        if abs(matrix[pivot][place]) < SINGULAR * largest:
            return None
        matrix[place], matrix[pivot] = matrix[pivot], matrix[place]
        for line in terms:
            if line != place:
                share = matrix[line][place] / matrix[place][place]
                matrix[line] = [a - share * b for a, b in zip(matrix[line], matrix[place], strict=True)]
    return [matrix[place][-1] / matrix[place][place] / scales[place] for place in terms]
