"""What a run saves, and that pytest-benchmark's own tools work on it."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.environment import start_methods
from benchmarks.measuring.cells import Cell

if TYPE_CHECKING:
    from benchmarks.tests.conftest import Project

pytestmark = pytest.mark.skipif("fork" not in start_methods(), reason="these runs are made with fork")

FINE = 'FAMILY = family("fine", strategies=("serial", "floor", "Pool.map"))'


def test_what_a_run_says_of_itself(project: Project) -> None:
    """Axes are plain values, each list pairs with the rounds, times are whole nanoseconds, the run is complete."""
    project.write(FINE)
    result = project.measure("--benchmark-save=before")
    saved = project.saved()
    suite = saved["suite"]

    assert result.returncode == 0, result.stdout
    assert (suite["schema"], suite["preset"], suite["complete"]) == (3, "default", True)
    assert [cell["outcome"] for cell in suite["cells"]] == ["measured"] * 3
    assert suite["families"]["trouble"]["question"] == "Does it hold?"
    assert suite["environment"]["python"] == platform.python_version()
    assert suite["environment"]["usable_cpus"] >= 1
    assert {"load_average", "stolen_seconds"} == set(suite["start"]) == set(suite["end"])
    assert suite["seconds"]["wall"] >= suite["seconds"]["arms"] > 0
    assert not any(name.startswith("hz_") for name in saved["machine_info"]["cpu"])
    for benchmark in saved["benchmarks"]:
        extra, data = benchmark["extra_info"], benchmark["stats"]["data"]
        assert tuple(benchmark["params"]) == Cell.axes()
        assert all(value is None or isinstance(value, str | int) for value in benchmark["params"].values())
        assert len(data) % 6 == 0
        for name in ("serial_seconds", "floor_seconds", "cpu_seconds", "floor_cpu_seconds", "block"):
            assert extra[name] is None or len(extra[name]) == len(data), name
        assert all(round(value, 9) == value for value in (*data, *extra["serial_seconds"], *extra["floor_seconds"]))
        assert sorted(set(extra["block"])) == list(range(extra["block"][-1] + 1))


def test_a_standard_library_without_bytecode(project: Project) -> None:
    """Where no bytecode is cached and none can be written, workers compile: the run says and saves it."""
    project.write(FINE)
    result = project.measure(PYTHONPYCACHEPREFIX=str(project.folder / "nowhere"), PYTHONDONTWRITEBYTECODE="1")
    facts = project.saved()["suite"]["environment"]

    assert result.returncode == 0, result.stdout
    assert (facts["standard_library_cached"], facts["caches_bytecode"]) == (False, False)
    assert "warning: no bytecode of the standard library is cached: workers by forkserver" in result.stdout
    assert f"{sys.executable} -m compileall -q" in result.stdout
    assert "warning: the standard library's bytecode is not cached: workers" in result.stdout


def output_of(project: Project, *command: str) -> str:
    """Run a command that reads saved runs, in the project's folder, and return what it prints."""
    return subprocess.run(
        command,
        cwd=project.folder,
        env=project.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout


def test_the_report_shows_what_the_terminal_showed(project: Project) -> None:
    """The digest after the run and the report's of the saved run are the same lines."""
    project.write(FINE)
    output = project.measure().stdout
    shown = output_of(project, sys.executable, "-m", "benchmarks.report").splitlines()

    assert len(shown) > 5
    assert "\n".join(shown[1:-2]) in output
    assert "\n".join(shown[-2:]) in output


def test_pytest_benchmark_s_own_tools(project: Project) -> None:
    """`pytest-benchmark list` and `compare`, and `--benchmark-compare`, work on saved runs."""
    project.write(FINE)
    assert project.measure("--benchmark-save=before").returncode == 0
    again = project.measure("--benchmark-save=after", "--benchmark-compare=0001")
    tool = str(Path(sys.executable).with_name("pytest-benchmark"))
    listed = output_of(project, tool, "list")
    compared = output_of(project, tool, "compare", "0001", "0002", "--columns=median")

    assert again.returncode == 0, again.stdout
    assert "bench_trouble[fine-1e3-Pool.map] (0001_before)" in again.stdout
    assert [name in listed for name in ("0001_before.json", "0002_after.json")] == [True, True]
    assert "bench_trouble[fine-1e3-Pool.map] (0002_after)" in compared


LOOK = """
import sys
def look(n):
    return "pytest" in sys.modules
workload("look", look, lambda n: False)
FAMILY = family("look", strategies=("Pool.map",), start_methods=("spawn", "forkserver"))
"""


@pytest.mark.parametrize("command", ["pytest", "python -m pytest"])
def test_spawned_workers_do_not_import_pytest(project: Project, command: str) -> None:
    """However pytest was started, its own start is not repeated in spawned and forkserver workers.

    The cells are called once, so the strategy alone runs the task, which says whether its process knows pytest.
    """
    project.write(LOOK)
    script = [str(Path(sys.executable).with_name("pytest"))]
    start = script if command == "pytest" else [sys.executable, "-m", "pytest"]
    result = subprocess.run(
        [*start, "-p", "no:cacheprovider", "-v"],
        cwd=project.folder,
        env=project.environment(),
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert result.returncode == 0, result.stdout
    assert "2 passed" in result.stdout
