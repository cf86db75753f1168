"""What is said where a cluster cannot be measured, or was with a reservation: one line, with what to do."""

from __future__ import annotations

import atexit
import errno
import os
import re
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace as changed

from benchmarks.bench_clusters import FAMILY
from benchmarks.measuring.arms import STRATEGY, ArmError, Arms
from benchmarks.measuring.cells import Cell, Selection
from benchmarks.measuring.cold import Order
from benchmarks.measuring.hosted import Hosted
from benchmarks.measuring.interpreter import Caller, FreshError, Interpreter
from benchmarks.measuring.watch import Watch
from benchmarks.report.runs import load
from benchmarks.report.samples import reduce
from benchmarks.report.stored import NOTHING_STORED, replicates
from benchmarks.schema import Spent
from benchmarks.strategies import STRATEGIES, clusters, mpi4py, ray
from benchmarks.strategies.base import Job
from benchmarks.strategies.clusters import RUNNING, ClusterError, ClusterStrategy, refusal
from benchmarks.strategies.mpi4py import MPIStrategy
from benchmarks.tests.clusters.running import DASK, MPI, RAY
from benchmarks.tests.conftest import ROOT
from benchmarks.tests.fake_clusters import FakeConnection, fake_module
from benchmarks.tests.saved import report, storage
from benchmarks.tests.test_cluster_words import INFO
from benchmarks.tests.test_stored import edited
from benchmarks.words import WARM


def speak_and_fail() -> None:
    """Run in a fresh interpreter: log something, then end by an error, and have something said after it."""
    Caller()
    atexit.register(print, "------------------------------------------\nsome words of a launcher")
    raise ValueError("no room for the object store\n")


def speak_and_end() -> None:
    """Run in a fresh interpreter: log something, and end."""
    Caller()
    print("the last words\n---------------------\n")


def speak_and_answer() -> None:
    """Run in a fresh interpreter: log something, then answer."""
    caller = Caller()
    print("a line that nobody asked for")
    caller.say_ready()
    caller.tell("an answer")
    caller.wait()


def apart(function: Callable[[], None]) -> Interpreter:
    """Return an interpreter that stands apart, and calls one of these."""
    one = Interpreter(__name__, function.__name__, "", environment={"PYTHONPATH": str(ROOT)}, apart=True)
    one.start()
    return one


@pytest.mark.parametrize(
    ("function", "last"),
    [(speak_and_fail, "1: ValueError: no room for the object store"), (speak_and_end, "0: the last words")],
)
def test_the_last_words_of_an_interpreter(
    capfd: pytest.CaptureFixture[str], function: Callable[[], None], last: str
) -> None:
    """One that stands apart prints nothing here; where it ends without an answer, its error, or last line, is shown."""
    one = apart(function)
    with pytest.raises(FreshError, match=rf"\(exit code {last}\)$"):
        one.await_ready()
    one.close()

    assert capfd.readouterr() == ("", "")


def test_an_interpreter_that_answers_says_nothing_else(capfd: pytest.CaptureFixture[str]) -> None:
    """What it prints meanwhile is nobody's."""
    one = apart(speak_and_answer)
    one.await_ready()
    answer = one.answer()
    one.close()

    assert answer == "an answer"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("before", [0, 40, 80, 90, 95])
def test_last_words_hide_secrets_before_they_are_cut(monkeypatch: pytest.MonkeyPatch, before: int) -> None:
    """Wherever in a line an address stands, no part of its password is shown."""
    address = "tls://me:hush-rocket-quartz@head:1"
    monkeypatch.setenv("BENCHMARKS_DASK_SCHEDULER", address)
    monkeypatch.setattr(Interpreter, "start", lambda _self: None)

    def fail(_self: Interpreter) -> None:
        raise FreshError("exit code 1", f"{'x' * before} {address} has gone")

    monkeypatch.setattr(Interpreter, "await_ready", fail)
    engine = Hosted(Order(DASK, "nothing", None, 4, None, 2, "dask"))
    with pytest.raises(FreshError) as error:
        engine.await_open()

    assert not re.search("hush|rocket|quartz", str(error.value))
    assert len(str(error.value)) < 170


class Crowd:
    """The workers of a cluster, of which there are so many now."""

    def __init__(self, number: int) -> None:
        """Say how many."""
        self._number = number

    def prove(self) -> frozenset[int]:
        """Return them."""
        return frozenset(range(self._number))


@pytest.mark.parametrize("now", [1, 3])
@pytest.mark.parametrize(
    ("running", "remedy"), [(True, "measure while none join or leave"), (False, "see whether memory runs out")]
)
def test_workers_that_join_or_leave(monkeypatch: pytest.MonkeyPatch, now: int, remedy: str, *, running: bool) -> None:
    """Those of a cluster that are more than before, or fewer, were not replaced: the cell says how many there are."""
    if running:
        monkeypatch.setitem(RUNNING, "distributed", INFO)
    arms = Arms(Cell("count", 100, 4, DASK, 2, "dask", None, WARM), (), Watch(60), Spent())
    arms.engines = {STRATEGY: Crowd(now)}  # type: ignore[dict-item]
    arms._workers = {STRATEGY: frozenset(range(2))}
    with pytest.raises(ArmError, match=f"^strategy arm: 2 workers were there, {now} now: {remedy}$"):
        arms.close()


class Lonely(FakeConnection):
    """A client of a scheduler whose workers do not come."""

    def wait_for_workers(self, number: int, timeout: float) -> None:
        """Give up at once."""
        raise TimeoutError(number, timeout)


@pytest.mark.parametrize(("address", "before"), [("tcp://head:8786", "--dask-scheduler tcp://head:8786: "), ("", "")])
def test_workers_that_do_not_come(monkeypatch: pytest.MonkeyPatch, address: str, before: str) -> None:
    """Dask's are counted, with the address of a running cluster."""
    client = partial(Lonely, (), [])
    monkeypatch.setitem(sys.modules, "distributed", fake_module("distributed", Client=client, LocalCluster=client))
    monkeypatch.setenv("BENCHMARKS_DASK_SCHEDULER", address)
    with pytest.raises(ClusterError, match=f"^{before}only 2 of 4 workers are there") as error:
        STRATEGIES[DASK].open(Job(abs, [1]), 4, "dask")

    assert str(error.value).endswith("none join or leave" if address else "see whether memory runs out")


def test_what_is_no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server whose first letters Dask takes for a length, of which no memory has room, is called by its name."""

    def connect(*_where: object, **_options: object) -> None:
        raise MemoryError("Unable to allocate 3.07 EiB")

    monkeypatch.setitem(sys.modules, "distributed", fake_module("distributed", Client=connect))
    monkeypatch.setenv("BENCHMARKS_DASK_SCHEDULER", "tcp://head:80")
    strategy = STRATEGIES[DASK]
    assert isinstance(strategy, ClusterStrategy)
    with pytest.raises(ClusterError, match=r"^--dask-scheduler tcp://head:80: what answers is no Dask scheduler: see"):
        strategy.visit()


def test_somebody_listens_or_not() -> None:
    """A port that is open, one that nobody listens on, and a name that no host can have are told apart."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        listening = refusal("127.0.0.1", server.getsockname()[1])
        silent = refusal("127.0.0.1", taken.getsockname()[1])
    nowhere = refusal("a..b", 1)

    assert (listening, silent) == (None, os.strerror(errno.ECONNREFUSED))
    assert "label" in str(nowhere)


def test_a_name_server_that_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not waited for longer than for anybody else."""
    late = threading.Event()

    def look_up(*_where: object) -> None:
        late.wait(30)
        raise OSError("no such name")

    monkeypatch.setattr(clusters, "ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(socket, "create_connection", look_up)
    said = refusal("head", 1)
    late.set()

    assert said == "neither yes nor no within 0.2 s"


@pytest.mark.skipif(sys.platform != "linux", reason="macOS allows fewer letters")
@pytest.mark.parametrize(("letters", "told"), [(28, False), (29, True)])
def test_a_folder_whose_name_is_too_long_for_ray(monkeypatch: pytest.MonkeyPatch, letters: int, *, told: bool) -> None:
    """Its sockets have at most 107 letters, 79 of them below the folder; a running Ray has its own."""
    monkeypatch.setattr(ray, "NO_RELEASE_FOR", (9, 0))
    monkeypatch.setattr(ray, "gettempdir", lambda: "/" + "t" * (letters - 1))
    monkeypatch.setattr(ray.RayStrategy.__base__, "unavailable", lambda _self, _method: None)
    reason = STRATEGIES[RAY].unavailable("ray")
    monkeypatch.setenv("BENCHMARKS_RAY_ADDRESS", "head:6379")

    assert reason == (
        f"TMPDIR has {letters} letters, Ray's sockets allow 28: set it to a shorter path" if told else None
    )
    assert STRATEGIES[RAY].unavailable("ray") is None


@pytest.mark.parametrize(
    ("size", "lack"),
    [
        ("1", r"has no workers, only the caller: N must be 2 or more$"),
        ("9", r"each process is alone: mpi4py has found Open MPI 5\.0\.11, and this mpiexec is another MPI's: use its"),
    ],
)
def test_one_process_alone(monkeypatch: pytest.MonkeyPatch, size: str, lack: str) -> None:
    """Whether one was started, or several that do not know of each other, since their mpiexec is another MPI's."""
    world = type("World", (), {"Get_size": staticmethod(lambda: 1)})
    members = {"COMM_WORLD": world, "get_vendor": lambda: ("Open MPI", (5, 0, 11))}
    monkeypatch.setitem(sys.modules, "mpi4py", fake_module("mpi4py"))
    monkeypatch.setitem(sys.modules, "mpi4py.MPI", fake_module("mpi4py.MPI", **members))
    monkeypatch.setitem(sys.modules, "mpi4py.futures", fake_module("mpi4py.futures", MPIPoolExecutor=None))
    for name in mpi4py.SIZE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PMI_SIZE", size)
    strategy = STRATEGIES[MPI]
    assert isinstance(strategy, MPIStrategy)
    with pytest.raises(ClusterError, match=lack):
        strategy.visit()


def counting(selection: Selection) -> dict[str, tuple[str, int]]:
    """Return the names and the tasks of cells that count to 3000, by strategy."""
    cells = [planned for planned in FAMILY.plan(selection) if planned.cell.size == 3000]
    return {planned.cell.strategy: (planned.label, planned.cell.tasks) for planned in cells}


def test_all_strategies_have_as_many_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside a cluster of 40 workers a pool has passes as long, 80 tasks, under the same name, or what is asked for."""
    selection = Selection(strategies=(DASK,))
    alone = counting(selection)
    monkeypatch.setitem(RUNNING, "distributed", changed(INFO, workers=40))
    beside = counting(selection)
    given = counting(replace(selection, tasks=(4,)))

    assert {tasks for _, tasks in alone.values()} == {8}
    assert beside == {name: (label, 80) for name, (label, _) in alone.items()}
    assert {tasks for _, tasks in given.values()} == {4}
    assert set(beside) == {"Pool.map", "ProcessPoolExecutor.map", DASK}


def test_threads_of_workers_are_told(tmp_path: Path) -> None:
    """Workers with several threads count as one each, which a run on them says."""
    folder = storage(tmp_path / "s", [("run", {})])
    info = {"workers": 2, "hosts": ["a"], "versions": {"Python": "3.13.0"}, "address": "tcp://a:1"}
    edited(folder, 1, clusters={"distributed": {**info, "threads": 2}})
    _, one_each, _ = report("--storage", str(folder), "--all")
    edited(folder, 1, clusters={"distributed": {**info, "threads": 16}})
    _, many, _ = report("--storage", str(folder), "--all")

    assert "each counts as one" not in one_each
    assert "warning: distributed: 2 workers had 16 threads; each counts as one" in " ".join(many.split())


def test_stored_runs_of_other_questions_tell_nothing(tmp_path: Path) -> None:
    """That there are many does not make the spread of these cells known."""
    folder = storage(tmp_path / "s", [("run", {})] * 3)
    (path, *_) = sorted(folder.glob("*/*.json"))
    known = replicates(folder, reduce(load(path)), (), None)
    other = tmp_path / "other.json"
    other.write_text(path.read_text(encoding="utf-8").replace("::bench_", "::bench_another_"), encoding="utf-8")

    assert len(known.sets) == 1
    assert replicates(folder, reduce(load(other)), (), None) == NOTHING_STORED
