"""How far runs of one name differ, and whether their null rows hold: `python -m benchmarks.evidence.spread RUN...`.

Spreads are standard deviations between runs of the natural log of each run's median: over all runs, and over those from
which the host took less than a twentieth of the CPU time for other guests, which is what most of the rest is.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median, stdev

from tabulate import tabulate

from benchmarks.report.metrics import Metrics, metrics, null_holds, null_ratio
from benchmarks.report.runs import Measured, Run, load
from benchmarks.report.stats import quantile

QUIET = 0.05

Quantity = Callable[[Measured], float | None]


def ratio(above: Sequence[float] | None, below: Sequence[float]) -> float | None:
    """Return the median of ratios taken round by round."""
    return None if above is None else median(a / b for a, b in zip(above, below, strict=True))


QUANTITIES: dict[str, Quantity] = {
    "time": lambda cell: median(cell.strategy_seconds),
    "serial / strategy": lambda cell: ratio(cell.serial_seconds, cell.strategy_seconds),
    "floor / strategy": lambda cell: ratio(cell.floor_seconds, cell.strategy_seconds),
    "CPU time": lambda cell: median(cell.cpu_seconds) if cell.cpu_seconds else None,
    "CPU time / floor's": lambda cell: (
        quantile(cell.cpu_seconds, 0.25) / quantile(cell.floor_cpu_seconds, 0.25)
        if cell.cpu_seconds and cell.floor_cpu_seconds
        else None
    ),
}


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
            values = [value for cell in found for value in [QUANTITIES[quantity](cell)] if value is not None]
            row.append(f"{stdev(map(math.log, values)):.3f}" if len(values) > 1 else "-")
        rows.append(row)
    return rows


def nulls(runs: Sequence[Run]) -> list[list[str]]:
    """Return a row a null cell: in how many runs its interval meets 1 within the tolerance, and its ratios."""
    found: dict[str, list[Metrics]] = {}
    for run in runs:
        for row in map(metrics, run.cells):
            if null_ratio(row) is not None:
                found.setdefault(row.place.id.rpartition("/")[2], []).append(row)
    table = []
    for name, rows in found.items():
        centers = [summary.center for row in rows for summary in [null_ratio(row)] if summary is not None]
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
        print(tabulate(spreads(some, list(QUANTITIES)), headers=["cell", *QUANTITIES], disable_numparse=True), "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
