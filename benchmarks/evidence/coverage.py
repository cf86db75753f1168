"""Whether 95 % intervals hold the mean of further runs: `python -m benchmarks.evidence.coverage [FOLDER]`.

Of one program's runs, kept as `plain`: the intervals of each single run, and of three and five drawn at random, against
the mean of all the others, by family and quantity. With the baselines as stored runs, and without any; what a single
run says without any is known from its rounds, for which FOLDER, the storage with the runs, is needed; from these also
comes by how much the intervals over rounds would have to be widened (`intervals.WIDENING`).
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean

from tabulate import tabulate

from benchmarks.evidence.kept import plain
from benchmarks.evidence.readme import baselines, stored
from benchmarks.report.intervals import between_runs, of_one_run, reaches
from benchmarks.report.metrics import NULLS, Metrics, metrics
from benchmarks.report.quantities import QUANTITIES, TIME
from benchmarks.report.runs import find, load
from benchmarks.report.samples import Reduced, in_all
from benchmarks.report.stats import Summary, quantile
from benchmarks.report.stored import NOTHING_STORED, Replicates
from benchmarks.words import EFFICIENCY, FIRST_RESULT, OVERHEAD, PEAK_MEMORY, SPEEDUP

DRAWS = 100

Held = dict[tuple[str, str], list[bool]]
"""Whether each interval held, by family and quantity."""


def shown(row: Metrics) -> Mapping[str, Summary | None]:
    """Return what of a row has an interval."""
    return {
        TIME: row.time,
        SPEEDUP: row.speedup,
        EFFICIENCY: row.efficiency,
        OVERHEAD: row.overhead,
        FIRST_RESULT: row.first_result,
        PEAK_MEMORY: row.peak_memory,
    }


def hold(rows: Sequence[Metrics], others: Sequence[Reduced], held: Held) -> None:
    """Note for each interval of some rows whether it holds the mean of other runs."""
    for row in rows:
        if row.place.strategy in NULLS:
            continue
        for quantity, value in shown(row).items():
            values = [run.views[row.place.id].values.get(quantity) for run in others]
            known = [one for one in values if one is not None]
            if value is None or value.low is None or value.high is None or len(known) < len(others):
                continue
            of = QUANTITIES[quantity]
            mean = of.unjudged(fmean(known))
            held.setdefault((row.place.family, quantity), []).append(value.low <= mean <= value.high)


def several(runs: Sequence[Reduced], size: int, sets: Sequence[Replicates]) -> Held:
    """Draw samples of a size at random (seeded), and see what their intervals hold."""
    held: Held = {}
    source = random.Random(size)
    names = in_all(runs)
    for _ in range(DRAWS):
        chosen = source.sample(range(len(runs)), size)
        some = [runs[place] for place in chosen]
        others = [run for place, run in enumerate(runs) if place not in chosen]
        hold(list(between_runs(some, names, sets)), others, held)
    return held


def single(folder: Path, runs: Sequence[Reduced], sets: Sequence[Replicates]) -> Held:
    """See what the intervals of each run hold."""
    held: Held = {}
    names = in_all(runs)
    for path in find(folder, "plain"):
        run = load(path)
        own = next(one for one in runs if one.when == run.when)
        known = reaches([own], names, sets)
        rows = [of_one_run(metrics(cell), known) for cell in run.cells if cell.place.id in names]
        hold(rows, [one for one in runs if one is not own], held)
    return held


def widening(folder: Path, runs: Sequence[Reduced]) -> dict[str, float]:
    """Return for each quantity the factor by which intervals over rounds hold the mean of other runs in 95 %.

    The distance to that mean as a multiple of the interval's half on its side, in logs unless it is signed, of which
    the 95th percentile over all cells and runs.
    """
    found: dict[str, list[float]] = {}
    for path in find(folder, "plain"):
        run = load(path)
        others = [one for one in runs if one.when != run.when]
        for cell in run.cells:
            row = metrics(cell)
            for quantity, value in shown(row).items():
                values = [one.views[row.place.id].values.get(quantity) for one in others if row.place.id in one.views]
                known = [one for one in values if one is not None]
                of = QUANTITIES[quantity]
                if row.place.strategy in NULLS or value is None or None in {value.low, value.high} or not known:
                    continue
                if not of.signed and min(value.low or 0, value.center) <= 0:
                    continue
                middle, *bounds = (of.judged(one) for one in (value.center, value.low or 0.0, value.high or 0.0))
                distance = fmean(known) - middle
                reach = max(bounds) - middle if distance > 0 else middle - min(bounds)
                found.setdefault(quantity, []).append(abs(distance) / reach if reach > 0 else math.inf)
    return {quantity: quantile(values, 0.95) for quantity, values in found.items()}


def table(columns: Mapping[str, Held]) -> Iterator[list[str]]:
    """Yield rows: a family and quantity, and how often its intervals held in each column."""
    for key in dict.fromkeys(key for held in columns.values() for key in held):
        found = [held.get(key, []) for held in columns.values()]
        yield [*key, *(f"{fmean(some):.3f} of {len(some)}" if some else "-" for some in found)]
    found = [[one for some in held.values() for one in some] for held in columns.values()]
    yield ["all", "", *(f"{fmean(some):.3f} of {len(some)}" if some else "-" for some in found)]


def main(arguments: Sequence[str]) -> int:
    """Print the table."""
    runs = plain()
    known = stored(baselines())
    columns: dict[str, Held] = {}
    if arguments:
        columns["1 run, stored"] = single(Path(arguments[0]), runs, known.sets)
        columns["1 run, rounds alone"] = single(Path(arguments[0]), runs, NOTHING_STORED.sets)
    for size in (3, 5):
        columns[f"{size} runs, stored"] = several(runs, size, known.sets)
        columns[f"{size} runs alone"] = several(runs, size, NOTHING_STORED.sets)
    print(f"{len(runs)} runs; {known.note}\n")
    print(tabulate(list(table(columns)), ["family", "quantity", *columns], disable_numparse=True))
    if arguments:
        factors = widening(Path(arguments[0]), runs)
        print("\nwidening:", ", ".join(f"{quantity} {factor:.2f}" for quantity, factor in factors.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
