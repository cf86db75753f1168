"""False alarms and coverage, on runs of one and the same program: `python -m benchmarks.evidence.alarms FOLDER [NAME]`.

The runs saved as NAME (`plain`) are split into two samples again and again, at random and into stretches that follow
each other in time, and each rule says whether anything in them got slower. Nothing did: every such report is a false
alarm. Then comparisons are simulated whose runs vary as these do. Needs SciPy, for the neighbours' tests.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from msgspec.structs import replace as changed
from tabulate import tabulate

from benchmarks.evidence.rules import RULES, Taken, bounds, read
from benchmarks.report.compare import compare
from benchmarks.report.judge import Rule
from benchmarks.report.samples import Reduced

SPLITS = 60
SIMULATED = 1000


def splits(runs: Sequence[Taken], size: int, *, contiguous: bool) -> Iterator[tuple[list[Taken], list[Taken]]]:
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


def coverage(pairs: Sequence[tuple[list[Taken], list[Taken]]]) -> list[list[str]]:
    """Return how many 99 % intervals of a change hold the true one, which is none, by quantity."""
    held: dict[str, list[bool]] = {}
    for base, new in pairs:
        for pool in compare([run.reduced for run in base], [run.reduced for run in new], Rule()).groups:
            held.setdefault(f"{pool.quantity}, {pool.part}", []).append(pool.low <= 0 <= pool.high)
    return [[name, f"{sum(found)} of {len(found)}", f"{fmean(found):.3f}"] for name, found in held.items()]


def simulated(runs: Sequence[Reduced], size: int, source: random.Random) -> list[Reduced]:
    """Return made-up runs that vary about the mean of real ones as these do.

    A sum of the real runs' deviations with standard normal weights, over the root of n - 1, has the mean and exactly
    the covariances of the real ones: what moves together there moves together here.
    """
    names = [name for name in runs[0].views if all(name in run.views for run in runs)]
    made = []
    for _ in range(size):
        weights = [source.gauss(0, 1) / math.sqrt(len(runs) - 1) for _ in runs]
        views = {}
        for name in names:
            values = {}
            for quantity in runs[0].views[name].values:
                real = [run.views[name].values[quantity] for run in runs]
                middle = fmean(real)
                values[quantity] = middle + sum(w * (r - middle) for w, r in zip(weights, real, strict=True))
            views[name] = changed(runs[0].views[name], values=values)
        made.append(replace(runs[0], views=views, nulls_held=runs[0].nulls))
    return made


def main(arguments: Sequence[str]) -> int:
    """Print the tables."""
    name = arguments[1] if arguments[1:] else "plain"
    runs = [run for run in read(Path(arguments[0])) if run.name == name]
    print(f"{len(runs)} runs saved as {name}, {runs[0].reduced.when[:16]} to {runs[-1].reduced.when[:16]}")
    stolen = [f"{run.reduced.stolen:.0%}" for run in runs if run.reduced.stolen is not None]
    print(f"CPU time that the host took for other guests: {', '.join(stolen)}")
    print(f"null rows that hold: {sum(r.reduced.nulls_held for r in runs)} of {sum(r.reduced.nulls for r in runs)}\n")
    rows = []
    for size in (1, 5):
        for contiguous in (False, True):
            pairs = list(splits(runs, size, contiguous=contiguous))
            order = "following each other" if contiguous else "at random"
            for title, rule in RULES.items():
                alarms = sum(bool(rule(base, new)) for base, new in pairs)
                rows.append([title, f"{size} + {size} {order}", bounds(alarms, len(pairs))])
    print(tabulate(rows, headers=["rule", "runs", "reports with a false alarm"]), "\n")
    pairs = list(splits(runs, 5, contiguous=False))
    print("99% intervals of a change that hold none, 5 + 5 at random")
    print(tabulate(coverage(pairs), headers=["quantity", "held", "share"], disable_numparse=True), "\n")
    source = random.Random(17)
    real = [run.reduced for run in runs]
    alarms = sum(
        bool(compare(simulated(real, 5, source), simulated(real, 5, source), Rule()).regressed)
        for _ in range(SIMULATED)
    )
    print(f"simulated reports of 5 + 5 runs with a false alarm: {bounds(alarms, SIMULATED)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
