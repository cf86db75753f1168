"""What a run says on one screen: speedups, an answer to each question, what not to trust, and what was not measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from statistics import median
from textwrap import shorten

from benchmarks.report import units
from benchmarks.report.metrics import NULLS, Metrics, break_evens, by_strategy
from benchmarks.report.nulls import bias_line, null_rows_of
from benchmarks.report.overview import LEADING, Overview
from benchmarks.report.paint import GAIN, LOSS, TITLE, Paint, without_colour
from benchmarks.report.phrases import Questions, answered, known
from benchmarks.report.stats import Summary
from benchmarks.report.table import Table, fitted
from benchmarks.report.units import counted, wrapped

WIDTH = 80
"""The most columns it takes, however wide the terminal: a line that is longer is not read to its end."""

MOST_OF_A_REASON = 100
"""Characters: the report's tables have it whole."""

LABEL = 15
"""Columns of what stands before an answer."""

MOST_STRATEGIES = 3
"""Columns of the table of speedups."""

Form = Callable[[Summary, str], str]
"""Takes a value and its unit; returns the text."""


def digest(
    overview: Overview, questions: Questions, width: int = WIDTH, paint: Paint = without_colour
) -> Iterator[str]:
    """Yield the lines, none wider than `width` or `WIDTH`."""
    width = min(width, WIDTH)
    yield from wrapped(overview.headline, width)
    for warning in overview.warnings:
        yield from wrapped(f"warning: {warning}", width)
    rows = {name: [row for row in overview.rows if row.place.family == name] for name in overview.families}
    if rows.get(LEADING):
        yield from _speedups(rows[LEADING], width, paint)
    answers = [(name, answered(questions, name, own)) for name, own in rows.items()]
    labelled = partial(_labelled, width=width, paint=paint)
    yield ""
    for name, phrase in answers:
        if phrase:
            yield from labelled(questions[name].topic or name, phrase)
    yield from labelled("noise check", bias_line(null_rows_of(overview.rows), most=1))
    if overview.missing:
        yield from labelled("not measured", _missing(overview))


def titled(label: str, text: str) -> str:
    """Put a label before a text, as wide as all labels are."""
    return f"{label:<{LABEL - 1}} {text}"


def _labelled(label: str, text: str, width: int, paint: Paint) -> Iterator[str]:
    """Yield a text with a label before it, and below the label nothing."""
    first, *others = wrapped(titled(label, text), width, " " * LABEL)
    yield f"{paint(first[:LABEL], TITLE)}{first[LABEL:]}"
    yield from others


def _missing(overview: Overview) -> str:
    """Count the cells without numbers, and say why most of them have none."""
    reason, names = max(overview.missing.items(), key=lambda item: len(item[1]))
    total = sum(map(len, overview.missing.values()))
    share = "" if len(names) == total else f"{len(names)}: "
    short = shorten(reason.removeprefix("skipped: "), MOST_OF_A_REASON, placeholder=" ...")
    return f"{total} of {overview.planned} ({share}{short})"


def _speedups(rows: Sequence[Metrics], width: int, paint: Paint) -> Iterator[str]:
    """Yield a table of speedups: a line for each task length, a column for each of the first strategies.

    Of several workloads, numbers of tasks or workers, start methods or chunk sizes those that most rows have.
    """
    timed = [row for row in rows if row.place.strategy not in NULLS and row.speedup is not None]
    settings = [_setting(row) for row in timed]
    if not settings:
        return
    usual = max(settings, key=settings.count)
    strategies = by_strategy([row for row in timed if _setting(row) == usual])
    _, tasks, workers, method, _ = usual
    started = f", {method}" if method else ""
    yield from wrapped(
        f"Speedup over a loop [95% interval]; {tasks} tasks, {counted(workers, 'worker')}{started}; bare: no pool",
        width,
    )
    shown = dict(list(strategies.items())[:MOST_STRATEGIES])
    yield from fitted((_table(shown, form, gap, paint) for form in (known, _center) for gap in ("  ", " ")), width)
    if len(shown) < len(strategies):
        others = ", ".join(name for name in strategies if name not in shown)
        yield from wrapped(f"shown by --only {LEADING}: {others}", width)


def _center(value: Summary, unit: str = units.FACTOR) -> str:
    """Write a value alone, where there is no room for its interval."""
    return units.amount(value.center, unit)


def _setting(row: Metrics) -> tuple[str, int, int, str | None, int | None]:
    place = row.place
    return place.axes.workload, place.tasks, place.workers, place.start_method, place.axes.chunk_size


def _table(strategies: dict[str, list[Metrics]], form: Form, gap: str, paint: Paint) -> Table:
    """Return the speedups of some strategies, in a form, and what bare processes give."""
    rows = [row for own in strategies.values() for row in own]
    points = {point.strategy: point for point in break_evens(rows)}
    body = []
    for size in sorted({row.place.axes.size or 0 for row in rows}):
        same = [row for row in rows if (row.place.axes.size or 0) == size]
        gains = {row.place.strategy: row.speedup for row in same}
        # each strategy's row has a loop of its own beside it, and they differ by noise alone
        length = median(row.task_length or 0.0 for row in same)
        machine = [row.machine_speedup.center for row in same if row.machine_speedup is not None]
        body.append(
            [
                units.seconds(length),
                *(_gain(gains.get(name), form, paint) for name in strategies),
                units.factor(median(machine)) if machine else units.MISSING,
            ]
        )
    crossings = [points[name].interval if name in points else None for name in strategies]
    if any(crossings):
        body.append(["pays at", *("" if length is None else form(length, "s") for length in crossings), ""])
    return Table(["task", *strategies, "bare"], body, gap=gap)


def _gain(gain: Summary | None, form: Form, paint: Paint) -> str:
    """Write a speedup, coloured where it is a gain or a loss for sure."""
    if gain is None:
        return units.MISSING
    text = form(gain, units.FACTOR)
    return text if gain.meets(1, 1) else paint(text, GAIN if gain.center > 1 else LOSS)
