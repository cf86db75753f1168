"""What strategies send to clusters, how these are started, given other jobs and ended: without any real one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace as changed

from benchmarks.introducing import Introduction, fingerprint
from benchmarks.measuring import arms as arms_module
from benchmarks.measuring import hosted as hosted_module
from benchmarks.measuring import trying
from benchmarks.measuring.arms import Arms
from benchmarks.measuring.cells import Cell
from benchmarks.measuring.interpreter import hand_over, handed_over
from benchmarks.measuring.trying import Trial, try_each
from benchmarks.measuring.watch import Watch
from benchmarks.schema import Setting, Spent
from benchmarks.strategies import STRATEGIES
from benchmarks.strategies.base import Engine, Job
from benchmarks.strategies.clusters import RUNNING, ClusterEngine, all_of
from benchmarks.strategies.distributed import DaskStrategy
from benchmarks.strategies.ray import RayStrategy
from benchmarks.tests.clusters.running import DASK, MPI, RAY, RAY_POOL
from benchmarks.tests.conftest import ROOT, TIMEOUT
from benchmarks.tests.fake_clusters import FakeClient, FakeExecutor, FakeInterpreter, FakeRay, fake_module
from benchmarks.tests.test_cluster_words import INFO
from benchmarks.tests.test_introducing import module_of
from benchmarks.words import WARM


@pytest.mark.parametrize(("name", "call"), [(DASK, "map"), ("dask.Client.submit", "submit")])
@pytest.mark.parametrize(("size", "sent"), [(None, [7, 7, 7, 7]), (1, [7, 7, 7, 7]), (3, [[7, 7, 7], [7]])])
def test_what_is_sent_to_dask(name: str, call: str, size: int | None, sent: list[Any]) -> None:
    """Tasks are run one by one, equal ones too, or in chunks as large as was asked for, by the call of that name."""
    client: Any = FakeClient()
    strategy = STRATEGIES[name]
    assert isinstance(strategy, DaskStrategy)
    results = strategy._call(client, Job(abs, [7] * 4, size))()

    assert results == [7] * 4
    assert client.sent == sent
    assert client.called == {call}


def same(value: int) -> int:
    """Return what is given."""
    return value


@pytest.mark.parametrize(
    ("function", "size", "messages"), [(same, None, 7), (same, 1, 7), (same, 3, 3), (abs, None, 7), (abs, 3, 3)]
)
def test_what_is_sent_to_ray(
    monkeypatch: pytest.MonkeyPatch, function: Callable[[int], int], size: int | None, messages: int
) -> None:
    """Each task, or each chunk, is one message; what is no plain function works too, though Ray itself refuses it."""
    ray = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", ray)
    strategy = STRATEGIES[RAY]
    assert isinstance(strategy, RayStrategy)
    calls, _ = strategy.calls(2, ExitStack())
    results = calls(Job(function, range(7), size))()

    assert results == list(range(7))
    assert len(ray.sent) == messages


def test_what_is_sent_to_mpi(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks are as large as was asked for; where a second job does not ask, they are as the library has them."""
    asked: list[int] = []
    monkeypatch.setitem(
        sys.modules, "mpi4py.futures", fake_module("mpi4py.futures", MPIPoolExecutor=partial(FakeExecutor, asked))
    )
    engine = STRATEGIES[MPI].open(Job(abs, range(7), 3), 2, "mpi")
    assert isinstance(engine, ClusterEngine)
    first = engine.run()
    engine.take(Job(abs, range(5)))
    second = engine.run()

    assert (first, second) == (list(range(7)), list(range(5)))
    assert asked == [3, 1]


def test_chunks_of_ray_s_pool() -> None:
    """Where none was asked for, the size that is shown is the one that Ray's pool takes by itself.

    That is a quarter of each worker's share, and one more task where that leaves a rest (ray 2.60.0, pool.py).
    """
    assert [STRATEGIES[RAY_POOL].chunk_size(tasks, 2) for tasks in (1, 8, 9, 100)] == [1, 1, 2, 13]


def test_a_cluster_is_ended_once() -> None:
    """What was started lives as long as its engine, and is ended by it, once, however often that is asked for."""
    ended: list[str] = []
    with ExitStack() as held:
        held.callback(ended.append, "cluster")
        engine = ClusterEngine(lambda _job: list, Job(abs, []), list, held.pop_all())
    before = list(ended)
    engine.close()
    closed = list(ended)
    engine.terminate()

    assert before == []
    assert closed == ended == ["cluster"]


def test_answers_of_several_askings_count_together() -> None:
    """Workers may answer in turn: none has to answer each time."""
    answers: Iterator[list[Introduction]] = iter([[("a", 1, {}), ("a", 1, {})], [("b", 1, {}), ("b", 1, {})]])
    found = all_of(lambda _number: next(answers), 2)

    assert {(host, pid) for host, pid, _ in found} == {("a", 1), ("b", 1)}


def test_a_cluster_takes_another_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second job is handed over whole, chunks included, and not before the interpreter has read the first one."""
    log: list[Any] = []

    def note(path: Path, *parts: Any) -> None:
        log.append("job")
        hand_over(path, *parts)

    monkeypatch.setattr(hosted_module, "Interpreter", partial(FakeInterpreter, log, repeat((None, None))))
    monkeypatch.setattr(hosted_module, "hand_over", note)
    monkeypatch.setattr(sys, "path", list(sys.path))  # it is set to what is handed over
    job = Job(abs, [1, 2, 3], 2)
    hosted_module.hosted(Job(abs, [0]), Setting(DASK, None, 2, "dask"), tmp_path).take(job)

    assert Job(*handed_over(tmp_path / "job")) == job
    assert log == ["job", "start", "ready", "job", hosted_module.TAKE]


class NotingEngine(Engine):
    """An engine that does jobs here, and notes in `log` what is asked of it."""

    def __init__(self, log: list[str]) -> None:
        """Begin without a job."""
        super().__init__(self._results)
        self._log = log
        self._job = Job(abs, [])
        log.append("open")

    def _results(self) -> list[Any]:
        return [self._job.function(value) for value in self._job.inputs]

    def take(self, job: Job) -> None:
        """Do another job from now on."""
        self._job = job
        self._log.append("take")

    def prove(self) -> frozenset[int]:
        """Name no worker."""
        self._log.append("prove")
        return frozenset()

    def close(self) -> None:
        """End in the orderly way."""
        self._log.append("close")

    def terminate(self) -> None:
        """End at once."""
        self._log.append("terminate")


def test_several_jobs_share_one_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster is started for the first of several jobs, is given each of them, and is ended after the last."""
    log: list[str] = []
    results: list[Any] = []
    monkeypatch.setattr(trying, "hosted", lambda *_what: NotingEngine(log))
    monkeypatch.setattr(RayStrategy, "unavailable", lambda _self, _method: None)
    monkeypatch.setattr(RayStrategy, "no_room", lambda _self, _workers: None)
    jobs = [Job(abs, [-1], 1), Job(abs, [-1, -2], 2)]
    passes = try_each(jobs, Trial(Setting(RAY, None, 2, "ray"), 2, 60, results.append))

    assert results == [[1], [1], [1, 2], [1, 2]]
    assert [len(one.seconds) for one in passes] == [2, 2]
    assert log == ["open", "take", "prove", "take", "prove", "close", "terminate"]


def cell_of(workers: int) -> Cell:
    """Return a cell of Dask with so many workers."""
    return Cell("count", 100, 4, DASK, workers, "dask", None, WARM)


def test_cpu_time_of_a_cluster_is_unknown() -> None:
    """A run shows none for a cluster, even where its workers' ids are also those of processes here."""
    arms = Arms(cell_of(2), (), Watch(60), Spent())
    arms._workers["strategy"] = frozenset({os.getpid()})

    assert arms.cpu_seconds("strategy") is None


@pytest.mark.parametrize(("workers", "names"), [(2, ("floor", "serial", "strategy")), (3, ("serial", "strategy"))])
def test_bare_processes_beside_a_running_cluster(
    monkeypatch: pytest.MonkeyPatch, workers: int, names: tuple[str, ...]
) -> None:
    """They are measured only where it has no more workers than this machine has processors: else they are not alike."""
    cell = cell_of(workers)
    if (reason := STRATEGIES["floor"].unavailable(cell.standard_method())) is not None:
        pytest.skip(reason)
    monkeypatch.setitem(RUNNING, "distributed", changed(INFO, workers=workers))
    monkeypatch.setattr(arms_module, "usable_cpus", lambda: 2)

    assert Arms(cell, ("serial", "floor"), Watch(60), Spent()).names == names


@pytest.mark.parametrize(
    "source",
    [
        "def work(n):\n    return (lambda m: m + {})(n)\n",
        "class Work:\n    @property\n    def work(self):\n        return {}\n",
        "class Work:\n    @staticmethod\n    def work(n):\n        return {}\n",
        "class Work:\n    @classmethod\n    def work(cls):\n        return {}\n",
        "def work(n, *, k={}):\n    return n\n",
        "def work(n):\n    return n in {{{}, 5}}\n",
    ],
)
def test_code_that_differs_in_a_part_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """Workers with other code are found wherever that stands: in inner functions, methods, defaults and sets."""
    one, other = (module_of(tmp_path, monkeypatch, source.format(number)) for number in (1, 2))

    assert fingerprint(one) != fingerprint(other)


def test_sets_are_the_same_code_in_each_process(tmp_path: Path) -> None:
    """A worker that hashes by another seed, and so has a set in another order, is not taken for one with other code."""
    (tmp_path / "own.py").write_text("def work(n):\n    return n in {'a', 'b', 'c', 'd', 'e'}\n", encoding="utf-8")
    code = "from benchmarks.introducing import fingerprint; print(fingerprint('own'))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    found = {
        subprocess.run(
            [sys.executable, "-c", code], env={**environment, "PYTHONHASHSEED": seed}, capture_output=True, text=True,
            check=True, timeout=TIMEOUT,
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip

    assert len(found) == 1
