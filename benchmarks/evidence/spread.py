"""How far runs of one name differ, and whether their null rows hold: `python -m benchmarks.evidence.spread RUN...`.

Spreads are standard deviations between runs of the natural log of each run's median: over all runs, and over those from
which the host took less than a twentieth of the CPU time for other guests, which is what most of the rest is.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median, stdev

from tabulate import tabulate

from benchmarks.report.metrics import Metrics, metrics, null_holds, null_ratio
from benchmarks.report.quantities import CPU_SECONDS, QUANTITIES, TIME
from benchmarks.report.runs import Measured, Run, load
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
    """Return a row a null cell: in how many runs its interval meets 1 within the tolerance, and its ratios."""
    found: dict[str, list[Metrics]] = {}
    for run in runs:
        for row in map(metrics, run.cells):
            if null_ratio(row) is not None:
                found.setdefault(row.place.id.rpartition("/")[2], []).append(row)
    table = []
    for name, rows in found.items():
        ratios = map(null_ratio, rows)
        centers = [ratio.center for ratio in ratios if ratio is not None]
        held = sum(map(null_holds, rows))
        table.append(
            [name, f"{held} of {len(rows)}", f"{min(centers):.3f}", f"{median(centers):.3f}", f"{max(centers):.3f}"]
        )
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
    print(tabulate(table, headers=["null row", "holds", "least", "median", "most"]))
    held = [list(map(int, row[1].split(" of "))) for row in table]
    print(f"\nnull rows that hold: {sum(h for h, _ in held)} of {sum(n for _, n in held)}\n")
    shares = [run.stolen or 0.0 for run in runs]
    print(f"stolen by the host: {', '.join(f'{share:.1%}' for share in shares)}\n")
    quiet = [run for run, share in zip(runs, shares, strict=True) if share < QUIET]
    for some, what in ((runs, "all"), (quiet, "quiet")):
        print(f"spread between {len(some)} runs ({what})")
        print(tabulate(spreads(some, SHOWN), headers=["cell", *map(headed, SHOWN)], disable_numparse=True), "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
