"""Comparisons as text: what regressed first, then the rest, then what could not be judged and why."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from tabulate import TableFormat, tabulate

from benchmarks.report import units
from benchmarks.report.compare import LEAST_RUNS, Comparison
from benchmarks.report.judge import MOST_RUNS_NEEDED, Change, Rule, Verdict, share
from benchmarks.report.metrics import Bias, hidden
from benchmarks.report.noise import Spread
from benchmarks.report.nulls import NullRow
from benchmarks.report.quantities import quantity_of
from benchmarks.report.stats import Summary
from benchmarks.report.tables import plain
from benchmarks.report.units import counted, wrapped
from benchmarks.words import ALL, SHORT

MOST_NAMES = 5

NUMBER = re.compile(r"^\d{4}_")
"""What stands before the name of a run in that of its file."""

VERDICT_ORDER = (Verdict.REGRESSED, Verdict.IMPROVED, Verdict.INCONCLUSIVE, Verdict.UNCHANGED)
NOISE_RUNS = (3, 5, 8)
LEFT_COLUMNS = ("verdict", "family", "strategy", "cell", "quantity")


@dataclass(frozen=True)
class VerdictStyle:
    """How a table is set: columns that become titles above their rows, and columns that are left out."""

    form: TableFormat
    titles: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


WIDE = VerdictStyle(plain("  "))
GROUPS = (
    WIDE,
    VerdictStyle(plain(" "), ("verdict",), ("cells", "old", "new", "finds", "needs")),
    VerdictStyle(plain("  "), ("verdict", "family", "strategy"), ("cells", "finds", "needs")),
)
CELLS = (
    WIDE,
    VerdictStyle(plain(" "), ("verdict", "quantity")),
    VerdictStyle(plain(" "), ("verdict", "family", "quantity")),
    VerdictStyle(plain(" "), ("verdict", "family", "quantity"), ("p",)),
)
NOISE = (WIDE, VerdictStyle(plain("  "), ("family", "strategy")))
"""From the widest to the narrowest."""


def comparison_lines(
    names: tuple[str, str], result: Comparison, width: int, table_format: str | None = None, *, all_cells: bool = False
) -> Iterator[str]:
    """Yield a comparison's lines; `names` are those of the samples.

    The table fits `width` unless `table_format`, one of tabulate's, is given. A wide one has the smallest change that
    these runs find in a group, and the runs a side that would find one of the margin. The cells of groups that changed
    follow, or `all_cells`.
    """
    old, now = result.runs
    held = "" if result.rule.spent is None else f", sure below {result.rule.spent:.2g} at this look"
    yield from wrapped(
        f"{names[0]} ({counted(old, 'run')}) against {names[1]} ({counted(now, 'run')}). A positive change is for the "
        f"worse, of speedup and efficiency that of their inverse, time; {100 * (1 - result.rule.alpha):g}% intervals, "
        f"p one-sided and adjusted by Holm over {counted(len(result.groups), 'test')}{held}, margin "
        f"{units.percent(result.rule.margin)}; {result.prior}.",
        width,
    )
    if any(group.part == SHORT for group in result.groups):
        yield from wrapped("Short tasks are those in which the call takes most of the time.", width)
    for difference in result.differences:
        yield from wrapped(f"NOT COMPARABLE: {difference} (--across says that a difference is meant)", width)
    for fact in result.unknown:
        yield from wrapped(f"warning: {fact}", width)
    for row in result.biased:
        yield from wrapped(
            f"NOT JUDGED: {row.family}, whose null row {inside(row.cell)} reads {_ratio(row.ratio)} where nothing "
            "differs: the measuring favours an arm",
            width,
        )
    yield ""
    if not result.enough and not result.differences:
        yield from _standing_out(names, result, width, table_format)
    else:
        yield from _table(result.groups, GROUPS, width, table_format, judged=result.judged)
    changed = {group.key for group in result.groups if group.verdict.sure and group.cells > 1 and result.judged}
    cells = [cell for cell in result.cells if all_cells or cell.key in changed]
    if cells:
        yield ""
        yield "Cell by cell:" if all_cells else "Where, cell by cell:"
        if table_format is not None:
            yield ""  # Markdown takes the line for a part of the table
        yield from _table(cells, CELLS, width, table_format, judged=result.judged)
    yield ""
    yield from _closing(result, width)


def _standing_out(names: tuple[str, str], result: Comparison, width: int, table_format: str | None) -> Iterator[str]:
    """Say why there is no verdict, what is worth another look, and what settles it."""
    found = result.standing_out
    what = f"{len(found)} of {counted(len(result.groups), 'test')} stand out" if found else "nothing stands out"
    yield from wrapped(f"NO VERDICT, which takes {LEAST_RUNS} runs a side: {what}.", width)
    if found:
        yield ""
        yield from _table(found, GROUPS, width, table_format, judged=False)
        yield ""
    own = [NUMBER.sub("", name) for name in names]
    for name, runs in zip(own, result.runs, strict=True):
        if runs < LEAST_RUNS:
            times = {1: "once", 2: "twice"}[LEAST_RUNS - runs]
            yield from wrapped(
                f"To settle it, measure {times} more as {name}: pytest --benchmark-only --benchmark-save={name}", width
            )
    yield from wrapped(f"Then: python -m benchmarks.report compare {' '.join(map(shlex.quote, own))}", width)


def _ratio(ratio: Summary) -> str:
    """Write what a null row's ratio is more than 1, with its interval."""
    middle, low, high = (
        f"{100 * (value - 1):+.1f}%" if value < 10 else "over 1000%"
        for value in (ratio.center, ratio.low or 0.0, math.inf if ratio.high is None else ratio.high)
    )
    return f"{middle} [{low}, {high}]"


def bias_line(nulls: Sequence[NullRow]) -> str:
    """Say what null rows tell: which families are biased, and what bias could hide in the others."""
    if not nulls:
        return "No null rows: nothing tells whether the measuring favours an arm."
    biased = dict.fromkeys(row.family for row in nulls if row.bias is Bias.BIASED)
    hiding: dict[str, float] = {}
    for row in nulls:
        if row.family not in biased:
            hiding[row.family] = max(hiding.get(row.family, 0.0), hidden(row.ratio))
    words = f"biased in {', '.join(biased)}" if biased else "none biased"
    text = f"Null rows: {len(nulls)}, {words}"
    told = ", ".join(f"{family} {_found(most)}" for family, most in hiding.items())
    return f"{text}; bias that could hide, at most: {told}." if told else f"{text}."


def _table(
    changes: Sequence[Change],
    styles: Sequence[VerdictStyle],
    width: int,
    table_format: str | None,
    *,
    judged: bool,
) -> list[str]:
    """Set changes, what regressed first."""
    shown = sorted(changes, key=lambda change: VERDICT_ORDER.index(change.verdict)) if judged else list(changes)
    rows = [_row(change, judged=judged) for change in shown]
    return _fitted(rows, width, table_format, styles)


def _fitted(
    rows: Sequence[dict[str, str]], width: int, table_format: str | None, styles: Sequence[VerdictStyle]
) -> list[str]:
    """Set rows in the first style that fits, else in the last; with all columns in a format of tabulate's."""
    lines: list[str] = []
    if table_format is not None and rows:
        return _set(rows, list(rows[0]), table_format)
    for style in styles if rows else ():
        head, *body = _set(rows, [name for name in rows[0] if name not in style.titles + style.left_out], style.form)
        titles = [", ".join(row[name] for name in style.titles if row[name] != units.MISSING) for row in rows]
        lines = [head]
        for place, line in enumerate(body):
            if titles[place] and (not place or titles[place] != titles[place - 1]):
                lines.append(titles[place])
            lines.append(line)
        if max(map(len, lines)) <= width:
            break
    return lines


def _set(rows: Sequence[dict[str, str]], columns: Sequence[str], table_format: str | TableFormat) -> list[str]:
    text = tabulate(
        [[row[name] for name in columns] for row in rows],
        columns,
        tablefmt=table_format,
        disable_numparse=True,
        colalign=["left" if name in LEFT_COLUMNS else "right" for name in columns],
    )
    return [line.rstrip() for line in text.splitlines()]


def _row(change: Change, *, judged: bool) -> dict[str, str]:
    cause = f" ({change.cause})" if change.cause else ""
    one = change.cells == 1
    names = {"strategy": strategy(change), "cells": str(change.cells)}
    return {
        "verdict": f"{change.verdict}{cause}" if judged else "-",
        "family": change.family,
        **(names if change.cell is None else {"cell": inside(change.cell)}),
        "quantity": quantity(change),
        "old": amount(change, change.base) if one else units.MISSING,
        "new": amount(change, change.new) if one else units.MISSING,
        "change": signed(change, change.change),
        "interval": f"[{signed(change, change.low)}, {signed(change, change.high)}]",
        "p": f"{change.adjusted_p:.3f}" if change.adjusted_p >= 0.001 else "<.001",
        **({"finds": _found(change.detectable), "needs": _needed(change.runs_needed)} if change.cell is None else {}),
    }


def strategy(change: Change | Spread) -> str:
    """Return whose change it is, with the start method where there are several."""
    return change.strategy if change.start_method is None else f"{change.strategy} by {change.start_method}"


def quantity(change: Change | Spread) -> str:
    """Return what is compared, and for which tasks."""
    return change.quantity if change.part == ALL else f"{change.quantity}, {change.part.partition(' ')[0]}"


def inside(cell: str) -> str:
    """Return what a cell's test id has in brackets."""
    return cell.partition("[")[2].removesuffix("]") or cell.rpartition("::")[2]


def _closing(result: Comparison, width: int) -> Iterator[str]:
    unsure = [group for group in result.groups if group.verdict is Verdict.INCONCLUSIVE]
    if unsure and result.judged:
        found = sorted(group.detectable for group in unsure)
        needed = sorted((group.runs_needed for group in unsure), key=lambda runs: runs or MOST_RUNS_NEEDED + 1)
        yield from wrapped(
            f"{len(unsure)} of {len(result.groups)} inconclusive: these runs find changes of {_found(found[0])} to "
            f"{_found(found[-1])}; {_needed(needed[0])} to {_needed(needed[-1])} runs a side would tell one of "
            f"{units.percent(result.rule.margin)} from none.",
            width,
        )
    for line in result.observed:
        yield from wrapped(f"Something else happens: {line}.", width)
    yield from wrapped(bias_line(result.nulls), width)
    for what, names in (
        ("Appeared", result.appeared),
        ("Vanished", result.vanished),
        ("Failed", result.failed),
        ("Planned, but not measured in each run", result.missing),
    ):
        if names:
            yield from wrapped(f"{what}: {', '.join(_listed(names))}.", width)
    if result.lacking:
        yield from wrapped(f"Not told by each run, and left out: {', '.join(result.lacking)}.", width)
    if result.judged:
        counts = [f"{sum(group.verdict is verdict for group in result.groups)} {verdict}" for verdict in VERDICT_ORDER]
        others = len([group for group in result.groups if group.verdict is Verdict.REGRESSED]) - len(result.regressed)
        note = f" ({others} of the former not surely by a strategy's doing)" if others else ""
        yield from wrapped(f"Of {counted(len(result.groups), 'test')}: {', '.join(counts)}{note}.", width)


def _listed(cells: Sequence[str]) -> Iterator[str]:
    """Name cells, those of a file by their number if they are many: another preset, or `-k`, leaves out most."""
    for file, group in groupby(cells, key=lambda name: name.partition("::")[0]):
        names = [name.rpartition("/")[2] for name in group]
        yield from names if len(names) <= MOST_NAMES else [f"{len(names)} cells of {file.rpartition('/')[2]}"]


def noise_lines(
    sample: str, spreads: Sequence[Spread], rule: Rule, width: int, table_format: str | None = None
) -> Iterator[str]:
    """Yield what the runs of a sample say of their own spread, and which changes could be found in such runs."""
    yield from wrapped(
        f"{sample}: the spread between runs (a standard deviation), and the smallest change that is found with a power "
        f"of 95% at an adjusted p below {rule.alpha:g}, by runs a side",
        width,
    )
    yield ""
    rows = [
        {
            "family": spread.family,
            "strategy": strategy(spread),
            "quantity": quantity(spread),
            "spread": units.percent(share(spread.quantity, spread.sigma)),
            **{counted(runs, "run"): _found(spread.detectable(runs, rule, len(spreads))) for runs in NOISE_RUNS},
        }
        for spread in spreads
    ]
    yield from _fitted(rows, width, table_format, NOISE)


def _found(value: float) -> str:
    """Write a change that can be found, unless it is beyond reason."""
    return units.percent(value) if value < 10 else "over 1000%"


def _needed(runs: int | None) -> str:
    return f"over {MOST_RUNS_NEEDED}" if runs is None else str(runs)


def signed(change: Change, difference: float) -> str:
    """Write a difference as a signed share in percent."""
    value = change.share(difference)
    if math.isinf(value) or value > 1e3:
        return f"{'+' if value > 0 else '-'}inf"
    return f"{100 * value:+.1f}%"


def amount(change: Change, value: float) -> str:
    """Write a quantity, given as a comparison has it, the way the summary writes it."""
    known = quantity_of(change.quantity)
    return units.amount(known.unjudged(value) * (change.scale or 1.0), known.unit)
