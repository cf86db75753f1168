"""What the neighbours' rules say of runs of one program: `python -m benchmarks.evidence.rules FOLDER [NAME]`.

The runs saved as NAME (`plain`) in a storage are drawn into two samples again and again, and each rule says whether
anything in the second is slower. Nothing is. Needs SciPy.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import fmean, median

from scipy import stats as scipy_stats
from tabulate import tabulate

from benchmarks.evidence.readme import baselines, stored
from benchmarks.report.compare import compare
from benchmarks.report.judge import Rule
from benchmarks.report.metrics import NULLS
from benchmarks.report.runs import load
from benchmarks.report.samples import Reduced, reduce
from benchmarks.report.stored import Stored

SIZES = ((1, 1), (3, 3), (5, 3), (5, 5))
DRAWS = 100

Medians = list[list[float]]
"""The strategy's times of one cell: a list a run."""


@dataclass(frozen=True)
class Taken:
    """A run as the rules see it: reduced for ours, and the bare times of its cells for the others."""

    name: str
    reduced: Reduced
    times: dict[str, tuple[str, list[float]]]


Report = Callable[[Sequence[Taken], Sequence[Taken]], set[str]]
"""A rule: given two samples, the strategies in which it says that something got slower."""


def read(folder: Path) -> list[Taken]:
    """Read all runs of a storage, in the order in which they were taken."""
    found = []
    for path in folder.glob("*/*.json"):
        run = load(path)
        times = {cell.place.id: (cell.place.strategy, list(cell.strategy_seconds)) for cell in run.cells}
        times = {name: own for name, own in times.items() if own[0] not in NULLS}
        found.append((run.when, Taken(path.stem[5:], reduce(run), times)))
    return [taken for _, taken in sorted(found, key=lambda pair: pair[0])]


@cache
def known_before() -> Stored:
    """Return what the baselines say of how far runs differ."""
    return stored(baselines())


def ours(base: Sequence[Taken], new: Sequence[Taken]) -> set[str]:
    """Apply this report's rule, in which a change that is not the strategy's own raises no alarm."""
    result = compare([run.reduced for run in base], [run.reduced for run in new], Rule(), (), known_before())
    return {group.strategy for group in result.regressed} if result.judged else set()


def cell_rule(slower: Callable[[Medians, Medians], bool]) -> Report:
    """Return a rule that looks at one cell after the other, at the rounds' bare times as its tool does."""

    def rule(base: Sequence[Taken], new: Sequence[Taken]) -> set[str]:
        found = set()
        for name, (strategy, _) in base[0].times.items():
            sides = [[run.times[name][1] for run in side if name in run.times] for side in (base, new)]
            if all(sides) and slower(*sides):
                found.add(strategy)
        return found

    return rule


def _all(rounds: Medians) -> list[float]:
    return [value for run in rounds for value in run]


RULES: dict[str, Report] = {
    "this report": ours,
    "mean:10%": cell_rule(lambda a, b: fmean(_all(b)) > 1.1 * fmean(_all(a))),
    "min:10%": cell_rule(lambda a, b: min(_all(b)) > 1.1 * min(_all(a))),
    "pooled t .05 (pyperf)": cell_rule(
        lambda a, b: fmean(_all(b)) > fmean(_all(a)) and scipy_stats.ttest_ind(_all(b), _all(a)).pvalue < 0.05
    ),
    "Mann-Whitney .002, factor 1.1 (asv)": cell_rule(
        lambda a, b: (
            median(_all(b)) > 1.1 * median(_all(a)) and scipy_stats.mannwhitneyu(_all(b), _all(a)).pvalue < 0.002
        )
    ),
    "Mann-Whitney .05": cell_rule(
        lambda a, b: median(_all(b)) > median(_all(a)) and scipy_stats.mannwhitneyu(_all(b), _all(a)).pvalue < 0.05
    ),
}


def main(arguments: Sequence[str]) -> int:
    """Print the table."""
    name = arguments[1] if arguments[1:] else "plain"
    runs = [run for run in read(Path(arguments[0])) if run.name == name]
    rows = []
    for title, rule in RULES.items():
        row = [title]
        for base, new in SIZES:
            source = random.Random(base + new)
            alarms = 0
            for _ in range(DRAWS):
                drawn = source.sample(runs, base + new)
                alarms += bool(rule(drawn[:base], drawn[base:]))
            row.append(f"{alarms} of {DRAWS}")
        rows.append(row)
    print(f"{len(runs)} runs saved as {name}: reports with anything slower, nothing having changed")
    print(tabulate(rows, ["rule", *(f"{base} + {new}" for base, new in SIZES)]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
