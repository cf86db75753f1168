"""Keeps runs as baselines: compact copies in the storage, under a name that git does not ignore."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.report.runs import DataError, load
from benchmarks.report.units import counted


def promote(paths: Sequence[Path], storage: Path, name: str) -> Iterator[Path]:
    """Copy runs, each into the folder of its machine and Python, as pytest-benchmark would; yield the copies.

    A copy has everything that the run has, each raw round too, but no white space: that is three fifths of a file.
    Raises DataError, and copies nothing, if a run cannot be read or did not complete, or if there are older runs of
    that name, which the new ones would be mixed with.
    """
    for path in paths:
        if not load(path).complete:
            raise DataError(f"{path}: did not complete, and is no baseline: measure again")
    folders = dict.fromkeys(storage / path.absolute().parent.name for path in paths)
    for folder in folders:
        older = sorted(folder.glob(f"*_{name}.json"))
        if older:
            count = counted(len(older), "run")
            raise DataError(f"{folder} has {count} saved as {name!r} already: delete what is old, or choose a --name")
    for path in paths:
        folder = storage / path.absolute().parent.name
        numbers = [int(other.name[:4]) for other in folder.glob("[0-9][0-9][0-9][0-9]_*.json")]
        target = folder / f"{max(numbers, default=0) + 1:04}_{name}.json"
        compact = json.dumps(json.loads(path.read_bytes()), separators=(",", ":"))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            target.write_text(compact, encoding="utf-8")
            shutil.copystat(path, target)
        except OSError as error:
            target.unlink(missing_ok=True)  # half a run is none
            raise DataError(f"{target}: cannot be written ({error.strerror})") from None
        yield target
