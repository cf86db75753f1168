"""Samples side by side: what each has in each cell, and how that differs from the first."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from statistics import fmean

from benchmarks.report import units
from benchmarks.report.causes import OWN_CAUSES
from benchmarks.report.changes import amount, inside, quantity, strategy
from benchmarks.report.compare import LEAST_RUNS, Comparison
from benchmarks.report.groups import several_start_methods
from benchmarks.report.judge import Change, Verdict
from benchmarks.report.metrics import Bias
from benchmarks.report.nulls import null_rows
from benchmarks.report.runs import DataError, Place
from benchmarks.report.samples import MACHINE_AXES, Reduced, differences, python_of, unknown_facts
from benchmarks.report.table import Table, fitted
from benchmarks.report.units import wrapped


@dataclass(frozen=True)
class Sample:
    """A sample: its title, and its runs."""

    title: str
    runs: Sequence[Reduced]


@dataclass(frozen=True)
class Text:
    """What a table has of a sample: a number, the word for its verdict, and all there is to say of both.

    Where there is little room the word alone stands behind the number, and none where it is a doubt.
    """

    number: str
    word: str = ""
    whole: str | None = None

    def written(self, *, terse: bool) -> str:
        """Write it."""
        if not terse:
            return self.whole or self.number
        return self.number if self.word == Verdict.INCONCLUSIVE else f"{self.number} {self.word}".strip()


Rows = list[tuple[str, list[Text]]]
"""What stands at the left of a row, and a text for each sample."""


def _tables(head: str, rows: Rows, titles: Sequence[str]) -> Iterator[Table]:
    """Yield a table from the widest to the narrowest: its first column goes above the rows, then words go."""
    names = [name for name, _ in rows]
    whole, terse = ([[text.written(terse=short) for text in texts] for _, texts in rows] for short in (False, True))
    yield Table([head, *titles], [[name, *texts] for name, texts in zip(names, whole, strict=True)])
    for body in (whole, terse):
        yield Table(titles, body, left=(), above=names)


def columns_of(names: Sequence[str], samples: Sequence[Sequence[Reduced]]) -> list[Sample]:
    """Return a column for each sample; one that holds several versions of Python has one for each of them.

    A path is called by its last part, unless that stands for several.
    """
    short = [Path(name).name for name in names]
    columns: list[Sample] = []
    for name, last, runs in zip(names, short, samples, strict=True):
        versions: dict[str, list[Reduced]] = {}
        for run in runs:
            versions.setdefault(python_of(run), []).append(run)
        title = last if short.count(last) == 1 else name
        if len(versions) == 1:
            columns.append(Sample(title, runs))
            continue
        before = "" if len(names) == 1 else f"{title} "
        columns += [Sample(f"{before}{version}", versions[version]) for version in sorted(versions, key=_number)]
    if len({column.title for column in columns}) < len(columns):
        raise DataError("matrix: each sample can be named only once")
    return columns


def _number(version: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", version)]


def matrix_lines(
    columns: Sequence[Sample], results: Sequence[Comparison], width: int, table_format: str | None = None
) -> Iterator[str]:
    """Yield tables of cells by samples; `results` compare each sample after the first with the first.

    First what a sample is, then the groups that differ for sure, then all cells. A cell that a sample lacks is a dash;
    a word stands behind a number that is judged, and a change behind the word where the cell and its group changed.
    """
    titles = [column.title for column in columns]
    for doubt in _doubts(columns, results):
        yield from wrapped(doubt, width)
    yield from wrapped(
        f"Each is judged against {titles[0]!r}: {Verdict.REGRESSED} and {Verdict.IMPROVED} where a strategy's cells "
        f"changed as a whole, {Verdict.UNCHANGED} within {units.percent(results[0].rule.margin)}, else "
        f"{Verdict.INCONCLUSIVE}. A change of speedup or efficiency is that of its inverse, time: "
        f"{Verdict.REGRESSED} 100% is half the speedup.",
        width,
    )
    yield ""
    yield from fitted([Table(["", *titles], _facts(columns))], width, table_format)
    yield from definite_lines(titles, results, width, table_format)
    for title, result in zip(titles[1:], results, strict=True):
        for line in result.observed:
            yield from wrapped(f"{title}: behaviour differs: {line}.", width)
    for title, rows in _blocks(columns, results):
        yield ""
        yield title
        if table_format is not None:
            yield ""  # Markdown takes the line for a part of the table
        yield from fitted(_tables("cell", rows, titles), width, table_format)


def _doubts(columns: Sequence[Sample], results: Sequence[Comparison]) -> Iterator[str]:
    """Say which samples are not judged, and what may hide behind their numbers."""
    for column, result in zip(columns[1:], results, strict=True):
        for family in dict.fromkeys(row.family for row in result.biased):
            yield f"{column.title}: {family} is not judged, its null rows are biased"
        if not result.enough:
            yield f"{column.title}: not judged, it takes {LEAST_RUNS} runs on each side"
        for difference in result.differences:
            yield f"{column.title}: not judged, {difference}"
    for column in columns[1:]:
        for difference in differences(columns[0].runs, column.runs, ("python", *MACHINE_AXES), ()):
            yield f"{column.title}: another machine, which may explain what differs: {difference}"
        for fact in unknown_facts(columns[0].runs, column.runs, ("python",)):
            yield f"{column.title}: warning: {fact}"


def _facts(columns: Sequence[Sample]) -> list[list[str]]:
    """Return rows that say what the samples are."""
    firsts = [column.runs[0] for column in columns]
    facts = {
        "Python": [python_of(run) for run in firsts],
        "default start method": [run.environment.default_start_method or units.MISSING for run in firsts],
        "runs": [str(len(column.runs)) for column in columns],
        "null rows biased": [
            f"{sum(row.bias is Bias.BIASED for row in rows)} of {len(rows)}"
            for rows in (null_rows(column.runs) for column in columns)
        ],
    }
    return [[name, *values] for name, values in facts.items()]


def definite_lines(
    titles: Sequence[str], results: Sequence[Comparison], width: int, table_format: str | None
) -> Iterator[str]:
    """Yield a table of the groups in which a sample differs for sure from the first.

    `titles` are those of all samples, `results` compare each after the first with the first.
    """
    found = [{group.key: group for group in result.groups if result.judged} for result in results]
    keys = dict.fromkeys(key for groups in found for key, group in groups.items() if group.verdict.sure)
    yield ""
    if not keys:
        yield f"Nothing certainly differs from {titles[0]}." if any(found) else "Nothing was judged."
        return
    tests = sum(map(len, found))
    sure = sum(group.verdict.sure for groups in found for group in groups.values())
    yield from wrapped(
        f"What certainly differs from {titles[0]}: {sure} of {units.counted(tests, 'test')}, adjusted for each column.",
        width,
    )
    if table_format is not None:
        yield ""
    rows: Rows = []
    for key in sorted(keys, key=lambda key: key._replace(start_method=key.start_method or "")):
        groups = [of.get(key) for of in found]
        known = next(group for group in groups if group is not None)
        rows.append((f"{known.family}: {strategy(known)}: {quantity(known)}", list(map(_verdict, groups))))
    yield from fitted(_tables("family: strategy: quantity", rows, titles[1:]), width, table_format)


def _verdict(group: Change | None) -> Text:
    if group is None:
        return Text(units.MISSING)
    word = _word(group)
    return Text("", word, f"{word} ({group.cause})" if group.cause not in {None, *OWN_CAUSES} else word)


def _word(change: Change) -> str:
    """Say a verdict, with the change where there is one for sure."""
    word = change.verdict
    return f"{word} {units.percent(abs(change.share(change.change)))}" if change.verdict.sure else word


def _blocks(columns: Sequence[Sample], results: Sequence[Comparison]) -> Iterator[tuple[str, Rows]]:
    """Yield the tables of cells with their titles: of each family and start method, the times, then what is judged."""
    places: dict[str, Place] = {}
    for column in columns:
        for run in column.runs:
            for name, view in run.views.items():
                places.setdefault(name, view.place)
    several = several_start_methods(places.values())
    families = {name: family for column in columns for run in column.runs for name, family in run.families.items()}
    order = list(dict.fromkeys(place.family for place in places.values()))

    def part(name: str) -> tuple[int, str]:
        place = places[name]
        method = f" by {place.start_method}" if place.family in several and place.start_method else ""
        return order.index(place.family), f"{place.family}{method}"

    for (_, title), names in groupby(sorted(places, key=part), key=part):
        own = list(names)
        family = families[places[own[0]].family]
        # where the point is the speedup, the stages of a pool are not
        for measured in ["time"] if family.about_speedup else _quantities(columns, own):
            shared = measured == "time" and family.per_task
            rows = []
            for name in own:
                tasks = places[name].tasks if shared else 1
                rows.append((inside(name), [_measured(column, name, measured, tasks) for column in columns]))
            yield f"{title}: {measured}{' per task' if shared else ''}, not judged", rows
        yield from _judged(title, own, results)


def _quantities(columns: Sequence[Sample], names: Iterable[str]) -> list[str]:
    """Return the quantities in seconds or bytes that some cells have."""
    views = [run.views[name] for name in names for column in columns for run in column.runs if name in run.views]
    return ["time", *dict.fromkeys(measure for view in views for measure in view.measures)]


def _measured(column: Sample, name: str, measured: str, tasks: int) -> Text:
    """Write the mean of a quantity over the runs of a sample, divided by `tasks`."""
    views = [run.views[name] for run in column.runs if name in run.views]
    logs = [view.values[measured] for view in views if measured in view.values]
    if not logs:
        return Text(units.MISSING)
    units_of = [view.measures[measured][1] for view in views if measured in view.measures]
    unit = units_of[0] if units_of else "s"
    return Text(units.amount(math.exp(fmean(logs)) / tasks, unit))


def _judged(title: str, names: Sequence[str], results: Sequence[Comparison]) -> Iterator[tuple[str, Rows]]:
    """Yield the tables of what is judged."""
    found = [{(cell.cell, cell.quantity): cell for cell in result.cells} for result in results]
    known = {key: cell for cells in found for key, cell in cells.items() if key[0] in names}
    for what in sorted({quantity(cell) for cell in known.values()}):
        rows: Rows = []
        for key, cell in sorted(known.items(), key=lambda item: names.index(item[0][0] or "")):
            if quantity(cell) == what:
                others = [_text(cells.get(key), result) for cells, result in zip(found, results, strict=True)]
                rows.append((inside(cell.cell or ""), [Text(amount(cell, cell.base)), *others]))
        yield f"{title}: {what}", rows


def _text(cell: Change | None, result: Comparison) -> Text:
    if cell is None:
        return Text(units.MISSING)
    number = amount(cell, cell.new)
    if not result.judged:
        return Text(number)
    return Text(number, cell.verdict, f"{number} {_word(cell)}")
