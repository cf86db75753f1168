"""Draws what was predicted against what was measured, for `benchmarks.evidence.regret`. Needs Matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from matplotlib.transforms import Bbox

from benchmarks.evidence.regret_table import OFF, Entry
from benchmarks.report import units
from benchmarks.report.plots import COLORS, GREY, MARKERS, SMALL

SIDE = 7.5
"""Inches."""

NAMED_OFF = 0.1
"""Points that are off by more have their names: most passes take about as long, and lie on each other."""

ROOM = 1.6
"""How far the axes go beyond the points: labels need it."""

BESIDE = (("left", "center", 6, 0), ("right", "center", -6, 0), ("center", "bottom", 0, 6), ("center", "top", 0, -6))
"""Where the label of a point may stand, best first: its alignment, and how many points of a letter it is off."""

EDGE = 4.0
"""Of a marker to each side, in dots."""

Point = tuple[float, float]


def draw_predicted(entries: Sequence[Entry], path: Path) -> None:
    """Draw the times of recommended and of advised settings. OSError or ValueError if it cannot be written."""
    own = {
        entry.function: (entry.measured, entry.predicted)
        for entry in entries
        if entry.measured is not None and entry.predicted
    }
    advised = {entry.function: (entry.advised_measured(), entry.advised_seconds) for entry in entries}
    figure = Figure(figsize=(SIDE, SIDE), layout="constrained")
    axes = figure.subplots()
    every = [value for point in (*own.values(), *advised.values()) for value in point]
    ends = min(every) / ROOM, max(every) * ROOM
    axes.plot(ends, ends, color=GREY, linewidth=0.8)
    for place, (name, points) in enumerate({"the run's model": own, "advise, from earlier runs": advised}.items()):
        x, y = zip(*points.values(), strict=True) if points else ((), ())
        axes.plot(x, y, linestyle="none", color=COLORS[place], marker=MARKERS[place], label=name)
    axes.set(xscale="log", yscale="log", xlim=ends, ylim=ends, xlabel="measured", ylabel="predicted")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(_tick))
        axis.set_minor_formatter(NullFormatter())
    axes.legend(fontsize=SMALL, frameon=False, loc="upper left")
    figure.draw_without_rendering()
    shown = {name: point for name, point in own.items() if _off(point) > NAMED_OFF}
    shown |= {f"{name} ": point for name, point in advised.items() if _off(point) > OFF}
    _label(axes, shown, [*own.values(), *advised.values()])
    with mpl.rc_context({"svg.hashsalt": "benchmarks"}):  # the same numbers give the same file
        figure.savefig(path, dpi=160, metadata={"Date": None} if path.suffix == ".svg" else None)


def _off(point: Point) -> float:
    """Return how far what was predicted is off, as a share of what was measured."""
    measured, predicted = point
    return abs(predicted / measured - 1)


def _tick(value: float, _place: int | None) -> str:
    """Write a round time without noughts behind its point."""
    return units.seconds(value).replace(".00 ", " ").replace(".0 ", " ")


def _label(axes: Axes, points: Mapping[str, Point], markers: Sequence[Point]) -> None:
    """Name each point where neither a name nor a marker stands; where all places are taken, in the first one."""
    legend = axes.get_legend()
    taken = [] if legend is None else [legend.get_window_extent()]
    taken += [Bbox.from_bounds(x - EDGE, y - EDGE, 2 * EDGE, 2 * EDGE) for x, y in axes.transData.transform(markers)]
    for name, point in points.items():
        texts = [
            axes.annotate(name, point, (x, y), textcoords="offset points", ha=ha, va=va, fontsize=SMALL, color=GREY)
            for ha, va, x, y in BESIDE
        ]
        free = (text for text in texts if not any(text.get_window_extent().overlaps(box) for box in taken))
        kept = next(free, texts[0])
        taken.append(kept.get_window_extent())
        for text in texts:
            if text is not kept:
                text.remove()
