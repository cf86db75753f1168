"""The commands of the report over several saved runs: exit codes, faults, what they write."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.report.samples import ACROSS
from benchmarks.schema import Environment
from benchmarks.tests.saved import DATA, five, report, storage


def test_the_command_finds_a_regression(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`compare before after` exits with 1, names the change first, and writes every run's value as JSON."""
    monkeypatch.setenv("COLUMNS", "160")
    folder = storage(tmp_path / "s", [*five("before"), *five("after", **{"": 1.5})])
    code, out, err = report(
        "compare", "before", "after", "--only", "speedup", f"--storage={folder}", f"--json={tmp_path / 'x.json'}"
    )
    written = json.loads((tmp_path / "x.json").read_text())
    first = next(line for line in out.splitlines() if "(strategy)" in line)

    assert (code, err) == (1, "")
    assert out.startswith("REGRESSED: ")
    assert first.startswith("REGRESSED (strategy)")
    assert len(written["base"]) == len(written["new"]) == 5
    assert all(len(group["base_values"]) == 5 for group in written["groups"])
    assert written["groups"][0]["new"] == pytest.approx(sum(written["groups"][0]["new_values"]) / 5)


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


def test_options_hold_before_a_command_and_behind_it(tmp_path: Path) -> None:
    """Those that several commands have mean the same in either place; the lines that end a run write them in front."""
    folder = storage(tmp_path / "s", [*five("before"), *five("after")])
    behind = report("compare", "before", "after", f"--storage={folder}", "--only=speedup", "--format=plain")
    front = report(f"--storage={folder}", "--only=speedup", "--format=plain", "compare", "before", "after")

    assert front == behind
    assert front[0] == 0


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
    assert {fact for facts in ACROSS.values() for fact in facts} <= set(Environment.__struct_fields__)


def test_plot_draws_what_there_is(tmp_path: Path) -> None:
    """Each family that has a picture is drawn twice, as SVG and PNG; drawing it again gives the same SVG."""
    pytest.importorskip("matplotlib", reason="Matplotlib is an extra")
    code, out, err = report("plot", str(DATA), "--folder", str(tmp_path / "a"))
    assert report("plot", str(DATA), "--folder", str(tmp_path / "b"))[0] == 0

    assert (code, err) == (0, "")
    assert [Path(line).name for line in out.splitlines()] == [
        f"{name}.{suffix}" for name in ("speedup", "dispatch", "startup") for suffix in ("svg", "png")
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


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--alpha", "0", "not a valid chance of a false alarm: use a number from 1e-06 to 0.5"),
        ("--alpha", "1e-20", "not a valid chance of a false alarm"),
        ("--alpha", "0.9", "not a valid chance of a false alarm"),
        ("--alpha", "nan", "not a valid chance of a false alarm"),
        ("--margin", "0", "not a valid margin: use a number from 0.001 to 0.999"),
        ("--margin", "-0.1", "not a valid margin"),
        ("--margin", "5%", "not a valid margin"),
    ],
)
def test_shares_that_are_none(option: str, value: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Levels and margins beyond what can be reckoned with are refused, with those that can."""
    assert report("compare", "a", "b", f"{option}={value}")[0] == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("alpha", ["1e-6", "0.5"])
def test_extreme_levels_are_reckoned_with(tmp_path: Path, alpha: str) -> None:
    """The least level and the largest give verdicts like any other."""
    folder = storage(tmp_path / "s", [*five("before"), *five("after", Pool_map=1.5)])
    code, out, err = report("compare", "before", "after", f"--alpha={alpha}", f"--storage={folder}")

    assert (code, err) == (1, "")
    assert "REGRESSED (strategy)" in out


def test_runs_of_several_commits_are_told(tmp_path: Path) -> None:
    """A name that stands for runs of two commits is judged as one sample, with a warning."""
    folder = storage(tmp_path / "s", [*five("before"), *five("run")])
    path = next(folder.glob("*/0007_*"))
    changed = json.loads(path.read_bytes())
    changed["commit_info"]["id"] = "another"
    path.write_text(json.dumps(changed))
    code, _, err = report("compare", "before", "run", f"--storage={folder}")

    assert (code, err) == (0, "warning: run stands for runs of 2 different commits, judged as one\n")
