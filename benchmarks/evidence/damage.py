"""Damages saved runs and has every command read them: `python -m benchmarks.evidence.damage [FILES] [SEED] [WORKERS]`.

A file is damaged in a value, a type, its structure, its encoding or its length, once or several times, and laid beside
three that are whole. No command may end in a traceback, hang, or say with its exit code that something regressed when
its output does not; what it has to say of the file is a line on standard error that names it. Pictures are drawn of one
file in `DRAWN`, since that takes a hundred times as long; they need Matplotlib.
"""

from __future__ import annotations

import contextlib
import io
import json
import multiprocessing
import random
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec

from benchmarks import layout, schema
from benchmarks.report.__main__ import REGRESSED, main
from benchmarks.report.program import FAULT, OK

DATA = Path(__file__).parents[1] / "tests" / "data" / "0001_small.json"
KEPT_CELLS = 8
DRAWN = 20
COMMAND_SECONDS = 30
DEFAULTS = ("10000", "1", "2")

ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**63, 10**40, 0.0, -0.0, 1.5, 1e-300, 1e308, -1e308, float("nan"), float("inf"),
    "", "0", "NaN", "Pool.map", "serial", "floor", "\ud800", "\x00\x1b[2J", "a\nb", "é" * 3, "x" * 5000, [], {}, [[]],
    [1.0], [None], {"": {}}, {"unit": "s", "values": [0]},
)  # fmt: skip
"""What stands where something else should."""


def small_run() -> dict[str, Any]:
    """Return a saved run that has little of everything."""
    document: dict[str, Any] = json.loads(DATA.read_bytes())
    step = len(document["benchmarks"]) // KEPT_CELLS
    document["benchmarks"] = document["benchmarks"][::step]
    names = {benchmark["fullname"] for benchmark in document["benchmarks"]}
    cells = document["suite"]["cells"]
    document["suite"]["cells"] = [cell for cell in cells if cell["id"] in names or cell["outcome"] != "measured"]
    return document


def damaged(document: Any, source: random.Random) -> bytes:
    """Return the bytes of a document, which is changed, after up to four damages."""
    for _ in range(source.choice((0, 1, 1, 1, 2, 3))):
        document = source.choice(INSIDE)(document, source)
    data = _written(document, source)
    return source.choice((*[_as_it_is] * 4, *OUTSIDE))(data, source)


def _written(document: Any, source: random.Random) -> bytes:
    """Write a document in one of the layouts that saved runs have had."""
    if source.random() < 0.3:
        with contextlib.suppress(Exception):  # what is damaged so far has no such layout
            return _unfinished(document)
    indent = source.choice((None, None, 4))
    return json.dumps(document, indent=indent, ensure_ascii=source.random() < 0.9).encode("utf-8", "surrogatepass")


def _unfinished(document: Any) -> bytes:
    """Write a document as a run that is going on: its plan, a line a benchmark, its suite."""
    plan = msgspec.convert(document["suite"], schema.Suite)
    entries = b",\n".join(map(layout.entry, layout.benchmarks_of(document)))
    return layout.head(document, plan) + entries + layout.tail(document["suite"])


def _places(part: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every place in a document: the dict or list it is in, and its key."""
    entries = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for key, value in list(entries):
        yield part, key
        yield from _places(value)


def _place(document: Any, source: random.Random) -> tuple[Any, Any]:
    """Pick a place; in the suite, or near the top, as often as in the many lists of numbers."""
    everywhere = list(_places(document))
    suite = document.get("suite") if isinstance(document, dict) else None
    shallow = [(part, key) for part, key in everywhere if not isinstance(key, int) or key < 2]
    return source.choice(source.choice([group for group in (everywhere, shallow, list(_places(suite))) if group]))


def _inside(change: Callable[[Any, Any, random.Random], None]) -> Callable[[Any, random.Random], Any]:
    def damage(document: Any, source: random.Random) -> Any:
        if not isinstance(document, dict | list) or not document:
            return document
        part, key = _place(document, source)
        change(part, key, source)
        return document

    return damage


def _drop(part: Any, key: Any, _source: random.Random) -> None:
    del part[key]


def _odd(part: Any, key: Any, source: random.Random) -> None:
    part[key] = source.choice(ODD)


def _wrapped(part: Any, key: Any, source: random.Random) -> None:
    part[key] = source.choice(([part[key]], {"x": part[key]}, str(part[key]), [part[key]] * 2))


def _scaled(part: Any, key: Any, source: random.Random) -> None:
    if isinstance(part[key], int | float):
        part[key] *= source.choice((-1, 0, 1e-12, 1e12, 1e300))


def _swapped(part: Any, key: Any, source: random.Random) -> None:
    other = source.choice(list(part) if isinstance(part, dict) else range(len(part)))
    part[key], part[other] = part[other], part[key]


def _renamed(part: Any, key: Any, source: random.Random) -> None:
    if isinstance(part, dict):
        part[source.choice(("", "suite", "strategy", "x\ud800", "speedup"))] = part.pop(key)
    else:
        part.insert(key, part[key])


def _emptied(part: Any, key: Any, _source: random.Random) -> None:
    if isinstance(part[key], dict | list):
        part[key].clear()


INSIDE = (*map(_inside, (_drop, _odd, _odd, _odd, _wrapped, _scaled, _swapped, _renamed, _emptied)),)


def _as_it_is(data: bytes, _source: random.Random) -> bytes:
    return data


def _cut(data: bytes, source: random.Random) -> bytes:
    return data[: source.randrange(len(data) + 1)]


def _flipped(data: bytes, source: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(source.randrange(1, 5)):
        if changed:
            changed[source.randrange(len(changed))] = source.randrange(256)
    return bytes(changed)


def _stuffed(data: bytes, source: random.Random) -> bytes:
    place = source.randrange(len(data) + 1)
    stuff = source.choice((b"\xff\xfe", b"\x00", b"\xef\xbb\xbf", b"\\ud800", b'"', b"{", b"[" * 100_000, b"1e999"))
    return data[:place] + stuff + data[place:]


def _deep(data: bytes, source: random.Random) -> bytes:
    """Put deep nesting where a value stands."""
    place = data.find(b": ", source.randrange(len(data) + 1)) + 2
    depth = source.choice((1000, 200_000))
    return data[:place] + b"[" * depth + b"]" * depth + b', "y": ' + data[place:]


def _other_encoding(data: bytes, source: random.Random) -> bytes:
    return data.decode("utf-8", "replace").encode(source.choice(("utf-16", "utf-32", "utf-8-sig")))


def _twice(data: bytes, _source: random.Random) -> bytes:
    return data + data


def _nothing(_data: bytes, source: random.Random) -> bytes:
    return source.choice(
        (b"", b" \n", b"null", b"[]", b"{}", b'{"suite": {}}', b'{"suite": {"schema": 3}}', b"\x00" * 9)
    )


OUTSIDE = (_cut, _flipped, _stuffed, _deep, _other_encoding, _twice, _nothing)


def laid_out(folder: Path, data: bytes) -> Path:
    """Lay a damaged file beside three whole ones of its name and three of another; return its path."""
    machine = folder / "Linux-CPython-3.13-64bit"
    machine.mkdir(parents=True)
    whole = json.dumps(small_run()).encode()
    for number, name in enumerate(("before", "before", "before", "after", "after", "after"), 1):
        (machine / f"{number:04}_{name}.json").write_bytes(whole)
    path = machine / "0007_after.json"
    path.write_bytes(data)
    return path


def commands(path: Path, folder: Path, *, pictures: bool) -> Iterator[list[str]]:
    """Yield every command of the report, over the damaged file alone and beside others."""
    stored, lone = f"--storage={folder}", str(path)
    yield ["summary", lone]
    yield [stored]
    yield ["summary", "after", stored, "--format=github", f"--json={folder / 'rows.json'}"]
    yield ["compare", "before", "after", stored, "--cells", f"--json={folder / 'changes.json'}"]
    yield ["compare", lone, "before", stored]
    yield ["compare", "before", lone, stored, "--across=python", "--across=machine"]
    yield ["noise", "after", stored]
    yield ["matrix", "before", "after", lone, stored]
    yield ["promote", lone, f"--storage={folder / 'kept'}"]
    if pictures and find_spec("matplotlib") is not None:
        yield ["plot", lone, f"--folder={folder / 'pictures'}"]


def faults(data: bytes, *, pictures: bool = False) -> list[str]:
    """Return what is wrong with how the commands take a damaged file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = laid_out(folder, data)
        return [fault for command in commands(path, folder, pictures=pictures) for fault in _faults(command, path)]


def _faults(command: Sequence[str], path: Path) -> Iterator[str]:
    out, err = io.StringIO(), io.StringIO()
    said = " ".join(command[:3])
    try:
        with _limited():
            code = main(command, out, err)
        out.getvalue().encode("ascii", "backslashreplace")
    except Exception:  # noqa: BLE001 - that is what is looked for
        yield f"{said}: {traceback.format_exc(limit=-3)}"
        return
    errors = err.getvalue().splitlines()
    if code == REGRESSED and "REGRESSED" not in out.getvalue():
        yield f"{said}: ended with 1, and nothing regressed"
    if any(not line.startswith(("error: ", "warning: ")) for line in errors):
        yield f"{said}: wrote {errors}"
    if code == FAULT and not any(str(path) in line or path.stem in line for line in errors):
        yield f"{said}: ended with 2, and did not name the file: {errors}"
    if code == OK and any(line.startswith("error: ") for line in errors):
        yield f"{said}: ended with 0 after {errors}"


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    """Raise TimeoutError after a while. Needs timer signals, which Windows has not."""

    def ring(_number: int, _frame: FrameType | None) -> None:
        message = f"hung for {COMMAND_SECONDS} s"
        raise TimeoutError(message)

    former = signal.signal(signal.SIGALRM, ring)
    signal.alarm(COMMAND_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, former)


def attempt(place: tuple[int, int]) -> tuple[str, list[str]]:
    """Damage one file, by seed and number; return how it was taken, and the faults."""
    seed, number = place
    source = random.Random(f"{seed} {number}")
    data = damaged(small_run(), source)
    with tempfile.TemporaryDirectory() as name:
        path = laid_out(Path(name), data)
        out, err = io.StringIO(), io.StringIO()
        try:
            taken = "read" if main(["summary", str(path)], out, err) == OK else "refused"
        except Exception:  # noqa: BLE001 - `faults` tells
            taken = "crashed"
    return taken, [f"{seed} {number}: {fault}" for fault in faults(data, pictures=number % DRAWN == 0)]


def run(arguments: Sequence[str]) -> int:
    """Print the faults, and how many files were read and refused."""
    files, seed, workers = (int(text) for text in (*arguments, *DEFAULTS[len(arguments) :]))
    counts: Counter[str] = Counter()
    wrong = 0
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for taken, found in pool.imap_unordered(attempt, [(seed, number) for number in range(files)], chunksize=20):
            counts[taken] += 1
            wrong += bool(found)
            print(*found, sep="\n", end="\n" * bool(found), flush=True)
    print(f"{files} files: {', '.join(f'{count} {taken}' for taken, count in counts.items())}; {wrong} at fault")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
