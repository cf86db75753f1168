"""A family's table, as wide as the terminal allows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tabulate import DataRow, TableFormat, tabulate

from benchmarks.report import units
from benchmarks.report.metrics import NULLS, Metrics, on_axis
from benchmarks.report.stats import Summary
from benchmarks.schema import FamilyInfo


def plain(gap: str) -> TableFormat:
    """Return tabulate's format without rules, with `gap` between columns."""
    row = DataRow("", gap, "")
    return TableFormat(None, None, None, None, row, row, padding=0, with_header_hide=None)


@dataclass(frozen=True)
class SummaryStyle:
    """How a table is set.

    `grouped`: strategies are lines of their own. `spare`: only columns that are no more to be spared than this are
    shown. `space` stands between a number and its unit, `gap` between columns.
    """

    grouped: bool
    spare: int
    space: str
    gap: str


SUMMARY_STYLES = (
    SummaryStyle(grouped=False, spare=3, space=" ", gap="  "),
    SummaryStyle(grouped=False, spare=2, space=" ", gap="  "),
    SummaryStyle(grouped=True, spare=2, space=" ", gap="  "),
    SummaryStyle(grouped=True, spare=2, space="", gap=" "),
    SummaryStyle(grouped=True, spare=1, space="", gap=" "),
    SummaryStyle(grouped=True, spare=0, space="", gap=" "),
)
"""From the widest to the narrowest; the first that fits is taken."""


@dataclass(frozen=True)
class Column:
    """A column: its title, and what it shows of a row; None where the row has nothing to show.

    `spare` is 0 for what no table can do without, 1 to 3 for what a narrow one does without, the largest first.
    """

    title: str
    text: Callable[[Metrics, SummaryStyle], str | None]
    spare: int = 0


def table(family: FamilyInfo, rows: Sequence[Metrics], width: int, table_format: str | None = None) -> list[str]:
    """Return a family's table in the widest style that fits, or in a format of tabulate's, which has its own width."""
    if table_format is not None:
        return _formatted(_columns(family, rows), rows, table_format)
    lines: list[str] = []
    for style in SUMMARY_STYLES:
        lines = _set(_columns(family, rows), rows, style)
        if max(map(len, lines)) <= width:
            break
    return lines


def _formatted(columns: Sequence[Column], rows: Sequence[Metrics], table_format: str) -> list[str]:
    """Set a table with all columns in a format of tabulate's."""
    texts = _texts(columns, rows, SUMMARY_STYLES[0])
    body = [[cells[index] or units.MISSING for cells in texts.values()] for index in range(len(rows))]
    head = [title.replace("-\n", "").replace("\n", " ") for title in texts]
    return tabulate(body, head, table_format, disable_numparse=True, colalign=_alignment(texts)).splitlines()


def _texts(columns: Sequence[Column], rows: Sequence[Metrics], style: SummaryStyle) -> dict[str, list[str | None]]:
    """Return the texts of each column that has any, by its title."""
    shown = [column for column in columns if column.spare <= style.spare]
    texts = {column.title: [column.text(row, style) for row in rows] for column in shown}
    texts = {title: cells for title, cells in texts.items() if any(cell is not None for cell in cells)}
    return texts if style.grouped else {"strategy": [_name(row) for row in rows], **texts}


def _alignment(titles: Iterable[str]) -> list[str]:
    return ["left" if title in LEFT_TITLES else "right" for title in titles]


def _set(columns: Sequence[Column], rows: Sequence[Metrics], style: SummaryStyle) -> list[str]:
    """Set a table. A grouped one has the strategy's name on a line above its rows."""
    if style.grouped:
        rows = [row for group in _grouped(rows) for row in group]
    texts = _texts(columns, rows, style)
    body = [[cells[index] or units.MISSING for cells in texts.values()] for index in range(len(rows))]
    # Titles of several lines are rows of their own: tabulate breaks lines in its named formats only.
    head = _title_lines(list(texts))
    text = tabulate([*head, *body], tablefmt=plain(style.gap), disable_numparse=True, colalign=_alignment(texts))
    lines = [line.rstrip() for line in text.splitlines()]
    out = lines[: len(head)]
    for index, row in enumerate(rows):
        if style.grouped and (index == 0 or _name(row) != _name(rows[index - 1])):
            out.append(_name(row))
        out.append(lines[len(head) + index])
    return out


def _title_lines(titles: Sequence[str]) -> list[list[str]]:
    """Return the lines of all titles, set against the bottom."""
    height = max(title.count("\n") for title in titles) + 1
    split = [title.split("\n") for title in titles]
    return list(map(list, zip(*([""] * (height - len(lines)) + lines for lines in split), strict=True)))


def _grouped(rows: Sequence[Metrics]) -> list[list[Metrics]]:
    groups: dict[str, list[Metrics]] = {}
    for row in rows:
        groups.setdefault(_name(row), []).append(row)
    return list(groups.values())


def _name(row: Metrics) -> str:
    name = row.place.strategy
    return f"{name} (null)" if name in NULLS else name


LEFT_TITLES = ("strategy", "start\nmethod", "workload")

AXIS_TITLES = {"workload": "workload", "start_method": "start\nmethod", "tasks": "tasks", "workers": "workers"}


def _columns(family: FamilyInfo, rows: Sequence[Metrics]) -> list[Column]:
    """Return the columns of a family's table. Those in which no row has anything are left out later."""

    def axis(name: str) -> Column:
        return Column(AXIS_TITLES[name], lambda row, _style: str(getattr(row.place.axes, name)))

    def time(title: str, value: Callable[[Metrics], float | None], *, spare: int = 0) -> Column:
        def text(row: Metrics, style: SummaryStyle) -> str | None:
            seconds = value(row)
            if seconds is None:
                return None
            return units.seconds(seconds / row.place.tasks if family.per_task else seconds, style.space)

        return Column(f"{title}\na task" if family.per_task else title, text, spare)

    varying = [axis(name) for name in AXIS_TITLES if len(on_axis(rows, name)) > 1]
    by_ratio = family.about_speedup
    minor = 0 if by_ratio or family.per_task else 2
    spared = 2 if by_ratio else 0
    chunks = len({row.place.tasks_per_chunk for row in rows}) > 1
    sizes = by_ratio and any(row.place.axes.size is not None for row in rows)
    columns = [
        *varying,
        *([Column("chunk\nsize", lambda row, _style: str(row.place.tasks_per_chunk), minor)] if chunks else []),
        *([Column("task\nlength", lambda row, style: units.seconds(row.task_length, style.space))] if sizes else []),
        Column("bytes\na task", lambda row, style: units.moved(row.place.bytes_moved, row.place.tasks, style.space)),
        time("serial", lambda row: row.serial, spare=minor),
        time("floor", lambda row: row.floor, spare=spared),
        time("strategy\ntime" if by_ratio else "time", lambda row: row.time.center),
    ]
    if by_ratio:
        columns += [
            Column("speedup", lambda row, style: _interval(row.speedup, units.factor, style)),
            Column("machine\nspeedup", lambda row, _style: _center(row.machine_speedup, units.factor)),
        ]
    else:
        columns.append(Column("95%\ninterval", lambda row, style: _bounds(row.time, family, row, style), minor))
    columns += [
        Column("effi-\nciency", lambda row, _style: _center(row.efficiency, units.percent)),
        # where nothing else can be spared: it is the difference of two columns
        time("overhead", lambda row: None if row.overhead is None else row.overhead.center, spare=max(1, spared)),
        time("CPU\ntime", lambda row: row.cpu, spare=spared),
        Column("through-\nput", lambda row, _style: units.throughput(row.throughput)),
        *_stages(family, rows),
        *_observed(rows),
        time("95th\npercentile", lambda row: row.tail, spare=3),
        Column("runs" if rows[0].tail is None else "rounds", lambda row, _style: str(row.time.n), spare=3),
    ]
    return columns


def _stages(family: FamilyInfo, rows: Sequence[Metrics]) -> list[Column]:
    """Return a column for each secondary measure, in families whose point is not the speedup."""
    names = dict.fromkeys(name for row in rows for name in row.measures if not family.about_speedup)

    def column(name: str) -> Column:
        def text(row: Metrics, style: SummaryStyle) -> str | None:
            measure = row.measures.get(name)
            if measure is None:
                return None
            middle, unit = measure
            return units.amount(middle, unit, style.space)

        return Column(name.replace(" ", "\n"), text, 0 if all(name in row.measures for row in rows) else 2)

    return [column(name) for name in names]


def _observed(rows: Sequence[Metrics]) -> list[Column]:
    """Return a column for each thing that was observed, in words."""
    names = dict.fromkeys(name for row in rows for name in row.observed)

    def column(name: str) -> Column:
        return Column(name.replace(" ", "\n"), lambda row, _style: row.observed.get(name))

    return [column(name) for name in names]


def _center(value: Summary | None, form: Callable[[float], str]) -> str | None:
    return None if value is None else form(value.center)


def _interval(value: Summary | None, form: Callable[[float], str], style: SummaryStyle) -> str | None:
    if value is None:
        return None
    if value.low is None or value.high is None:
        return form(value.center)
    if not style.space:
        return f"{form(value.center)} {form(value.low)}-{form(value.high)}"
    return f"{form(value.center)} [{form(value.low)}, {form(value.high)}]"


def _bounds(value: Summary, family: FamilyInfo, row: Metrics, style: SummaryStyle) -> str | None:
    if value.low is None or value.high is None:
        return None
    scale = row.place.tasks if family.per_task else 1
    low, high = (units.seconds(bound / scale, style.space) for bound in (value.low, value.high))
    return f"{low}-{high}" if not style.space else f"{low} - {high}"
