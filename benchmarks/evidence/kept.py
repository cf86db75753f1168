"""Runs without their rounds, kept with the source as evidence: `python -m benchmarks.evidence.kept FOLDER NAME...`.

The runs saved as NAME in the storage FOLDER are added to those that are kept as NAME, each once.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
from msgspec.structs import replace as changed

from benchmarks.report.reading import reduced
from benchmarks.report.runs import DataError, find
from benchmarks.report.samples import Reduced

KEPT = Path(__file__).parent / "data"

DIGITS = 6
"""Of each value, behind the point: logs and seconds, of which no run tells more."""


def plain() -> list[Reduced]:
    """Return the runs of the program as it is. Raises DataError if none are kept."""
    runs = kept("plain")
    if not runs:
        raise DataError("no runs are kept as 'plain': take them with benchmarks.evidence.take, and keep them")
    return runs


def kept(name: str) -> list[Reduced]:
    """Return the runs that are kept under a name, in the order in which they were taken; none if there are none."""
    path = KEPT / f"{name}.json.gz"
    if not path.exists():
        return []
    return msgspec.json.decode(gzip.decompress(path.read_bytes()), type=list[Reduced])


def keep(name: str, runs: Sequence[Reduced]) -> int:
    """Add runs to those that are kept under a name; return how many there are."""
    by_time = {run.when: run for run in [*kept(name), *map(_rounded, runs)]}
    ordered = [by_time[when] for when in sorted(by_time)]
    KEPT.mkdir(exist_ok=True)
    (KEPT / f"{name}.json.gz").write_bytes(gzip.compress(msgspec.json.encode(ordered), mtime=0))
    return len(ordered)


def _rounded(run: Reduced) -> Reduced:
    views = {
        name: changed(view, values={what: round(value, DIGITS) for what, value in view.values.items()})
        for name, view in run.views.items()
    }
    return replace(run, source=Path(run.source).name, views=views)


def main(arguments: Sequence[str]) -> int:
    """Keep them."""
    folder, *names = arguments
    for name in names:
        runs = []
        for run in reduced(find(Path(folder), name), None):
            if isinstance(run, DataError):
                raise run
            runs.append(run)
        print(f"{name}: {keep(name, runs)} runs")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
