"""A saved run as bytes: read into the types of `schema`, and written.

On disk a document is a line for what concerns the whole run, a line for each benchmark, and a line for `suite`, so that
a run can be saved cell by cell: what is new is written over the last line, and the file is whole JSON again. The first
line of an unfinished run has a `plan`, from which `suite` is made anew where the machine died while it was written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from benchmarks.schema import (
    MEASURED,
    NOT_REACHED,
    SCHEMA,
    Benchmark,
    CellInfo,
    Commit,
    Document,
    Outcome,
    Spent,
    Suite,
)

BEGIN_LIST = b'"benchmarks":[\n'
END_LIST = b'\n],"suite":'
PLAN = b',"plan":'


class SchemaError(ValueError):
    """A document that is no usable run of this suite; the message is one line without the document's name."""


class _Version(Struct):
    schema: Any = None


class _Versioned(Struct):
    suite: _Version | None = None


class _Pieces(Struct):
    """A document whose benchmarks may be anybody's."""

    datetime: msgspec.Raw
    benchmarks: list[msgspec.Raw]
    suite: Suite
    commit_info: Commit = Commit()
    version: str = ""


class _Named(Struct):
    fullname: str


class Beginning(Struct):
    """What a document says of the whole run before its benchmarks."""

    datetime: str
    commit_info: Commit = Commit()
    version: str = ""


_DOCUMENT = msgspec.json.Decoder(Document)
_VERSIONED = msgspec.json.Decoder(_Versioned)


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


def beginning(data: bytes) -> Beginning | None:
    """Read the beginning of a document from its first bytes, or from all; None where they are not as they should be."""
    first, found, _ = data.partition(b',"benchmarks":')
    try:
        return msgspec.json.decode(first.partition(PLAN)[0] + b"}" if found else data, type=Beginning)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


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
        else msgspec.json.encode(msgspec.structs.replace(pieces, benchmarks=own))
    )


def _fault(data: bytes, error: str) -> str:
    """Say why a document does not fit: it is another suite's, of another version of this one, or damaged."""
    try:
        suite = _VERSIONED.decode(data).suite
    except (msgspec.DecodeError, RecursionError):
        suite = None
    if suite is None:
        return "not a run of this suite (it has no key 'suite')"
    if suite.schema != SCHEMA or type(suite.schema) is not int:
        return f"saved with schema {str(suite.schema)[:20]!r}, this report reads {SCHEMA}: measure again"
    return f"damaged: {error}; measure again"


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
    before, _, planned = first.partition(PLAN)
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
    whole = msgspec.json.decode(before + b"}", type=Beginning)
    unfinished = msgspec.structs.replace(suite, cells=cells, complete=False)
    return Document(whole.datetime, list(benchmarks.values()), unfinished, whole.commit_info, whole.version)
