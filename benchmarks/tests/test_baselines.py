"""Baselines: which one a run is judged by, and how runs become one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.report.__main__ import closing_lines
from benchmarks.tests.saved import DATA, changed_runs, five, report, storage


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
