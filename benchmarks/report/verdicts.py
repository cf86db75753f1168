"""Comparisons as text: what regressed first, then the rest, then what could not be judged and why."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from benchmarks.report import units
from benchmarks.report.causes import OWN_CAUSES
from benchmarks.report.changes import amount, inside, interval, quantity, signed, strategy
from benchmarks.report.compare import LEAST_RUNS, Comparison
from benchmarks.report.findings import finding
from benchmarks.report.judge import MOST_RUNS_NEEDED, Change, Rule, Verdict, share
from benchmarks.report.noise import Spread
from benchmarks.report.nulls import bias_line
from benchmarks.report.phrases import known
from benchmarks.report.table import Table, fitted
from benchmarks.report.units import counted, wrapped
from benchmarks.words import SHORT, TARGET_FAMILY

MOST_NAMES = 5

NUMBER = re.compile(r"^\d{4}_")
"""What stands before the name of a run in that of its file."""

VERDICT_ORDER = (Verdict.REGRESSED, Verdict.IMPROVED, Verdict.INCONCLUSIVE, Verdict.UNCHANGED)
NOISE_RUNS = (3, 5, 8)
LEFT_COLUMNS = ("verdict", "family", "strategy", "cell", "quantity")


@dataclass(frozen=True)
class VerdictStyle:
    """How a table is set: columns that become titles above their rows, columns that are left out, what is between."""

    titles: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    gap: str = "  "


GROUPS = (
    VerdictStyle(),
    VerdictStyle(("verdict",), ("cells", "old", "new", "detectable", "runs needed"), " "),
    VerdictStyle(("verdict", "family", "strategy"), ("cells", "detectable", "runs needed")),
)
CELLS = (
    VerdictStyle(),
    VerdictStyle(("verdict", "quantity"), (), " "),
    VerdictStyle(("verdict", "family", "quantity"), (), " "),
    VerdictStyle(("verdict", "family", "quantity"), ("p",), " "),
)
NOISE = (VerdictStyle(), VerdictStyle(("family", "strategy")))
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
    yield from wrapped(finding(result), width)
    if result.libraries:
        yield from wrapped(f"Engines: {'; '.join(result.libraries)}.", width)
    for fact in result.unknown:
        yield from wrapped(f"warning: {fact}", width)
    if result.differences or not result.groups:
        return
    yield ""
    held = "" if result.rule.spent is None else f", sure below {result.rule.spent:.2g} at this look"
    yield from wrapped(
        f"{names[0]} ({counted(old, 'run')}) against {names[1]} ({counted(now, 'run')}). Positive is worse; speedup "
        f"and efficiency are compared as times, their inverses. {100 * (1 - result.rule.alpha):g}% intervals, "
        f"p one-sided and adjusted by Holm over {counted(len(result.groups), 'test')}{held}, margin "
        f"{units.percent(result.rule.margin)}; {result.prior}.",
        width,
    )
    if any(group.part == SHORT for group in result.groups):
        yield from wrapped("Short tasks are those in which the call takes most of the time.", width)
    for row in result.biased:
        yield from wrapped(
            f"NOT JUDGED: {row.family}, whose null row {inside(row.cell)} reads {known(row.ratio)} instead of 1: the "
            "measurement favours an arm",
            width,
        )
    yield ""
    if result.enough:
        silent = [group for group in result.groups if group.silent and not all_cells]
        shown = [group for group in result.groups if group not in silent]
        yield from _table(shown, GROUPS, width, table_format, judged=True)
        if silent:
            yield from wrapped(
                f"{counted(len(silent), 'test')} inconclusive at p = 1, not shown (--cells shows them).", width
            )
    else:
        yield from _standing_out(names, result, width, table_format)
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
    """Say what is worth another look, and what settles it."""
    if result.standing_out:
        yield from _table(result.standing_out, GROUPS, width, table_format, judged=False)
        yield ""
    own = [NUMBER.sub("", name) for name in names]
    target = any(group.family == TARGET_FAMILY for group in result.groups)
    program = "pool-benchmarks MODULE:FUNCTION --inputs WHAT" if target else "pytest --benchmark-only"
    for name, runs in zip(own, result.runs, strict=True):
        if runs < LEAST_RUNS:
            times = {1: "once", 2: "twice"}[LEAST_RUNS - runs]
            yield from wrapped(f"For a verdict, measure {name} {times} more: {program} --benchmark-save={name}", width)
    yield from wrapped(f"Then: python -m benchmarks.report compare {' '.join(map(shlex.quote, own))}", width)


def _place(change: Change) -> tuple[int, bool]:
    """Return what changes are ordered by: what regressed first, and of that what strategies did."""
    return VERDICT_ORDER.index(change.verdict), change.cause not in OWN_CAUSES


def _table(
    changes: Sequence[Change],
    styles: Sequence[VerdictStyle],
    width: int,
    table_format: str | None,
    *,
    judged: bool,
) -> list[str]:
    """Set changes, what regressed first."""
    shown = sorted(changes, key=_place) if judged else list(changes)
    rows = [_row(change, judged=judged) for change in shown]
    return fitted(_tables(rows, styles), width, table_format)


def _tables(rows: Sequence[dict[str, str]], styles: Sequence[VerdictStyle]) -> Iterator[Table]:
    """Yield rows as tables, in one style after the other; none where there are no rows."""
    for style in styles if rows else ():
        columns = [name for name in rows[0] if name not in style.titles + style.left_out]
        yield Table(
            columns,
            [[row[name] for name in columns] for row in rows],
            left=[place for place, name in enumerate(columns) if name in LEFT_COLUMNS],
            above=[", ".join(row[name] for name in style.titles if row[name] != units.MISSING) for row in rows],
            gap=style.gap,
        )


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
        "interval": interval(change),
        "p": f"{change.adjusted_p:.3f}" if change.adjusted_p >= 0.001 else "<.001",
        **(
            {"detectable": _found(change.detectable), "runs needed": _needed(change.runs_needed)}
            if change.cell is None
            else {}
        ),
    }


def _closing(result: Comparison, width: int) -> Iterator[str]:
    for line in result.observed:
        yield from wrapped(f"Behaviour changed: {line}.", width)
    yield from wrapped(f"Noise check: {bias_line(result.nulls)}.", width)
    for what, names in (
        ("Appeared", result.appeared),
        ("Vanished", result.vanished),
        ("Failed", result.failed),
        ("Planned, but not measured in every run", result.missing),
    ):
        if names:
            yield from wrapped(f"{what}: {', '.join(_listed(names))}.", width)
    if result.others:
        yield from wrapped(
            f"Not in every run, since each looks for the best settings: {counted(len(result.others), 'cell')}.",
            width,
        )
    if result.lacking:
        yield from wrapped(f"Not reported by every run, so left out: {', '.join(result.lacking)}.", width)
    if result.judged:
        counts = [f"{sum(group.verdict is verdict for group in result.groups)} {verdict}" for verdict in VERDICT_ORDER]
        others = len([group for group in result.groups if group.verdict is Verdict.REGRESSED]) - len(result.regressed)
        note = f" ({others} of the REGRESSED not clearly caused by a strategy)" if others else ""
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
    yield from fitted(_tables(rows, NOISE), width, table_format)


def _found(value: float) -> str:
    """Write a change that can be found, unless it is beyond reason."""
    return units.percent(value) if value < 10 else "over 1000%"


def _needed(runs: int | None) -> str:
    return f"over {MOST_RUNS_NEEDED}" if runs is None else str(runs)
