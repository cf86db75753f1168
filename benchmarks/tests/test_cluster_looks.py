"""Clusters that are looked at, and what is hidden, told apart and swept away: without any real one."""

from __future__ import annotations

import signal
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import pytest
from msgspec.structs import replace as changed

from benchmarks.introducing import SOME_CODE, introduce
from benchmarks.measuring import failures, visiting
from benchmarks.measuring.breaking import TooLongError, too_long, within
from benchmarks.measuring.hosted import _done
from benchmarks.measuring.interpreter import Caller, FreshError
from benchmarks.measuring.options import settle_addresses
from benchmarks.measuring.visiting import visited
from benchmarks.report.samples import cluster_facts
from benchmarks.strategies import STRATEGIES
from benchmarks.strategies.base import Job
from benchmarks.strategies.clusters import ClusterError, ClusterStrategy, Location, cannot_answer
from benchmarks.strategies.mpi4py import MPIStrategy
from benchmarks.tests.clusters.running import DASK, MPI, RAY
from benchmarks.tests.fake_clusters import FakeConnection, FakeInterpreter, FakeRay, fake_module
from benchmarks.tests.saved import storage
from benchmarks.tests.test_cluster_words import INFO
from benchmarks.tests.test_introducing import module_of
from benchmarks.tests.test_stored import edited, sizes
from benchmarks.words import HANGS, SUITE


def cluster(name: str) -> ClusterStrategy:
    """Return a strategy that is known to be a cluster's."""
    strategy = STRATEGIES[name]
    assert isinstance(strategy, ClusterStrategy)
    return strategy


def running_dask(monkeypatch: pytest.MonkeyPatch, *lacks: str) -> list[Mapping[str, Any]]:
    """Have a scheduler run that lacks something; return the list of the options that it is asked with."""
    asked: list[Mapping[str, Any]] = []
    module = fake_module("distributed", Client=partial(FakeConnection, lacks, asked))
    monkeypatch.setitem(sys.modules, "distributed", module)
    monkeypatch.setenv("BENCHMARKS_DASK_SCHEDULER", "tcp://head:8786")
    return asked


def test_dask_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers and threads are counted; the scheduler is asked what it has without running a person's code."""
    asked = running_dask(monkeypatch)
    info = cluster(DASK).visit(["json"])

    assert (info.workers, info.threads) == (2, 4)
    assert asked == [{"loads": False}]


@pytest.mark.parametrize(
    ("lacks", "message"), [("json", "head does not find the module json"), ("Python", "head has no Python")]
)
def test_what_a_scheduler_lacks(monkeypatch: pytest.MonkeyPatch, lacks: str, message: str) -> None:
    """A scheduler that lacks what its workers have is refused, since it reads what they are sent."""
    running_dask(monkeypatch, lacks)
    with pytest.raises(ClusterError, match=f"^--dask-scheduler tcp://head:8786: {message}"):
        cluster(DASK).visit(["json"])


NODES = tuple(
    {"NodeID": name, "Alive": alive, "Resources": {"CPU": cpus} if cpus else {}}
    for name, alive, cpus in (("a", True, 4.0), ("gone", False, 4.0), ("without", True, 0.0))
)


def running_ray(monkeypatch: pytest.MonkeyPatch, cpus: int, free: int) -> tuple[FakeRay, list[tuple[str, bool]]]:
    """Have a Ray run that has some CPUs, of which some are free; return it with the list of the nodes that are asked.

    Beside each node it says whether another one might be asked instead.
    """
    asked: list[tuple[str, bool]] = []
    module = FakeRay(cpus, free, NODES)
    name = "ray.util.scheduling_strategies"
    strategy = fake_module(name, NodeAffinitySchedulingStrategy=lambda node, soft: asked.append((node, soft)))
    monkeypatch.setitem(sys.modules, "ray", module)
    monkeypatch.setitem(sys.modules, name, strategy)
    monkeypatch.setenv("RAY_gcs_server_request_timeout_seconds", "1")  # a visit sets it
    return module, asked


@pytest.mark.parametrize(
    ("cpus", "free", "message"),
    [(0, 0, "has no CPU"), (4, 3, r"is busy \(3 of 4 CPUs are free\)"), (4, 4, None)],
)
def test_ray_is_looked_at(monkeypatch: pytest.MonkeyPatch, cpus: int, free: int, message: str | None) -> None:
    """Of each node that lives and has processors a worker is asked; one that is busy is refused; Ray is left again."""
    module, asked = running_ray(monkeypatch, cpus, free)
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("BENCHMARKS_RAY_ADDRESS", f"127.0.0.1:{server.getsockname()[1]}")
        if message is not None:
            with pytest.raises(ClusterError, match=message):
                cluster(RAY).visit()
        else:
            assert cluster(RAY).visit().workers == 4

    assert asked == ([] if message else [("a", False)])
    assert module.log == ["init", "shutdown"]


def test_a_ray_that_has_grown_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell does not begin where nodes have joined since the visit, and Ray is left again."""
    module, _ = running_ray(monkeypatch, 4, 4)
    monkeypatch.setenv("BENCHMARKS_RAY_ADDRESS", "head:6379")
    with pytest.raises(ClusterError, match=r"^--ray-address head:6379: has 4 CPUs, had 2: "):
        cluster(RAY).open(Job(len, [""]), 2, "ray")

    assert module.log == ["init", "shutdown"]


def test_a_scheduler_runs_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody calls a person's module, it is only looked for: it may do anything when it is imported."""
    name = module_of(tmp_path, monkeypatch, "raise SystemError")
    _, _, found = introduce(0, [], [name, "nowhere.at.all"], loads=False)

    assert found == {"Python": found["Python"], SUITE: SOME_CODE, name: SOME_CODE}
    assert name not in sys.modules


def test_errors_in_a_cell_hide_secrets() -> None:
    """What a cluster's client says when it fails is shown without the password of the address."""

    def fail() -> NoReturn:
        raise OSError("no route to tls://me:sec-ret@host:1")

    caller = cast("Caller", SimpleNamespace(guarded=lambda **_options: nullcontext()))
    told = _done(caller, "tls://me:sec-ret@host:1", fail, alone=False)

    assert told == (None, "OSError: no route to tls://***@host:1")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (INFO, None),
        ("has no workers", "^has no workers$"),
        (
            FreshError("exit code 1", "me:sec-ret@head has gone"),
            r"head:1: its client fails \(the .* 1: \*\*\*@head has gone\)\): ",
        ),
    ],
)
def test_a_visit_ends_its_interpreter(monkeypatch: pytest.MonkeyPatch, answer: object, message: str | None) -> None:
    """Whatever a visit finds is told, in one line without secrets where it fails; its interpreter is ended."""
    log: list[Any] = []
    monkeypatch.setattr(visiting, "Interpreter", partial(FakeInterpreter, log, iter([answer])))
    monkeypatch.setenv("BENCHMARKS_DASK_SCHEDULER", "tcp://me:sec-ret@head:1")
    if message is not None:
        with pytest.raises(ClusterError, match=message):
            visited(cluster(DASK), [])
    else:
        assert visited(cluster(DASK), []) == INFO

    assert log == ["start", "ready", "terminate"]


@pytest.mark.parametrize("given", [None, "new:2"])
def test_addresses_of_another_run_do_not_count(monkeypatch: pytest.MonkeyPatch, given: str | None) -> None:
    """A cluster is where this run's options say; what the environment has from elsewhere does not count."""
    options = {"strategies": (RAY,), "--ray-address": given}
    monkeypatch.setenv("BENCHMARKS_RAY_ADDRESS", "old:1")
    monkeypatch.setenv("BENCHMARKS_DASK_SCHEDULER", "tcp://old:1")
    settle_addresses(cast("pytest.Config", SimpleNamespace(getoption=options.get)))

    assert cluster(RAY).address == given
    assert cluster(DASK).address is None


@pytest.mark.parametrize(
    "said",
    [
        "No module named 'benchmarks'",
        (
            "ray::introduce() (pid=4711, ip=10.0.0.2)\nRuntimeError: The remote function failed to import on the "
            "worker. This may be because needed library dependencies are not installed in the worker environment or "
            "cannot be found from sys.path ['/usr/lib/python3.13']:\n\nModuleNotFoundError: No module named "
            "'benchmarks'"
        ),
    ],
)
def test_workers_without_the_suite(said: str) -> None:
    """It is said in one line that they lack it, and what to do, however much a library puts around that."""
    error = cannot_answer(Location("--ray-address", "head:6379", "ray"), RuntimeError(said))

    assert str(error).startswith("--ray-address head:6379: its workers cannot import the suite (")
    assert "in PYTHONPATH" in str(error)
    assert "\n" not in str(error)


def test_the_suite_s_own_code_may_differ() -> None:
    """Runs of two states of the suite on one cluster can be compared: that may be what is asked."""
    other = changed(INFO, versions={**INFO.versions, SUITE: "0badf00d"})

    assert cluster_facts(other) == cluster_facts(INFO)


def test_replicates_share_their_cluster(tmp_path: Path) -> None:
    """Of stored runs those are alike whose clusters are as large; on which machines does not matter."""
    folder = storage(tmp_path / "s", [("run", {})] * 6)
    info = {"workers": 4, "threads": 4, "hosts": ["a"], "versions": {"Python": "3.13.0"}, "address": "tcp://a:1"}
    others: list[dict[str, Any]] = [{}, {}, {}, {"hosts": ["b"]}, {"workers": 40}]
    for number, more in enumerate(others, 1):
        edited(folder, number, clusters={"distributed": {**info, **more}})

    assert sizes(folder) == [4]


def test_what_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what MPI leaves when it is killed that is removed which is new, which is MPI's, and which nobody uses."""
    for name in ("sm_segment.old", "sm_segment.left", "sm_segment.used", "psm_other"):
        (tmp_path / name).touch()
    monkeypatch.setattr(failures, "SHARED_FOLDER", tmp_path)
    monkeypatch.setattr(failures, "GRACE_SECONDS", 0)
    monkeypatch.setattr(failures, "shared_memory", lambda: frozenset(path.name for path in tmp_path.iterdir()))
    monkeypatch.setattr(failures, "unused_memory", lambda _before: ["sm_segment.left", "psm_other"])
    strategy = cluster(MPI)
    assert isinstance(strategy, MPIStrategy)
    said = failures._swept(frozenset({"sm_segment.old"}), strategy.debris)

    assert said == "1 piece of shared memory"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["psm_other", "sm_segment.old", "sm_segment.used"]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this platform has no timer signals")
def test_a_hang_inside_an_extension() -> None:
    """A wait that is cut short counts as one without end also where an extension makes an error of its own of that."""

    def wait() -> None:
        try:
            time.sleep(30)
        except TooLongError:
            raise SystemError("<built-in function> returned NULL") from None

    former = signal.signal(signal.SIGALRM, too_long)
    try:
        seen = within(0.2, wait, "done")
    finally:
        signal.signal(signal.SIGALRM, former)

    assert seen == HANGS
