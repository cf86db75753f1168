"""Saved runs: what is read, what is refused, what is shown."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path
from statistics import mean, median, variance
from typing import Any

import pytest
from msgspec.structs import asdict

from benchmarks.questions import families
from benchmarks.report import details, overview, reading, runs
from benchmarks.report.stats import moderate, prior_of, student_quantile
from benchmarks.tests.saved import DATA, document, five, report, storage


def test_a_run_is_read_whole() -> None:
    """Every cell comes with all its rounds, its axes and its arms."""
    run = runs.load(DATA)
    raw = {entry["fullname"]: entry for entry in document()["benchmarks"]}

    assert {cell.place.id for cell in run.cells} == set(raw)
    for cell in run.cells:
        assert list(cell.strategy_seconds) == raw[cell.place.id]["stats"]["data"]
        assert asdict(cell.place.axes) == raw[cell.place.id]["params"]
        assert cell.serial_seconds is None or len(cell.serial_seconds) == len(cell.strategy_seconds)


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
        pytest.param(DATA.read_text()[:1000], "is not JSON", id="truncated"),
        pytest.param("[]", "not a run of this suite", id="another document"),
        pytest.param('{"benchmarks": [], "machine_info": {}}', "not a run of this suite", id="another suite"),
        pytest.param(
            spoil(lambda d: _set(d, "suite", "schema", value=0)),
            "saved with schema '0', this report reads 3",
            id="schema",
        ),
        pytest.param(
            spoil(lambda d: d["suite"].pop("cells")),
            "damaged: Object missing required field `cells` - at `$.suite`",
            id="no cells",
        ),
        pytest.param(
            spoil(lambda d: _set(d, "benchmarks", 0, "stats", "data", 0, value=float("nan"))),
            "is not JSON",
            id="not a number",
        ),
        pytest.param(
            spoil(lambda d: _set(d, "benchmarks", 0, "stats", "data", 0, value=0)),
            "Expected `float` >= 1e-09 - at `$.benchmarks[0].stats.data[0]`",
            id="zero",
        ),
        pytest.param(
            spoil(lambda d: _set(d, "benchmarks", 0, "extra_info", "cpu_seconds", 0, value=-1e-9)),
            "Expected `float` >= 0.0 - at `$.benchmarks[0].extra_info.cpu_seconds[0]`",
            id="negative",
        ),
        pytest.param(
            spoil(lambda d: d["benchmarks"][0]["extra_info"]["floor_seconds"].pop()),
            "rounds in 'benchmarks/bench_",
            id="lengths",
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
    changed = document()
    failed = changed["suite"]["cells"][0]
    failed.update(outcome="failed", reason="strategy arm: it broke")
    run = runs.parse(json.dumps(changed).encode(), "test")
    text = "\n".join(details.details(overview.of_run(run), families(), 160))

    assert failed["id"] not in {cell.place.id for cell in run.cells}
    assert f"failed: strategy arm: it broke: {failed['id'].rpartition('/')[2]}" in text


def test_only_what_always_hangs_is_said_to_hang() -> None:
    """A cell whose rounds saw a hang and an answer is not called one that hangs for ever."""
    changed = json.loads(DATA.with_name("0002_others.json").read_bytes())
    for entry in changed["benchmarks"]:
        if entry["fullname"].endswith("[task_raises-Pool.imap]"):
            entry["extra_info"]["observed"]["caller sees"] = "a hang or ValueError"
    text = " ".join(details.details(overview.of_run(runs.parse(json.dumps(changed).encode(), "test")), families(), 160))

    assert "Pool.map and Pool.imap hang" in text
    assert "; task raises: Pool.map reports it after" in text
    assert "Pool.imap hangs in some runs" in text


def test_a_run_that_did_not_complete_says_so() -> None:
    """An interrupted run is marked in its summary."""
    changed = document()
    changed["suite"]["complete"] = False

    assert "warning: this run did not complete" in "\n".join(
        details.details(overview.of_run(runs.parse(json.dumps(changed).encode(), "test")), families(), 80)
    )


def test_storage(tmp_path: Path) -> None:
    """Runs are found by number, name, path, folder and pattern; the latest is the default; a name may be many."""
    folder = tmp_path / "Linux-CPython-3.13-64bit"
    folder.mkdir()
    for name in ("0001_before", "0002_after", "0003_before"):
        (folder / f"{name}.json").write_bytes(DATA.read_bytes())
    stored = f"--storage={tmp_path}"

    assert report(stored)[1].startswith(f"{folder / '0003_before.json'}, ")
    for wanted in ("2", "after", "0002_after", str(folder / "0002_after.json"), "*_after", "0002*"):
        assert report("summary", wanted, stored)[1].startswith(f"{folder / '0002_after.json'}, "), wanted
    for wanted in ("before", "*before", str(folder), f"{folder}/*_before.json"):
        assert f"{folder / '0003_before.json'} the latest" in report("summary", wanted, stored)[1], wanted
    assert report(f"--storage={tmp_path / 'none'}")[0] == 2


def test_names_that_are_not_there(tmp_path: Path) -> None:
    """A name without runs is an error in one line that suggests near ones; so is a number that stands for several."""
    saved = storage(tmp_path / "s", [("before", {}), ("after", {})])
    other = saved / "Linux-CPython-3.14-64bit"
    other.mkdir()
    (other / "0001_other.json").write_bytes(DATA.read_bytes())

    for wanted, message in (
        ("befor", f"error: no saved run 'befor' in {saved}: did you mean before?"),
        ("zzz", f"error: no saved run 'zzz' in {saved}: `pytest-benchmark list` shows what there is"),
        ("1", "error: number 1 stands for 2 runs: name one of"),
    ):
        code, out, err = report("summary", wanted, f"--storage={saved}")
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert err.startswith(message)


def test_a_link_to_nothing(tmp_path: Path) -> None:
    """A stored run that is gone is named, and does not hide the others."""
    saved = storage(tmp_path / "s", five("before"))
    (next(saved.iterdir()) / "0006_before.json").symlink_to(tmp_path / "gone.json")
    code, out, err = report("summary", "before", f"--storage={saved}")

    assert code == 2
    assert err.count("0006_before.json: cannot be read (No such file or directory)") == err.count("\n") == 1
    assert "5 runs, " in out


def test_storage_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A storage that is no folder, and one that this user may not list, are named in one line."""
    file = tmp_path / "file"
    file.write_text("")
    code, _, err = report(f"--storage={file}")

    assert (code, err) == (2, f"error: {file}: cannot be read (Not a directory)\n")

    closed = tmp_path / "closed"
    closed.mkdir()

    def refuse(folder: Path) -> Any:  # the tests may run as root, whom permissions do not stop
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "iterdir", refuse)
    code, _, err = report(f"--storage={closed}")

    assert (code, err) == (2, f"error: {closed}: cannot be read (Permission denied)\n")


def test_thousands_of_cells(tmp_path: Path) -> None:
    """Runs of 3000 cells are summed up and compared like others, every cell counted."""
    changed = document()
    pattern = next(entry for entry in changed["benchmarks"] if entry["fullname"].endswith("[1e3-Pool.map]"))
    changed["benchmarks"], changed["suite"]["cells"] = [], []
    for number in range(3000):
        name = f"benchmarks/bench_speedup.py::bench_count[{number}-Pool.map]"
        changed["benchmarks"].append({**pattern, "fullname": name})
        changed["suite"]["cells"].append({"id": name, "outcome": "measured", "reason": None})
    path = tmp_path / "0001_many.json"
    path.write_text(json.dumps(changed), encoding="utf-8")
    _, summary, _ = report("summary", str(path), "--all")
    code, out, err = report("compare", str(path), str(path), "--cells")

    assert summary.count("Pool.map\n") == 1
    assert "3000 cells" in summary
    assert (code, err) == (3, "")
    assert sum("2999-Pool.map" in line for line in out.splitlines()) == len(
        {*changed["suite"]["families"]["speedup"]["judged_by"]} & {"overhead", "CPU time"}
    )


def test_several_runs_have_intervals_between_runs(tmp_path: Path) -> None:
    """Five runs of one name are summed up as one: means of logs, and Student's t with four degrees of freedom.

    The variance is no smaller than those of all cells of the family but null rows say.
    """
    saved = storage(tmp_path / "s", five("before"))
    code, out, err = report("summary", "before", "--all", f"--storage={saved}", f"--json={tmp_path / 'x.json'}")
    rows = json.loads((tmp_path / "x.json").read_text())["rows"]
    row = next(row for row in rows if row["place"]["id"].endswith("[1e3-Pool.map]"))
    logs: dict[str, list[float]] = {}
    for path in sorted(saved.glob("*/*.json")):
        for entry in json.loads(path.read_bytes())["benchmarks"]:
            if "bench_speedup" in entry["fullname"] and entry["params"]["strategy"] not in {"serial", "floor"}:
                name = entry["fullname"].partition("[")[2]
                logs.setdefault(name, []).append(math.log(median(entry["stats"]["data"])))
    own = logs["1e3-Pool.map]"]
    prior = prior_of([variance(some) for some in logs.values()], 4, 4.0)
    guess, _ = moderate(variance(own), 4, prior)
    reach = student_quantile(0.975, 4) * math.sqrt(max(guess, variance(own)) / 5)

    assert (code, err) == (0, "")
    assert "Intervals are 95% for the mean of further runs; no stored runs show" in " ".join(out.split())
    assert row["time"]["n"] == 5
    assert row["time"]["center"] == pytest.approx(math.exp(mean(own)))
    assert row["time"]["low"] == pytest.approx(math.exp(mean(own) - reach), rel=1e-9)
    assert row["time"]["high"] == pytest.approx(math.exp(mean(own) + reach), rel=1e-9)


def test_many_runs_are_read_by_several_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """25 files give the same over two processes as in this one, in order, what is wrong with one of them included."""
    saved = storage(tmp_path / "s", [("before", {"": 1 + number / 10}) for number in range(25)])
    paths = sorted(saved.glob("*/*.json"))
    paths[7].write_text("{")
    monkeypatch.setattr(reading, "_cpus", lambda: 1)
    alone = list(reading.reduced(paths, "dispatch"))
    monkeypatch.setattr(reading, "_cpus", lambda: 2)
    spread = list(reading.reduced(paths, "dispatch"))

    assert [getattr(run, "source", None) for run in spread] == [
        str(path) if number != 7 else None for number, path in enumerate(paths)
    ]
    assert "is not JSON" in str(spread[7])
    assert [run if number != 7 else str(run) for number, run in enumerate(spread)] == [
        run if number != 7 else str(run) for number, run in enumerate(alone)
    ]
    assert multiprocessing.active_children() == []


def test_runs_that_are_no_sample_are_not_summed_up(tmp_path: Path) -> None:
    """Runs of one name from two Pythons are no sample: one line says in what they differ."""
    saved = storage(tmp_path / "s", [("before", {}), ("before", {})])
    path = next(saved.glob("*/0002_*"))
    changed = json.loads(path.read_bytes())
    changed["suite"]["environment"]["python"] = "3.99.0"
    path.write_text(json.dumps(changed))
    code, out, err = report("summary", "before", f"--storage={saved}")

    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "differ (python: 3.13.0 against 3.99.0): they are not one sample" in err


def test_a_closed_pipe_is_no_error() -> None:
    """A reader that has gone, as `head` does, ends the report without a word, but not as if nothing had regressed."""
    read, write = os.pipe()
    os.close(read)
    try:
        command = [sys.executable, "-m", "benchmarks.report", "summary", str(DATA)]
        result = subprocess.run(
            command, stdout=write, stderr=subprocess.PIPE, text=True, timeout=60, cwd=DATA.parents[3], check=False
        )
    finally:
        os.close(write)

    assert (result.returncode, result.stderr) == (141, "")


def test_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown command is a usage error, and --help is none."""
    assert report("sumary")[0] == 2
    assert report("--help")[0] == 0
    assert "usage: python -m benchmarks.report" in capsys.readouterr().out


def test_cells_without_a_start_method(tmp_path: Path) -> None:
    """Workers that are no processes have no start method: that differs from none, and tables do not say one of them."""
    folder = storage(tmp_path, [("before", {}), ("after", {})])
    path = next(folder.glob("*/*_after.json"))
    changed = json.loads(path.read_bytes())
    for entry in changed["benchmarks"]:
        if entry["params"]["strategy"] == "Pool.imap":
            entry["params"]["start_method"] = "none"
    path.write_text(json.dumps(changed))
    _, compared, _ = report("compare", "before", "after", "--only", "speedup", f"--storage={folder}")
    _, shown, err = report("summary", "after", "--only", "speedup", f"--storage={folder}")
    _, former, _ = report("summary", "before", "--only", "speedup", f"--storage={folder}")

    assert "NOT COMPARABLE" not in compared
    assert err == ""
    assert "4 tasks, 2 workers, processes started by fork." in " ".join(shown.split())
    assert "4 tasks, 2 workers, fork." in " ".join(former.split())
    assert "start method" not in shown


def test_a_family_that_says_what_its_tables_show(tmp_path: Path) -> None:
    """Whether tables show speedups is said by the family; of a run that does not say, judging by them tells it."""
    shown = {}
    for said in (None, True, False):
        changed = document()
        family = changed["suite"]["families"]["dispatch"]
        if said is not None:
            family["shows_speedup"] = said
        path = tmp_path / f"{said}.json"
        path.write_text(json.dumps(changed))
        shown[said] = "machine speedup" in report("summary", str(path), "--only", "dispatch", "--format=github")[1]

    assert shown == {None: False, True: True, False: False}
