"""Numbers in sentences: each with its interval, and a winner only where intervals tell it from the second.

Intervals that overlap do not prove that two things are alike: this is a screen for what a sentence may claim, no test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from benchmarks.report import units
from benchmarks.report.metrics import NULLS, Metrics
from benchmarks.report.stats import Summary
from benchmarks.report.table import Table

T = TypeVar("T")

NO_DIFFERENCE = "no clear difference"

LEAST_SHARE = 0.005
"""Of the time: what takes less is not worth a word."""


class Question(Protocol):
    """A question's name in the digest, and what puts the answer into a phrase, given rows without nulls."""

    @property
    def topic(self) -> str:
        """What the digest calls the question; empty for the name of its family."""

    @property
    def answer(self) -> Callable[[Sequence[Metrics]], str]:
        """What returns the phrase; an empty one where there is nothing to say."""

    @property
    def tables(self) -> Callable[[Sequence[Metrics]], Sequence[Iterable[Table]]] | None:
        """What sets rows, nulls among them, in tables of the question's own, each as several to fit one."""


Questions = Mapping[str, Question]
"""By the names of families."""


def answered(questions: Questions, family: str, rows: Sequence[Metrics]) -> str:
    """Return the phrase for a family's rows, an empty one where nobody knows one or there is nothing to say."""
    own = [row for row in rows if row.place.strategy not in NULLS]
    return questions[family].answer(own) if own and family in questions else ""


def known(value: Summary, unit: str = units.FACTOR) -> str:
    """Write a value with its interval, if it has one, in a unit of `units.amount`."""
    return units.interval(value.center, value.low, value.high, unit)


def ranked(some: Iterable[T], value: Callable[[T], Summary], *, most: bool = False) -> tuple[list[T], list[T]]:
    """Return those that share the first place, best first, and the rest; the least is best, or the `most`.

    A place is shared by all whose interval overlaps that of the best.
    """
    ordered = sorted(some, key=lambda one: value(one).center, reverse=most)
    tied = [one for one in ordered if one is ordered[0] or not value(one).apart(value(ordered[0]))]
    return tied, [one for one in ordered if one not in tied]


def either(names: Sequence[str], last: str = "or") -> str:
    """Write names in a row: a, b or c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {last} {names[-1]}"


def shares(parts: Iterable[tuple[str, float]]) -> str:
    """Say into what the time goes, by names with their shares of it."""
    told = ", ".join(f"{name} {units.percent(share)}" for name, share in parts if share >= LEAST_SHARE)
    return f"Its time goes into: {told}."


def sentence(phrase: str) -> str:
    """Make a sentence of a phrase."""
    return f"{phrase[0].upper()}{phrase[1:]}." if phrase else ""
