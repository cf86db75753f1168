"""Runs that are interrupted or killed in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from benchmarks.environment import start_methods

if TYPE_CHECKING:
    from benchmarks.tests.conftest import Project

pytestmark = pytest.mark.skipif("fork" not in start_methods(), reason="these days are made with fork")

INTERRUPTED = 2

SLOW = """
def slow(n):
    time.sleep(0.05)
    return n
workload("slow", slow)
FAMILY = family("fine", "slow", strategies=("Pool.map", "ProcessPoolExecutor.map"))
"""


@contextmanager
def started(project: Project, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start a measuring run in a process group of its own, and wait until its third cell is under way."""
    process = subprocess.Popen(
        project.command("--benchmark-only", "-v", *arguments),
        cwd=project.folder,
        env=project.environment(MARKER=str(project.folder), PYTHONUNBUFFERED="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if "PASSED" in line and "ProcessPool" in line:
                break
        time.sleep(1.0)
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=30)


def test_ctrl_c(project: Project, processes_of: Callable[[str], list[int]]) -> None:
    """Ctrl-C, which reaches all processes of the terminal, ends the run at once and saves it marked incomplete."""
    project.write(SLOW)
    with started(project, "--benchmark-max-time=30") as process:
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    saved = project.saved()

    assert process.returncode == INTERRUPTED
    assert saved["suite"]["complete"] is False
    assert [cell["outcome"] for cell in saved["suite"]["cells"]] == ["measured"] * 2 + ["interrupted", "not reached"]
    assert len(saved["benchmarks"]) == 2
    assert "warning: this run did not complete" in output
    assert "ForkPoolWorker" not in output
    assert processes_of(f"MARKER={project.folder}") == []


IN_A_FORK = """
forks = []

def interrupt():
    forks.append(1)
    if len(forks) == 5:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.1)

os.register_at_fork(after_in_parent=interrupt)
FAMILY = family("fine", strategies=("Pool.map", "Pool.imap", "Pool.imap_unordered"))
"""


@pytest.mark.skipif(not hasattr(os, "register_at_fork"), reason="Windows has no fork")
def test_ctrl_c_that_python_drops(project: Project) -> None:
    """Ctrl-C in a hook of os.fork, out of which Python lets no exception, ends the run before the next cell."""
    project.write(IN_A_FORK)
    result = project.measure("--start-methods=fork")
    saved = project.saved()

    assert result.returncode == INTERRUPTED, result.stdout
    assert saved["suite"]["complete"] is False
    assert [cell["outcome"] for cell in saved["suite"]["cells"]][1:] == ["not reached"] * 2


def test_workers_end_with_their_caller(project: Project, processes_of: Callable[[str], list[int]]) -> None:
    """When the run is killed outright, no worker outlives it for long."""
    project.write(SLOW)
    with started(project, "--benchmark-max-time=30") as process:
        assert len(processes_of(f"MARKER={project.folder}")) > 1
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        deadline = time.monotonic() + 10
        while (left := processes_of(f"MARKER={project.folder}")) and time.monotonic() < deadline:
            time.sleep(0.05)

    assert left == []


LONG = """
from benchmarks.words import FRESH
axes = Axes("count", 4, ("with Pool",), 1, sizes=(10**9,), start_methods=("fork",), state=FRESH)
FAMILY = Family("trouble", "Does it hold?", "one pass", ("speedup",), {"default": (axes,)}, say_nothing, arms=())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets the kernel kill a group when a pipe is hung up")
def test_fresh_interpreters_end_with_their_caller(project: Project, processes_of: Callable[[str], list[int]]) -> None:
    """An interpreter of its own session, and the pool that it has made, end when the run is killed outright."""
    project.write(LONG)
    command = project.command("--benchmark-only")
    environment = project.environment(MARKER=str(project.folder))
    with subprocess.Popen(command, cwd=project.folder, env=environment, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 30
        while len(processes_of(f"MARKER={project.folder}")) < 4 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(processes_of(f"MARKER={project.folder}")) >= 4  # pytest, the interpreter, two workers
        process.kill()
        process.wait(10)
        deadline = time.monotonic() + 10
        while (left := processes_of(f"MARKER={project.folder}")) and time.monotonic() < deadline:
            time.sleep(0.05)

    assert left == []
