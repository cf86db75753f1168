"""Saved runs as the report sees them: `Run` and `Measured`, and where they are found."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from glob import glob
from pathlib import Path
from typing import NoReturn

from msgspec import Struct

from benchmarks import layout, schema
from benchmarks.layout import SchemaError
from benchmarks.schema import (
    ClusterInfo,
    Commit,
    Environment,
    FamilyInfo,
    Measure,
    Moment,
    Outcome,
    Params,
    TargetInfo,
    Times,
)
from benchmarks.words import ALL, NO_METHOD

STORED = re.compile(r"\d{4}_.*\.json")
"""How pytest-benchmark names what it saves: a number, and the name it was given."""


BASELINE = "baseline"
"""What is in the name of a run that is kept with the source, to compare with."""


class DataError(Exception):
    """A saved run that cannot be used; the message is one line that names it."""


class Place(Struct, frozen=True):
    """Which cell it is: its test id, its family, its axes by name, and which part of its family's tasks it has.

    `floor_start_method` is that of bare processes where the strategy's workers are started in a way of their own.
    """

    id: str
    family: str
    axes: Params
    tasks_per_chunk: int
    part: str = ALL
    bytes_moved: int | None = None
    floor_start_method: str | None = None

    @property
    def label(self) -> str:
        """The test id without its file."""
        return self.id.rpartition("::")[2]

    @property
    def strategy(self) -> str:
        """The strategy's name."""
        return self.axes.strategy

    @property
    def start_method(self) -> str | None:
        """The start method of its workers, None where they are not started as processes."""
        return None if self.axes.start_method == NO_METHOD else self.axes.start_method

    @property
    def workers(self) -> int:
        """The number of its workers."""
        return self.axes.workers

    @property
    def tasks(self) -> int:
        """The number of tasks in a round."""
        return self.axes.tasks


class Measured(Struct, frozen=True):
    """What was measured of one cell; times are seconds, a value a round. A missing arm is None.

    `observed` is what was seen beside the numbers, in words, by what it is about.
    """

    place: Place
    strategy_seconds: Sequence[float]
    serial_seconds: Sequence[float] | None
    floor_seconds: Sequence[float] | None
    cpu_seconds: Sequence[float] | None
    floor_cpu_seconds: Sequence[float] | None
    measures: Mapping[str, Measure]
    observed: Mapping[str, str]
    warnings: Sequence[str] = ()


@dataclass(frozen=True)
class Run:
    """One saved run."""

    source: str
    when: str
    commit: Commit
    version: str
    preset: str
    budget: float | None
    least_rounds: int
    complete: bool
    cells: tuple[Measured, ...]
    families: Mapping[str, FamilyInfo]
    outcomes: tuple[Outcome, ...]
    environment: Environment
    start: Moment
    end: Moment
    seconds: Times
    libraries: Mapping[str, str]
    clusters: Mapping[str, ClusterInfo]
    target: TargetInfo | None

    @property
    def stolen(self) -> float | None:
        """The share of the usable CPUs' time that the host gave to other guests; None where it does not tell."""
        before, after = self.start.stolen_seconds, self.end.stolen_seconds
        if before is None or after is None:
            return None
        return (after - before) / (self.environment.usable_cpus * self.seconds.wall)

    def of_family(self, name: str) -> list[Measured]:
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
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    return parse(data, str(path))


def parse(data: bytes, source: str) -> Run:
    """Turn the bytes of a saved run into a Run. Raises DataError naming `source`."""
    try:
        document = layout.decode(data)
    except SchemaError as error:
        raise DataError(f"{source}: {error}") from None
    suite = document.suite
    measured = {cell.id for cell in suite.cells if cell.outcome == schema.MEASURED}
    return Run(
        source=source,
        when=document.datetime,
        commit=document.commit_info,
        version=document.version,
        preset=suite.preset,
        budget=suite.budget,
        least_rounds=suite.least_rounds,
        complete=suite.complete,
        cells=tuple(_cell(benchmark) for benchmark in document.benchmarks if benchmark.fullname in measured),
        families=suite.families,
        outcomes=tuple(suite.cells),
        environment=suite.environment,
        start=suite.start,
        end=suite.end,
        seconds=suite.seconds,
        libraries=suite.libraries,
        clusters=suite.clusters,
        target=suite.target,
    )


def _cell(benchmark: schema.Benchmark) -> Measured:
    info = benchmark.extra_info
    return Measured(
        place=Place(
            benchmark.fullname,
            info.family,
            benchmark.params,
            info.tasks_per_chunk,
            info.part,
            info.bytes_moved,
            info.floor_start_method,
        ),
        strategy_seconds=benchmark.stats.data,
        serial_seconds=info.serial_seconds,
        floor_seconds=info.floor_seconds,
        cpu_seconds=info.cpu_seconds,
        floor_cpu_seconds=info.floor_cpu_seconds,
        measures=info.measures,
        observed=info.observed,
        warnings=info.warnings,
    )


def latest(storage: Path) -> Path:
    """Return the latest saved run that is no baseline: those are as old as the checkout. Raises DataError."""
    own = [path for path in stored_paths(storage) if BASELINE not in name_of(path)]
    if own:
        return own[-1]
    if stored_paths(storage):
        raise DataError(f"only baselines in {storage}: measure with `pytest --benchmark-only`, or name a run")
    return _nothing(storage, None, ())


def to_compare_with(storage: Path, families: Collection[str]) -> str:
    """Return what a run of some families is compared with: the baseline that was named after its only one, if any."""
    (own, *others) = [*families, ""]
    special = f"{own}-{BASELINE}"
    try:
        known = {name_of(path) for path in stored_paths(storage)}
    except DataError:  # a folder that cannot be read
        known = set()
    return special if not any(others) and special in known else BASELINE


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
    stored = stored_paths(storage)
    found = [path for path in stored if wanted in {path.stem, name_of(path)}]
    if not found and wanted.isdigit():
        found = [path for path in stored if path.stem[:4] == wanted.zfill(4)]
        if len(found) > 1:
            raise DataError(f"number {wanted} stands for {len(found)} runs: name one of {', '.join(map(str, found))}")
    if not found and any(letter in wanted for letter in "*?["):
        found = [path for path in stored if path.match(wanted) or fnmatchcase(path.stem, wanted)]
        found = found or sorted(map(Path, glob(wanted)), key=_age)  # noqa: PTH207 - it may be an absolute one
    return found or _nothing(storage, wanted, map(name_of, stored))


def stored_paths(storage: Path) -> list[Path]:
    """Return the saved runs of a storage, oldest first. Raises DataError if it cannot be read."""
    try:
        folders = [path for path in storage.iterdir() if path.is_dir()] if storage.exists() else []
        files = [path for folder in folders for path in folder.iterdir() if STORED.fullmatch(path.name)]
        return sorted(files, key=_age)
    except OSError as error:
        raise DataError(f"{error.filename or storage}: cannot be read ({error.strerror})") from None


def _age(path: Path) -> tuple[float, str]:
    try:
        return path.stat().st_mtime, path.name
    except OSError:  # deleted a moment ago, or a link to nothing: reading it will tell
        return 0.0, path.name


def name_of(path: Path) -> str:
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
