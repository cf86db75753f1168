"""What is refused before the first cell, by what real clusters and programs answer."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from time import monotonic

import pytest

from benchmarks.measuring.cells import Cell
from benchmarks.measuring.lock import MachineLock
from benchmarks.measuring.processes import below
from benchmarks.strategies import STRATEGIES
from benchmarks.strategies.mpi4py import ALLOWED
from benchmarks.tests.clusters.running import (
    BRIEF,
    DASK,
    MPI,
    RAY,
    Program,
    command_of,
    dask_scheduler,
    dask_workers,
    ended,
    free_port,
    measured,
    needs,
    start,
)
from benchmarks.tests.conftest import ROOT
from benchmarks.words import WARM

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process has started")


def refused(folder: Path, *arguments: str, left: str = "") -> tuple[str, float]:
    """Return what a run is refused by, in one line, and after how many seconds."""
    begun = monotonic()
    result = measured(folder, *BRIEF, *arguments, CLUSTER_TEST=left)
    lines = [f"ERROR: {line.partition('ERROR: ')[2]}" for line in result.stdout.splitlines() if "ERROR: " in line]
    assert result.returncode == 4, result.stdout
    assert not (folder / "runs").exists() or not list((folder / "runs").glob("*/*.json"))
    assert len(lines) == 1, result.stdout
    assert not re.search("Traceback|Warning|sec-ret", result.stdout)
    return lines[-1].removeprefix("ERROR: "), monotonic() - begun


@pytest.mark.parametrize(
    ("name", "option", "message"),
    [
        (DASK, "--dask-scheduler=tcp://127.0.0.1:{port}", "no scheduler answers"),
        (DASK, "--dask-scheduler=127.0.0.1", "an address looks like tcp://HOST:8786"),
        (DASK, "--dask-scheduler=tcp://me:sec-ret@127.0.0.1", "an address looks like tcp://HOST:8786"),
        (DASK, "--dask-scheduler=tcp://[::1:8786", "an address looks like tcp://HOST:8786"),
        (RAY, "--ray-address=127.0.0.1:{port}", "nobody answers (Connection refused)"),
        (RAY, "--ray-address=head", "an address looks like HOST:6379"),
        (RAY, "--ray-address=[::1:6379", "an address looks like HOST:6379"),
        (RAY, "--ray-address=auto", "an address looks like HOST:6379"),
        (RAY, "--ray-address=ray://127.0.0.1:{port}?token=sec-ret", "nobody answers (Connection refused)"),
    ],
)
def test_addresses_that_nobody_answers(folder: Path, left: str, name: str, option: str, message: str) -> None:
    """Such an address is refused in one line, with the option, within ten seconds."""
    needs(name)
    text, seconds = refused(folder, f"--strategies={name}", option.format(port=free_port()), left=left)

    assert message in text
    assert text.startswith(option.partition("=")[0])
    assert seconds < 20  # ten, and what a busy machine adds


def test_somebody_else_answers(folder: Path, left: str) -> None:
    """A program that is no scheduler, and lets everybody wait, is told from one that is slow."""
    needs(DASK)
    code = "import socket, time; s = socket.create_server(('127.0.0.1', {})); print('up', flush=True); time.sleep(90)"
    port = free_port()
    program = start(folder, "other", [sys.executable, "-c", code.format(port)])
    with ended(program):
        program.wait_for("up")
        text, seconds = refused(folder, f"--strategies={DASK}", f"--dask-scheduler=tcp://127.0.0.1:{port}", left=left)

    assert "something answers, but the cluster does not within 20 s" in text
    assert seconds < 60


def test_a_machine_that_is_no_node(folder: Path, left: str, ray: tuple[Program, str]) -> None:
    """Ray's client wants a node on its own machine: where it sees none, that is said within ten seconds."""
    _, address = ray
    apart = ["unshare", "--pid", "--fork", "--mount-proc"]
    if shutil.which("unshare") is None or subprocess.run([*apart, "true"], check=False, capture_output=True).returncode:
        pytest.skip("processes cannot be hidden from a program here")
    command = [*apart, *command_of(folder, f"--strategies={RAY}", f"--ray-address={address}")]
    program = start(folder, "run", command, CLUSTER_TEST=left, RAY_AUTH_MODE="disabled", TMPDIR=str(folder / "t"))
    with ended(program):
        code = program.process.wait(60)

    assert code == 4, program.said()
    assert f"--ray-address {address}: cannot be joined (ConnectionError: " in program.said()
    assert "one of its nodes on this machine; from elsewhere say ray://HOST:10001" in program.said()


def test_a_cluster_is_not_looked_at_while_another_run_measures(folder: Path) -> None:
    """Its workers would be disturbed."""
    needs(DASK)
    lock = MachineLock(folder / "lock")
    try:
        text, _ = refused(folder, f"--strategies={DASK}", f"--dask-scheduler=tcp://127.0.0.1:{free_port()}")
    finally:
        lock.release()

    assert text.startswith(f"process {os.getpid()} is measuring on this machine")


def test_a_scheduler_without_workers(folder: Path, left: str) -> None:
    """It is refused, with the command that starts some."""
    needs(DASK)
    scheduler, address = dask_scheduler(folder)
    with ended(scheduler):
        text, _ = refused(folder, f"--strategies={DASK}", f"--dask-scheduler={address}", left=left)

    assert text == (
        f"--dask-scheduler {address}: has no workers: start some, `dask worker {address} --nworkers 2 --nthreads 1`"
    )


BUSY_CLIENT = """
import sys, time
from distributed import Client
client = Client(sys.argv[1])
futures = client.map(time.sleep, [60] * 5, pure=False)
while not any(client.processing().values()):
    time.sleep(0.1)
print("busy", flush=True)
time.sleep(60)
"""


def test_a_busy_cluster(folder: Path, left: str, dask: tuple[Program, Program, str]) -> None:
    """One that works for others is refused: their tasks would be measured too."""
    _, _, address = dask
    other = start(folder, "other", [sys.executable, "-c", BUSY_CLIENT, address])
    with ended(other):
        other.wait_for("busy")
        text, _ = refused(folder, f"--strategies={DASK}", f"--dask-scheduler={address}", left=left)

    assert re.match(rf"--dask-scheduler {address}: is busy with \d tasks of others", text)


def test_workers_without_the_suite(folder: Path, left: str) -> None:
    """Workers that cannot import it are found before the first cell, with where it is."""
    needs(DASK)
    # found by what a package is called, the suite is not there where another one has its name
    (folder / "benchmarks").mkdir()
    (folder / "benchmarks" / "__init__.py").write_text("")
    scheduler, address = dask_scheduler(folder)
    with ended(scheduler):
        workers = dask_workers(folder, address, PYTHONPATH=str(folder))
        with ended(workers):
            text, _ = refused(folder, f"--strategies={DASK}", f"--dask-scheduler={address}", left=left)

    assert text.startswith(f"--dask-scheduler {address}: its workers cannot import the suite")
    assert "in PYTHONPATH" in text


def test_workers_with_another_release(folder: Path, left: str) -> None:
    """Workers that have another version of this suite's tasks, as after an upgrade, are found likewise."""
    needs(DASK)
    shutil.copytree(
        ROOT / "benchmarks", folder / "benchmarks", ignore=shutil.ignore_patterns("tests", "evidence", "docs")
    )
    with (folder / "benchmarks" / "tasks.py").open("a", encoding="utf-8") as file:
        file.write("\ndef newer():\n    return 1\n")
    scheduler, address = dask_scheduler(folder)
    with ended(scheduler):
        workers = dask_workers(folder, address, PYTHONPATH=str(folder))
        with ended(workers):
            text, _ = refused(folder, f"--strategies={DASK}", f"--dask-scheduler={address}", left=left)

    assert re.search(r": \S+ has process-pool-benchmarks \w{8}, this machine \w{8}: install the same there", text)


TARGET = ("--target=mine:work", "--inputs=mine:few", "--budget=20")


def test_a_function_that_workers_do_not_find(folder: Path, left: str, dask: tuple[Program, Program, str]) -> None:
    """Its module is asked for before a task is sent: Dask's workers end when they cannot read one; they live on."""
    _, workers, address = dask
    (folder / "mine.py").write_text("few = range(1, 40)\n\ndef work(n):\n    return sum(range(20_000 * n))\n")
    before = {one.pid for one in below(workers.process.pid)}
    text, _ = refused(folder, f"--strategies={DASK}", f"--dask-scheduler={address}", *TARGET, left=left)

    assert "does not find the module mine: put its folder into PYTHONPATH of the cluster's workers" in text
    assert {one.pid for one in below(workers.process.pid)} == before


def test_workers_that_have_older_code(folder: Path, left: str) -> None:
    """Workers that have loaded a function's module before it was changed are found: they would do what it did then."""
    needs(DASK)
    path = f"{ROOT}:{folder}"
    (folder / "mine.py").write_text("none = ()\n\ndef work(n):\n    return n\n")
    run = ("--target=mine:work", "--inputs=mine:none", f"--strategies={DASK}")
    scheduler, address = dask_scheduler(folder, PYTHONPATH=path)
    with ended(scheduler):
        workers = dask_workers(folder, address, PYTHONPATH=path)
        with ended(workers):
            loaded, _ = refused(folder, *run, f"--dask-scheduler={address}", left=left)
            (folder / "mine.py").write_text("none = ()\n\ndef work(n):\n    return n + 1\n")
            older, _ = refused(folder, *run, f"--dask-scheduler={address}", left=left)

    assert loaded == "--inputs mine:none: gives no input"
    assert re.fullmatch(
        rf"--dask-scheduler {address}: \S+ has other code of the module mine than this machine: .*", older
    )


def test_mpi_without_workers(folder: Path, left: str) -> None:
    """One process has nobody to send tasks to: mpi4py would run them in a thread of the caller."""
    needs(MPI)
    command = command_of(folder, *BRIEF, f"--strategies={MPI}", ranks=1)
    program = start(folder, "run", command, CLUSTER_TEST=left, TMPDIR=str(folder / "t"), **ALLOWED)
    with ended(program):
        assert program.process.wait(60) == 4, program.said()

    assert "has no workers, only the caller: N must be 2 or more" in program.said()


def test_mpiexec_without_mpi4py(folder: Path, left: str) -> None:
    """Processes of which each would measure by itself are refused, with the command that is meant."""
    needs(MPI)
    command = [word for word in command_of(folder, *BRIEF, ranks=2) if word != "mpi4py.futures"]
    place = command.index("-m")
    del command[place]
    program = start(folder, "run", command, CLUSTER_TEST=left, **ALLOWED)
    with ended(program):
        assert program.process.wait(60) != 0

    assert "mpiexec -n N python -m mpi4py.futures -m pytest ..." in program.said()


def test_addresses_without_strategies(folder: Path) -> None:
    """An address on which nothing is to be measured is a mistake, as is the question without a cluster."""
    text, _ = refused(folder, "--dask-scheduler=tcp://127.0.0.1:1")
    other, _ = refused(folder)

    assert text == (
        "--dask-scheduler: name what is to be measured there: --strategies dask.Client.map,dask.Client.submit"
    )
    assert other.startswith("no cluster was named: add one or more, as by --strategies dask.Client.map,")


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have 10 MiB of shared memory left, as far as anybody asks."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(64 << 20, 54 << 20, 10 << 20))


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize(("name", "method", "needed"), [(RAY, "ray", 128), (MPI, "mpi", 5 * 16)])
def test_no_room_in_shared_memory(name: str, method: str, needed: int) -> None:
    """Ray and MPI, with four workers and the caller, say what they lack before anything is started."""
    if (reason := STRATEGIES[name].unavailable(method)) is not None:
        pytest.skip(reason)
    reason = Cell("nothing", None, 8, name, 4, method, None, WARM).unavailable()

    assert reason == f"/dev/shm has 10 MiB free, {needed} are needed: give it more (in a container --shm-size=1g)"


@pytest.mark.usefixtures("little_memory")
def test_room_is_a_running_cluster_s_own_business(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this machine has of shared memory does not matter where none of it is used."""
    monkeypatch.setenv("BENCHMARKS_RAY_ADDRESS", "127.0.0.1:6379")

    assert STRATEGIES[RAY].no_room(2) is None
