"""All that a run says: what was measured, a table for each family, and what there is to say beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from benchmarks.report import units
from benchmarks.report.family_table import family_table
from benchmarks.report.metrics import BreakEven, Metrics, break_evens, on_axis
from benchmarks.report.nulls import bias_line, null_rows_of
from benchmarks.report.overview import Overview
from benchmarks.report.phrases import Questions, answered, either, known, sentence
from benchmarks.report.table import fitted
from benchmarks.report.units import counted, wrapped

NARROWEST = 60


def details(overview: Overview, questions: Questions, width: int, table_format: str | None = None) -> Iterator[str]:
    """Yield the lines of all tables, none wider than `width` unless a table cannot be narrower."""
    width = max(width, NARROWEST)
    yield from wrapped(overview.heading, width)
    for warning in overview.warnings:
        yield from wrapped(f"warning: {warning}", width)
    for name, family in overview.families.items():
        lines = list(family_lines(overview, questions, name, width, table_format))
        if lines:
            yield ""
            yield from wrapped(f"{name.upper()}: {family.question}", width)
            yield from lines
    yield ""
    yield from wrapped(f"Noise check, an arm timed against itself: {bias_line(null_rows_of(overview.rows))}.", width)
    if overview.missing:
        yield ""
        number = sum(map(len, overview.missing.values()))
        yield f"Not measured: {number} of {overview.planned} planned cells"
        for said, names in overview.missing.items():
            yield from wrapped(f"{said}: {', '.join(names)}", width)


def family_lines(
    overview: Overview, questions: Questions, name: str, width: int, table_format: str | None = None
) -> Iterator[str]:
    """Yield the lines of one family: its answer, what was timed, its table, its break-even; none without rows."""
    rows = [row for row in overview.rows if row.place.family == name]
    if not rows:
        return
    family = overview.families[name]
    phrase = answered(questions, name, rows)
    if phrase:
        yield from wrapped(sentence(f"{questions[name].topic or name}: {phrase}"), width)
    yield from wrapped(f"Timed: {family.timed}. {_same_everywhere(rows)}", width)
    layout = questions[name].tables if name in questions else None
    for tables in layout(rows) if layout is not None else ():
        yield ""
        yield from fitted(tables, width, table_format)
    yield ""
    # what was observed stands in a question's own tables, where it has such
    shown = rows if layout is None else [replace(row, observed={}) for row in rows]
    yield from family_table(family, shown, width, table_format)
    points = break_evens(rows) if family.about_speedup else []
    if points:
        yield ""
        words = "; ".join(f"{point.strategy} {_break_even(point)}" for point in points)
        yield from wrapped(f"Break-even, the task length from which a strategy pays: {words}.", width)


def _break_even(point: BreakEven) -> str:
    if point.interval is not None:
        return known(point.interval, "s")
    length, gain = point.shortest if point.always else point.longest
    found = "below" if point.always else "not reached at"
    return f"{found} {units.seconds(length)}, where the speedup is {known(gain)}"


def _same_everywhere(rows: Sequence[Metrics]) -> str:
    """Say the axes that no row differs in, so that the table need not."""
    said = []
    for axis in ("tasks", "workers", "start_method"):
        values = on_axis(rows, axis)
        if len(values) == 1:
            (value,) = values
            if axis == "start_method":
                threads = any(row.place.start_method is None for row in rows)
                said.append(f"processes started by {value}" if threads else str(value))
            else:
                said.append(counted(int(value or 0), axis.removesuffix("s")))
    beside: dict[str, set[str]] = {}
    for row in rows:
        if row.place.floor_start_method:
            beside.setdefault(row.place.floor_start_method, set()).add(str(row.place.start_method))
    own = [
        f" Beside workers started by {either(sorted(some))}, bare processes are started by {floor}."
        for floor, some in sorted(beside.items())
    ]
    return "".join([f"{', '.join(said)}." if said else "", *own])
