"""The matrix: samples side by side, each against the first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.tests.saved import changed_runs, five, report, storage


def test_matrix_sets_samples_side_by_side(tmp_path: Path) -> None:
    """Each further sample has its value, verdict and change against the first; half the time is better by a half."""
    folder = storage(tmp_path / "s", [*five("before"), *five("fast", **{"": 0.5}), *five("same")])
    code, out, err = report("matrix", "before", "fast", "same", "--only", "speedup", f"--storage={folder}")
    judged = out.partition("speedup: CPU time, short")[2]
    row = next(line for line in judged.splitlines() if line.startswith("1e3-Pool.map"))

    assert (code, err) == (0, "")
    assert row.count("IMPROVED") == 1
    assert "IMPROVED 5" in row or "IMPROVED 49%" in row


def test_matrix_has_a_column_for_each_python(pythons: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with runs of several Pythons is a column for each; what differs for sure comes first, the rest after."""
    monkeypatch.setenv("COLUMNS", "160")
    code, out, err = report("matrix", "baseline", f"--storage={pythons}")
    definite = out.partition("What certainly differs")[2].partition("\n\n")[0]

    assert (code, err) == (0, "")
    assert ["Python", "3.13.0", "3.14.1"] in [line.split() for line in out.splitlines()]
    assert ["default", "start", "method", "-", "forkserver"] in [line.split() for line in out.splitlines()]
    assert "speedup: Pool.map" in definite
    assert "Pool.imap" not in definite
    assert "ProcessPoolExecutor" not in definite
    assert "startup: time, not judged" in out


@pytest.mark.parametrize("width", [80, 160])
def test_matrix_fits(pythons: Path, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """No line of a matrix is wider than the terminal."""
    monkeypatch.setenv("COLUMNS", str(width))
    changed_runs(pythons, "*/000[1-2]_*", python="3.11.1")
    changed_runs(pythons, "*/000[3-4]_*", python="3.12.1")
    changed_runs(pythons, "*/000[6-7]_*", python="3.15.1")
    _, out, _ = report("matrix", "baseline", f"--storage={pythons}")

    assert ["Python", "3.11.1", "3.12.1", "3.13.0", "3.14.1", "3.15.1"] in [line.split() for line in out.splitlines()]
    assert max(map(len, out.splitlines())) <= width


def test_matrix_of_runs_with_different_families(tmp_path: Path) -> None:
    """A family that only some runs have is shown all the same."""
    folder = storage(tmp_path / "s", [*five("a"), *five("b")])
    for path in (*folder.glob("*/0001_*"), *folder.glob("*/0006_*")):
        changed = json.loads(path.read_bytes())
        del changed["suite"]["families"]["startup"]
        changed["benchmarks"] = [b for b in changed["benchmarks"] if b["extra_info"]["family"] != "startup"]
        changed["suite"]["cells"] = [cell for cell in changed["suite"]["cells"] if "bench_startup" not in cell["id"]]
        path.write_text(json.dumps(changed))
    code, out, err = report("matrix", "a", "b", f"--storage={folder}")

    assert (code, err) == (0, "")
    assert "startup: time, not judged" in out


def test_many_cells_are_not_named_one_by_one(tmp_path: Path) -> None:
    """Cells that another selection left out are counted by file where they are many, and named where they are few."""
    folder = storage(tmp_path / "s", [("all", {}), ("some", {})])
    path = next(folder.glob("*/*_some.json"))
    changed = json.loads(path.read_bytes())
    for key, name in (("benchmarks", "fullname"), ("cells", "id")):
        place = changed if key == "benchmarks" else changed["suite"]
        place[key] = [
            entry for entry in place[key] if "bench_dispatch" not in entry[name] and "nothing-fork-P" not in entry[name]
        ]
    path.write_text(json.dumps(changed))
    code, out, _ = report("compare", "all", "some", f"--storage={folder}")
    text = " ".join(out.split())

    assert code == 3
    assert "Vanished: 7 cells of bench_dispatch.py, bench_startup.py::bench_life[nothing-fork-Pool.map], " in text
    assert "bench_startup.py::bench_life[nothing-fork-ProcessPoolExecutor.map]." in text


def test_matrix_of_two_machines_says_so(tmp_path: Path) -> None:
    """Machines may be compared, but whose doing a difference is must be asked."""
    folder = storage(tmp_path / "s", [*five("a"), *five("b")])
    for number in range(6, 11):
        changed_runs(folder, f"*/{number:04}_*", cpu_model="another")
    code, out, err = report("matrix", "a", "b", f"--storage={folder}")

    assert (code, err) == (0, "")
    assert (
        "b: another machine, which may explain what differs: cpu_model: Intel(R) Xeon(R) Processor against another"
        in " ".join(out.split())
    )


def test_matrix_titles_are_told_apart(tmp_path: Path) -> None:
    """Patterns with the same last part are called by the whole; the same name twice is an error."""
    folder = storage(tmp_path / "s", five("a"))
    other = folder / "Linux-CPython-3.14-64bit"
    other.mkdir()
    for path in folder.glob("*3.13*/*.json"):
        (other / path.name).write_bytes(path.read_bytes())
    names = ["*3.13*/*_a.json", "*3.14*/*_a.json"]
    code, out, err = report("matrix", *names, "--only", "speedup", f"--storage={folder}")

    assert (code, err) == (0, "")
    assert [name in out for name in names] == [True, True]
    assert report("matrix", "a", "a", f"--storage={folder}") == (
        2,
        "",
        "error: matrix: each sample can be named only once\n",
    )


def test_an_interrupted_run_is_left_out(tmp_path: Path) -> None:
    """A run that did not complete does not take the cells of the others out of a comparison; the others are judged."""
    folder = storage(tmp_path / "s", [*five("before"), *five("after")])
    cut = next(folder.glob("*/0003_*"))
    document = json.loads(cut.read_bytes())
    document["suite"]["complete"] = False
    document["benchmarks"] = document["benchmarks"][:1]
    for cell in document["suite"]["cells"]:
        if cell["id"] != document["benchmarks"][0]["fullname"]:
            cell["outcome"] = "not reached"
    cut.write_text(json.dumps(document))
    code, out, err = report("compare", "before", "after", f"--storage={folder}")

    assert (code, err) == (0, f"warning: {cut} did not complete, and is left out\n")
    assert "before (4 runs) against after (5 runs)." in out


@pytest.mark.parametrize("names", [["before"], ["before", "none"]])
def test_matrix_needs_samples(tmp_path: Path, names: list[str]) -> None:
    """One name, or one without runs, is an error in one line."""
    folder = storage(tmp_path / "s", five("before"))
    code, out, err = report("matrix", *names, f"--storage={folder}")

    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
