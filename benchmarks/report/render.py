"""A summary as text: what was measured, a table a family, and what there is to say beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from benchmarks.report import units
from benchmarks.report.metrics import NULLS, Bias, BreakEven, Metrics, bias, break_evens, hidden, null_ratio, on_axis
from benchmarks.report.overview import Overview
from benchmarks.report.tables import table
from benchmarks.report.units import counted, wrapped
from benchmarks.schema import FamilyInfo

NARROWEST = 60


Answers = Mapping[str, Callable[[Sequence[Metrics]], str]]
"""What puts the answer to a family's question into a sentence, by the family's name."""


def summary(overview: Overview, answers: Answers, width: int, table_format: str | None = None) -> Iterator[str]:
    """Yield the lines that sum up a run or several, none wider than `width` unless a table cannot be narrower."""
    width = max(width, NARROWEST)
    yield from wrapped(overview.heading, width)
    for warning in overview.warnings:
        yield from wrapped(f"warning: {warning}", width)
    for name, family in overview.families.items():
        own = [row for row in overview.rows if row.place.family == name]
        if own:
            yield ""
            yield from wrapped(f"{name.upper()}: {family.question}", width)
            yield from wrapped(answer(answers, name, own), width)
            yield from _family(family, own, width, table_format)
    if overview.missing:
        yield ""
        number = sum(map(len, overview.missing.values()))
        yield f"NOT MEASURED: {number} of {overview.planned} planned cells"
        for said, names in overview.missing.items():
            yield from wrapped(f"{said}: {', '.join(names)}", width)


def answer(answers: Answers, family: str, rows: Sequence[Metrics]) -> str:
    """Return the sentence for a family's rows, an empty one where nobody knows one or there is nothing to say."""
    own = [row for row in rows if row.place.strategy not in NULLS]
    return answers[family](own) if own and family in answers else ""


def _family(family: FamilyInfo, rows: Sequence[Metrics], width: int, table_format: str | None) -> Iterator[str]:
    yield from wrapped(f"Timed: {family.timed}. {_same_everywhere(rows)}", width)
    yield ""
    yield from table(family, rows, width, table_format)
    points = break_evens(rows) if family.about_speedup else []
    if points:
        yield ""
        words = "; ".join(f"{point.strategy} {_break_even(point)}" for point in points)
        yield from wrapped(f"Breaks even at a task length of: {words}.", width)
    yield from _nulls(rows, width)


def _break_even(point: BreakEven) -> str:
    if point.always:
        return "less than all of these"
    if point.task_length is None:
        return "more than all of these"
    low = "less" if point.low is None else units.seconds(point.low)
    high = "more" if point.high is None else units.seconds(point.high)
    return f"{units.seconds(point.task_length)} [{low}, {high}]"


def _same_everywhere(rows: Sequence[Metrics]) -> str:
    """Say the axes that no row differs in, so that the table need not."""
    said = []
    for axis in ("tasks", "workers", "start_method"):
        values = on_axis(rows, axis)
        if len(values) == 1:
            (value,) = values
            if axis == "start_method":
                threads = any(row.place.start_method is None for row in rows)
                said.append(f"processes by {value}" if threads else str(value))
            else:
                said.append(counted(int(value or 0), axis.removesuffix("s")))
    return f"{', '.join(said)}." if said else ""


def _nulls(rows: Sequence[Metrics], width: int) -> Iterator[str]:
    nulls = [row for row in rows if null_ratio(row) is not None]
    if not nulls:
        return
    told = [(row, ratio, bias(ratio, row.time.center)) for row in nulls if (ratio := null_ratio(row)) is not None]
    off = [row.place.label for row, _, said in told if said is Bias.BIASED]
    open_ = {row.place.label: hidden(ratio) for row, ratio, said in told if said is Bias.UNKNOWN}
    text = f"Null rows (an arm against itself): {len(told)}, "
    if off:
        text += f"off by more than 3% or 5 us for sure: {', '.join(off)}; do not trust less than that here. "
    else:
        text += "none off by more than 3% or 5 us for sure. "
    if open_:
        worst = max(open_, key=open_.__getitem__)
        more = "any bias" if math.isinf(open_[worst]) else f"up to {units.percent(open_[worst])}"
        text += f"Not enough rounds or runs to tell of {len(open_)} of them: {more} could hide in {worst}."
    yield from wrapped(text.strip(), width)
