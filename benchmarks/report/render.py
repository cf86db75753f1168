"""Runs as text: a table a family, as wide as the terminal allows, and what there is to say beside it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tabulate import DataRow, TableFormat, tabulate

from benchmarks.report import units
from benchmarks.report.answers import answer, break_evens
from benchmarks.report.metrics import NULLS, BreakEven, Metrics, metrics, null_holds, null_ratio
from benchmarks.report.runs import Cell, Family, Run
from benchmarks.report.stats import Summary, quantile

NARROWEST = 60


def _plain(gap: str) -> TableFormat:
    """Return tabulate's format without rules, with `gap` between columns."""
    row = DataRow("", gap, "")
    return TableFormat(None, None, None, None, row, row, padding=0, with_header_hide=None)


@dataclass(frozen=True)
class Style:
    """How a table is set.

    `grouped`: strategies are lines of their own. `extra`: all columns are shown. `space` stands between a number and
    its unit, `gap` between columns.
    """

    grouped: bool
    extra: bool
    space: str
    gap: str


STYLES = (
    Style(grouped=False, extra=True, space=" ", gap="  "),
    Style(grouped=False, extra=False, space=" ", gap="  "),
    Style(grouped=True, extra=False, space=" ", gap="  "),
    Style(grouped=True, extra=False, space="", gap=" "),
)
"""From the widest to the narrowest; the first that fits is taken."""


@dataclass(frozen=True)
class Column:
    """A column: its title, and what it shows of a row; None where the row has nothing to show."""

    title: str
    text: Callable[[Metrics, Style], str | None]
    extra: bool = False


def summary(run: Run, width: int) -> Iterator[str]:
    """Yield the lines that sum up one run, none wider than `width` unless a name is."""
    width = max(width, NARROWEST)
    yield from _wrapped(_heading(run), width)
    for warning in _warnings(run):
        yield from _wrapped(f"warning: {warning}", width)
    rows = [metrics(cell) for cell in run.cells]
    for family in run.families.values():
        own = [row for row in rows if row.cell.family == family.name]
        if own:
            yield ""
            yield from _family(family, own, width)
    yield from _missing(run, width)


def _heading(run: Run) -> str:
    facts = run.environment
    build = " free-threaded" if facts["free_threaded"] else ""
    seconds = run.seconds
    share = (seconds["arms"] + seconds["pools"]) / seconds["wall"]
    return (
        f"{facts['implementation']} {facts['python']}{build}, {facts['usable_cpus']} usable CPUs, "
        f"{facts['cpu_model']}, {facts['system']} {facts['release']}; preset {run.preset}, "
        f"{_counted(len(run.cells), 'cell')} in {seconds['wall']:.0f} s, {units.percent(share)} of it inside the arms "
        "or making and ending pools. Intervals are 95% within this run: another run may well fall outside."
    )


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _warnings(run: Run) -> Iterator[str]:
    if not run.complete:
        yield "this run did not complete"
    yield from dict.fromkeys(warning for cell in run.cells for warning in cell.warnings)
    load, cpus = run.start["load_average"], run.environment["usable_cpus"]
    if load is not None and load > 0.5 * cpus:
        yield f"the machine was busy when the run began (load average {load:g} on {cpus} CPUs)"
    before, after = run.start["stolen_seconds"], run.end["stolen_seconds"]
    if before is not None and after is not None and after - before > 0.02 * cpus * run.seconds["wall"]:
        yield f"the host took {after - before:.1f} CPU seconds away for other guests"
    quota = run.environment["quota"]
    if quota is not None and quota < run.environment["affinity"]:
        yield f"the container's quota is {quota:g} CPUs, where {run.environment['affinity']} can be seen"


def _family(family: Family, rows: Sequence[Metrics], width: int) -> Iterator[str]:
    yield from _wrapped(f"{family.name.upper()}: {family.question}", width)
    sentence = answer(family.name, rows)
    if sentence:
        yield from _wrapped(sentence, width)
    yield from _wrapped(f"Timed: {family.timed}. {_same_everywhere(rows)}", width)
    yield ""
    yield from table(family, rows, width)
    points = break_evens(rows)
    if points:
        yield ""
        words = "; ".join(f"{point.strategy} {_break_even(point)}" for point in points)
        yield from _wrapped(f"Breaks even at a task length of: {words}.", width)
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
        values = {row.cell.axes[axis] for row in rows}
        if len(values) == 1:
            value = values.pop()
            said.append(str(value) if axis == "start_method" else _counted(int(value or 0), axis.removesuffix("s")))
    return f"{', '.join(said)}." if said else ""


def _nulls(rows: Sequence[Metrics], width: int) -> Iterator[str]:
    nulls = [row for row in rows if null_ratio(row) is not None]
    if not nulls:
        return
    off = [row for row in nulls if not null_holds(row)]
    centers = [ratio.center for row in nulls for ratio in [null_ratio(row)] if ratio is not None]
    text = (
        f"Null rows (an arm against itself, must be 1 within 3% or 5 us): {len(nulls) - len(off)} of {len(nulls)} "
        f"hold, {units.factor(min(centers))} to {units.factor(max(centers))}."
    )
    if off:
        text += f" Off: {', '.join(_label(row.cell) for row in off)}: do not read more than that out of this table."
    yield from _wrapped(text, width)


def _label(cell: Cell) -> str:
    return cell.id.rpartition("::")[2]


def table(family: Family, rows: Sequence[Metrics], width: int) -> list[str]:
    """Return a family's table in the widest style that fits."""
    lines: list[str] = []
    for style in STYLES:
        lines = _set(_columns(family, rows), rows, style)
        if max(map(len, lines)) <= width:
            break
    return lines


def _set(columns: Sequence[Column], rows: Sequence[Metrics], style: Style) -> list[str]:
    """Set a table. A grouped one has the strategy's name on a line above its rows."""
    if style.grouped:
        rows = [row for group in _grouped(rows) for row in group]
    shown = [column for column in columns if style.extra or not column.extra]
    texts = {column.title: [column.text(row, style) for row in rows] for column in shown}
    texts = {title: cells for title, cells in texts.items() if any(cell is not None for cell in cells)}
    if not style.grouped:
        texts = {"strategy": [_name(row) for row in rows], **texts}
    body = [[cells[index] or units.MISSING for cells in texts.values()] for index in range(len(rows))]
    # Titles of several lines are rows of their own: tabulate breaks lines in its named formats only.
    head = _title_lines(list(texts))
    alignment = ["left" if title in LEFT else "right" for title in texts]
    text = tabulate([*head, *body], tablefmt=_plain(style.gap), disable_numparse=True, colalign=alignment)
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
    return [
        [lines[place] if (place := index - height + len(lines)) >= 0 else "" for lines in split]
        for index in range(height)
    ]


def _grouped(rows: Sequence[Metrics]) -> list[list[Metrics]]:
    groups: dict[str, list[Metrics]] = {}
    for row in rows:
        groups.setdefault(_name(row), []).append(row)
    return list(groups.values())


def _name(row: Metrics) -> str:
    name = row.cell.strategy
    return f"{name} (null)" if name in NULLS else name


LEFT = ("strategy", "start\nmethod", "workload")

AXES = {"workload": "workload", "start_method": "start\nmethod", "tasks": "tasks", "workers": "workers"}


def _columns(family: Family, rows: Sequence[Metrics]) -> list[Column]:
    """Return the columns of a family's table. Those in which no row has anything are left out later."""

    def axis(name: str) -> Column:
        return Column(AXES[name], lambda row, _style: str(row.cell.axes[name]))

    def time(title: str, value: Callable[[Metrics], float | None], *, extra: bool = False) -> Column:
        def text(row: Metrics, style: Style) -> str | None:
            seconds = value(row)
            if seconds is None:
                return None
            return units.seconds(seconds / row.cell.tasks if family.per_task else seconds, style.space)

        return Column(f"{title}\na task" if family.per_task else title, text, extra)

    varying = [axis(name) for name in AXES if len({row.cell.axes[name] for row in rows}) > 1]
    by_ratio = "speedup" in family.judged_by
    chunks = len({row.cell.tasks_per_chunk for row in rows}) > 1
    sizes = any(row.cell.axes["size"] is not None for row in rows)
    columns = [
        *varying,
        *([Column("chunk\nsize", lambda row, _style: str(row.cell.tasks_per_chunk))] if chunks else []),
        *([Column("task\nlength", lambda row, style: units.seconds(row.task_length, style.space))] if sizes else []),
        time("serial", lambda row: row.serial),
        time("floor", lambda row: row.floor),
        time("strategy\ntime" if by_ratio else "time", lambda row: row.time.center),
    ]
    if by_ratio:
        columns += [
            Column("speedup", lambda row, style: _interval(row.speedup, units.factor, style)),
            Column("machine\nspeedup", lambda row, _style: _center(row.machine_speedup, units.factor)),
        ]
    else:
        columns.append(
            Column("95%\ninterval", lambda row, style: _bounds(row.time, family, row, style)),
        )
    columns += [
        Column("effi-\nciency", lambda row, _style: _center(row.efficiency, units.percent)),
        time("overhead", lambda row: None if row.overhead is None else row.overhead.center),
        time("CPU\ntime", lambda row: row.cpu),
        *_stages(rows),
        time("95th\npercentile", lambda row: quantile(row.cell.strategy_seconds, 0.95), extra=True),
        Column("rounds", lambda row, _style: str(row.time.n), extra=True),
    ]
    return columns


def _stages(rows: Sequence[Metrics]) -> list[Column]:
    """Return a column for each secondary measure, in families that have no serial arm to compare with."""
    names = dict.fromkeys(name for row in rows if row.serial is None for name in row.cell.measures)

    def column(name: str) -> Column:
        def text(row: Metrics, style: Style) -> str | None:
            measure = row.cell.measures.get(name)
            if measure is None:
                return None
            middle = quantile(measure.values, 0.5)
            return (
                units.seconds(middle, style.space) if measure.unit == "s" else f"{units.digits(middle)} {measure.unit}"
            )

        return Column(name.replace(" ", "\n"), text)

    return [column(name) for name in names]


def _center(value: Summary | None, form: Callable[[float], str]) -> str | None:
    return None if value is None else form(value.center)


def _interval(value: Summary | None, form: Callable[[float], str], style: Style) -> str | None:
    if value is None:
        return None
    if value.low is None or value.high is None:
        return form(value.center)
    if not style.space:
        return f"{form(value.center)} {form(value.low)}-{form(value.high)}"
    return f"{form(value.center)} [{form(value.low)}, {form(value.high)}]"


def _bounds(value: Summary, family: Family, row: Metrics, style: Style) -> str | None:
    if value.low is None or value.high is None:
        return None
    scale = row.cell.tasks if family.per_task else 1
    low, high = (units.seconds(bound / scale, style.space) for bound in (value.low, value.high))
    return f"{low}-{high}" if not style.space else f"{low} - {high}"


def _missing(run: Run, width: int) -> Iterator[str]:
    missing = [outcome for outcome in run.outcomes if outcome.outcome != "measured"]
    if not missing:
        return
    yield ""
    yield f"NOT MEASURED: {len(missing)} of {len(run.outcomes)} planned cells"
    groups: dict[str, list[str]] = {}
    for outcome in missing:
        said = f"{outcome.outcome}: {outcome.reason}" if outcome.reason else outcome.outcome
        groups.setdefault(said, []).append(outcome.id.rpartition("/")[2])
    for said, names in groups.items():
        yield from _wrapped(f"{said}: {', '.join(names)}", width)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, min(width, 120), break_long_words=False, break_on_hyphens=False)
