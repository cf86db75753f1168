"""Clusters that break in the middle of a cell, and runs that do."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import pytest

from benchmarks.evidence.signals import living
from benchmarks.measuring.cold import Order
from benchmarks.measuring.hosted import Hosted
from benchmarks.measuring.processes import below, descendants
from benchmarks.measuring.watch import LimitError, Watch
from benchmarks.strategies.mpi4py import ALLOWED
from benchmarks.tests.clusters.conftest import GONE_SECONDS
from benchmarks.tests.clusters.running import (
    DASK,
    MPI,
    RAY,
    Program,
    command_of,
    ended,
    needs,
    saved,
    start,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process has started")


def interrupted(
    folder: Path, name: str, option: str, act: Callable[[], object], ranks: int | None = None, **more: str
) -> tuple[int, str]:
    """Run cells of some seconds, do something in the midst of a cluster's rounds, and return code and output."""
    cells = f"count-3e5 and (ProcessPool or {name})"
    arguments = ("--benchmark-max-time=5", "--cell-limit=20", f"--strategies={name}", "-k", cells, option)
    command = command_of(folder, *filter(None, arguments), ranks=ranks)
    program = start(folder, "run", command, PYTHONUNBUFFERED="1", **more)
    with ended(program):
        # mpiexec shows whole lines alone
        program.wait_for("count-3e5-ProcessPoolExecutor.map] PASSED")
        sleep(2)  # some of it is for its start
        act()
        code = program.process.wait(60)
    return code, program.said()


def failure_in(output: str) -> str:
    """Return the one line that says how a cell has failed."""
    lines = [line for line in output.splitlines() if line.startswith("strategy arm: ")]
    assert len(lines) == 1, output
    return lines[0]


def test_a_worker_killed_in_the_middle(folder: Path, left: str, dask: tuple[Program, Program, str]) -> None:
    """Dask does its tasks again and starts another: the numbers are those of two states, and the cell says so."""
    _, workers, address = dask

    def kill() -> None:
        # once for the visit, once as the cell's workers: before, the next worker would be one of these from the start
        workers.wait_for("function 'introduce'", times=4)
        victim = max(one.pid for one in below(workers.process.pid) if not one.tracks)
        os.kill(victim, signal.SIGKILL)

    code, output = interrupted(
        folder, DASK, f"--dask-scheduler={address}", kill, CLUSTER_TEST=left, TMPDIR=str(folder / "t")
    )

    assert code == 1, output
    assert re.search(r"were replaced by|workers were there|KilledWorker|CommClosed", failure_in(output))
    assert saved(folder)["benchmarks"], "what was measured before is saved"


def test_a_scheduler_killed_in_the_middle(folder: Path, left: str, dask: tuple[Program, Program, str]) -> None:
    """The cell fails in one line within its limit; what was measured before is saved."""
    scheduler, _, address = dask
    code, output = interrupted(
        folder, DASK, f"--dask-scheduler={address}", scheduler.kill, CLUSTER_TEST=left, TMPDIR=str(folder / "t")
    )

    assert code == 1, output
    assert failure_in(output)
    assert saved(folder)["benchmarks"]


def test_a_head_node_killed_in_the_middle(folder: Path, left: str, ray: tuple[Program, str]) -> None:
    """Ray's likewise."""
    head, address = ray
    code, output = interrupted(
        folder, RAY, f"--ray-address={address}", head.kill,
        CLUSTER_TEST=left, RAY_AUTH_MODE="disabled", TMPDIR=str(folder / "t"),
    )  # fmt: skip

    assert code == 1, output
    assert failure_in(output)
    assert saved(folder)["benchmarks"]


@pytest.mark.usefixtures("left", "swept")
def test_a_rank_killed_in_the_middle(folder: Path) -> None:
    """mpiexec then ends all processes, this run's among them: what was measured before is saved, marked incomplete."""
    needs(MPI)

    def kill() -> None:
        os.kill(max(ranks_of(folder)), signal.SIGKILL)

    code, output = interrupted(
        folder, MPI, "", kill, ranks=3, CLUSTER_TEST=folder.name, TMPDIR=str(folder / "t"), **ALLOWED
    )
    run = saved(folder)

    assert code != 0, output
    assert run["benchmarks"]
    assert not run["suite"]["complete"]


def ranks_of(folder: Path) -> list[int]:
    """Return the ids of the processes of MPI that a run in a folder has."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:  # it has ended
            continue
        python = Path(os.fsdecode(words[0])).name.startswith("python")
        if python and b"mpi4py.futures" in words and os.fsencode(folder) in b" ".join(words):
            found.append(int(path.parent.name))
    return sorted(found)


def test_ctrl_c_ends_what_was_started(folder: Path, left: str) -> None:
    """A run that is interrupted while a cluster of its own works ends it, and saves what there is."""
    needs(DASK)
    command = command_of(folder, "--benchmark-max-time=5", f"--strategies={DASK}", "-k", f"count-3e5-{DASK}")
    program = start(folder, "run", command, CLUSTER_TEST=left, TMPDIR=str(folder / "t"), PYTHONUNBUFFERED="1")
    with ended(program):
        program.wait_for(f"count-3e5-{DASK}] ")
        sleep(2)
        program.process.send_signal(signal.SIGINT)
        code = program.process.wait(30)

    assert code == 2, program.said()
    assert not saved(folder)["suite"]["complete"]


@pytest.mark.usefixtures("left", "swept")
@pytest.mark.parametrize("name", [DASK, RAY, MPI])
def test_nothing_outlives_a_run_that_is_killed(folder: Path, name: str) -> None:
    """The interpreter that hosts a cluster ends with its caller, and the cluster with it."""
    needs(name)
    command = command_of(folder, "--benchmark-max-time=5", f"--strategies={name}", "-k", f"count-3e5-{name}")
    program = start(folder, "run", command, CLUSTER_TEST=folder.name, TMPDIR=str(folder / "t"), PYTHONUNBUFFERED="1")
    with ended(program):
        program.wait_for(f"count-3e5-{name}] ")
        sleep(6 if name == RAY else 3)
        os.kill(program.process.pid, signal.SIGKILL)
        program.process.wait(30)
        deadline = monotonic() + GONE_SECONDS
        while living(f"CLUSTER_TEST={folder.name}") and monotonic() < deadline:
            sleep(0.05)
        assert living(f"CLUSTER_TEST={folder.name}") == []
    # nobody was left to remove what is temporary
    shutil.rmtree(folder / "t")
    (folder / "t").mkdir()


def test_a_start_that_fails_leaves_nothing() -> None:
    """An engine that is to be opened at once, and takes too long, is ended: nobody has it who could end it later."""
    needs(DASK)
    before = descendants()
    with pytest.raises(LimitError), Watch(0.3):
        Hosted(Order(DASK, "nothing", None, 4, None, 2, "dask"), opened=True)

    assert descendants() <= before
