"""False alarms of this report's rule and of its neighbours', on runs of one and the same program.

    python -m benchmarks.evidence.alarms RUN...

The runs are split into two samples again and again, at random and into stretches that follow each other in time, and
each rule says whether anything in them regressed or improved. Nothing did: every such report is a false alarm. Power is
shown beside it for the strategy's own times multiplied by 1.1 and 1.2 in all cells of one strategy, which a real
regression is not, so it is a bound and no more. Needs SciPy, for the neighbours' tests.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean, median

from scipy import stats as scipy_stats
from tabulate import tabulate

from benchmarks.report.compare import Rule, compare
from benchmarks.report.metrics import NULLS
from benchmarks.report.runs import Run, load
from benchmarks.report.samples import reduce

SPLITS = 60
Report = Callable[[Sequence[Run], Sequence[Run]], set[str]]
"""A rule: given two samples, the strategies in which it says that something got slower."""


def ours(base: Sequence[Run], new: Sequence[Run]) -> set[str]:
    """Apply this report's rule, in which a change that is not the strategy's own raises no alarm."""
    result = compare([reduce(run) for run in base], [reduce(run) for run in new], Rule())
    return {pool.strategy for pool in result.regressed}


def cell_rule(slower: Callable[[list[tuple[float, ...]], list[tuple[float, ...]]], bool]) -> Report:
    """Return a rule that looks at one cell after the other, at the rounds' bare times as its tool does."""

    def rule(base: Sequence[Run], new: Sequence[Run]) -> set[str]:
        found = set()
        for cell in base[0].cells:
            if cell.strategy in NULLS:
                continue
            sides = [
                [other.strategy_seconds for run in side for other in run.cells if other.id == cell.id]
                for side in (base, new)
            ]
            if all(sides) and slower(*sides):
                found.add(cell.strategy)
        return found

    return rule


def _all(rounds: list[tuple[float, ...]]) -> list[float]:
    return [value for run in rounds for value in run]


RULES: dict[str, Report] = {
    "this report": ours,
    "mean:10%": cell_rule(lambda a, b: fmean(_all(b)) > 1.1 * fmean(_all(a))),
    "min:10%": cell_rule(lambda a, b: min(_all(b)) > 1.1 * min(_all(a))),
    "pooled t .05": cell_rule(
        lambda a, b: scipy_stats.ttest_ind(_all(b), _all(a)).pvalue < 0.05 and fmean(_all(b)) > fmean(_all(a))
    ),
    "Mann-Whitney .05": cell_rule(
        lambda a, b: scipy_stats.mannwhitneyu(_all(b), _all(a)).pvalue < 0.05 and median(_all(b)) > median(_all(a))
    ),
    "Mann-Whitney .002 and factor 1.1": cell_rule(
        lambda a, b: (
            scipy_stats.mannwhitneyu(_all(b), _all(a)).pvalue < 0.002 and median(_all(b)) > 1.1 * median(_all(a))
        )
    ),
}


def splits(runs: Sequence[Run], size: int, *, contiguous: bool) -> Iterator[tuple[list[Run], list[Run]]]:
    """Yield pairs of samples of a size: neighbours in time, in both directions, or random ones (seeded)."""
    if contiguous:
        for start in range(len(runs) - 2 * size + 1):
            first, second = list(runs[start : start + size]), list(runs[start + size : start + 2 * size])
            yield first, second
            yield second, first
        return
    source = random.Random(size)
    for _ in range(SPLITS):
        drawn = source.sample(list(runs), 2 * size)
        yield drawn[:size], drawn[size:]


def scaled(run: Run, strategy: str, factor: float) -> Run:
    """Return a run in which one strategy took longer by a factor, in its times and in its CPU times."""

    def more(values: tuple[float, ...] | None) -> tuple[float, ...] | None:
        return None if values is None else tuple(value * factor for value in values)

    cells = tuple(
        replace(cell, strategy_seconds=more(cell.strategy_seconds) or (), cpu_seconds=more(cell.cpu_seconds))
        if cell.strategy == strategy
        else cell
        for cell in run.cells
    )
    return replace(run, cells=cells)


def bounds(hits: int, trials: int) -> str:
    """Return a share with its Clopper-Pearson interval at 95 %. Splits share runs: it is narrower than it should be."""
    low, high = scipy_stats.binomtest(hits, trials).proportion_ci(0.95)
    return f"{hits / trials:.2f} [{low:.2f}, {high:.2f}]"


def main(paths: Sequence[str]) -> int:
    """Print the tables."""
    runs = [load(Path(path)) for path in paths]
    print(f"{len(runs)} runs of one program, in the order of their names\n")
    rows = []
    for size in (1, 5):
        for contiguous in (False, True):
            pairs = list(splits(runs, size, contiguous=contiguous))
            if not pairs:
                continue
            order = "following each other" if contiguous else "random"
            for name, rule in RULES.items():
                alarms = sum(bool(rule(base, new)) for base, new in pairs)
                rows.append([f"{size} + {size}", order, len(pairs), name, bounds(alarms, len(pairs))])
    print(tabulate(rows, headers=["runs", "split", "reports", "rule", "false alarms per report"]), "\n")
    strategies = list(dict.fromkeys(cell.strategy for cell in runs[0].cells if cell.strategy not in NULLS))
    rows = []
    for factor in (1.1, 1.2):
        pairs = list(splits(runs, 5, contiguous=False))[:20]
        for strategy in strategies:
            found = untouched = 0
            for base, new in pairs:
                said = ours(base, [scaled(run, strategy, factor) for run in new])
                found += strategy in said
                untouched += bool(said - {strategy})
            rows.append([f"{factor:g}", strategy, bounds(found, len(pairs)), bounds(untouched, len(pairs))])
    print(tabulate(rows, headers=["factor", "strategy", "found by this report, 5 + 5", "alarms elsewhere"]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
