"""Pictures of a run or several, as SVG and PNG. The only file that imports Matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from textwrap import wrap

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmarks.report import units
from benchmarks.report.changes import quantity, strategy
from benchmarks.report.compare import Comparison
from benchmarks.report.judge import Verdict
from benchmarks.report.metrics import NULLS, Metrics, break_evens, by_strategy
from benchmarks.report.overview import Overview
from benchmarks.report.stats import Summary

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
"""Okabe and Ito's palette, told apart with any kind of colour vision; markers tell strategies apart without colour."""

MARKERS = ("o", "s", "^", "D", "v", "P")
GREY = "#666666"
WIDTH, HEIGHT = 7.5, 4.5
"""Inches, at least as high: the width of a README's text at 100 dots each, with room for letters that can be read
there."""

ROW_HEIGHT, MARGINS = 0.27, 1.6
"""Inches that a row with a name takes, and what is around all of them."""

SMALL = 8.5
"""Points of the smallest letters: 12 dots in a picture that is 800 dots wide."""

MOST_OF_A_LINE = 58
"""Characters of a title that fit beside the names of rows."""

FEW_DECADES = 50
"""A logarithmic scale over less has numbers between the powers of ten."""

MOST_CHANGES = 40


def draw(shown: Overview, folder: Path) -> Iterator[Path]:
    """Draw what there is; yield the files as they are written. OSError if the folder cannot be written."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in PICTURES.items():
        rows = [row for row in shown.rows if row.place.family == name and row.place.strategy not in NULLS]
        own = [row for row in rows if row.speedup is not None] if picture in OF_SPEEDUPS else rows
        if not own:
            continue
        figure, axes = _figure(0 if picture in CURVES else len(own), shown.families[name].question, shown.caption)
        picture(axes, own)
        figure.legend(fontsize=SMALL, frameon=False, loc="outside upper center", ncols=5)
        for suffix in ("svg", "png"):
            path = folder / f"{name}.{suffix}"
            _write(figure, path)
            yield path


def draw_changes(names: tuple[str, str], result: Comparison, path: Path) -> None:
    """Draw the changes that a comparison found, the margin shaded. OSError or ValueError if it cannot be written."""
    order = list(CHANGE_LOOKS)
    telling = [group for group in result.groups if not group.silent] or result.groups
    found = sorted(telling, key=lambda group: (order.index(group.verdict), -abs(group.change)))[:MOST_CHANGES]
    rest = len(result.groups) - len(found)
    caption = f"{100 * (1 - result.rule.alpha):g}% intervals; shaded: within the margin"
    caption += f"; {rest} more are not drawn" if rest else ""
    figure, axes = _figure(len(found), f"{names[0]} against {names[1]}: what changed", caption)
    margin = 100 * result.rule.margin
    axes.axvspan(-margin, margin, color=GREY, alpha=0.15, linewidth=0)
    axes.axvline(0, color=GREY, linewidth=0.8)
    for verdict, (color, marker) in CHANGE_LOOKS.items():
        own = [(place, group) for place, group in enumerate(found) if group.verdict is verdict]
        if own:
            shares = [[100 * group.share(value) for value in (group.change, group.low, group.high)] for _, group in own]
            middles = [middle for middle, _, _ in shares]
            reach = [[middle - low for middle, low, _ in shares], [high - middle for middle, _, high in shares]]
            axes.errorbar(
                middles, [place for place, _ in own], xerr=reach, linestyle="none", color=color, marker=marker,
                capsize=3, label=str(verdict),
            )  # fmt: skip
    axes.set_yticks(
        range(len(found)),
        [f"{group.family}: {strategy(group)}: {quantity(group)}" for group in found],
        fontsize=SMALL,
    )
    axes.invert_yaxis()
    axes.set_xlabel("change in percent; positive is worse")
    figure.legend(fontsize=SMALL, frameon=False, loc="outside upper center", ncols=5)
    _write(figure, path)


CHANGE_LOOKS = {
    Verdict.REGRESSED: (COLORS[1], "s"),
    Verdict.IMPROVED: (COLORS[2], "^"),
    Verdict.UNCHANGED: (COLORS[0], "o"),
    Verdict.INCONCLUSIVE: (GREY, "D"),
}


def _figure(rows: int, title: str, caption: str) -> tuple[Figure, Axes]:
    """Return an empty figure that has room for some rows with names, and its axes."""
    figure = Figure(figsize=(WIDTH, max(HEIGHT, ROW_HEIGHT * rows + MARGINS)), layout="constrained")
    axes = figure.subplots()
    axes.set_title("\n".join(wrap(title, MOST_OF_A_LINE)), loc="left")
    figure.supxlabel(caption, fontsize=SMALL, color=GREY)
    return figure, axes


def _write(figure: Figure, path: Path) -> None:
    with mpl.rc_context({"svg.hashsalt": "benchmarks"}):  # the same run gives the same file
        figure.savefig(path, dpi=160, metadata={"Date": None} if path.suffix == ".svg" else None)


def _speedup(axes: Axes, rows: Sequence[Metrics]) -> None:
    """Draw speedup against task length: what bare processes give, what each strategy gives, where it breaks even."""
    pools = [row for row in rows if row.speedup]
    workers = min(row.place.workers for row in pools)
    axes.axhline(1, color=GREY, linewidth=0.8)
    axes.axhline(workers, color=GREY, linewidth=0.8, linestyle=":")
    axes.annotate("ideal", (0.01, workers), xycoords=("axes fraction", "data"), va="bottom", color=GREY, fontsize=SMALL)
    sizes = sorted({row.place.axes.size or 0 for row in pools})
    floor = [[row for row in pools if (row.place.axes.size or 0) == size] for size in sizes]
    axes.plot(
        [median(row.task_length or 0 for row in group) for group in floor],
        [median(row.machine_speedup.center for row in group if row.machine_speedup) for group in floor],
        color=GREY,
        linestyle="--",
        label="bare processes (floor)",
    )
    groups = by_strategy(pools)
    for (name, group), (color, marker) in zip(groups.items(), _looks(len(groups)), strict=True):
        ordered = sorted((row for row in group if row.speedup), key=lambda row: row.task_length or 0)
        lengths = [row.task_length or 0 for row in ordered]
        _speedups(axes, lengths, ordered, color=color, marker=marker, label=name)
    for point, (color, _) in zip(_in_order(pools), _looks(len(groups)), strict=True):
        if point is not None:
            axes.plot([point, point], [0.93, 1.07], color=color, linewidth=2.5)
    axes.plot([], [], "|", color=GREY, markersize=9, markeredgewidth=2.5, label="breaks even")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(_tick))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:g}"))
    axes.set_xlabel("task length (in the plain loop)")
    axes.set_ylabel("speedup (serial / strategy)")


def _looks(number: int) -> list[tuple[str, str]]:
    """Return a colour and a marker for each of some strategies: where colours begin anew, markers are one further."""
    few = len(COLORS)
    return [(COLORS[place % few], MARKERS[(place + place // few) % few]) for place in range(number)]


def _tick(value: float, _place: int | None) -> str:
    """Write a time at an axis: its digits are round, and noughts behind the point say nothing."""
    return "0" if not value else units.seconds(value).replace(".00 ", " ").replace(".0 ", " ")


def _in_order(rows: Sequence[Metrics]) -> list[float | None]:
    """Return the break-even of each strategy in the order in which strategies are drawn."""
    found = {point.strategy: point.task_length for point in break_evens(rows)}
    return [found.get(name) for name in by_strategy(rows)]


def _dispatch(axes: Axes, rows: Sequence[Metrics]) -> None:
    """Draw the time of a task by strategy and chunk size, beside that of bare processes in the same chunks."""
    ordered = sorted(rows, key=lambda row: row.task_time.center)
    labels = [f"{row.place.strategy}, chunks of {row.place.tasks_per_chunk}" for row in ordered]
    floors = [None if row.floor is None else row.floor / row.place.tasks for row in ordered]
    _times(axes, labels, [row.task_time for row in ordered], floors)
    axes.set_xlabel("time of a task that does nothing")


def _payload(axes: Axes, rows: Sequence[Metrics]) -> None:
    """Draw what moving data takes, by way and size, beside bare processes."""
    labels = [
        f"{row.place.axes.workload}, {units.size(row.place.axes.size or 0)}: {row.place.strategy}" for row in rows
    ]
    _times(axes, labels, [row.time for row in rows], [row.floor for row in rows])
    axes.set_xlabel("time of all tasks")


def _streaming(axes: Axes, rows: Sequence[Metrics]) -> None:
    """Draw when the first result comes, and say what is held meanwhile."""
    known = [(row, row.first_result) for row in rows if row.first_result is not None]
    labels = [
        row.place.strategy + (f"\n{units.size(row.peak_memory.center)} held" if row.peak_memory else "")
        for row, _ in known
    ]
    _times(axes, labels, [first for _, first in known], [None] * len(known))
    axes.set_xlabel(f"time to the first of {rows[0].place.tasks} results")


def _balance(axes: Axes, rows: Sequence[Metrics]) -> None:
    """Draw the speedup of uneven tasks by their order, strategy and chunk size."""
    _gains(axes, rows, lambda row: f"{row.place.strategy}, chunks of {row.place.tasks_per_chunk}")


def _waiting(axes: Axes, rows: Sequence[Metrics]) -> None:
    """Draw the speedup of tasks that wait, hash or count, by what runs them."""
    _gains(axes, rows, lambda row: row.place.strategy)


def _gains(axes: Axes, rows: Sequence[Metrics], named: Callable[[Metrics], str]) -> None:
    """Draw a speedup with its interval for each row, beside what bare processes give."""
    known = [(row, row.speedup) for row in rows if row.speedup is not None]
    axes.axvline(1, color=GREY, linewidth=0.8)
    machines = [row.machine_speedup.center if row.machine_speedup else None for row, _ in known]
    _points(
        axes, [f"{row.place.axes.workload}: {named(row)}" for row, _ in known], [gain for _, gain in known], machines
    )
    axes.set_xlim(0, None)
    axes.set_xlabel("speedup (serial / strategy)")


def _times(axes: Axes, labels: Sequence[str], values: Sequence[Summary], floors: Sequence[float | None]) -> None:
    """Draw times on a scale on which their ratios can be seen."""
    _points(axes, labels, values, floors)
    axes.set_xscale("log")
    known = [value for value in (*(value.center for value in values), *floors) if value]
    few = bool(known) and max(known) < FEW_DECADES * min(known)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(_tick))


def _points(axes: Axes, labels: Sequence[str], values: Sequence[Summary], floors: Sequence[float | None]) -> None:
    """Draw a value with its interval for each label, from above, and a mark for what bare processes give."""
    places = range(len(labels))
    middles = [value.center for value in values]
    # an interval of nothing may be off its middle by the last digit, and bars have no negative length
    low = [max(0.0, value.center - (value.center if value.low is None else value.low)) for value in values]
    high = [max(0.0, (value.center if value.high is None else value.high) - value.center) for value in values]
    axes.errorbar(
        middles, places, xerr=[low, high], linestyle="none", color=COLORS[0], marker="o", capsize=3, label="strategy"
    )
    bare = [(floor, place) for floor, place in zip(floors, places, strict=True) if floor is not None]
    if bare:
        axes.plot(*zip(*bare, strict=True), "|", color="black", markersize=13, label="bare processes (floor)")
    axes.set_yticks(list(places), labels, fontsize=SMALL)
    axes.invert_yaxis()


def _startup(axes: Axes, rows: Sequence[Metrics]) -> None:
    """Draw the life of a pool that is used once, in its stages, by start method."""
    labels = [
        f"{', '.join(filter(None, (row.place.strategy.partition('.')[0], row.place.start_method)))} "
        f"({row.place.axes.workload})"
        for row in rows
    ]
    left = [0.0] * len(rows)
    stages = [name for name, (_, unit) in rows[0].measures.items() if unit == "s"]
    for stage, color, hatch in zip(stages, COLORS, ("", "//", ".."), strict=False):
        lengths = [row.measures[stage][0] for row in rows]
        axes.barh(range(len(rows)), lengths, left=left, color=color, hatch=hatch, edgecolor="white", label=stage)
        left = [before + length for before, length in zip(left, lengths, strict=True)]
    floors = [(place, row.floor) for place, row in enumerate(rows) if row.floor]
    axes.plot([x for _, x in floors], [y for y, _ in floors], "|", color="black", markersize=14, label="bare processes")
    axes.set_yticks(range(len(rows)), labels, fontsize=SMALL)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(FuncFormatter(_tick))
    axes.set_xlabel("time")


def _scaling(axes: Axes, rows: Sequence[Metrics]) -> None:
    """Draw speedup against the number of workers, beside what bare processes give and what would be ideal."""
    pools = [row for row in rows if row.speedup]
    numbers = sorted({row.place.workers for row in pools})
    axes.plot(numbers, numbers, color=GREY, linewidth=0.8, linestyle=":", label="ideal")
    longest = max(row.place.axes.size or 0 for row in pools)
    pools = [row for row in pools if (row.place.axes.size or 0) == longest]
    axes.plot(
        numbers,
        [
            median(row.machine_speedup.center for row in pools if row.machine_speedup and row.place.workers == n)
            for n in numbers
        ],
        color=GREY,
        linestyle="--",
        label="bare processes (floor)",
    )
    groups = by_strategy(pools)
    for (name, group), (color, marker) in zip(groups.items(), _looks(len(groups)), strict=True):
        ordered = sorted(group, key=lambda row: row.place.workers)
        _speedups(axes, [float(row.place.workers) for row in ordered], ordered, color=color, marker=marker, label=name)
    axes.set_xticks(numbers)
    axes.set_ylim(0, None)
    axes.set_xlabel("workers")
    axes.set_ylabel("speedup (serial / strategy)")


def _speedups(axes: Axes, places: Sequence[float], rows: Sequence[Metrics], **look: str) -> None:
    """Draw speedups with their intervals."""
    known = [row.speedup for row in rows if row.speedup]
    centers = [speedup.center for speedup in known]
    low = [speedup.center - (speedup.low or speedup.center) for speedup in known]
    high = [(speedup.high or speedup.center) - speedup.center for speedup in known]
    axes.errorbar(places, centers, [low, high], capsize=3, linewidth=1.2, **look)  # type: ignore[arg-type]


PICTURES: dict[str, Callable[[Axes, Sequence[Metrics]], None]] = {
    "speedup": _speedup,
    "balance": _balance,
    "dispatch": _dispatch,
    "payload": _payload,
    "scaling": _scaling,
    "startup": _startup,
    "streaming": _streaming,
    "waiting": _waiting,
}

OF_SPEEDUPS = (_speedup, _scaling, _balance, _waiting)

CURVES = (_speedup, _scaling)
"""Those that need no room for rows with names."""
