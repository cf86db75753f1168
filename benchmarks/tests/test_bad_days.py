"""Bad days: what goes wrong costs its own cell, says so in one line, and leaves nothing running."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.environment import start_methods

if TYPE_CHECKING:
    from benchmarks.tests.conftest import Project
from benchmarks.tests.test_interrupted import SLOW, started

pytestmark = pytest.mark.skipif("fork" not in start_methods(), reason="these days are made with fork")

FAILED = 1


USAGE = 4

COUNTED = """
import itertools
calls = itertools.count()
"""

TROUBLE = {
    # the first passes, of results to be checked, must succeed: the trouble begins with the rounds
    "killed in a round": (
        "def trouble(n):\n"
        "    if os.getpid() != CALLER and next(calls) == 12:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return n\n",
        r"killed by SIGKILL|exit code -9",
    ),
    "raises": (
        "def trouble(n):\n    if os.getpid() != CALLER:\n        raise ValueError('cannot do this')\n    return n\n",
        "ValueError: cannot do this",
    ),
    "wrong result": (
        "def trouble(n):\n    return n + (os.getpid() != CALLER)\n",
        "wrong results (first at task 0); no time of this cell counts",
    ),
    "sleeps past the limit": (
        "def trouble(n):\n    time.sleep(60 if os.getpid() != CALLER else 0)\n    return n\n",
        "not done after its limit of 3 s (--cell-limit)",
    ),
    "unpicklable": (
        "trouble = lambda n: n\n",
        "[Pp]ickl",
    ),
    "unpicklable result": (
        "def trouble(n):\n    return n if os.getpid() == CALLER else (lambda: n)\n",
        "[Pp]ickl|local object",
    ),
}


def failing(project: Project, body: str, strategies: str) -> None:
    """Write a family whose second workload is in trouble, between two that are fine."""
    project.write(
        COUNTED + body + 'workload("trouble", trouble)\n'
        'workload("fine too", fine)\n'
        f'FAMILY = family("fine", "trouble", "fine too", strategies=({strategies!r},))\n'
    )


@pytest.mark.parametrize("strategy", ["Pool.map", "ProcessPoolExecutor.map"])
@pytest.mark.parametrize("trouble", list(TROUBLE))
def test_trouble_costs_its_own_cell(
    project: Project, trouble: str, strategy: str, processes_of: Callable[[str], list[int]]
) -> None:
    """The cell fails with a line that names it, those before and after are measured, and nothing is left running."""
    body, message = TROUBLE[trouble]
    failing(project, body, strategy)
    result = project.measure("--cell-limit=3", MARKER=str(project.folder))
    outcomes = project.outcomes()

    assert result.returncode == FAILED, result.stdout
    assert [outcome for outcome, _ in outcomes.values()] == ["measured", "failed", "measured"], result.stdout
    reason = outcomes[f"trouble-1e3-{strategy}"][1]
    assert re.search(message, reason) or message in reason or "terminated abruptly" in reason
    assert re.match(r"(floor|serial|strategy) arm: ", reason)
    assert "not measured   1 of 3 (failed" in result.stdout
    assert len(project.saved()["benchmarks"]) == 2
    assert processes_of(f"MARKER={project.folder}") == []


IDLE = """
from benchmarks.measuring.arms import Arms
prepare = Arms.prepare
def kill_one(arms):
    prepare(arms)
    if arms._cell.workload == "trouble" and next(calls) == 3:
        os.kill(min(arms._workers["strategy"]), signal.SIGKILL)
        time.sleep(0.5)
Arms.prepare = kill_one
trouble = fine
"""


@pytest.mark.parametrize("strategy", ["Pool.map", "Pool.imap", "ProcessPoolExecutor.map", "floor"])
def test_worker_killed_idle(project: Project, strategy: str, processes_of: Callable[[str], list[int]]) -> None:
    """A worker that is killed between two rounds fails the cell, though its pool would replace or miss it silently."""
    failing(project, IDLE.replace("trouble = fine", "def trouble(n):\n    return n"), strategy)
    result = project.measure("--cell-limit=20", MARKER=str(project.folder))
    outcomes = list(project.outcomes().values())

    assert result.returncode == FAILED, result.stdout
    assert [outcome for outcome, _ in outcomes] == ["measured", "failed", "measured"], result.stdout
    assert re.search(r"killed by SIGKILL|exit code -9|terminated abruptly", outcomes[1][1]), outcomes[1]
    assert "ProcessLookupError" not in outcomes[1][1]
    assert processes_of(f"MARKER={project.folder}") == []


INITIALIZER = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from benchmarks.strategies.base import Strategy, register
from benchmarks.strategies.executors import ExecutorEngine
from benchmarks.strategies.pools import PoolEngine

def refuse():
    raise OSError("no licence")

class Refusing(Strategy):
    def open(self, job, workers, start_method):
        context = multiprocessing.get_context(start_method)
        if self.name == "refusing pool":
            pool = context.Pool(workers, initializer=refuse)
            return PoolEngine(pool, workers, lambda: pool.map(job.function, job.inputs))
        executor = ProcessPoolExecutor(workers, context, initializer=refuse)
        return ExecutorEngine(executor, workers, lambda: list(executor.map(job.function, job.inputs)))

for name in ("refusing pool", "refusing executor"):
    register(Refusing(name))
FAMILY = family("fine", strategies=("refusing pool", "refusing executor", "Pool.map"))
"""


def test_initializer_that_raises(project: Project, processes_of: Callable[[str], list[int]]) -> None:
    """A Pool would start workers for ever; the cell ends with the first that is lost."""
    project.write(INITIALIZER)
    start = time.monotonic()
    result = project.measure("--cell-limit=90", MARKER=str(project.folder))
    outcomes = project.outcomes()

    assert result.returncode == FAILED, result.stdout
    assert time.monotonic() - start < 60
    assert re.search("worker process .* ended with exit code 1", outcomes["fine-1e3-refusing_pool"][1])
    assert (
        "initializer failed" in outcomes["fine-1e3-refusing_executor"][1]
        or "terminated" in outcomes["fine-1e3-refusing_executor"][1]
    )
    assert outcomes["fine-1e3-Pool.map"][0] == "measured"
    assert processes_of(f"MARKER={project.folder}") == []


LEAK = """
from benchmarks.measuring.arms import Arms
close = Arms.close
held = []
def leaky(arms):
    close(arms)
    if arms._cell.workload == "trouble":
        held.append(open(os.devnull))
Arms.close = leaky
def trouble(n):
    return n
"""


def test_leak_fails_the_cell(project: Project) -> None:
    """A cell that leaves a file descriptor fails, and its numbers are not saved."""
    failing(project, LEAK, "Pool.map")
    result = project.measure()
    outcomes = project.outcomes()

    assert result.returncode == FAILED
    assert re.fullmatch(r"left behind: file descriptor \d+ \(/dev/null\).*", outcomes["trouble-1e3-Pool.map"][1])
    assert len(project.saved()["benchmarks"]) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no flock on this platform")
def test_second_measurement_is_refused(project: Project) -> None:
    """While a run measures, another is refused and told the process id of the first; a plain test run is not."""
    project.write(SLOW)
    with started(project, "--benchmark-max-time=30") as process:
        second = project.measure()
        plain = project.run()

    assert second.returncode == USAGE
    assert f"process {process.pid} is measuring on this machine" in second.stdout
    assert plain.returncode == 0, plain.stdout


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--benchmark-storage=file://taken/here", "--benchmark-storage: runs cannot be saved in .*taken/here"),
        ("--benchmark-json=taken/run.json", "--benchmark-json: taken/run.json cannot be written"),
        ("--benchmark-json=/dev/full", r"--benchmark-json: /dev/full cannot be written \(No space left on device\)"),
        ("--benchmark-json=.", r"--benchmark-json: \. cannot be written \(Is a directory\)"),
        ("--benchmark-json=", r"--benchmark-json: \. cannot be written \(Is a directory\)"),
    ],
)
def test_output_that_cannot_be_written(project: Project, option: str, message: str) -> None:
    """It is known before the first cell."""
    project.write('FAMILY = family("fine")')
    (project.folder / "taken").write_text("a file, not a folder")
    result = project.measure("-v", option)

    assert result.returncode == USAGE
    assert re.search(message, result.stdout), result.stdout
    assert "PASSED" not in result.stdout
    assert "Traceback" not in result.stdout


SAVING_FAILS = """
from benchmarks.measuring import saving
def full(*_arguments):
    raise OSError(28, "No space left on device")
saving._written = full
FAMILY = family("fine")
"""


def test_disk_that_fills_up_later(project: Project) -> None:
    """When saving fails in the end, the numbers are shown all the same, with the reason and an exit code."""
    project.write(SAVING_FAILS)
    result = project.measure()

    assert result.returncode not in {0, 5}
    assert "noise check" in result.stdout
    assert re.search("^error: this run was not saved: .*: No space left on device", result.stdout, re.MULTILINE)
    assert "saved    " not in result.stdout
    assert "Traceback" not in result.stdout


PRETEND = """
import multiprocessing, os
from benchmarks import environment
{}
"""


@pytest.mark.parametrize(
    ("pretence", "warning", "workers"),
    [
        ("environment.affinity = lambda: 1", "warning: one usable CPU", 1),
        ("environment.cpu_quota = lambda: 0.5", "warning: the CPU quota is 0.5 of a CPU", 1),
    ],
)
def test_little_cpu(project: Project, pretence: str, warning: str, workers: int) -> None:
    """One CPU, or less than one, is said before the first cell; the cells are measured on one worker."""
    (project.folder / "pretend.py").write_text(PRETEND.format(pretence))
    project.write('FAMILY = family("fine", strategies=("serial", "floor", "Pool.map"))')
    result = project.measure("-p", "pretend", PYTHONPATH=f"{Path(__file__).parents[2]}{os.pathsep}{project.folder}")
    saved = project.saved()

    assert result.returncode == 0, result.stdout
    assert warning in result.stdout
    assert {benchmark["params"]["workers"] for benchmark in saved["benchmarks"]} == {workers}
    assert len(saved["benchmarks"]) == 3


NO_FORK = "multiprocessing.get_all_start_methods = lambda: ['spawn']"


def test_no_fork(project: Project) -> None:
    """Without fork the cells spawn, and one that asks for fork is skipped with the reason."""
    (project.folder / "pretend.py").write_text(PRETEND.format(NO_FORK))
    project.write('FAMILY = family("nothing", strategies=("Pool.map",), start_methods=("fork", "spawn"))')
    path = f"{Path(__file__).parents[2]}{os.pathsep}{project.folder}"
    result = project.measure("-p", "pretend", PYTHONPATH=path)
    refused = project.measure("-p", "pretend", "--start-methods=fork", PYTHONPATH=path)
    by_method = {cell["id"]: (cell["outcome"], cell["reason"]) for cell in project.saved()["suite"]["cells"]}

    assert result.returncode == 0, result.stdout
    assert sorted(by_method.values(), key=str) == [
        ("measured", None),
        ("skipped", "the start method fork does not exist on this platform; it has spawn"),
    ]
    assert refused.returncode == USAGE
    assert "unknown start method 'fork'; known: spawn" in refused.stdout


def test_very_long_temporary_path(project: Project) -> None:
    """Where the forkserver's socket does not fit into its address, its cells alone fail, and say what to do."""
    if "forkserver" not in start_methods():
        pytest.skip("no forkserver on this platform")
    deep = project.folder / ("a" * 100) / ("b" * 100)
    deep.mkdir(parents=True)
    project.write('FAMILY = family("nothing", start_methods=("fork", "forkserver", "spawn"))')
    result = project.measure(TMPDIR=str(deep))
    outcomes = project.outcomes()

    assert [outcome for outcome, _ in outcomes.values()][::2] == ["measured", "measured"], result.stdout
    outcome, reason = list(outcomes.values())[1]
    if sys.version_info < (3, 14):
        assert outcome == "failed"
    assert outcome == "measured" or "AF_UNIX path too long; set TMPDIR to a shorter path" in reason
    assert result.returncode == (FAILED if outcome == "failed" else 0)
