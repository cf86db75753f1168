"""What the rules find in runs that are really slower: `python -m benchmarks.evidence.power FOLDER NAME=STRATEGY...`.

The runs saved as NAME were made slower in STRATEGY by `benchmarks.evidence.slower`, or in none (`NAME=`) if only the
serial loop was; those saved as `plain` were not. Needs SciPy, for the neighbours' tests.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tabulate import tabulate

from benchmarks.evidence.rules import RULES, Taken, bounds, read
from benchmarks.report.compare import Comparison, compare
from benchmarks.report.judge import Rule, Verdict
from benchmarks.report.units import percent

SPLITS = 60
SIZE = 5


def in_turns(runs: Sequence[Taken], name: str, size: int) -> Iterator[tuple[list[Taken], list[Taken]]]:
    """Yield samples of a size, each slower run with one of the three plain ones that are nearest in time (seeded)."""
    source = random.Random(size)
    places = {taken: [place for place, run in enumerate(runs) if run.name == taken] for taken in ("plain", name)}
    for _ in range(SPLITS):
        chosen = source.sample(places[name], size)
        base: list[int] = []
        for place in chosen:
            free = sorted((abs(other - place), other) for other in places["plain"] if other not in base)
            base.append(source.choice(free[:3])[1])
        yield [runs[place] for place in base], [runs[place] for place in chosen]


def at_random(runs: Sequence[Taken], name: str, size: int) -> Iterator[tuple[list[Taken], list[Taken]]]:
    """Yield samples of a size drawn from all plain and all slower runs (seeded)."""
    source = random.Random(size)
    plain, slower = ([run for run in runs if run.name == wanted] for wanted in ("plain", name))
    for _ in range(SPLITS):
        yield source.sample(plain, size), source.sample(slower, size)


def judged(base: Sequence[Taken], new: Sequence[Taken]) -> Comparison:
    """Return this report's comparison."""
    return compare([run.reduced for run in base], [run.reduced for run in new], Rule())


def main(arguments: Sequence[str]) -> int:
    """Print the tables."""
    runs = read(Path(arguments[0]))
    wanted = [argument.partition("=")[::2] for argument in arguments[1:]]
    rows, where = [], []
    for name, strategy in wanted:
        for way, pairs in (
            ("in turns", list(in_turns(runs, name, SIZE))),
            ("at random", list(at_random(runs, name, SIZE))),
        ):
            for title, rule in RULES.items():
                said = [rule(base, new) for base, new in pairs]
                found = bounds(sum(strategy in found for found in said), len(said)) if strategy else "-"
                rows.append(
                    [
                        name,
                        f"{SIZE} + {SIZE} {way}",
                        title,
                        found,
                        bounds(sum(bool(s - {strategy}) for s in said), len(said)),
                    ]
                )
        results = [judged(base, new) for base, new in at_random(runs, name, SIZE)]
        where += _where(name, strategy, results)
    print(tabulate(rows, headers=["made slower", "runs", "rule", "found", "alarms elsewhere"]), "\n")
    print(f"what this report says of each quantity, {SIZE} + {SIZE} runs at random")
    head = [
        "made slower",
        "family",
        "strategy",
        "quantity",
        "change, median",
        "worse",
        "better",
        "cause",
        "finds, median",
    ]
    print(tabulate(where, headers=head, disable_numparse=True))
    return 0


def _where(name: str, strategy: str, results: Sequence[Comparison]) -> list[list[str]]:
    """Return a row a group that was ever called changed, or belongs to the slower strategy."""
    rows = []
    for key in (group.key for group in results[0].groups):
        found = [group for result in results for group in result.groups if group.key == key]
        sure = [change for change in found if change.verdict.sure]
        if key.strategy != strategy and not sure:
            continue
        middle = sorted(found, key=lambda change: change.change)[len(found) // 2]
        detectable = sorted(change.detectable for change in found)[len(found) // 2]
        worse = sum(change.verdict is Verdict.REGRESSED for change in found)
        causes = ", ".join(sorted({str(change.cause) for change in sure}))
        whose = [key.family, key.strategy, f"{key.quantity}, {key.part}"]
        changed = [percent(middle.share(middle.change)), f"{worse} of {len(found)}", f"{len(sure) - worse}", causes]
        rows.append([name, *whose, *changed, percent(detectable)])
    return rows


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
