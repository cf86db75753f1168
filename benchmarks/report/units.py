"""Numbers as text: three digits, and a unit that fits."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

FACTOR = "factor"
SHARE = "share"
TIMES = "times"
"""Units of ratios: 1.50, 50%, 1.50x."""

MISSING = "-"
LINE = 120

SECONDS = (("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9))
BYTES = (("GiB", float(1 << 30)), ("MiB", float(1 << 20)), ("KiB", float(1 << 10)), ("B", 1.0))
"""Units with their multiples, the largest first."""

MEGABYTE = 1e6


def seconds(value: float | None, space: str = " ") -> str:
    """Write a time with three digits in s, ms, us or ns."""
    if value is None:
        return MISSING
    name, scale = _scale(abs(value), SECONDS)
    return f"{digits(value / scale)}{space}{name}"


def digits(value: float) -> str:
    """Write a number with three digits, or whole if it has more before its point."""
    if value == 0:
        return "0"
    rounded = float(f"{value:.3g}")
    before = math.floor(math.log10(abs(rounded))) + 1
    return f"{value:.{max(0, 3 - max(before, 1))}f}"


def amount(value: float, unit: str, space: str = " ") -> str:
    """Write a value in its unit: s, B, `FACTOR`, `SHARE` or `TIMES`, or one of somebody's own."""
    if unit == "s":
        return seconds(value, space)
    if unit == "B":
        return size(value, space)
    if unit in {FACTOR, TIMES}:
        return f"{factor(value)}{'x' if unit == TIMES else ''}"
    return percent(value) if unit == SHARE else f"{digits(value)}{space}{unit}"


def interval(center: float, low: float | None, high: float | None, unit: str) -> str:
    """Write a value and its interval in one unit, that of the value: 1.05 [1.02, 1.08] us. An open side is a word."""
    name, scale = {"s": _scale(abs(center), SECONDS), "B": _scale(abs(center), BYTES)}.get(unit, (unit, 1.0))
    ratio = unit in {FACTOR, SHARE, TIMES}
    middle, *bounds = (
        None if value is None else amount(value, unit) if ratio else digits(value / scale)
        for value in (center, low, high)
    )
    between = "" if low is None and high is None else f" [{bounds[0] or 'less'}, {bounds[1] or 'more'}]"
    return f"{middle}{between}" if ratio else f"{middle}{between} {name}"


def _scale(value: float, multiples: Sequence[tuple[str, float]]) -> tuple[str, float]:
    """Return the largest multiple of a unit that a value is at least one of, by its first three digits; else the least.

    Rounding decides: 999.6 us has three digits only as 1.00 ms.
    """
    return next((one for one in multiples if float(f"{value / one[1]:.3g}") >= 1), multiples[-1])


def size(value: float, space: str = " ") -> str:
    """Write a number of bytes with three digits in GiB, MiB, KiB or B."""
    name, scale = _scale(abs(value), BYTES)
    return f"{digits(value / scale)}{space}{name}"


def moved(total: int | None, tasks: int, space: str) -> str | None:
    """Write the bytes that each task is sent or returns; None stays None, for a column that then is left out."""
    return None if total is None else size(total / tasks, space)


def throughput(value: float | None) -> str | None:
    """Write bytes a second in MB/s; None stays None, for a column that then is left out."""
    return None if value is None else f"{digits(value / MEGABYTE)} MB/s"


def factor(value: float | None) -> str:
    """Write a ratio with two digits behind its point, more where that would say nothing."""
    if value is None:
        return MISSING
    if value >= 99.95:
        return f"{value:.0f}"
    if value >= 9.995:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.0995 else f"{value:.3f}"


def percent(value: float | None) -> str:
    """Write a share in whole percent, with one digit more below ten."""
    if value is None:
        return MISSING
    return f"{100 * value:.0f}%" if abs(value) >= 0.0995 else f"{100 * value:.1f}%"


def counted(number: int, what: str) -> str:
    """Write a number of things, with an s unless it is one."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """Break a paragraph into lines of at most `width`, and at most what one reads with ease; words stay whole.

    All lines but the first begin with `indent`.
    """
    return textwrap.wrap(
        text, min(width, LINE), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
