"""How runs end on real pools, and what is then on the disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks import layout
from benchmarks.environment import start_methods
from benchmarks.tests.saved import report

if TYPE_CHECKING:
    from benchmarks.tests.conftest import Project

pytestmark = pytest.mark.skipif("fork" not in start_methods(), reason="these runs are made with fork")

SLOW = """
FAMILY = family("fine", strategies=("serial", "floor", "Pool.map", "Pool.imap"))
"""


def test_a_killed_run_costs_one_cell(project: Project) -> None:
    """What SIGKILL leaves is found by the report and by pytest-benchmark, with every cell that had ended."""
    project.write(SLOW)
    process = subprocess.Popen(
        project.command("--benchmark-only", "-v", "--benchmark-max-time=1"),
        cwd=project.folder,
        env=project.environment(PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        ended = 0
        for line in process.stdout:
            ended += "PASSED" in line
            if ended == 3:
                break
        time.sleep(0.2)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
    saved = project.saved()
    code, out, err = report(f"--storage={project.folder / '.benchmarks'}")
    compared = subprocess.run(
        [str(Path(sys.executable).with_name("pytest-benchmark")), "compare", "0001", "--columns=median"],
        cwd=project.folder, env=project.environment(), capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip

    assert [cell["outcome"] for cell in saved["suite"]["cells"]] == ["measured"] * 3 + ["not reached"]
    assert (code, err) == (0, "")
    assert "warning: this run did not complete" in out
    assert compared.count("bench_trouble[fine") == 3


def test_a_run_in_which_every_cell_failed(project: Project) -> None:
    """It is saved, summed up, and the latest; pytest-benchmark's own tools take it."""
    project.write('def wrong(n):\n    return -n\nworkload("wrong", wrong)\nFAMILY = family("fine")')
    assert project.measure("--benchmark-save=good").returncode == 0
    project.write('def wrong(n):\n    return -n\nworkload("wrong", wrong)\nFAMILY = family("wrong")')
    result = project.measure("--benchmark-save=bad")
    tool = str(Path(sys.executable).with_name("pytest-benchmark"))
    listed, compared = (
        subprocess.run(
            [tool, *words], cwd=project.folder, env=project.environment(), capture_output=True, text=True, timeout=60
        )
        for words in (["list"], ["compare", "--columns=median"])
    )
    _, latest, _ = report(f"--storage={project.folder / '.benchmarks'}")
    after = project.measure("--benchmark-compare=0002")

    assert result.returncode == 1
    assert "not measured   1 of 1 (failed" in result.stdout
    assert "/0002_bad.json, " in latest
    assert "0002_bad.json" in listed.stdout
    assert compared.returncode == 0, compared.stderr
    assert after.returncode == 1
    assert "Traceback" not in after.stdout


def test_saving_takes_little(project: Project) -> None:
    """The run itself tells what saving it took: below a hundredth of its time, or, beside other tests, a few."""
    project.write(SLOW)
    project.measure("--benchmark-max-time=1")
    seconds = project.saved()["suite"]["seconds"]

    assert 0 < seconds["saving"] <= 0.05 * seconds["wall"]


FULL_FOR_A_WHILE = """
from benchmarks.measuring import saving
from benchmarks.measuring.recording import Recording
writes = []
written = saving._written
def full(*arguments):
    writes.append(1)
    if len(writes) == 1:
        raise OSError(28, "No space left on device")
    return written(*arguments)
saving._written = full
Recording.finish = lambda _recording: os._exit(9)
FAMILY = family("fine", strategies=("Pool.map", "Pool.imap", "floor"))
"""


def test_a_disk_that_is_full_for_a_while(project: Project) -> None:
    """The cells that could not be saved when they ended are saved with the next one, though the run is then killed."""
    project.write(FULL_FOR_A_WHILE)
    result = project.measure()
    (path,) = project.folder.glob(".benchmarks/*/*.json")
    found = layout.decode(path.read_bytes())
    pools = [benchmark.extra_info.spent.pools for benchmark in found.benchmarks]

    assert result.returncode == 9
    assert len(pools) == 3
    assert found.suite.seconds.pools == pytest.approx(sum(pools), abs=0.002)  # each is counted once


SLOW_DISK = """
from benchmarks.measuring import saving
synced = []
fsync = os.fsync
def slow(descriptor):
    synced.append(descriptor)
    time.sleep(0.2)
    fsync(descriptor)
class Slow:
    def __getattr__(self, name):
        return slow if name == "fsync" else getattr(os, name)
saving.os = Slow()
from benchmarks.measuring.recording import Recording
finish = Recording.finish
def told(recording):
    print("synced", len(synced))
    return finish(recording)
Recording.finish = told
FAMILY = family("fine", strategies=("serial", "floor", "Pool.map", "Pool.imap", "Pool.starmap", "Pool.apply_async"))
"""


def test_a_slow_disk_is_not_waited_for(project: Project) -> None:
    """Where waiting for the disk takes over a hundredth of the run, cells are left to the system to bring there.

    The first cell waits for the temporary file and its name, and after it nothing: all six took 0.2 s a time.
    """
    project.write(SLOW_DISK)
    result = project.measure("-s")

    assert result.returncode == 0, result.stdout
    assert "synced 2\n" in result.stdout
    assert len(project.saved()["benchmarks"]) == 6


JSON_FAILS = """
import shutil, pathlib
from benchmarks.measuring.recording import Recording
finish = Recording.finish
def gone(recording):
    shutil.rmtree("out")
    return finish(recording)
Recording.finish = gone
FAMILY = family("fine")
"""


def test_an_output_that_fails_in_the_end(project: Project) -> None:
    """When --benchmark-json cannot be written, the stored run is not lost, and the line says which of the two it is."""
    project.write(JSON_FAILS)
    result = project.measure("--benchmark-json=out/run.json")

    assert result.returncode not in {0, 5}
    assert "error: --benchmark-json out/run.json: cannot be written (No such file or directory)" in result.stdout
    assert project.saved()["suite"]["complete"] is True
    assert "Traceback" not in result.stdout


FOREIGN = """
def test_of_somebody_else(benchmark):
    benchmark.extra_info["family"] = 5
    benchmark(len, "x")
FAMILY = family("fine")
"""


def test_benchmarks_of_others_do_not_disturb(project: Project) -> None:
    """A plain test of pytest-benchmark's is measured and saved beside the cells, and the report reads its own."""
    project.write(FOREIGN)
    result = project.measure()
    code, out, err = report(f"--storage={project.folder / '.benchmarks'}", "--all")

    assert result.returncode == 0, result.stdout
    assert len(project.saved()["benchmarks"]) == 2
    assert (code, err) == (0, "")
    assert "TROUBLE: Does it hold?" in out


HOOK_FAILS = """
FAMILY = family("fine")
"""


def test_a_hook_of_somebody_else_that_raises(project: Project) -> None:
    """It costs what it would have added, not the run."""
    project.write(HOOK_FAILS)
    (project.folder / "hooks.py").write_text("def pytest_benchmark_update_json():\n    raise ValueError('no')\n")
    path = f"{Path(__file__).parents[2]}{os.pathsep}{project.folder}"
    result = project.measure("-p", "hooks", PYTHONPATH=path)

    assert "error: pytest_benchmark_update_json: ValueError: no; saved as it was" in result.stdout
    assert project.saved()["suite"]["complete"] is True


NO_PROCESS = """
import pytest_benchmark.plugin
def refuse():
    raise BlockingIOError(11, "Resource temporarily unavailable")
pytest_benchmark.plugin.get_cpu_info = refuse
"""


def test_no_process_can_be_started(project: Project) -> None:
    """What the facts need a process for is asked before the first cell, and refused in one line."""
    (project.folder / "pretend.py").write_text(NO_PROCESS)
    project.write('FAMILY = family("fine")')
    path = f"{Path(__file__).parents[2]}{os.pathsep}{project.folder}"
    result = project.measure("-p", "pretend", PYTHONPATH=path)

    assert result.returncode == 4
    assert "ERROR: no process can be started (Resource temporarily unavailable): raise the limit" in result.stdout
    assert "Traceback" not in result.stdout
