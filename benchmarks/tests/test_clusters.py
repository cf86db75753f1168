"""Clusters, with real schedulers, nodes and ranks: their own, running ones, and what befalls both."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from time import monotonic, sleep

import pytest

from benchmarks.evidence.signals import living
from benchmarks.measuring.cold import Order
from benchmarks.measuring.hosted import Hosted
from benchmarks.measuring.leaks import MEMORY, shared_memory, unused_memory
from benchmarks.measuring.processes import below, descendants, in_session
from benchmarks.measuring.watch import LimitError, Watch
from benchmarks.strategies import STRATEGIES
from benchmarks.strategies.mpi4py import ALLOWED
from benchmarks.tests.running_clusters import (
    Program,
    command_of,
    dask_scheduler,
    dask_workers,
    ended,
    free_port,
    measured,
    ray_head,
    saved,
    start,
)
from benchmarks.words import CALLER_SEES, STAGES

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process has started")

SHORT = ("--benchmark-max-time=0.1", "--cell-limit=60")
DASK, RAY, RAY_POOL, MPI = (
    "dask.Client.map",
    "ray.remote",
    "ray.util.multiprocessing.Pool.map",
    "mpi4py.MPIPoolExecutor.map",
)
GONE_SECONDS = 45
"""What processes that nobody waits for get to end: Ray's workers notice late that their node is gone, six seconds here,
more where the machine is busy."""


def needs(name: str) -> None:
    """Skip a test aloud where a cluster cannot be had."""
    strategy = STRATEGIES[name]
    reason = strategy.unavailable((strategy.start_methods or ("",))[0])
    if reason is not None:
        pytest.skip(reason)


@pytest.fixture(autouse=True)
def turn(request: pytest.FixtureRequest) -> Iterator[None]:
    """Have tests that ask for `swept` run alone: what they leave, cells that are measured meanwhile are blamed for."""
    how = fcntl.LOCK_EX if "swept" in request.fixturenames else fcntl.LOCK_SH
    with Path(gettempdir(), "benchmarks-test-clusters.lock").open("w") as file:
        fcntl.flock(file, how)
        yield


@pytest.fixture
def swept(turn: None) -> Iterator[None]:
    """Remove shared memory that Open MPI leaves when it is killed, and nobody is left who knows."""
    del turn
    memory = shared_memory()
    yield
    for name in shared_memory() - memory:
        if name.startswith("sm_segment"):
            (MEMORY / name).unlink(missing_ok=True)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder with a short name: sockets have one of it, and that may have a hundred letters."""
    path = Path(mkdtemp(prefix="c-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def left(folder: Path) -> Iterator[str]:
    """Return a marker for the environment of a run; nothing that has it may be left, nor what a run makes elsewhere."""
    marker = f"CLUSTER_TEST={folder.name}"
    temporary, memory = folder / "t", shared_memory()
    temporary.mkdir()
    yield folder.name
    deadline = monotonic() + GONE_SECONDS
    while living(marker) and monotonic() < deadline:
        sleep(0.05)
    assert living(marker) == []
    assert list(temporary.iterdir()) == []
    while unused_memory(memory) and monotonic() < deadline:  # of another test's, perhaps, that is about to end
        sleep(0.05)
    assert unused_memory(memory) == []


@pytest.mark.parametrize("name", [DASK, RAY, MPI])
def test_a_cluster_that_is_started_and_ended(folder: Path, left: str, name: str) -> None:
    """Cells of a cluster of their own are measured beside the pools; nothing is left, and no cluster is saved."""
    needs(name)
    result = measured(
        folder, *SHORT, f"--strategies={name}", "-k", "count-3e3 or script", CLUSTER_TEST=left, TMPDIR=str(folder / "t")
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
    """Each does what it is known for: tries again in silence, some times, fails at once, or ends with its caller."""
    needs(name)
    result = measured(
        folder, f"--strategies={name}", "-k", "worker_killed", CLUSTER_TEST=left, TMPDIR=str(folder / "t")
    )
    (one,) = saved(folder)["benchmarks"]

    assert result.returncode == 0, result.stdout
    assert re.fullmatch(seen, one["extra_info"]["observed"][CALLER_SEES])


@pytest.fixture
def dask(folder: Path) -> Iterator[tuple[Program, Program, str]]:
    """Return a scheduler with two workers, and its address."""
    needs(DASK)
    scheduler, address = dask_scheduler(folder)
    with ended(scheduler):
        workers = dask_workers(folder, address)
        with ended(workers):
            yield scheduler, workers, address


@pytest.fixture
def ray(folder: Path) -> Iterator[tuple[Program, str]]:
    """Return a head node, and its address."""
    needs(RAY)
    head, address = ray_head(folder)
    with ended(head):
        yield head, address


def test_dask_by_address(folder: Path, left: str, dask: tuple[Program, Program, str]) -> None:
    """A running scheduler is measured, saved with what it is, and left as it was found; its workers are not killed."""
    scheduler, workers, address = dask
    before = {one.pid for one in below(workers.process.pid)}
    result = measured(
        folder, *SHORT, f"--strategies={DASK}", f"--dask-scheduler={address}", "-k", "count-3e3 or worker_killed",
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
        folder, *SHORT, f"--strategies={RAY},{RAY_POOL}", f"--ray-address={address}", "-k", "count-3e3",
        CLUSTER_TEST=left, RAY_AUTH_MODE="disabled", TMPDIR=str(folder / "t"),
    )  # fmt: skip
    run = saved(folder)

    assert result.returncode == 0, result.stdout
    assert {one["params"]["strategy"] for one in run["benchmarks"]} >= {RAY, RAY_POOL}
    assert (run["suite"]["clusters"]["ray"]["workers"], run["suite"]["clusters"]["ray"]["address"]) == (2, address)
    assert head.process.poll() is None
    assert not [one for one in in_session(head.process.pid) if "PoolActor" in one.name]


def test_mpi_from_inside(folder: Path, left: str) -> None:
    """Where the whole run is an MPI program, its other processes are the workers, and are saved as such."""
    needs(MPI)
    result = measured(
        folder, *SHORT, f"--strategies={MPI}", "-k", "count-3e3", ranks=4, CLUSTER_TEST=left, TMPDIR=str(folder / "t")
    )
    run = saved(folder)
    own = [one for one in run["benchmarks"] if one["params"]["strategy"] == MPI]

    assert result.returncode == 0, result.stdout
    assert run["suite"]["clusters"]["mpi4py"]["workers"] == 3
    assert [one["params"]["workers"] for one in own] == [3]


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
        victim = max(one.pid for one in below(workers.process.pid) if not one.tracks)
        os.kill(victim, signal.SIGKILL)

    code, output = interrupted(
        folder, DASK, f"--dask-scheduler={address}", kill, CLUSTER_TEST=left, TMPDIR=str(folder / "t")
    )

    assert code == 1, output
    assert re.search(r"were replaced by|KilledWorker|CommClosed", failure_in(output))
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


def refused(folder: Path, *arguments: str, left: str = "") -> tuple[str, float]:
    """Return what a run is refused by, in one line, and after how many seconds."""
    begun = monotonic()
    result = measured(folder, *SHORT, *arguments, CLUSTER_TEST=left)
    lines = [f"ERROR: {line.partition('ERROR: ')[2]}" for line in result.stdout.splitlines() if "ERROR: " in line]
    assert result.returncode == 4, result.stdout
    assert not (folder / "runs").exists() or not list((folder / "runs").glob("*/*.json"))
    assert len(lines) == 1, result.stdout
    return lines[-1].removeprefix("ERROR: "), monotonic() - begun


@pytest.mark.parametrize(
    ("name", "option", "message"),
    [
        (DASK, "--dask-scheduler=tcp://127.0.0.1:{port}", "no scheduler answers"),
        (DASK, "--dask-scheduler=127.0.0.1", "an address looks like tcp://HOST:8786"),
        (RAY, "--ray-address=127.0.0.1:{port}", "nobody answers (Connection refused)"),
        (RAY, "--ray-address=head", "an address looks like HOST:6379"),
    ],
)
def test_addresses_that_nobody_answers(folder: Path, left: str, name: str, option: str, message: str) -> None:
    """Such an address is refused in one line, with the option, within ten seconds."""
    needs(name)
    text, seconds = refused(folder, f"--strategies={name}", option.format(port=free_port()), left=left)

    assert message in text
    assert text.startswith(option.partition("=")[0])
    assert seconds < 12


def test_somebody_else_answers(folder: Path, left: str) -> None:
    """A program that is no scheduler, and lets everybody wait, is told from one that is slow."""
    needs(DASK)
    code = "import socket, time; s = socket.create_server(('127.0.0.1', {})); print('up', flush=True); time.sleep(90)"
    port = free_port()
    program = start(folder, "other", [sys.executable, "-c", code.format(port)])
    with ended(program):
        program.wait_for("up")
        text, seconds = refused(folder, f"--strategies={DASK}", f"--dask-scheduler=tcp://127.0.0.1:{port}", left=left)

    assert "somebody answers, but lets nobody in for 20 s" in text
    assert seconds < 25


def test_a_scheduler_without_workers(folder: Path, left: str) -> None:
    """It is refused, with the command that starts some."""
    needs(DASK)
    scheduler, address = dask_scheduler(folder)
    with ended(scheduler):
        text, _ = refused(folder, f"--strategies={DASK}", f"--dask-scheduler={address}", left=left)

    assert text == (
        f"--dask-scheduler {address}: has no workers: start some, `dask worker {address} --nworkers 2 --nthreads 1`"
    )


BUSY = """
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
    other = start(folder, "other", [sys.executable, "-c", BUSY, address])
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
        Path(__file__).parents[1], folder / "benchmarks", ignore=shutil.ignore_patterns("tests", "evidence", "docs")
    )
    with (folder / "benchmarks" / "tasks.py").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    scheduler, address = dask_scheduler(folder)
    with ended(scheduler):
        workers = dask_workers(folder, address, PYTHONPATH=str(folder))
        with ended(workers):
            text, _ = refused(folder, f"--strategies={DASK}", f"--dask-scheduler={address}", left=left)

    assert re.search(r": on \S+ there is process-pool-benchmarks \w{8}, here is \w{8}: install the same there$", text)


TARGET = ("--target=mine:work", "--inputs=mine:few", "--budget=20")


def test_a_function_that_workers_do_not_find(folder: Path, left: str, dask: tuple[Program, Program, str]) -> None:
    """Its module is asked for before a task is sent: Dask's workers end when they cannot read one; they live on."""
    _, workers, address = dask
    (folder / "mine.py").write_text("few = range(1, 40)\n\ndef work(n):\n    return sum(range(20_000 * n))\n")
    before = {one.pid for one in below(workers.process.pid)}
    text, _ = refused(folder, f"--strategies={DASK}", f"--dask-scheduler={address}", *TARGET, left=left)

    assert "the module mine is not found: put its folder into PYTHONPATH of the cluster's workers" in text
    assert {one.pid for one in below(workers.process.pid)} == before


def test_mpiexec_without_mpi4py(folder: Path, left: str) -> None:
    """Processes of which each would measure by itself are refused, with the command that is meant."""
    needs(MPI)
    command = [word for word in command_of(folder, *SHORT, ranks=2) if word != "mpi4py.futures"]
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
    assert other.startswith("no cluster was named: --strategies dask.Client.map")


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


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have 10 MiB of shared memory left, as far as anybody asks."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(64 << 20, 54 << 20, 10 << 20))


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize(("name", "method"), [(RAY, "ray"), (MPI, "mpi")])
def test_no_room_in_shared_memory(name: str, method: str) -> None:
    """Ray and MPI say what they lack, before anything is started."""
    reason = STRATEGIES[name].unavailable(method)
    if reason is not None and "MiB free" not in reason:
        pytest.skip(reason)

    assert re.fullmatch(r"/dev/shm has 10 MiB free, \d+ are needed: give it more \(in a container .*\)", str(reason))


@pytest.mark.usefixtures("little_memory")
def test_room_is_a_running_cluster_s_own_business(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this machine has of shared memory does not matter where none of it is used."""
    monkeypatch.setenv("BENCHMARKS_RAY_ADDRESS", "127.0.0.1:6379")
    reason = STRATEGIES[RAY].unavailable("ray")
    if reason is not None and "MiB free" not in reason:
        pytest.skip(reason)

    assert reason is None


def test_a_start_that_fails_leaves_nothing() -> None:
    """An engine that is to be opened at once, and takes too long, is ended: nobody has it who could end it later."""
    needs(DASK)
    before = descendants()
    with pytest.raises(LimitError), Watch(0.3):
        Hosted(Order(DASK, "nothing", None, 4, None, 2, "dask"), opened=True)

    assert descendants() <= before


def test_own_function_on_a_cluster(folder: Path, left: str) -> None:
    """A cluster that was named is measured whatever is foretold, beside the pools, and stands in the recommendation."""
    needs(DASK)
    (folder / "mine.py").write_text("few = range(1, 40)\n\ndef work(n):\n    return sum(range(20_000 * n))\n")
    command = [
        sys.executable, "-m", "benchmarks.launch", "mine:work", "--inputs=mine:few", "--budget=20",
        f"--strategies={DASK}", f"--benchmark-storage={folder / 'runs'}",
    ]  # fmt: skip
    program = start(folder, "run", command, CLUSTER_TEST=left, TMPDIR=str(folder / "t"))
    with ended(program):
        code = program.process.wait(100)
    names = {one["params"]["strategy"] for one in saved(folder)["benchmarks"]}

    assert code == 0, program.said()
    assert DASK in names
    assert len(names) > 2
    assert re.search(
        rf"(Slower|Not told|Recommended)[^.]*{re.escape(DASK)}|distributed\.Client", program.said(), re.DOTALL
    )
