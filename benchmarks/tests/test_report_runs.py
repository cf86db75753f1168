"""Saved runs: what is read, what is refused, what is shown."""

from __future__ import annotations

import copy
import difflib
import io
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.plugin import SCHEMA
from benchmarks.report import render, runs
from benchmarks.report.__main__ import main

DATA = Path(__file__).parent / "data"
GOLDEN = Path(__file__).parent / "golden"
RUN = DATA / "0001_small.json"


def document() -> Any:
    """Return the JSON of a small saved run, to be spoilt."""
    return json.loads(RUN.read_bytes())


def report(*arguments: str) -> tuple[int, str, str]:
    """Run the report; return its exit code and what it wrote."""
    out, err = io.StringIO(), io.StringIO()
    return main(arguments, out, err), out.getvalue(), err.getvalue()


def test_schema_numbers_agree() -> None:
    """What is saved is what is read."""
    assert runs.SCHEMA == SCHEMA


def test_a_run_is_read_whole() -> None:
    """Every cell comes with all its rounds, its axes and its arms."""
    run = runs.load(RUN)
    raw = {entry["fullname"]: entry for entry in document()["benchmarks"]}

    assert {cell.id for cell in run.cells} == set(raw)
    for cell in run.cells:
        assert list(cell.strategy_seconds) == raw[cell.id]["stats"]["data"]
        assert cell.axes == raw[cell.id]["params"]
        assert cell.serial_seconds is None or len(cell.serial_seconds) == len(cell.strategy_seconds)


@pytest.mark.parametrize("width", [80, 160])
def test_summary_golden(width: int, pytestconfig: pytest.Config) -> None:
    """The summary of a saved run is the one that was read by eye, and no line is wider than the terminal."""
    lines = list(render.summary(runs.load(RUN), width))
    golden = GOLDEN / f"summary-{width}.txt"
    text = "\n".join(lines) + "\n"
    if pytestconfig.getoption("update_golden"):
        golden.write_text(text, encoding="utf-8")
    expected = golden.read_text(encoding="utf-8")

    assert max(map(len, lines)) <= width
    assert text == expected, "".join(difflib.unified_diff(expected.splitlines(True), text.splitlines(True)))


def spoil(change: Any) -> str:
    """Return the document after a change, as text."""
    changed = document()
    change(changed)
    return json.dumps(changed)


def _set(document: Any, *keys: Any, value: Any) -> None:
    for key in keys[:-1]:
        document = document[key]
    document[keys[-1]] = value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "is empty", id="empty"),
        pytest.param(RUN.read_text()[:1000], "is not JSON", id="truncated"),
        pytest.param("[]", "not a run of this suite", id="another document"),
        pytest.param('{"benchmarks": [], "machine_info": {}}', "not a run of this suite", id="another suite"),
        pytest.param(
            spoil(lambda d: _set(d, "suite", "schema", value=0)),
            "saved with schema 0, this report reads 1",
            id="schema",
        ),
        pytest.param(spoil(lambda d: d["suite"].pop("cells")), "damaged: KeyError 'cells'", id="no cells"),
        pytest.param(
            spoil(lambda d: _set(d, "benchmarks", 0, "stats", "data", 0, value=float("nan"))),
            "times that are not positive numbers",
            id="not a number",
        ),
        pytest.param(
            spoil(lambda d: _set(d, "benchmarks", 0, "stats", "data", 0, value=0)),
            "times that are not positive",
            id="zero",
        ),
        pytest.param(
            spoil(lambda d: d["benchmarks"][0]["extra_info"]["floor_seconds"].pop()), "floor times for", id="lengths"
        ),
    ],
)
def test_spoilt_runs(tmp_path: Path, text: str, message: str) -> None:
    """A file that cannot be used is named in one line on standard error, with exit code 2."""
    path = tmp_path / "0001_spoilt.json"
    path.write_text(text, encoding="utf-8")
    code, out, err = report("summary", str(path))

    assert (code, out) == (2, "")
    assert err.startswith(f"error: {path}: ")
    assert message in err
    assert err.count("\n") == 1


def test_failed_cells_are_listed_not_shown() -> None:
    """A cell whose outcome is not `measured` gives no numbers, though the file has some; the reason is shown."""
    changed = copy.deepcopy(document())
    failed = changed["suite"]["cells"][0]
    failed.update(outcome="failed", reason="strategy arm: it broke")
    run = runs.parse(changed, "test")
    text = "\n".join(render.summary(run, 160))

    assert failed["id"] not in {cell.id for cell in run.cells}
    assert f"failed: strategy arm: it broke: {failed['id'].rpartition('/')[2]}" in text


def test_a_run_that_did_not_complete_says_so() -> None:
    """An interrupted run is marked in its summary."""
    changed = document()
    changed["suite"]["complete"] = False

    assert "warning: this run did not complete" in "\n".join(render.summary(runs.parse(changed, "test"), 80))


def test_storage(tmp_path: Path) -> None:
    """Runs are found by number, by name and by path; the latest is the default; what is not there is said."""
    folder = tmp_path / "Linux-CPython-3.13-64bit"
    folder.mkdir()
    for name in ("0001_before", "0002_after", "0003_before"):
        (folder / f"{name}.json").write_bytes(RUN.read_bytes())
    storage = f"--storage={tmp_path}"

    assert report(storage)[1].startswith(f"{folder / '0003_before.json'}, ")
    assert report("summary", "2", storage)[1].startswith(f"{folder / '0002_after.json'}, ")
    assert report("summary", "before", storage)[1].startswith(f"{folder / '0003_before.json'}, ")
    assert report("summary", "nope", storage)[2].startswith(f"error: no saved run 'nope' in {tmp_path}")
    assert report(f"--storage={tmp_path / 'none'}")[0] == 2


def test_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown command is a usage error, and --help is none."""
    assert report("sumary")[0] == 2
    assert report("--help")[0] == 0
    assert "usage: python -m benchmarks.report" in capsys.readouterr().out
