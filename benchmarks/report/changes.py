"""A change in words: whose it is, of what, and by how much."""

from __future__ import annotations

import math

from benchmarks.report import units
from benchmarks.report.judge import Change
from benchmarks.report.noise import Spread
from benchmarks.report.quantities import quantity_of
from benchmarks.words import ALL


def strategy(change: Change | Spread) -> str:
    """Return whose change it is, with the start method where there are several."""
    return change.strategy if change.start_method is None else f"{change.strategy} by {change.start_method}"


def quantity(change: Change | Spread) -> str:
    """Return what is compared, and for which tasks."""
    return change.quantity if change.part == ALL else f"{change.quantity}, {change.part.partition(' ')[0]}"


def inside(cell: str) -> str:
    """Return what a cell's test id has in brackets."""
    return cell.partition("[")[2].removesuffix("]") or cell.rpartition("::")[2]


def signed(change: Change, difference: float) -> str:
    """Write a difference as a signed share in percent."""
    value = change.share(difference)
    if math.isinf(value) or value > 1e3:
        return f"{'+' if value > 0 else '-'}inf"
    return f"{100 * value:+.1f}%"


def interval(change: Change) -> str:
    """Write the interval of a change."""
    return f"[{signed(change, change.low)}, {signed(change, change.high)}]"


def amount(change: Change, value: float) -> str:
    """Write a quantity, given as a comparison has it, the way the summary writes it."""
    known = quantity_of(change.quantity)
    return units.amount(known.unjudged(value) * (change.scale or 1.0), known.unit)
