"""The saved run: pytest-benchmark's document with what this suite adds, written and read through this file alone.

What is declared here is checked wherever a run is read: types, finite numbers within reason, lists that pair, known
words. What pytest-benchmark writes besides (its own statistics, the machine, the commit) is kept, and never read.

On disk a document is a line for what concerns the whole run, a line for each benchmark, and a line for `suite`, so that
a run can be saved cell by cell: what is new is written over the last line, and the file is whole JSON again. The first
line of an unfinished run has a `plan`, from which `suite` is made anew where the machine died while it was written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

SCHEMA: Literal[2] = 2
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


class SchemaError(ValueError):
    """A document that is no usable run of this suite; the message is one line without the document's name."""


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

    An arm that a cell does not have is None, and so is CPU time that the system does not tell. `observed` is what was
    seen beside the numbers, in words, by what it is about.
    """

    family: Name
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


class Family(Struct, frozen=True):
    """What a family says of itself: see `benchmarks.cells.Family`."""

    question: str
    timed: str
    judged_by: list[str]
    arms: list[str]
    per_task: bool


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


class Suite(Struct, frozen=True):
    """What a run says of itself."""

    schema: Literal[2]
    preset: str
    complete: bool
    cells: list[Outcome]
    families: dict[Name, Family]
    environment: Environment
    start: Moment
    end: Moment
    seconds: Times


class Document(Struct, frozen=True):
    """A saved run. `datetime` is ISO 8601, in UTC."""

    datetime: Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d")]
    benchmarks: list[Benchmark]
    suite: Suite

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


class _Version(Struct):
    schema: Any = None


class _Beginning(Struct):
    suite: _Version | None = None


class _Pieces(Struct):
    """A document whose benchmarks may be anybody's."""

    datetime: msgspec.Raw
    benchmarks: list[msgspec.Raw]
    suite: Suite


class _Named(Struct):
    fullname: str


class _When(Struct):
    datetime: str


_DOCUMENT = msgspec.json.Decoder(Document)
_BEGINNING = msgspec.json.Decoder(_Beginning)


def decode(data: bytes) -> Document:
    """Read a document, and that of an unfinished run also where its last lines are damaged.

    Raises SchemaError for whatever is wrong with it.
    """
    if not data.strip():
        raise SchemaError("is empty; it may have been cut off while it was saved: delete it")
    try:
        if not data.isascii():
            data.decode()  # msgspec looks at the encoding of what it keeps alone
        return _DOCUMENT.decode(data)
    except msgspec.ValidationError as error:
        own = _without_others(data)
        if own is not None:
            return decode(own)
        raise SchemaError(_fault(data, str(error))) from None
    except UnicodeDecodeError as error:
        message = f"is not UTF-8 (byte {error.start}); delete it"
    except msgspec.DecodeError as error:
        message = f"is not JSON ({error}); it may have been cut off while it was saved: delete it"
    except RecursionError:
        message = "is nested too deep to be a run; delete it"
    try:
        return _mended(data)
    except (ValueError, RecursionError):
        raise SchemaError(message) from None


def _without_others(data: bytes) -> bytes | None:
    """Return a document without benchmarks that no family planned, None if it has none of those or is none.

    Those are whoever's has added tests of pytest-benchmark's own kind; nothing is known of what they look like.
    """
    try:
        pieces = msgspec.json.decode(data, type=_Pieces)
        planned = {cell.id for cell in pieces.suite.cells}
        own = [raw for raw in pieces.benchmarks if msgspec.json.decode(raw, type=_Named).fullname in planned]
    except (msgspec.DecodeError, RecursionError):
        return None
    return (
        None
        if len(own) == len(pieces.benchmarks)
        else msgspec.json.encode({"datetime": pieces.datetime, "benchmarks": own, "suite": pieces.suite})
    )


def _fault(data: bytes, error: str) -> str:
    """Say why a document does not fit: it is another suite's, of another version of this one, or damaged."""
    try:
        suite = _BEGINNING.decode(data).suite
    except (msgspec.DecodeError, RecursionError):
        suite = None
    if suite is None:
        return "not a run of this suite (it has no key 'suite')"
    if suite.schema != SCHEMA or type(suite.schema) is not int:
        return f"saved with schema {str(suite.schema)[:20]!r}, this report reads {SCHEMA}: measure again"
    return f"damaged: {error}; measure again"


# Writing


def save_info(extra_info: dict[str, Any], info: CellInfo) -> None:
    """Put what is saved of a cell where pytest-benchmark takes it from."""
    extra_info.update(msgspec.to_builtins(info))


def add_suite(document: dict[str, Any], suite: Suite) -> None:
    """Add to pytest-benchmark's document what the run says of itself."""
    document["suite"] = msgspec.to_builtins(suite)


def nanoseconds(values: Iterable[float]) -> list[float]:
    """Round seconds to whole nanoseconds: no clock has more digits, and they would be most of a saved run."""
    return [round(value, 9) for value in values]


def benchmarks_of(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the benchmarks of pytest-benchmark's document, to be changed."""
    found: list[dict[str, Any]] = document["benchmarks"]
    return found


def round_times(document: Mapping[str, Any]) -> None:
    """Round the times that pytest-benchmark has taken to what is saved of ours."""
    for benchmark in benchmarks_of(document):
        benchmark["stats"]["data"] = nanoseconds(benchmark["stats"]["data"])


def spent_in(document: Mapping[str, Any]) -> Spent:
    """Return what all cells of pytest-benchmark's document spent; benchmarks of others tell nothing."""
    total = Spent()
    for benchmark in benchmarks_of(document):
        try:
            part = msgspec.convert(benchmark["extra_info"].get("spent"), Spent)
        except msgspec.ValidationError:
            continue
        total = Spent(round(total.arms + part.arms, 6), round(total.pools + part.pools, 6))
    return total


BEGIN_LIST = b'"benchmarks":[\n'
END_LIST = b'\n],"suite":'
PLAN = b',"plan":'


def head(document: Mapping[str, Any], plan: Suite | None) -> bytes:
    """Return the first line of a document; `plan` is the suite of an unfinished run before its first cell."""
    parts = {name: part for name, part in document.items() if name not in {"benchmarks", "suite"}}
    planned = b"" if plan is None else PLAN + _line(plan)
    return _line(parts)[:-1] + planned + b"," + BEGIN_LIST


def entry(benchmark: Mapping[str, Any]) -> bytes:
    """Return the line of a benchmark."""
    return _line(benchmark)


def tail(suite: Suite | Mapping[str, Any]) -> bytes:
    """Return the last lines of a document."""
    return END_LIST + _line(suite) + b"}\n"


def encode(document: Mapping[str, Any]) -> bytes:
    """Return a document of pytest-benchmark's, to which `add_suite` has added, as it is saved."""
    entries = b",\n".join(map(entry, benchmarks_of(document)))
    return head(document, None) + entries + tail(document["suite"])


def _line(part: Any) -> bytes:
    """Encode as JSON, replacing what JSON cannot hold: a number that is none, text of a name that is not Unicode."""
    try:
        return msgspec.json.encode(part, enc_hook=_unknown)
    except UnicodeEncodeError:
        return msgspec.json.encode(_unicode(msgspec.to_builtins(part, enc_hook=_unknown)))


def _unknown(value: Any) -> str:
    """Write what no JSON can hold as pytest-benchmark writes it."""
    return f"UNSERIALIZABLE[{value!r}]"


def _unicode(part: Any) -> Any:
    if isinstance(part, str):
        return part.encode("utf-8", "backslashreplace").decode()
    if isinstance(part, dict):
        return {_unicode(key): _unicode(value) for key, value in part.items()}
    return [_unicode(value) for value in part] if isinstance(part, list) else part


def _mended(data: bytes) -> Document:
    """Make an unfinished run of one whose last lines are damaged: of its plan and its benchmarks that are whole.

    Cells that failed are not known any more. Raises ValueError or RecursionError if it is no such run.
    """
    first, *lines = data.split(b"\n")
    beginning, _, planned = first.partition(PLAN)
    suite = msgspec.json.decode(planned.removesuffix(b"," + BEGIN_LIST.rstrip()), type=Suite)
    names = {cell.id for cell in suite.cells}
    benchmarks: dict[str, Benchmark] = {}
    for line in lines:
        try:
            line.decode()
            named = msgspec.json.decode(line.rstrip(b","), type=_Named)
            if named.fullname in names:
                benchmarks[named.fullname] = msgspec.json.decode(line.rstrip(b","), type=Benchmark)
        except (ValueError, RecursionError):  # the first line that is not whole, or the one behind the list
            break
    if not benchmarks:
        raise ValueError("no benchmark is whole")
    cells = [Outcome(cell.id, MEASURED if cell.id in benchmarks else NOT_REACHED, None) for cell in suite.cells]
    when = msgspec.json.decode(beginning + b"}", type=_When).datetime
    return Document(when, list(benchmarks.values()), msgspec.structs.replace(suite, cells=cells, complete=False))
