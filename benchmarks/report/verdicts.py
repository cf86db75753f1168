"""Comparisons as text: what regressed first, then the rest, then what could not be judged and why."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence

from tabulate import tabulate

from benchmarks.report import units
from benchmarks.report.compare import Change, Comparison, Reduced, Rule, Verdict, detectable_change, pool_spreads

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
            + f" would find {units.percent(result.rule.margin)} everywhere.",
            width,
        )
    yield f"null rows that hold: {result.nulls_held} of {result.nulls}"
    for what, names in (
        ("appeared", result.appeared),
        ("vanished", result.vanished),
        ("failed", result.failed),
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
            *[
                units.percent(detectable_change(spread.sigma, spread.df, runs_a_side, rule, len(spreads)))
                for runs_a_side in NOISE_RUNS
            ],
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
