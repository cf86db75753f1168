"""How far runs of one name differ, and what their null rows say: `python -m benchmarks.evidence.spread RUN...`.

Spreads are standard deviations between runs of the natural log of each run's median: over all runs, and over those from
which the host took less than a twentieth of the CPU time for other guests, which is what most of the rest is.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, median, stdev

from tabulate import tabulate

from benchmarks.report.metrics import NULL_QUANTITIES, NULLS, hidden
from benchmarks.report.nulls import null_rows
from benchmarks.report.quantities import CPU_SECONDS, QUANTITIES, TIME
from benchmarks.report.runs import Measured, Run, load
from benchmarks.report.samples import Reduced, reduce
from benchmarks.words import CPU_TIME, EFFICIENCY, SPEEDUP

QUIET = 0.05
"""The share of the CPU time that other guests may take in a run that counts as quiet."""

SHOWN = (TIME, SPEEDUP, EFFICIENCY, CPU_SECONDS, CPU_TIME)


def spreads(runs: Sequence[Run], names: Sequence[str]) -> list[list[str]]:
    """Return a row a cell: its name, and the spread of each quantity between runs."""
    cells: dict[str, list[Measured]] = {}
    for run in runs:
        for cell in run.cells:
            cells.setdefault(cell.place.id, []).append(cell)
    rows = []
    for name, found in cells.items():
        row = [name.rpartition("/")[2]]
        for quantity in names:
            values = [QUANTITIES[quantity].of(cell) for cell in found]
            known = [math.log(value) for value in values if value is not None]
            row.append(f"{stdev(known):.3f}" if len(known) > 1 else "-")
        rows.append(row)
    return rows


def headed(name: str) -> str:
    """Return a quantity's formula, or its name where that says more."""
    return QUANTITIES[name].formula if name in {SPEEDUP, EFFICIENCY} else name


def nulls(runs: Sequence[Run]) -> list[list[str]]:
    """Return a row a null cell: the mean of its log ratio over runs, how sure it is, and what it says of bias.

    The ratio is that of the other arm to the strategy; t is the mean over its standard error.
    """
    found: dict[str, list[Reduced]] = {}
    for run in map(reduce, runs):
        for name, view in run.views.items():
            if view.place.strategy in NULLS:
                found.setdefault(name, []).append(run)
    said = {row.cell: row for row in null_rows([reduce(run) for run in runs])}
    table = []
    for name, some in found.items():
        quantity = NULL_QUANTITIES[some[0].views[name].place.strategy]
        logs = [-run.views[name].values[quantity] for run in some if quantity in run.views[name].values]
        if len(logs) < 2:
            continue
        seconds = math.exp(fmean(run.views[name].values[TIME] for run in some))
        error = stdev(logs) / math.sqrt(len(logs))
        shown = [f"{100 * fmean(logs):+.2f}%", f"{1e6 * fmean(logs) * seconds:+.1f} us", f"{100 * error:.2f}%"]
        row = said.get(name)
        known = [row.bias, f"{100 * hidden(row.ratio):.0f}%"] if row else ["-", "-"]
        table.append([name.rpartition("/")[2], str(len(logs)), *shown, f"{fmean(logs) / error:+.1f}", *known])
    return table


def main(paths: Sequence[str]) -> int:
    """Print the tables."""
    runs = [load(Path(path)) for path in paths]
    print(f"{len(runs)} runs of Python {', '.join(sorted({run.environment.python for run in runs}))}\n")
    shares = [(run.seconds.arms + run.seconds.pools) / run.seconds.wall for run in runs]
    walls = [run.seconds.wall for run in runs]
    print(f"seconds a run: median {median(walls):.1f}, {min(walls):.1f} to {max(walls):.1f}")
    print(f"inside arms and pools: median {median(shares):.1%}, {min(shares):.1%} to {max(shares):.1%}\n")
    table = nulls(runs)
    head = ["null row", "runs", "mean", "of a round", "standard error", "t", "bias", "could hide"]
    print(tabulate(table, headers=head, disable_numparse=True), "\n")
    shares = [run.stolen or 0.0 for run in runs]
    print(f"stolen by the host: {', '.join(f'{share:.1%}' for share in shares)}\n")
    quiet = [run for run, share in zip(runs, shares, strict=True) if share < QUIET]
    for some, what in ((runs, "all"), (quiet, "quiet")):
        print(f"spread between {len(some)} runs ({what})")
        print(tabulate(spreads(some, SHOWN), headers=["cell", *map(headed, SHOWN)], disable_numparse=True), "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
