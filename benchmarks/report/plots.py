"""Pictures of a run or several, as SVG and PNG. The only file that imports Matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from benchmarks.report import units
from benchmarks.report.metrics import NULLS, Metrics, break_evens, by_strategy
from benchmarks.report.overview import Overview

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
"""Okabe and Ito's palette, told apart with any kind of colour vision; markers tell strategies apart without colour."""

MARKERS = ("o", "s", "^", "D", "v", "P")
GREY = "#666666"
WIDTH, HEIGHT = 7.5, 4.5
"""Inches: the width of a README's text at 100 dots each, with room for letters that can be read there."""


def draw(shown: Overview, folder: Path) -> Iterator[Path]:
    """Draw what there is; yield the files as they are written. OSError if the folder cannot be written."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in PICTURES.items():
        own = [row for row in shown.rows if row.place.family == name]
        if not own:
            continue
        figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
        axes = figure.subplots()
        picture(axes, own)
        axes.set_title(shown.families[name].question, loc="left")
        figure.supxlabel(shown.caption, fontsize=7, color=GREY)
        for suffix in ("svg", "png"):
            path = folder / f"{name}.{suffix}"
            with mpl.rc_context({"svg.hashsalt": "benchmarks"}):  # the same run gives the same file
                figure.savefig(path, dpi=160, metadata={"Date": None} if suffix == "svg" else None)
            yield path


def _speedup(axes: Axes, rows: Sequence[Metrics]) -> None:
    """Draw speedup against task length: what bare processes give, what each strategy gives, where it breaks even."""
    pools = [row for row in rows if row.place.strategy not in NULLS]
    workers = min(row.place.workers for row in pools)
    axes.axhline(1, color=GREY, linewidth=0.8)
    axes.axhline(workers, color=GREY, linewidth=0.8, linestyle=":")
    axes.annotate("ideal", (0.01, workers), xycoords=("axes fraction", "data"), va="bottom", color=GREY, fontsize=8)
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
    axes.legend(fontsize=8, frameon=False, loc="lower right")


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
    pools = sorted(
        (row for row in rows if row.place.strategy not in NULLS), key=lambda row: _per_task(row, row.time.center)
    )
    labels = [f"{row.place.strategy}\nchunks of {row.place.tasks_per_chunk}" for row in pools]
    places = range(len(pools))
    _bars(axes, pools, _per_task)
    floors = [(place, row.floor / row.place.tasks) for place, row in zip(places, pools, strict=True) if row.floor]
    axes.plot([x for _, x in floors], [y for y, _ in floors], "|", color="black", markersize=14, label="bare processes")
    axes.set_yticks(list(places), labels, fontsize=7)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(_tick))
    axes.set_xlabel("time of a task that does nothing")
    axes.legend(fontsize=8, frameon=False, loc="lower right")


def _startup(axes: Axes, rows: Sequence[Metrics]) -> None:
    """Draw the life of a pool that is used once, in its stages, by start method."""
    pools = [row for row in rows if row.place.strategy not in NULLS]
    labels = [
        f"{', '.join(filter(None, (row.place.strategy.partition('.')[0], row.place.start_method)))}\n"
        f"({row.place.axes.workload})"
        for row in pools
    ]
    left = [0.0] * len(pools)
    stages = [name for name, (_, unit) in pools[0].measures.items() if unit == "s"]
    for stage, color, hatch in zip(stages, COLORS, ("", "//", ".."), strict=False):
        lengths = [row.measures[stage][0] for row in pools]
        axes.barh(range(len(pools)), lengths, left=left, color=color, hatch=hatch, edgecolor="white", label=stage)
        left = [before + length for before, length in zip(left, lengths, strict=True)]
    floors = [(place, row.floor) for place, row in enumerate(pools) if row.floor]
    axes.plot([x for _, x in floors], [y for y, _ in floors], "|", color="black", markersize=14, label="bare processes")
    axes.set_yticks(range(len(pools)), labels, fontsize=7)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(FuncFormatter(_tick))
    axes.set_xlabel("time")
    axes.legend(fontsize=8, frameon=False, loc="lower right")


def _scaling(axes: Axes, rows: Sequence[Metrics]) -> None:
    """Draw speedup against the number of workers, beside what bare processes give and what would be ideal."""
    pools = [row for row in rows if row.place.strategy not in NULLS and row.speedup]
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
    axes.legend(fontsize=8, frameon=False, loc="upper left")


def _speedups(axes: Axes, places: Sequence[float], rows: Sequence[Metrics], **look: str) -> None:
    """Draw speedups with their intervals."""
    known = [row.speedup for row in rows if row.speedup]
    centers = [speedup.center for speedup in known]
    low = [speedup.center - (speedup.low or speedup.center) for speedup in known]
    high = [(speedup.high or speedup.center) - speedup.center for speedup in known]
    axes.errorbar(places, centers, [low, high], capsize=3, linewidth=1.2, **look)  # type: ignore[arg-type]


def _bars(axes: Axes, rows: Sequence[Metrics], scale: Callable[[Metrics, float], float]) -> None:
    """Draw a point with its interval for each row."""
    for place, row in enumerate(rows):
        middle = scale(row, row.time.center)
        low = scale(row, row.time.center if row.time.low is None else row.time.low)
        high = scale(row, row.time.center if row.time.high is None else row.time.high)
        axes.errorbar(middle, place, xerr=[[middle - low], [high - middle]], color=COLORS[0], marker="o", capsize=3)


def _per_task(row: Metrics, seconds: float) -> float:
    return seconds / row.place.tasks


PICTURES: dict[str, Callable[[Axes, Sequence[Metrics]], None]] = {
    "dispatch": _dispatch,
    "scaling": _scaling,
    "speedup": _speedup,
    "startup": _startup,
}
