"""Clusters, with real schedulers, nodes and ranks: their own, and running ones."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from time import monotonic, sleep

import pytest

from benchmarks.measuring.processes import below, in_session
from benchmarks.schema import Setting
from benchmarks.strategies import STRATEGIES
from benchmarks.strategies.mpi4py import ALLOWED
from benchmarks.tests.clusters.conftest import GONE_SECONDS
from benchmarks.tests.clusters.running import (
    BRIEF,
    DASK,
    MOST_RUN_SECONDS,
    MPI,
    RAY,
    RAY_POOL,
    Program,
    ended,
    measured,
    needs,
    saved,
    start,
)
from benchmarks.tests.conftest import ROOT
from benchmarks.tests.pasting import script_of
from benchmarks.words import CALLER_SEES, STAGES

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process has started")


@pytest.mark.parametrize("name", [DASK, RAY, MPI])
def test_a_cluster_that_is_started_and_ended(folder: Path, left: str, name: str) -> None:
    """Cells of a cluster of their own are measured beside the pools; nothing is left, and no cluster is saved."""
    needs(name)
    result = measured(
        folder, *BRIEF, f"--strategies={name}", "-k", "count-3e3 or script", CLUSTER_TEST=left, TMPDIR=str(folder / "t")
    )
    run = saved(folder)
    own = [one for one in run["benchmarks"] if one["params"]["strategy"] == name]
    script = next(one for one in own if one["params"]["workload"] == "script")["extra_info"]["measures"]

    assert result.returncode == 0, result.stdout
    assert {one["params"]["strategy"] for one in run["benchmarks"]} == {name, "Pool.map", "ProcessPoolExecutor.map"}
    assert len(own) == 2
    assert "clusters" not in run["suite"]
    assert set(script) == set(STAGES)


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        (DASK, r"KilledWorker after \d+ re-runs"),
        (RAY, r"WorkerCrashedError after 3 re-runs"),
        (RAY_POOL, r"ActorDiedError"),
        (MPI, r"its own end"),
    ],
)
def test_what_becomes_of_a_killed_worker(folder: Path, left: str, name: str, seen: str) -> None:
    """Each does what it is known for: tries again in silence, some times, fails at once, or ends with its caller.

    However short other cells are: an answer is waited for.
    """
    needs(name)
    result = measured(
        folder, *BRIEF, f"--strategies={name}", "-k", "worker_killed", CLUSTER_TEST=left, TMPDIR=str(folder / "t")
    )
    (one,) = saved(folder)["benchmarks"]

    assert result.returncode == 0, result.stdout
    assert re.fullmatch(seen, one["extra_info"]["observed"][CALLER_SEES])


def test_dask_by_address(folder: Path, left: str, dask: tuple[Program, Program, str]) -> None:
    """A running scheduler is measured, saved with what it is, and left as it was found; its workers are not killed."""
    scheduler, workers, address = dask
    before = {one.pid for one in below(workers.process.pid)}
    result = measured(
        folder, *BRIEF, f"--strategies={DASK}", f"--dask-scheduler={address}", "-k", "count-3e3 or worker_killed",
        CLUSTER_TEST=left, TMPDIR=str(folder / "t"),
    )  # fmt: skip
    info = saved(folder)["suite"]["clusters"]["distributed"]

    assert result.returncode == 0, result.stdout
    assert (info["workers"], info["threads"], info["hosts"]) == (2, 2, [os.uname().nodename])
    assert (info["address"], info["versions"]["Python"]) == (address, ".".join(map(str, sys.version_info[:3])))
    assert "its workers are not ours to end" in result.stdout
    assert f"at {address} (2 workers on 1 host)" in " ".join(result.stdout.split())
    assert scheduler.process.poll() is None
    assert {one.pid for one in below(workers.process.pid)} == before


def test_ray_by_address(folder: Path, left: str, ray: tuple[Program, str]) -> None:
    """A running Ray likewise, by tasks and by its pool; the pool's own actors are ended."""
    head, address = ray
    result = measured(
        folder, *BRIEF, f"--strategies={RAY},{RAY_POOL}", f"--ray-address={address}", "-k", "count-3e3",
        CLUSTER_TEST=left, RAY_AUTH_MODE="disabled", TMPDIR=str(folder / "t"),
    )  # fmt: skip
    run = saved(folder)

    assert result.returncode == 0, result.stdout
    assert {one["params"]["strategy"] for one in run["benchmarks"]} >= {RAY, RAY_POOL}
    assert (run["suite"]["clusters"]["ray"]["workers"], run["suite"]["clusters"]["ray"]["address"]) == (2, address)
    assert head.process.poll() is None
    deadline = monotonic() + GONE_SECONDS
    while actors := [one for one in in_session(head.process.pid) if "PoolActor" in one.name]:
        assert monotonic() < deadline, actors
        sleep(0.1)


def test_mpi_from_inside(folder: Path, left: str) -> None:
    """Where the whole run is an MPI program, its other processes are the workers, and are saved as such."""
    needs(MPI)
    result = measured(
        folder, *BRIEF, f"--strategies={MPI}", "-k", "count-3e3", ranks=4, CLUSTER_TEST=left, TMPDIR=str(folder / "t")
    )
    run = saved(folder)
    own = [one for one in run["benchmarks"] if one["params"]["strategy"] == MPI]

    assert result.returncode == 0, result.stdout
    assert run["suite"]["clusters"]["mpi4py"]["workers"] == 3
    assert [one["params"]["workers"] for one in own] == [3]


def test_own_function_on_a_cluster(folder: Path, left: str) -> None:
    """A cluster that was named is measured whatever is predicted, beside pools, and stands in the recommendation."""
    needs(DASK)
    (folder / "mine.py").write_text("few = range(1, 40)\n\ndef work(n):\n    return sum(range(20_000 * n))\n")
    command = [
        sys.executable, "-m", "benchmarks.launch", "mine:work", "--inputs=mine:few", "--budget=20",
        f"--strategies={DASK}", f"--benchmark-storage={folder / 'runs'}",
    ]  # fmt: skip
    program = start(folder, "run", command, CLUSTER_TEST=left, TMPDIR=str(folder / "t"))
    with ended(program):
        code = program.process.wait(MOST_RUN_SECONDS)
    names = {one["params"]["strategy"] for one in saved(folder)["benchmarks"]}

    assert code == 0, program.said()
    assert DASK in names, program.said()
    assert len(names) > 2, program.said()
    assert re.search(
        rf"(Slower|No clear difference|Recommended)[^.]*{re.escape(DASK)}|distributed\.Client",
        program.said(),
        re.DOTALL,
    )


@pytest.mark.parametrize("chunk_size", [1, 3])
@pytest.mark.parametrize(
    ("name", "method"),
    [(DASK, "dask"), ("dask.Client.submit", "dask"), (RAY, "ray"), (RAY_POOL, "ray"), (MPI, "mpi")],
)
@pytest.mark.usefixtures("left")
def test_code_to_paste_runs(folder: Path, name: str, method: str, chunk_size: int) -> None:
    """It gives all results in order, and each worker has called the initializer before its first task.

    Whatever the environment says of a cluster elsewhere: a local one is what it starts.
    """
    needs(name)
    script = script_of(folder, Setting(name, chunk_size, 2, method))
    launcher = STRATEGIES[name].launcher(2)
    command = [*(launcher or [sys.executable]), str(script)]
    temporary = str(folder / "t")
    marks = {
        "CLUSTER_TEST": folder.name,
        "TMPDIR": temporary,
        "RAY_TMPDIR": temporary,
        "PYTHONPATH": f"{ROOT}:{folder}",
        "RAY_ADDRESS": "127.0.0.1:1",
        "DASK_SCHEDULER_ADDRESS": "tcp://127.0.0.1:1",
    }
    program = start(folder, "script", command, **{**marks, **(ALLOWED if launcher else {})})
    with ended(program):
        code = program.process.wait(60)
    shutil.rmtree(folder / "t")
    (folder / "t").mkdir()

    assert code == 0, program.said()
    assert "True" in program.said().splitlines(), program.said()  # what Ray logs may come behind it
