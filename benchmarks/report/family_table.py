"""A family's table, as wide as the terminal allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.report import units
from benchmarks.report.metrics import NULLS, Metrics, on_axis
from benchmarks.report.stats import Summary
from benchmarks.report.table import Table, fitted
from benchmarks.schema import FamilyInfo


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


def family_table(family: FamilyInfo, rows: Sequence[Metrics], width: int, table_format: str | None = None) -> list[str]:
    """Return a family's table in the widest style that fits, or in a format of tabulate's, which has its own width."""
    columns = _columns(family, rows)
    return fitted((_styled(columns, rows, style) for style in SUMMARY_STYLES), width, table_format)


def _styled(columns: Sequence[Column], rows: Sequence[Metrics], style: SummaryStyle) -> Table:
    """Return a table in a style. A grouped one has the strategy's name on a line above its rows."""
    if style.grouped:
        order = list(dict.fromkeys(map(_name, rows)))
        rows = sorted(rows, key=lambda row: order.index(_name(row)))
    shown = [column for column in columns if column.spare <= style.spare]
    texts = {column.title: [column.text(row, style) for row in rows] for column in shown}
    texts = {title: cells for title, cells in texts.items() if any(cell is not None for cell in cells)}
    if not style.grouped:
        texts = {"strategy": [_name(row) for row in rows], **texts}
    return Table(
        titles=list(texts),
        rows=[[cells[place] or units.MISSING for cells in texts.values()] for place in range(len(rows))],
        left=[place for place, title in enumerate(texts) if title in LEFT_TITLES],
        above=[_name(row) for row in rows] if style.grouped else (),
        gap=style.gap,
    )


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

        return Column(f"{title}\nper task" if family.per_task else title, text, spare)

    def length(row: Metrics, style: SummaryStyle) -> str | None:
        return None if row.task_length is None or row.place.bytes_moved else units.seconds(row.task_length, style.space)

    varying = [axis(name) for name in AXIS_TITLES if len(on_axis(rows, name)) > 1]
    by_ratio = family.about_speedup
    minor = 0 if by_ratio or family.per_task else 2
    spared = 2 if by_ratio else 0
    chunks = len({row.place.tasks_per_chunk for row in rows}) > 1
    sizes = any(row.place.axes.size is not None for row in rows) if by_ratio else _several_sizes(rows)
    columns = [
        *varying,
        *([Column("chunk\nsize", lambda row, _style: str(row.place.tasks_per_chunk), minor)] if chunks else []),
        *([Column("task\nlength", length)] if sizes else []),
        Column("bytes\nper task", lambda row, style: units.moved(row.place.bytes_moved, row.place.tasks, style.space)),
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
        Column(
            "through-\nput",
            lambda row, _style: units.throughput(None if row.throughput is None else row.throughput.center),
        ),
        *_stages(family, rows),
        *_observed(rows),
        time("95th\npercentile", lambda row: row.tail, spare=3),
        Column("runs" if rows[0].tail is None else "rounds", lambda row, _style: str(row.time.n), spare=3),
    ]
    return columns


def _several_sizes(rows: Sequence[Metrics]) -> bool:
    """Say whether a workload has tasks of several lengths; those of several bytes have a column of their own."""
    sizes: dict[str, set[int | None]] = {}
    for row in rows:
        if not row.place.bytes_moved:
            sizes.setdefault(row.place.axes.workload, set()).add(row.place.axes.size)
    return any(len(some) > 1 for some in sizes.values())


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
