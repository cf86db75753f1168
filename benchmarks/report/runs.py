"""Saved runs: JSON in, `Run` and `Cell` out. The only file that knows the schema."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from glob import glob
from pathlib import Path
from typing import Any, NoReturn

SCHEMA = 2

LEAST_SECONDS = 1e-9
"""Times are saved in whole nanoseconds, and no call takes none; CPU time and the stages of a pool may."""


STORED = re.compile(r"\d{4}_.*\.json")
"""How pytest-benchmark names what it saves: a number, and the name it was given."""


BASELINE = "baseline"
"""What is in the name of a run that is kept with the source, to compare with."""


class DataError(Exception):
    """A saved run that cannot be used; the message is one line that names it."""


@dataclass(frozen=True)
class Measure:
    """A secondary quantity of a cell: its unit, and a value a round."""

    unit: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class Place:
    """Which cell it is: its test id, its family, its axes by name."""

    id: str
    family: str
    axes: Mapping[str, str | int | None]
    tasks_per_chunk: int
    bytes_moved: int | None = None

    @property
    def label(self) -> str:
        """The test id without its file."""
        return self.id.rpartition("::")[2]

    @property
    def strategy(self) -> str:
        """The strategy's name."""
        return str(self.axes["strategy"])

    @property
    def start_method(self) -> str:
        """The start method of its workers."""
        return str(self.axes["start_method"])

    @property
    def tasks(self) -> int:
        """The number of tasks in a round."""
        return int(self.axes["tasks"] or 0)


@dataclass(frozen=True)
class Cell:
    """What was measured of one cell; times are seconds, a value a round. A missing arm is None.

    `observed` is what was seen beside the numbers, in words, by what it is about.
    """

    place: Place
    strategy_seconds: tuple[float, ...]
    serial_seconds: tuple[float, ...] | None
    floor_seconds: tuple[float, ...] | None
    cpu_seconds: tuple[float, ...] | None
    floor_cpu_seconds: tuple[float, ...] | None
    measures: Mapping[str, Measure]
    observed: Mapping[str, str]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Family:
    """What a family says of itself."""

    name: str
    question: str
    timed: str
    judged_by: tuple[str, ...]
    per_task: bool


@dataclass(frozen=True)
class Outcome:
    """What became of a planned cell: measured, failed, skipped, interrupted or not reached; and why, where known."""

    id: str
    outcome: str
    reason: str | None


@dataclass(frozen=True)
class Run:
    """One saved run."""

    source: str
    when: str
    preset: str
    complete: bool
    cells: tuple[Cell, ...]
    families: Mapping[str, Family]
    outcomes: tuple[Outcome, ...]
    environment: Mapping[str, Any]
    start: Mapping[str, Any]
    end: Mapping[str, Any]
    seconds: Mapping[str, float]

    @property
    def stolen(self) -> float | None:
        """The share of the usable CPUs' time that the host gave to other guests; None where it does not tell."""
        before, after = self.start["stolen_seconds"], self.end["stolen_seconds"]
        if before is None or after is None or not self.seconds["wall"]:
            return None
        share: float = (after - before) / (self.environment["usable_cpus"] * self.seconds["wall"])
        return share

    def of_family(self, name: str) -> list[Cell]:
        """Return the cells of a family, in the order in which they were measured."""
        return [cell for cell in self.cells if cell.place.family == name]

    def only(self, family: str) -> Run:
        """Return this run with the cells of one family alone. Raises DataError if it does not have that family."""
        if family not in self.families:
            raise DataError(f"{self.source}: no family {family!r}; it has {', '.join(self.families)}")
        cells = tuple(self.of_family(family))
        known = {cell.place.id.partition("::")[0] for cell in cells}
        outcomes = tuple(outcome for outcome in self.outcomes if outcome.id.partition("::")[0] in known)
        return replace(self, cells=cells, outcomes=outcomes)


def load(path: Path) -> Run:
    """Read a saved run. Raises DataError for whatever is wrong with the file."""
    try:
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        what = "is empty" if not path.stat().st_size else f"is not JSON ({error})"
        raise DataError(f"{path}: {what}; it may have been cut off while it was saved: delete it") from None
    return parse(data, str(path))


def parse(data: Any, source: str) -> Run:
    """Turn the JSON of a saved run into a Run. Raises DataError naming `source`."""
    suite = data.get("suite") if isinstance(data, dict) else None
    if not isinstance(suite, dict):
        raise DataError(f"{source}: not a run of this suite (it has no key 'suite')")
    if suite.get("schema") != SCHEMA:
        raise DataError(f"{source}: saved with schema {suite.get('schema')}, this report reads {SCHEMA}: measure again")
    try:
        measured = {cell["id"] for cell in suite["cells"] if cell["outcome"] == "measured"}
        return Run(
            source=source,
            when=data["datetime"],
            preset=suite["preset"],
            complete=suite["complete"],
            cells=tuple(_cell(entry) for entry in data["benchmarks"] if entry["fullname"] in measured),
            families={name: _family(name, entry) for name, entry in suite["families"].items()},
            outcomes=tuple(Outcome(entry["id"], entry["outcome"], entry["reason"]) for entry in suite["cells"]),
            environment=suite["environment"],
            start=suite["start"],
            end=suite["end"],
            seconds=suite["seconds"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{source}: damaged: {type(error).__name__} {error}; measure again") from None
    except ValueError as error:
        raise DataError(f"{source}: damaged: {error}; measure again") from None


def _cell(entry: Mapping[str, Any]) -> Cell:
    extra = entry["extra_info"]
    name = entry["fullname"]
    rounds = len(entry["stats"]["data"])

    def times(values: Any, what: str, least: float = LEAST_SECONDS) -> tuple[float, ...]:
        if len(values) != rounds:
            message = f"{name}: {len(values)} {what} for {rounds} rounds"
            raise ValueError(message)
        # two built-in passes, since a report may read a hundred runs: a sum that is finite has no NaN in it
        if not (math.isfinite(sum(values)) and min(values) >= least):
            message = f"{name}: {what} that are not {'positive' if least else 'possible'} numbers"
            raise ValueError(message)
        return tuple(values)

    def maybe(key: str, what: str, least: float = LEAST_SECONDS) -> tuple[float, ...] | None:
        return None if extra[key] is None else times(extra[key], what, least)

    if not rounds:
        message = f"{name}: no rounds"
        raise ValueError(message)
    return Cell(
        place=Place(name, extra["family"], entry["params"], extra["tasks_per_chunk"], extra.get("bytes_moved")),
        strategy_seconds=times(entry["stats"]["data"], "times"),
        serial_seconds=maybe("serial_seconds", "serial times"),
        floor_seconds=maybe("floor_seconds", "floor times"),
        cpu_seconds=maybe("cpu_seconds", "CPU times", 0),
        floor_cpu_seconds=maybe("floor_cpu_seconds", "CPU times of the floor", 0),
        observed=dict(extra.get("observed", {})),
        warnings=tuple(extra["warnings"]),
        measures={
            key: Measure(measure["unit"], times(measure["values"], key, 0))
            for key, measure in extra["measures"].items()
        },
    )


def _family(name: str, entry: Mapping[str, Any]) -> Family:
    return Family(name, entry["question"], entry["timed"], tuple(entry["judged_by"]), entry["per_task"])


def latest(storage: Path) -> Path:
    """Return the latest saved run that is no baseline: those are as old as the checkout. Raises DataError."""
    own = [path for path in _stored(storage) if BASELINE not in _name(path)]
    if own:
        return own[-1]
    if _stored(storage):
        raise DataError(f"only baselines in {storage}: measure with `pytest --benchmark-only`, or name a run")
    return _nothing(storage, None, ())


def find(storage: Path, wanted: str) -> list[Path]:
    """Return saved runs, oldest first: those of a name, that of a number, a path or a folder, or a glob's.

    Their files' times tell which is older: numbers begin anew for each version of Python. Raises DataError if there are
    none, or if a number stands for several.
    """
    if Path(wanted).is_file():
        return [Path(wanted)]
    if Path(wanted).is_dir():
        found = sorted(Path(wanted).glob("*.json"), key=_age)
        if not found:
            raise DataError(f"no *.json directly in the folder {wanted}: name one that has runs in it")
        return found
    stored = _stored(storage)
    found = [path for path in stored if wanted in {path.stem, _name(path)}]
    if not found and wanted.isdigit():
        found = [path for path in stored if path.stem[:4] == wanted.zfill(4)]
        if len(found) > 1:
            raise DataError(f"number {wanted} stands for {len(found)} runs: name one of {', '.join(map(str, found))}")
    if not found and any(letter in wanted for letter in "*?["):
        found = [path for path in stored if path.match(wanted) or fnmatchcase(path.stem, wanted)]
        found = found or sorted(map(Path, glob(wanted)), key=_age)  # noqa: PTH207 - it may be an absolute one
    return found or _nothing(storage, wanted, map(_name, stored))


def _stored(storage: Path) -> list[Path]:
    """Return the saved runs of a storage, oldest first. Raises DataError if it cannot be read."""
    try:
        folders = [path for path in storage.iterdir() if path.is_dir()] if storage.exists() else []
        files = [path for folder in folders for path in folder.iterdir() if STORED.fullmatch(path.name)]
        return sorted(files, key=_age)
    except OSError as error:
        raise DataError(f"{error.filename or storage}: cannot be read ({error.strerror})") from None


def _age(path: Path) -> tuple[float, str]:
    return path.stat().st_mtime, path.name


def _name(path: Path) -> str:
    """Return what a stored run was saved as, without its number."""
    return path.stem[5:]


def _nothing(storage: Path, wanted: str | None, names: Iterable[str]) -> NoReturn:
    if wanted is None:
        raise DataError(
            f"no saved runs in {storage}: measure with `pytest --benchmark-only`, or name another --storage"
        )
    near = get_close_matches(wanted, dict.fromkeys(names))
    hint = f"did you mean {' or '.join(near)}?" if near else "`pytest-benchmark list` shows what there is"
    raise DataError(f"no saved run {wanted!r} in {storage}: {hint}")
