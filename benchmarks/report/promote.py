"""Keeps runs as baselines: compact copies in the storage, under a name that git does not ignore."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from benchmarks.report.runs import DataError, load
from benchmarks.report.units import counted

MACHINE = re.compile(r"\w+-\w+-\d+\.\d+-\d+bit")
"""How pytest-benchmark names a storage's folders: Linux-CPython-3.13-64bit."""


def promote(paths: Sequence[Path], storage: Path, name: str) -> Iterator[Path]:
    """Copy runs, each into the folder of its machine and Python, as pytest-benchmark would; yield the copies.

    A copy has everything that the run has, each raw round too, but no white space: that is three fifths of a file.
    Raises DataError, and copies nothing, if a run cannot be read, did not complete or is not in a storage, or if there
    are older runs of that name, which the new ones would be mixed with.
    """
    originals = {path.resolve(): b"" for path in paths}
    for path in originals:
        if not load(path).complete:
            raise DataError(f"{path}: did not complete, and is no baseline: measure again")
        if not MACHINE.fullmatch(path.parent.name):
            raise DataError(f"{path}: not in a storage, in a folder such as Linux-CPython-3.13-64bit")
        try:
            originals[path] = msgspec.json.format(path.read_bytes(), indent=-1)
        except RecursionError:  # in a key that is not the suite's: reading skips it however deep it is, formatting not
            raise DataError(f"{path}: is nested too deep to be a run; delete it") from None
    for folder in dict.fromkeys(storage / path.parent.name for path in originals):
        older = list(folder.glob(f"[0-9][0-9][0-9][0-9]_{name}.json"))
        if older:
            count = counted(len(older), "run")
            raise DataError(f"{folder} has {count} saved as {name!r} already: delete what is old, or choose a --name")
    for path, compact in originals.items():
        folder = storage / path.parent.name
        numbers = [int(other.name[:4]) for other in folder.glob("[0-9][0-9][0-9][0-9]_*.json")]
        target = folder / f"{max(numbers, default=0) + 1:04}_{name}.json"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            target.write_bytes(compact)
            shutil.copystat(path, target)
        except OSError as error:
            with suppress(OSError):
                target.unlink()  # half a run is none
            raise DataError(f"{target}: cannot be written ({error.strerror})") from None
        yield target
