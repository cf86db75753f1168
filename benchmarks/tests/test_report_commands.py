"""The commands of the report over several saved runs: exit codes, faults, what they write."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.report.samples import ACROSS
from benchmarks.tests.saved import DATA, document, five, report, storage


def test_the_command_finds_a_regression(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`compare before after` exits with 1, names the change first, and writes every run's value as JSON."""
    monkeypatch.setenv("COLUMNS", "160")
    folder = storage(tmp_path / "s", [*five("before"), *five("after", **{"": 1.5})])
    code, out, err = report(
        "compare", "before", "after", "--only", "speedup", f"--storage={folder}", f"--json={tmp_path / 'x.json'}"
    )
    written = json.loads((tmp_path / "x.json").read_text())
    first = next(line for line in out.splitlines() if "speedup   " in line)

    assert (code, err) == (1, "")
    assert "REGRESSED (strategy)" in first
    assert len(written["base"]) == len(written["new"]) == 5
    assert all(len(pool["base_values"]) == 5 for pool in written["pools"])
    assert written["pools"][0]["new"] == pytest.approx(sum(written["pools"][0]["new_values"]) / 5)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["compare", "before"], 2, "is one of 'before': name the run to compare"),
        (["compare", "befor", "before"], 2, "no saved run 'befor'"),
        (["compare", "before", "before", "--only", "speed"], 2, "no family 'speed'; it has article, dispatch, speedup"),
        (["noise", "1"], 2, "needs two runs or more of one name"),
    ],
)
def test_faults_of_the_command(tmp_path: Path, arguments: list[str], code: int, message: str) -> None:
    """What cannot be done is said in a line on standard error."""
    folder = storage(tmp_path / "s", five("before"))
    got, out, err = report(*arguments, f"--storage={folder}")

    assert (got, out) == (code, "")
    assert message in err
    assert all(line.startswith("error: ") for line in err.splitlines())


def test_good_runs_beside_a_bad_one_count(tmp_path: Path) -> None:
    """A file that cannot be read is named and makes the exit code 2; the others are compared."""
    folder = storage(tmp_path / "s", [*five("before"), *five("after")])
    bad = next(folder.glob("*/0003_*"))
    bad.write_text("{")
    code, out, err = report("compare", "before", "after", "--only", "speedup", f"--storage={folder}")

    assert code == 2
    assert err.startswith(f"error: {bad}: is not JSON")
    assert "before (4 runs) against after (5 runs)" in out


@pytest.mark.parametrize("table_format", ["plain", "github"])
def test_noise_shows_less_with_more_runs(tmp_path: Path, table_format: str) -> None:
    """More runs a side find smaller changes, and never below the margin."""
    folder = storage(tmp_path / "s", five("before"))
    code, out, _ = report("noise", "before", "--only", "speedup", "--format", table_format, f"--storage={folder}")
    row = next(line for line in out.splitlines() if "Pool.imap" in line and "overhead" in line)
    found = [float(word.rstrip("%")) for word in row.replace("|", " ").split() if word.endswith("%")][1:]

    assert code == 0
    assert found == sorted(found, reverse=True)
    assert min(found) >= 5.0


def test_across_names_groups_of_facts() -> None:
    """Each group of facts that may be meant to differ is one that a run really saves."""
    saved = document()["suite"]["environment"]

    assert {fact for facts in ACROSS.values() for fact in facts} <= set(saved)


def test_matrix_sets_samples_side_by_side(tmp_path: Path) -> None:
    """Each further sample has its value, verdict and change against the first; half the time is better by a half."""
    folder = storage(tmp_path / "s", [*five("before"), *five("fast", **{"": 0.5}), *five("same")])
    code, out, err = report("matrix", "before", "fast", "same", "--only", "speedup", f"--storage={folder}")
    row = next(line for line in out.splitlines() if line.startswith("1e3-Pool.map"))

    assert (code, err) == (0, "")
    assert row.count("better") == 1
    assert "better 5" in row or "better 49%" in row


@pytest.mark.parametrize("names", [["before"], ["before", "none"]])
def test_matrix_needs_samples(tmp_path: Path, names: list[str]) -> None:
    """One name, or one without runs, is an error in one line."""
    folder = storage(tmp_path / "s", five("before"))
    code, out, err = report("matrix", *names, f"--storage={folder}")

    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_plot_draws_what_there_is(tmp_path: Path) -> None:
    """Each family that has a picture is drawn twice, as SVG and PNG; drawing it again gives the same SVG."""
    pytest.importorskip("matplotlib", reason="Matplotlib is an extra")
    code, out, err = report("plot", str(DATA), "--folder", str(tmp_path / "a"))
    assert report("plot", str(DATA), "--folder", str(tmp_path / "b"))[0] == 0

    assert (code, err) == (0, "")
    assert [Path(line).name for line in out.splitlines()] == [
        f"{name}.{suffix}" for name in ("dispatch", "speedup", "startup") for suffix in ("svg", "png")
    ]
    assert (tmp_path / "a" / "speedup.png").read_bytes()[:4] == b"\x89PNG"
    assert (tmp_path / "a" / "speedup.svg").read_text() == (tmp_path / "b" / "speedup.svg").read_text()


def test_plot_says_where_it_cannot_write(tmp_path: Path) -> None:
    """A folder that cannot be made is named in one line."""
    pytest.importorskip("matplotlib", reason="Matplotlib is an extra")
    (tmp_path / "file").write_text("")
    code, _, err = report("plot", str(DATA), "--folder", str(tmp_path / "file" / "deeper"))

    assert code == 2
    assert err.startswith(f"error: --folder {tmp_path / 'file' / 'deeper'}: cannot be written")
