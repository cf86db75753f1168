"""What a saved run says: pytest-benchmark's document with what this suite adds, typed; `layout` reads and writes it.

What is declared here is checked wherever a run is read: types, finite numbers within reason, lists that pair, known
words. What pytest-benchmark writes besides (its own statistics, the machine, the commit) is kept, and never read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct

from benchmarks.words import SPEEDUP

SCHEMA: Literal[3] = 3
"""Goes up whenever runs saved before stop being comparable with runs saved after."""

LEAST_SECONDS = 1e-9
"""Times are saved in whole nanoseconds, and no call takes none; CPU time and the stages of a pool may."""

MOST = 1e15
"""No time in seconds and no number of bytes is larger: sums and squares of such numbers are finite."""

Seconds = Annotated[float, Meta(ge=LEAST_SECONDS, le=MOST)]
Amount = Annotated[float, Meta(ge=0, le=MOST)]
Name = Annotated[str, Meta(pattern=r"\A[^\x00-\x1f\x7f-\x9f\u2028\u2029]*\Z")]
"""Text that stands in tables and messages: one line, without anything that a terminal would obey."""

Count = Annotated[int, Meta(ge=1, le=int(MOST))]

Word = Literal["measured", "failed", "skipped", "interrupted", "not reached"]
"""What can become of a planned cell."""

Part = Literal["long tasks", "short tasks", "all tasks"]
"""`LONG`, `SHORT` and `ALL` of `words`."""

MEASURED: Word = "measured"
FAILED: Word = "failed"
SKIPPED: Word = "skipped"
INTERRUPTED: Word = "interrupted"
NOT_REACHED: Word = "not reached"

PYTHON_FACTS = (
    "implementation",
    "python",
    "build",
    "compiler",
    "free_threaded",
    "gil",
    "caches_bytecode",
    "standard_library_cached",
)
MACHINE_FACTS = ("cpu_model", "machine", "system", "release", "cpus", "affinity", "quota", "usable_cpus")
"""The facts that two runs must share to be comparable, unless their difference is what is asked about."""

NONE_IS_KNOWN = frozenset({"quota"})
"""Facts that may be known not to exist; of all others None, or an empty text, says that nobody knows."""


class Params(Struct, frozen=True):
    """The axes of a cell. `size` and `chunk_size` are None where tasks have no size and for the strategy's default."""

    workload: Name
    size: Annotated[int, Meta(ge=0, le=int(MOST))] | None
    tasks: Count
    strategy: Name
    workers: Count
    start_method: Name
    chunk_size: Count | None
    state: Name


class Measure(Struct, frozen=True):
    """A secondary quantity of a cell: its unit, and a value a round."""

    unit: Name
    values: list[Amount]


class Spent(Struct):
    """Where the time of a cell went, in seconds: inside the arms, and in making and ending pools."""

    arms: float = 0.0
    pools: float = 0.0


class CellInfo(Struct, frozen=True, omit_defaults=True):
    """What is saved of a cell beside the strategy's times. Lists of times have a value a round, in seconds.

    `part` says which of its family's tasks it has. In every second of the blocks that `block` counts from 0 the engine
    of the strategy was opened first, where it has processes.

    An arm that a cell does not have is None, and so is CPU time that the system does not tell. `observed` is what was
    seen beside the numbers, in words, by what it is about. `floor_start_method` says how bare processes were started
    where the strategy's workers are in a way of their own.
    """

    family: Name
    part: Part
    timed: str
    tasks_per_chunk: Count
    serial_seconds: list[Seconds] | None
    floor_seconds: list[Seconds] | None
    cpu_seconds: list[Amount] | None
    floor_cpu_seconds: list[Amount] | None
    block: list[int]
    measures: dict[Name, Measure]
    spent: Spent
    warnings: list[str]
    bytes_moved: Annotated[int, Meta(ge=0, le=int(MOST))] | None = None
    observed: dict[Name, Name] = {}
    floor_start_method: Name | None = None

    def lists(self) -> tuple[Sequence[float] | None, ...]:
        """Return the lists that have a value a round, None for one that is not there."""
        return (
            self.serial_seconds,
            self.floor_seconds,
            self.cpu_seconds,
            self.floor_cpu_seconds,
            self.block,
            *[measure.values for measure in self.measures.values()],
        )


class Stats(Struct, frozen=True):
    """The strategy's times: seconds, a value a round, in the order in which they were taken."""

    data: Annotated[list[Seconds], Meta(min_length=1)]


class Benchmark(Struct, frozen=True):
    """What pytest-benchmark saves of a cell that was measured; `fullname` is its test id."""

    fullname: Name
    params: Params
    extra_info: CellInfo
    stats: Stats

    def __post_init__(self) -> None:
        """Raise ValueError where a list does not pair with the rounds."""
        rounds = len(self.stats.data)
        for values in self.extra_info.lists():
            if values is not None and len(values) != rounds:
                message = f"{len(values)} values for {rounds} rounds in {self.fullname[:100]!r}"
                raise ValueError(message)


class Outcome(Struct, frozen=True):
    """What became of a planned cell, and why, where known."""

    id: Name
    outcome: Word
    reason: str | None


class FamilyInfo(Struct, frozen=True, omit_defaults=True):
    """What a family says of itself: see `benchmarks.measuring.cells.Family`."""

    question: str
    timed: str
    judged_by: list[str]
    arms: list[str]
    per_task: bool
    shows_speedup: bool | None = None
    settings_vary: bool = False

    @property
    def about_speedup(self) -> bool:
        """Whether its tables show speedups; runs that do not say so were judged by them where they did."""
        return SPEEDUP in self.judged_by if self.shows_speedup is None else self.shows_speedup


class Environment(Struct, frozen=True):
    """What stays the same from run to run on one machine with one interpreter.

    `caches_bytecode` says whether this interpreter writes the bytecode of what it imports, `standard_library_cached`
    whether that of its standard library is there; without it each spawned worker compiles what it imports.
    """

    python: str
    implementation: str
    build: str
    compiler: str
    free_threaded: bool
    gil: bool
    system: str
    release: str
    machine: str
    node: str
    cpu_model: str
    cpus: Count | None
    affinity: Count
    quota: Annotated[float, Meta(gt=0, le=MOST)] | None
    usable_cpus: Count
    start_methods: str
    caches_bytecode: bool
    default_start_method: str | None = None
    standard_library_cached: bool | None = None

    def known(self, fact: str) -> bool:
        """Say whether a fact is known."""
        return fact in NONE_IS_KNOWN or getattr(self, fact) not in {None, ""}


class Moment(Struct, frozen=True):
    """What changes by the minute: load average over one minute, CPU seconds that the host gave to other guests."""

    load_average: Amount | None
    stolen_seconds: Amount | None


class Times(Struct, frozen=True):
    """Seconds of the whole run, of that inside the arms, in making and ending pools, and in saving cell by cell."""

    wall: Annotated[float, Meta(gt=0, le=MOST)]
    arms: Amount
    pools: Amount
    saving: Amount | None = None


class Setting(Struct, frozen=True):
    """What can be chosen for a function: a strategy, its chunk size, its workers and their start method.

    `chunk_size` is None for the strategy's default.
    """

    strategy: Name
    chunk_size: Count | None
    workers: Count
    start_method: Name


class TimedCall(Struct, frozen=True):
    """A call by a setting that was timed once, for what it costs: `seconds` for tasks that take a loop `work` seconds.

    Bytes are those of all tasks, sent and returned.
    """

    setting: Setting
    tasks: Count
    work: Amount
    bytes_in: Amount
    bytes_out: Amount
    seconds: Seconds


class Tried(Struct, frozen=True):
    """A setting of a person's own function: what a model has `predicted` of a pass, and what the clock said.

    Seconds; `error` is the standard deviation of the log of what is predicted over what is measured. `taken` is the
    faster of two passes, `start` making and ending the pool; None where nobody predicted, or timed, it.
    """

    setting: Setting
    predicted: Amount | None = None
    error: Amount | None = None
    taken: Amount | None = None
    start: Amount | None = None


class TargetInfo(Struct, frozen=True, omit_defaults=True):
    """What a look at a person's own function has found, and which settings were tried.

    `inputs` is how many there are, `looked_at` how many of them the look has seen. Times are means in seconds,
    `deviation` is the standard one as a share of `task_time`, bytes are those of a task. `measured` is how many tasks a
    pass has, `lengths` has their seconds in their order, of every so many where they are many, `computing` the share of
    these in which a processor was used. `calls`
    are those by which the costs of the settings were found. `star` says that each input is a row of arguments;
    `prepared_by` is what each process calls first. `import_seconds` is what a new interpreter takes to import what it
    needs, `task_memory` the bytes that a task takes at most, None where the system does not tell.
    """

    name: Name
    fingerprint: Name
    inputs: Count
    looked_at: Count
    task_time: Amount
    deviation: Amount
    bytes_in: Amount
    bytes_out: Amount
    notes: list[str]
    measured: Annotated[int, Meta(ge=0, le=int(MOST))] = 0
    lengths: list[Amount] = []
    computing: Amount = 1.0
    tries: list[Tried] = []
    calls: list[TimedCall] = []
    star: bool = False
    prepared_by: Name | None = None
    import_seconds: Amount = 0.0
    task_memory: Amount | None = None

    def start_of(self, strategy: str, workers: int, start_method: str) -> float | None:
        """Return the seconds that making and ending such a pool took, None where nobody timed it."""
        wanted = strategy, workers, start_method
        pools = ((one.setting.strategy, one.setting.workers, one.setting.start_method, one.start) for one in self.tries)
        return min((start for *pool, start in pools if tuple(pool) == wanted and start is not None), default=None)


class ClusterInfo(Struct, frozen=True):
    """A running cluster that was measured: its workers, their threads in all, the hosts that they are on.

    `versions` are those of what all its workers have, by name. `address` is without secrets, and is not compared.
    """

    workers: Count
    threads: Count
    hosts: list[Name]
    versions: dict[Name, Name]
    address: Name


class Suite(Struct, frozen=True, omit_defaults=True):
    """What a run says of itself.

    `budget` is the seconds that an option gave each cell, None where each family's own counted. `libraries` has the
    versions of those that brought the engines of its cells, by name, `clusters` those that were running before, by the
    library; `target` is a person's own function, if one was measured.
    """

    schema: Literal[3]
    preset: str
    budget: Annotated[float, Meta(gt=0, le=MOST)] | None
    least_rounds: Count
    complete: bool
    cells: list[Outcome]
    families: dict[Name, FamilyInfo]
    environment: Environment
    start: Moment
    end: Moment
    seconds: Times
    libraries: dict[Name, Name] = {}
    clusters: dict[Name, ClusterInfo] = {}
    target: TargetInfo | None = None


class Commit(Struct, frozen=True):
    """Which commit was measured, as pytest-benchmark found it; `dirty` if there was more than that."""

    id: str | None = None
    dirty: bool | None = None

    @property
    def known(self) -> bool:
        """Whether there is a commit at all: pytest-benchmark has a word of its own for what no repository holds."""
        return self.id not in {None, "", "unversioned"}


class Document(Struct, frozen=True):
    """A saved run. `datetime` is ISO 8601, in UTC; `version` is pytest-benchmark's."""

    datetime: Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d")]
    benchmarks: list[Benchmark]
    suite: Suite
    commit_info: Commit = Commit()
    version: str = ""

    def __post_init__(self) -> None:
        """Raise ValueError where the parts do not belong together."""
        names = {benchmark.fullname for benchmark in self.benchmarks}
        if len(names) < len(self.benchmarks):
            raise ValueError("a benchmark stands there twice")
        lost = {cell.id for cell in self.suite.cells if cell.outcome == MEASURED} - names
        if lost:
            message = f"no numbers of the measured cell {min(lost)[:100]!r}"
            raise ValueError(message)
        strange = {benchmark.extra_info.family for benchmark in self.benchmarks} - set(self.suite.families)
        if strange:
            message = f"nothing is said of the family {min(strange)[:100]!r}"
            raise ValueError(message)
