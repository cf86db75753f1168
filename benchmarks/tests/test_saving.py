"""A run on the disk: cell by cell, under a number of its own, whole in the end, and readable whatever ended it."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from benchmarks import layout, schema
from benchmarks.layout import SchemaError
from benchmarks.measuring import saving
from benchmarks.measuring.saving import SavingError, Store
from benchmarks.report import runs
from benchmarks.schema import Suite
from benchmarks.tests.saved import document, report


def suite_of(saved: dict[str, Any], measured: int, *, complete: bool = False) -> Suite:
    """Return what a run says of itself when its first cells are measured."""
    suite = msgspec.convert(saved["suite"], Suite)
    names = [benchmark["fullname"] for benchmark in saved["benchmarks"]]
    cells = [
        schema.Outcome(name, schema.MEASURED if place < measured else schema.NOT_REACHED, None)
        for place, name in enumerate(names)
    ]
    return msgspec.structs.replace(suite, cells=cells, complete=complete)


def saved_so_far(folder: Path, cells: int) -> Store:
    """Save the first cells of the small run one by one, as a run does; return its store."""
    saved = document()
    store = Store(folder, "run")
    for place, benchmark in enumerate(saved["benchmarks"][:cells]):
        store.add(
            lambda: layout.head(saved, suite_of(saved, 0)),
            layout.entry(benchmark),
            layout.tail(suite_of(saved, place + 1)),
            sync=True,
        )
    return store


def test_each_cell_is_on_the_disk(tmp_path: Path) -> None:
    """After each cell the file is a whole document, marked incomplete, with the cells that are measured so far."""
    for cells in (1, 2, 5):
        store = saved_so_far(tmp_path / str(cells), cells)
        assert store.path is not None
        found = layout.decode(store.path.read_bytes())

        assert [benchmark.fullname for benchmark in found.benchmarks] == [
            benchmark["fullname"] for benchmark in document()["benchmarks"][:cells]
        ]
        assert found.suite.complete is False
        assert json.loads(store.path.read_bytes())["machine_info"] == document()["machine_info"]


def test_cells_without_numbers_are_saved_too(tmp_path: Path) -> None:
    """A failed cell adds nothing but its outcome, before the first measured one, and where the tail becomes shorter."""
    saved = document()
    store = Store(tmp_path, "run")
    long, short = suite_of(saved, 0), msgspec.structs.replace(suite_of(saved, 0), preset="x")
    long = msgspec.structs.replace(long, preset="x" * 500)
    for suite in (long, short):
        store.add(lambda: layout.head(saved, long), None, layout.tail(suite), sync=False)
    assert store.path is not None
    first = layout.decode(store.path.read_bytes())
    store.add(lambda: b"", layout.entry(saved["benchmarks"][0]), layout.tail(suite_of(saved, 1)), sync=False)
    second = layout.decode(store.path.read_bytes())

    assert (first.benchmarks, first.suite.preset) == ([], "x")
    assert [benchmark.fullname for benchmark in second.benchmarks] == [saved["benchmarks"][0]["fullname"]]


def test_the_whole_takes_the_place_of_the_parts(tmp_path: Path) -> None:
    """In the end there is one file, under the number of the first cell, and nothing else in the folder."""
    saved = document()
    store = saved_so_far(tmp_path, 3)
    path = store.finish(layout.encode(saved))

    assert [file.name for file in tmp_path.iterdir()] == ["0001_run.json"] == [path.name]
    assert json.loads(path.read_bytes()) == saved


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_tail_that_was_not_written_to_its_end(tmp_path: Path, share: float) -> None:
    """Where the machine died in the midst of writing, all cells but the last are there, and the rest is not reached."""
    path = saved_so_far(tmp_path, 4).path
    assert path is not None
    whole = path.read_bytes()
    last = whole.rindex(b",\n{") if b",\n{" in whole else 0
    path.write_bytes(whole[: last + int(share * (len(whole) - last))])
    found = runs.load(path)

    assert 3 <= len(found.cells) <= 4
    assert found.complete is False
    assert {outcome.outcome for outcome in found.outcomes} == {"measured", "not reached"}
    assert report("summary", str(path))[0] == 0


def test_a_tail_that_is_no_text(tmp_path: Path) -> None:
    """Garbage in the last lines, and benchmarks of others among the first, cost nothing of the cells that are whole."""
    path = saved_so_far(tmp_path, 4).path
    assert path is not None
    first, *lines = path.read_bytes().split(b"\n")
    foreign = b'{"fullname": "of somebody else", "stats": 5},'
    path.write_bytes(b"\n".join([first, foreign, *lines[:3], b'{"fullname": "\xff\xfe', b"\x00"]))

    assert len(runs.load(path).cells) == 3


def test_a_first_line_that_is_damaged(tmp_path: Path) -> None:
    """An unfinished run without its first line is refused, in one line and by no other exception."""
    path = saved_so_far(tmp_path, 4).path
    assert path is not None
    data = path.read_bytes()
    for place in range(0, data.index(b"\n"), 97):
        try:
            layout.decode(data[:place] + b"\x01" + data[place + 1 :])
        except SchemaError:
            continue


def test_a_cell_that_could_not_be_brought_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the disk refused is written once more with the next cell, and stands there once."""
    saved, store = document(), saved_so_far(tmp_path, 2)
    entries = [layout.entry(benchmark) for benchmark in saved["benchmarks"]]

    def fail(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        with pytest.raises(SavingError, match="Input/output error"):
            store.add(lambda: b"", entries[2], layout.tail(suite_of(saved, 3)), sync=True)
    store.add(lambda: b"", b",\n".join(entries[2:4]), layout.tail(suite_of(saved, 4)), sync=True)
    assert store.path is not None

    assert len(layout.decode(store.path.read_bytes()).benchmarks) == 4
    assert len(list(tmp_path.iterdir())) == 1


def test_an_unfinished_run_of_nothing_is_refused(tmp_path: Path) -> None:
    """A file that was cut off in its first line, or before its first cell was whole, has nothing to tell."""
    path = saved_so_far(tmp_path, 2).path
    assert path is not None
    whole = path.read_bytes()
    first = whole.index(b"\n")
    for end in (first // 2, first, first + 1, first + 50):
        with pytest.raises(SchemaError, match="is not JSON"):
            layout.decode(whole[:end])


def test_numbers_are_never_shared(tmp_path: Path) -> None:
    """Thirty runs that are saved at the same moment, under several names, have thirty numbers."""
    barrier = threading.Barrier(30)

    def save(number: int) -> None:
        temporary = tmp_path / f".saving-{number}"
        temporary.write_bytes(b"{}")
        barrier.wait(30)
        saving._claimed(temporary, f"name{number % 3}")

    threads = [threading.Thread(target=save, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    names = sorted(path.name for path in tmp_path.iterdir())

    assert len(names) == 30
    assert len({name[:4] for name in names}) == 30


def test_a_file_system_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where files cannot be linked a number is claimed all the same, and no older run is written over."""

    def refuse(*_paths: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "0001_run.json").write_text("older")
    path = saved_so_far(tmp_path, 2).finish(b"{}")

    assert (path.name, path.read_bytes()) == ("0002_run.json", b"{}")
    assert (tmp_path / "0001_run.json").read_text() == "older"
    assert len(list(tmp_path.iterdir())) == 2


def test_no_number_is_left(tmp_path: Path) -> None:
    """After number 9999 there is none, and that is said."""
    (tmp_path / "9999_run.json").write_text("")
    with pytest.raises(SavingError, match=r"has number 9999, and there is none after it: move old runs away"):
        saved_so_far(tmp_path, 1)


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the whole document cannot be written, what was saved so far stays, and no other file is left."""
    store = saved_so_far(tmp_path, 3)
    assert store.path is not None
    before = store.path.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SavingError, match=r"0001_run\.json: No space left on device"):
        store.finish(b"{}")

    assert [path.name for path in tmp_path.iterdir()] == ["0001_run.json"]
    assert store.path.read_bytes() == before


def test_an_output_stays_until_the_new_one_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--benchmark-json over an older file: if it cannot be written, the older one is still there."""
    path = tmp_path / "run.json"
    path.write_text("older")
    saving.write_whole(path, b"newer")
    assert path.read_bytes() == b"newer"

    def full(_path: Path, _data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        saving.write_whole(path, b"newest")

    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("run.json", b"newer")]


def test_outputs_that_are_no_plain_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link is followed, what cannot be replaced is written over, a pipe without a reader does not hang the probe."""
    target, link = tmp_path / "target.json", tmp_path / "link.json"
    link.symlink_to(target)
    saving.probe_file(link)
    saving.write_whole(link, b"one")
    assert (link.is_symlink(), target.read_bytes()) == (True, b"one")

    def busy(_path: Path, _target: Path) -> Path:
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(Path, "replace", busy)
    saving.write_whole(target, b"two")
    assert target.read_bytes() == b"two"

    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        saving.probe_file(tmp_path / "pipe")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "pipe") == ["link.json", "target.json"]
    (tmp_path / "nowhere.json").symlink_to(tmp_path / "file" / "x.json")
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"File exists|Not a directory"):
        saving.probe_file(tmp_path / "nowhere.json")


def test_what_json_cannot_hold_is_replaced() -> None:
    """Names that are no Unicode, and objects of anybody's, are written as text; the document stays readable."""
    saved = document()
    saved["commit_info"]["project"] = "a\udc80b"
    saved["machine_info"]["other"] = object
    data = layout.encode(saved)

    assert json.loads(data)["commit_info"]["project"] == "a\\udc80b"
    assert json.loads(data)["machine_info"]["other"].startswith("UNSERIALIZABLE[")
    assert layout.decode(data)
