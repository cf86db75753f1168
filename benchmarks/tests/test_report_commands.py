"""The commands of the report over several saved runs: exit codes, faults, what they write."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from benchmarks.report.__main__ import closing_lines
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


def test_matrix_sets_samples_side_by_side(tmp_path: Path) -> None:
    """Each further sample has its value, verdict and change against the first; half the time is better by a half."""
    folder = storage(tmp_path / "s", [*five("before"), *five("fast", **{"": 0.5}), *five("same")])
    code, out, err = report("matrix", "before", "fast", "same", "--only", "speedup", f"--storage={folder}")
    judged = out.partition("speedup: CPU time, short")[2]
    row = next(line for line in judged.splitlines() if line.startswith("1e3-Pool.map"))

    assert (code, err) == (0, "")
    assert row.count("IMPROVED") == 1
    assert "IMPROVED 5" in row or "IMPROVED 49%" in row


def changed_runs(folder: Path, pattern: str, **environment: object) -> None:
    """Change what saved runs say of where they were taken."""
    for path in folder.glob(pattern):
        text = json.loads(path.read_bytes())
        text["suite"]["environment"].update(environment)
        time = path.stat()
        path.write_text(json.dumps(text), encoding="utf-8")
        os.utime(path, (time.st_atime, time.st_mtime))


@pytest.fixture
def pythons(tmp_path: Path) -> Path:
    """Return a storage with five baselines of 3.13, five slower ones of 3.14, and two later runs of 3.13."""
    folder = storage(tmp_path / "s", [*five("baseline"), *five("baseline", Pool_map=1.5), ("run", {}), ("run", {})])
    for number in (6, 7, 8, 9):
        changed_runs(folder, f"*/000{number}_*", python="3.14.1", default_start_method="forkserver")
    changed_runs(folder, "*/0010_*", python="3.14.1", default_start_method="forkserver")
    return folder


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


def test_latest_run_is_judged_by_the_baseline_of_its_python(pythons: Path) -> None:
    """`compare baseline` takes the latest run that is none, and the baselines of its Python, though more are there.

    One run alone is no sample: it says so, what stands out, and how to settle it.
    """
    code, out, err = report("compare", "baseline", f"--storage={pythons}")
    text = " ".join(out.split())

    assert (code, err) == (3, "")
    assert "baseline (5 runs) against 0012_run (1 run)." in text
    assert "is known from 5 stored runs of this machine" in text, "the baselines of another Python"
    assert "NO VERDICT (needs 3 runs on each side): nothing stands out." in text
    assert "For a verdict, measure run twice more: pytest --benchmark-only --benchmark-save=run" in text
    assert "Then: python -m benchmarks.report compare baseline run" in text
    assert "NOT COMPARABLE" not in out


@pytest.mark.parametrize(
    ("environment", "reason"),
    [
        ({"cpu_model": "another"}, "cpu_model: Intel(R) Xeon(R) Processor against another"),
        ({"python": "3.12.0"}, "python: 3.13.0, 3.14.1 against 3.12.0"),
        ({"python": "3.13.4"}, "python: 3.13.0 against 3.13.4"),
    ],
)
def test_a_baseline_of_another_machine_is_not_comparable(
    pythons: Path, environment: dict[str, object], reason: str
) -> None:
    """A run of another machine, or of a Python without a baseline, is not judged, and the reason is said."""
    changed_runs(pythons, "*/0012_*", **environment)
    code, out, _ = report("compare", "baseline", f"--storage={pythons}")

    assert code == 3
    assert f"NOT COMPARABLE: {reason}. Measure both sides alike" in " ".join(out.split())


def test_baselines_are_not_the_latest_run(tmp_path: Path) -> None:
    """A checkout makes baselines new, but the latest run is one of one's own; without one, that is said."""
    folder = storage(tmp_path / "s", [("run", {}), *five("my-baseline")])

    assert "0001_run.json" in report(f"--storage={folder}")[1]
    next(folder.glob("*/0001_run.json")).unlink()
    code, out, err = report(f"--storage={folder}")

    assert (code, out) == (2, "")
    assert err == f"error: only baselines in {folder}: measure with `pytest --benchmark-only`, or name a run\n"


def test_promoted_runs_are_compact_and_whole(tmp_path: Path) -> None:
    """A promoted run has all that it had, in fewer bytes, in the folder of its Python, under a name with a number."""
    folder = storage(tmp_path / "from", five("before"))
    originals = sorted(folder.glob("*/*.json"))
    into = tmp_path / "into"
    (into / originals[0].parent.name).mkdir(parents=True)
    (into / originals[0].parent.name / "0007_mine.json").write_text("{}")
    code, out, err = report("promote", str(originals[0].parent), f"--storage={into}")
    copies = sorted(into.glob("*/*_baseline.json"))

    assert (code, err, len(out.splitlines())) == (0, "", 5)
    assert [path.name[:4] for path in copies] == ["0008", "0009", "0010", "0011", "0012"]
    assert [json.loads(path.read_bytes()) for path in copies] == [json.loads(path.read_bytes()) for path in originals]
    assert copies[0].stat().st_size < originals[0].stat().st_size


def test_runs_that_are_no_baseline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run that did not complete is none, older ones are not mixed with new ones, and a name must say what it is."""
    folder = storage(tmp_path / "s", [("before", {}), ("cut", {}), ("baseline", {})])
    cut = next(folder.glob("*/*_cut.json"))
    document = json.loads(cut.read_bytes())
    document["suite"]["complete"] = False
    cut.write_text(json.dumps(document))

    assert report("promote", "cut", f"--storage={folder}") == (
        2,
        "",
        f"error: {cut}: did not complete, and is no baseline: measure again\n",
    )
    assert report("promote", "before", f"--storage={folder}") == (
        2,
        "",
        f"error: {cut.parent} has 1 run saved as 'baseline' already: delete what is old, or choose a --name\n",
    )
    assert report("promote", "before", "--name", "kept", f"--storage={folder}")[0] == 2
    assert "'kept' is not a baseline name" in capsys.readouterr().err
    assert report("promote", "before", "--name", "my-baseline", f"--storage={folder}")[0] == 0


@pytest.mark.parametrize("depth", [900, 5_000, 100_000, 200_000])
def test_promoting_what_is_nested_deep(tmp_path: Path, depth: int) -> None:
    """What other keys hold may be nested deeper than Python can format: it is kept whole, or refused in a line."""
    original = next(storage(tmp_path / "s", [("before", {})]).glob("*/*.json"))
    data = original.read_bytes().replace(b"{", b'{"x": ' + b"[" * depth + b"]" * depth + b",", 1)
    original.write_bytes(data)
    code, out, err = report("promote", str(original), f"--storage={tmp_path / 'into'}")
    kept = [path.read_bytes() for path in tmp_path.glob("into/*/*.json")]

    assert (code, out.count("\n"), err, [data.count(b"[" * depth) for data in kept]) == (0, 1, "", [1]) or (
        (code, out, err, kept) == (2, "", f"error: {original}: is nested too deep to be a run; delete it\n", [])
    )


def test_a_run_is_promoted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is named twice is one baseline, in the folder of its machine, from wherever it is named."""
    folder = storage(tmp_path / "s", [("before", {})])
    original = next(folder.glob("*/*.json"))
    monkeypatch.chdir(original.parent)
    code, out, err = report("promote", "before", original.name, f"../{original.parent.name}/{original.name}",
                            "--name", "my_baseline", f"--storage={folder}")  # fmt: skip

    assert (code, err) == (0, "")
    assert out == f"{original.parent / '0002_my_baseline.json'}: {next(folder.glob('*/0002*')).stat().st_size} bytes\n"
    assert report("promote", "before", f"--storage={folder}")[0] == 0, "my_baseline is another name than baseline"


def test_promoting_what_is_not_stored(tmp_path: Path) -> None:
    """A run outside of a storage has no machine's folder, and a storage that is a file takes none: one line each."""
    loose = tmp_path / "0001_loose.json"
    loose.write_bytes(DATA.read_bytes())
    file = tmp_path / "file"
    file.write_text("")
    stored = next(storage(tmp_path / "s", [("before", {})]).glob("*/*.json"))

    assert report("promote", str(loose), f"--storage={tmp_path / 's'}") == (
        2,
        "",
        f"error: {loose}: not in a storage, in a folder such as Linux-CPython-3.13-64bit\n",
    )
    code, _, err = report("promote", str(stored), f"--storage={file}")
    assert (code, err.count("\n")) == (2, 1)
    assert "cannot be written (Not a directory)" in err


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


@pytest.mark.parametrize(
    ("families", "base"),
    [
        (["clusters"], "clusters-baseline"),
        (["engines"], "baseline"),
        (["clusters", "speedup"], "baseline"),
        ([], "baseline"),
        (["target"], "BEFORE AFTER"),
    ],
)
def test_what_to_compare_with(tmp_path: Path, families: list[str], base: str) -> None:
    """A run of one question whose baseline has its name is compared with that; of one's own function there is none."""
    folder = storage(tmp_path / "s", [("baseline", {}), ("clusters-baseline", {})])

    assert closing_lines(folder, families)[-1].endswith(f" compare {base}")
