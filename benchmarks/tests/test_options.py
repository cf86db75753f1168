"""The command line: what it takes, and how it says no."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.environment import start_methods, usable_cpus

if TYPE_CHECKING:
    from benchmarks.tests.conftest import Project

USAGE = 4
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--strategies=imap"], "unknown strategy 'imap' (did you mean Pool.imap?); known: serial, floor, Pool.map"),
        (["--strategies=pool.map"], "unknown strategy 'pool.map' (did you mean Pool.map?)"),
        (["--strategies=,"], "names no strategy"),
        (["--preset=quik"], "unknown preset 'quik' (did you mean quick?); known: default, quick, full, article"),
        (["--start-methods=fork,teleport"], "unknown start method 'teleport'"),
        (["--sizes=0"], "'0' is not a size: a whole number from 1 to"),
        (["--sizes=1.5"], "'1.5' is not a size"),
        (["--sizes=inf"], "'inf' is not a size"),
        (["--sizes=nan"], "'nan' is not a size"),
        (["--sizes=1e99"], "'1e99' is not a size"),
        (["--sizes=ten"], "'ten' is not a size"),
        (["--tasks=-1"], "'-1' is not a number of tasks"),
        (["--workers=0"], "'0' is not a number of workers: a whole number from 1 to"),
        (["--workers=1e6"], "'1e6' is not a number of workers"),
        (["--cell-limit=0"], "'0' is not a time limit"),
        (["--cell-limit=nan"], "'nan' is not a time limit"),
        (["-n2", "--benchmark-only"], "-n and --dist run cells at once, which would disturb each other"),
        (["--benchmark-only", "--benchmark-timer=time.time"], "timed with time.perf_counter"),
        (["--benchmark-only", "--benchmark-cprofile=tottime"], "profile without measuring"),
        (["--benchmark-save=before"], "--benchmark-save needs a measurement: add --benchmark-only"),
        (["--benchmark-compare-fail=mean:5%"], "--benchmark-compare-fail needs a measurement"),
        (["--benchmark-only", "--benchmark-max-time=nan"], "--benchmark-max-time: a number of seconds above 0"),
        (["--benchmark-only", "--benchmark-max-time=inf"], "--benchmark-max-time: a number of seconds above 0"),
        (["--benchmark-only", "--benchmark-max-time=0"], "--benchmark-max-time: a number of seconds above 0"),
        (["--benchmark-only", "--benchmark-max-time=-1"], "--benchmark-max-time: a number of seconds above 0"),
        (["--benchmark-only", "--benchmark-min-rounds=100000000000"], "--benchmark-min-rounds: at most 10000"),
        (["--benchmark-only", "--benchmark-save=a\nb"], "--benchmark-save: 'a\\nb' has characters that cannot be seen"),
        (["--benchmark-only", f"--benchmark-save={'x' * 300}"], "a name of 300 characters is too long for a file"),
        (["--benchmark-only", "--benchmark-compare-fail=mean:5%"], "needs something to compare with: add"),
        (
            ["--benchmark-only", "--benchmark-compare", "--benchmark-compare-fail=mean:5%"],
            "--benchmark-compare-fail: no saved run to compare with was found",
        ),
        (["--benchmark-only", "--benchmark-histogram=x"], "--benchmark-histogram needs pygal: pip install"),
        (["--benchmark-only", "--benchmark-storage=http://x"], "--benchmark-storage: runs are saved in a folder"),
        (["--benchmark-only", "--benchmark-storage=elasticsearch+http://x/y"], "runs are saved in a folder"),
        (["--benchmark-only", "--keep-duplicates", *["bench_trouble.py"] * 2], "a cell was named twice"),
        (["--benchmark-only", "--benchmark-group-by=param:colour"], "--benchmark-group-by: unknown 'param:colour'"),
    ],
)
def test_bad_options(project: Project, arguments: list[str], message: str) -> None:
    """A value that makes no sense is refused before anything runs, in a line that says what would be right."""
    project.write('FAMILY = family("fine")')
    result = project.run(*arguments)

    assert result.returncode == USAGE
    assert message in " ".join(result.stdout.split())
    assert "Traceback" not in result.stdout
    assert not list(project.folder.glob(".benchmarks/*/*.json"))


@pytest.mark.parametrize("arguments", [["--preset=quik"], ["--collect-only", "--benchmark-save=x"], ["-k", "nothing"]])
def test_what_measures_nothing_says_nothing_of_saving(project: Project, arguments: list[str]) -> None:
    """A refused run, one that only collects and one of no cells have nothing to save, and no word of it."""
    project.write('FAMILY = family("fine")')
    result = project.measure(*arguments)

    assert "Not saving" not in result.stdout
    assert not list(project.folder.glob(".benchmarks/*/*.json"))


def test_an_option_with_a_space_and_a_file_that_exists(project: Project, tmp_path: Path) -> None:
    """pytest takes such a file for something to test; the cells are measured all the same."""
    project.write('FAMILY = family("fine")')
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        result = project.measure("--benchmark-json", file.name)
        written = Path(file.name).stat().st_size

    assert result.returncode == 0, result.stdout
    assert "1 passed" in result.stdout
    assert f"rootdir: {tmp_path}" in result.stdout
    assert written > 1000


def test_a_very_long_argument(project: Project) -> None:
    """An argument that is too long to be a file's name is no file."""
    project.write('FAMILY = family("fine")')
    result = project.run("-k", f"fine or {'x' * 5000}")

    assert result.returncode == 0, result.stdout


def test_inside_a_worker_of_xdist(project: Project) -> None:
    """Where pytest-benchmark would not measure, that is said before the first cell."""
    project.write('FAMILY = family("fine")')
    result = project.run("--benchmark-enable", PYTEST_XDIST_WORKER="gw0")

    assert result.returncode == USAGE
    assert "ERROR: benchmarks are disabled here: unset PYTEST_XDIST_WORKER" in result.stdout


def test_such_an_option_inside_another_program(project: Project) -> None:
    """A program that calls pytest itself is not started once more, but told how to write the option."""
    project.write('FAMILY = family("fine")')
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        code = f"import pytest; pytest.main(['--benchmark-only', '--benchmark-json', {file.name!r}])"
        result = subprocess.run(
            [sys.executable, "-c", code],
            cwd=project.folder,
            env=project.environment(),
            capture_output=True,
            text=True,
            timeout=60,
        )

    assert "write options with '=', as in --benchmark-json=FILE" in result.stdout + result.stderr


def test_started_in_a_folder_of_the_suite(project: Project) -> None:
    """Runs go to the one storage of the suite, and the report finds it from there too."""
    inner = project.folder / "inner"
    inner.mkdir()
    project.write('FAMILY = family("fine")', name="inner/bench_inner.py")
    result = subprocess.run(
        project.command("--benchmark-only"),
        cwd=inner,
        env=project.environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    shown = subprocess.run(
        [sys.executable, "-m", "benchmarks.report"],
        cwd=inner,
        env=project.environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert result.returncode == 0, result.stdout
    assert len(list(project.folder.glob(".benchmarks/*/0001_run.json"))) == 1
    assert not (inner / ".benchmarks").exists()
    assert re.search(r"^saved +\.\./\.benchmarks/.*/0001_run\.json$", result.stdout, re.MULTILINE)
    assert shown.stdout.startswith("../.benchmarks/")


def test_without_assertions(project: Project) -> None:
    """Under `python -O` the suite measures as it does without."""
    project.write('FAMILY = family("fine")')
    settings = (project.folder / "pytest.ini").read_text()
    (project.folder / "pytest.ini").write_text(settings + "filterwarnings =\n" + FILTERS)
    program, *arguments = project.command("--benchmark-only")
    result = subprocess.run(
        [program, "-O", *arguments],
        cwd=project.folder,
        env=project.environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert result.returncode == 0, result.stdout + result.stderr


SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FILTERS = "".join(f"    {line}\n" for line in SETTINGS["tool"]["pytest"]["ini_options"]["filterwarnings"])


def test_what_is_installed_has_no_tests(tmp_path: Path) -> None:
    """A wheel has the suite, without its tests and the programs that measure it."""
    pytest.importorskip("hatchling", reason="to build a wheel: pip install -e '.[dev]'")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        timeout=60,
        check=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()

    assert {"benchmarks/plugin.py", "benchmarks/bench_speedup.py", "benchmarks/report/__main__.py"} <= set(names)
    assert [name for name in names if "/tests/" in name or "/evidence/" in name] == []


def test_plain_pytest_measures_nothing(project: Project) -> None:
    """Without an option to measure each cell is called once, and nothing is saved."""
    project.write('FAMILY = family("fine", strategies=("serial", "floor", "Pool.map"))')
    result = project.run("-v")

    assert result.returncode == 0, result.stdout
    assert "3 passed" in result.stdout
    assert not list(project.folder.glob(".benchmarks/*/*.json"))


def test_start_methods_and_help(project: Project) -> None:
    """--help shows the suite's options with what they take."""
    result = project.run("--help")

    assert result.returncode == 0
    for text in (
        "--preset",
        "--strategies",
        "Pool.imap_unordered",
        "--workers",
        "--cell-limit",
        ", ".join(start_methods()),
    ):
        assert text in " ".join(result.stdout.split())


def test_workers_default_to_usable_cpus(project: Project) -> None:
    """The announcement before the first cell names cells, seconds and workers."""
    project.write('FAMILY = family("fine", strategies=("serial",))')
    result = project.measure()

    assert result.returncode == 0, result.stdout
    assert re.search(
        rf"^1 cell, about \d+ s; workers: {usable_cpus()}; runs are saved in \.benchmarks$",
        result.stdout,
        re.MULTILINE,
    )
