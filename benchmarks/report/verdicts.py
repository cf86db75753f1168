"""Comparisons as text: what regressed first, then the rest, then what could not be judged and why."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence

from tabulate import tabulate

from benchmarks.report import units
from benchmarks.report.compare import (
    Change,
    Comparison,
    Rule,
    Verdict,
    compare,
    pool_spreads,
)
from benchmarks.report.samples import ACROSS, AXES, Reduced

ORDER = (Verdict.REGRESSED, Verdict.IMPROVED, Verdict.INCONCLUSIVE, Verdict.UNCHANGED)
NOISE_RUNS = (1, 3, 5, 10)


def comparison_lines(base: str, new: str, result: Comparison, table_format: str, width: int) -> Iterator[str]:
    """Yield a comparison's lines; `base` and `new` are the names of the samples."""
    old, now = result.runs
    yield from _wrapped(
        f"{base} ({_runs(old)}) against {new} ({_runs(now)}); changes of time, positive is slower, "
        f"with {100 * (1 - result.rule.alpha):g}% intervals; Holm over {len(result.pools)} hypotheses; "
        f"margin {units.percent(result.rule.margin)}.",
        width,
    )
    for difference in result.differences:
        yield from _wrapped(f"NOT COMPARABLE: {difference} (--across says that a difference is meant)", width)
    if not result.nulls_hold:
        yield from _wrapped(
            f"NOT JUDGED: {result.nulls - result.nulls_held} of {result.nulls} null rows are out of bounds: the "
            "machine was too restless for a verdict",
            width,
        )
    yield ""
    shown = sorted(result.pools, key=lambda change: ORDER.index(change.verdict))
    yield from tabulate(
        [_row(change, judged=result.judged) for change in shown],
        headers=["family", "strategy", "quantity", "cells", "change", "interval", "adjusted p", "verdict"],
        tablefmt=table_format,
        disable_numparse=True,
        colalign=("left", "left", "left", "right", "right", "right", "right", "left"),
    ).splitlines()
    yield from _where(result, table_format)
    yield ""
    yield from _closing(result, width)


def _row(change: Change, *, judged: bool) -> list[str]:
    cause = f" ({change.cause})" if change.cause else ""
    return [
        change.family,
        change.strategy,
        change.quantity,
        str(change.cells),
        signed(change.change),
        f"[{signed(change.low)}, {signed(change.high)}]",
        f"{change.adjusted_p:.3f}" if change.adjusted_p >= 0.001 else "<0.001",
        f"{change.verdict}{cause}" if judged else "-",
    ]


def _where(result: Comparison, table_format: str) -> Iterator[str]:
    """Yield the cells of the pools that changed."""
    changed = {
        (pool.family, pool.strategy, pool.quantity)
        for pool in result.pools
        if pool.verdict in {Verdict.REGRESSED, Verdict.IMPROVED} and pool.cells > 1
    }
    cells = [cell for cell in result.cells if (cell.family, cell.strategy, cell.quantity) in changed]
    if not cells or not result.judged:
        return
    yield ""
    yield "Where:"
    yield from tabulate(
        [
            [(cell.cell or "").rpartition("::")[2], *_row(cell, judged=True)[2:3], *_row(cell, judged=True)[4:]]
            for cell in cells
        ],
        headers=["cell", "quantity", "change", "interval", "adjusted p", "verdict"],
        tablefmt=table_format,
        disable_numparse=True,
        colalign=("left", "left", "right", "right", "right", "left"),
    ).splitlines()


def _closing(result: Comparison, width: int) -> Iterator[str]:
    unsure = [pool for pool in result.pools if pool.verdict is Verdict.INCONCLUSIVE]
    if unsure and result.judged:
        found = sorted(pool.detectable for pool in unsure)
        needed = [pool.runs_needed for pool in unsure]
        most = None if None in needed else max(number for number in needed if number is not None)
        yield from _wrapped(
            f"{len(unsure)} of {len(result.pools)} inconclusive: these runs find changes of "
            f"{units.percent(found[0])} to {units.percent(found[-1])}; "
            + (f"{most} runs a side" if most is not None else "more than 100 runs a side")
            + f" would tell changes that are {units.percent(result.rule.margin)} apart.",
            width,
        )
    yield f"null rows that hold: {result.nulls_held} of {result.nulls}"
    for what, names in (
        ("appeared", result.appeared),
        ("vanished", result.vanished),
        ("planned, but not measured in each run", result.missing),
    ):
        if names:
            yield from _wrapped(f"{what}: {', '.join(name.rpartition('/')[2] for name in names)}", width)


def noise_lines(name: str, runs: Sequence[Reduced], rule: Rule, table_format: str) -> Iterator[str]:
    """Yield what the runs of one name say of their own spread, and which changes could be found in such runs."""
    spreads = pool_spreads(runs)
    yield f"{name} ({_runs(len(runs))}): spread between runs (standard deviation, in percent of the quantity), and the"
    yield f"smallest change that is found with a power of 95% at an adjusted p below {rule.alpha:g}, by runs a side"
    yield ""
    rows = [
        [
            spread.family,
            spread.strategy,
            spread.quantity,
            str(spread.cells),
            units.percent(math.expm1(spread.sigma)),
            *[units.percent(spread.detectable(number, rule, len(spreads))) for number in NOISE_RUNS],
        ]
        for spread in spreads
    ]
    yield from tabulate(
        rows,
        headers=["family", "strategy", "quantity", "cells", "spread", *[_runs(number) for number in NOISE_RUNS]],
        tablefmt=table_format,
        disable_numparse=True,
        colalign=("left", "left", "left", *["right"] * (2 + len(NOISE_RUNS))),
    ).splitlines()


def signed(log_change: float) -> str:
    """Write a difference of logs as a signed change in percent."""
    if math.isinf(log_change) or log_change > 7:
        return f"{'+' if log_change > 0 else '-'}inf"
    return f"{100 * math.expm1(log_change):+.1f}%"


def _runs(number: int) -> str:
    return "1 run" if number == 1 else f"{number} runs"


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, min(width, 120), break_long_words=False, break_on_hyphens=False)


def matrix_lines(
    names: Sequence[str], samples: Sequence[Sequence[Reduced]], rule: Rule, table_format: str
) -> Iterator[str]:
    """Yield a table of cells by samples: what each has, and its verdict against the first sample.

    The samples are meant to differ in Python or machine. A cell's verdict is given only where its pool changed.
    """
    first = samples[0]
    results = [compare(first, other, rule, (*ACROSS, *AXES)) for other in samples[1:]]
    for name, result in zip(names[1:], results, strict=True):
        if not result.nulls_hold:
            off = result.nulls - result.nulls_held
            yield f"{name}: not judged, {off} of {result.nulls} null rows are out of bounds"
    yield f"each against {names[0]}: change of the quantity, positive is slower, and verdict"
    yield ""
    found = [{(cell.cell, cell.quantity): cell for cell in result.cells} for result in results]
    rows = []
    for key, cell in found[0].items():
        if not all(key in others for others in found):
            continue
        row = [(cell.cell or "").rpartition("::")[2], cell.quantity, amount(cell.quantity, cell.base)]
        for others, result in zip(found, results, strict=True):
            other = others[key]
            verdict = other.verdict if result.judged else "-"
            row.append(f"{amount(other.quantity, other.new)}  {signed(other.change)}  {verdict}")
        rows.append(row)
    yield from tabulate(
        rows,
        headers=["cell", "quantity", *names],
        tablefmt=table_format,
        disable_numparse=True,
        colalign=("left", "left", *["right"] * len(names)),
    ).splitlines()


def amount(quantity: str, log: float) -> str:
    """Write a quantity, given as the log that comparisons use, the way the summary writes it."""
    if quantity == "speedup":
        return units.factor(math.exp(-log))
    if quantity == "efficiency":
        return units.percent(math.exp(-log))
    if quantity == "CPU time":
        return f"{units.factor(math.exp(log))} x floor"
    return units.seconds(math.exp(log))
