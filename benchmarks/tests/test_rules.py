"""Every strategy that is registered keeps the rules of `strategies/base.py`, by their numbers."""

from __future__ import annotations

import gc
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from benchmarks.environment import start_methods, usual_start_method
from benchmarks.measuring.cells import Axes, Cell
from benchmarks.measuring.hosted import hosted
from benchmarks.measuring.leaks import Leaks
from benchmarks.measuring.processes import descendants
from benchmarks.measuring.watch import CellError, Watch, end_all, start_helpers
from benchmarks.schema import Setting
from benchmarks.strategies import STRATEGIES
from benchmarks.strategies.base import Engine, Job, Strategy, register
from benchmarks.strategies.serial import Serial
from benchmarks.tasks import nothing
from benchmarks.tests.conftest import ROOT
from benchmarks.words import COLD, WARM
from benchmarks.workloads import WORKLOADS

WORKERS = 2
LIMIT = 60
NAMES = tuple(STRATEGIES)
SHARED = WORKLOADS["shared input"]


def job_of(strategy: Strategy, tasks: int = 50, chunk_size: int | None = None) -> Job:
    """Return tasks that a strategy can do: those that give their input back, or read what they share."""
    if strategy.shares:
        return Job(SHARED.function, list(SHARED.make_inputs(10_000, tasks)), chunk_size)
    return Job(nothing, list(range(tasks)), chunk_size)


def expected(strategy: Strategy, tasks: int = 50) -> list[Any]:
    """Return what these tasks must give."""
    return SHARED.expected(10_000, tasks) if strategy.shares else list(range(tasks))


def methods_of(strategy: Strategy) -> list[str]:
    """Return the start methods to try a strategy by: each that it can have here, one name where it has none."""
    methods = [*strategy.methods(start_methods())] or [*(strategy.start_methods or ("none",))]
    return [method for method in methods if strategy.unavailable(method) is None]


def preload(strategy: Strategy) -> None:
    """Start what outlives every engine, unless that is another interpreter's business."""
    if not strategy.hosted:
        strategy.preload()


def results_of(engine: Engine) -> list[Any]:
    """Return the results of a run, wherever they are."""
    return engine.fetch(engine.run())


def opening(strategy: Strategy, method: str, job: Job, folder: Path) -> Engine:
    """Open an engine, a hosted one in its own interpreter."""
    if not strategy.hosted:
        return strategy.open(job, WORKERS, method)
    return hosted(job, Setting(strategy.name, job.chunk_size, WORKERS, method), folder)


@contextmanager
def opened(strategy: Strategy, method: str, job: Job | None = None) -> Iterator[Engine]:
    """Open an engine under a limit, once what outlives it is there; end it whatever happens."""
    start_helpers(method)
    preload(strategy)
    before = descendants()
    engines: list[Engine] = []
    try:
        with Watch(LIMIT), TemporaryDirectory() as folder:
            engines.append(opening(strategy, method, job or job_of(strategy), Path(folder)))
            yield engines[0]
    finally:
        end_all(engines, before)
        engines.clear()
        if strategy.library is not None:
            # what engines leave in cycles has semaphores; Python 3.13.0 warns if it finds them inside its own tracker
            gc.collect()


def rule_1_its_name_is_its_own(strategy: Strategy, _method: str) -> None:
    """It is registered under its name, and nobody else can be."""
    assert STRATEGIES.get(strategy.name, strategy) == strategy
    with pytest.raises(ValueError, match="another one has that name"):
        register(replace(Serial(), name=next(iter(STRATEGIES))))


def rule_5_all_results_as_often_as_it_is_called(strategy: Strategy, method: str) -> None:
    """Each call gives all results, in order if it says so."""
    with opened(strategy, method) as engine:
        for _ in range(3):
            results = results_of(engine)
            assert (results if strategy.ordered else sorted(results)) == expected(strategy)
        engine.close()


def rule_6_the_chunk_size_is_the_one_that_is_sent(strategy: Strategy, method: str) -> None:
    """With the chunk size that it names the results are the same as with none, and it is a number of tasks."""
    size = strategy.chunk_size(50, WORKERS)
    with opened(strategy, method, job_of(strategy, chunk_size=size)) as engine:
        results = results_of(engine)
        engine.close()

    assert 1 <= size <= 50
    assert sorted(results) == sorted(expected(strategy))


def rule_7_workers_prove_themselves(strategy: Strategy, method: str) -> None:
    """Workers are as many as were asked for, of the kind that it says, and the same after a job; no process is ours."""
    with opened(strategy, method) as engine:
        before = engine.prove()
        engine.run()
        after = engine.prove()
        tree = {process.pid for process in descendants()}
        engine.close()
    wanted = WORKERS if strategy.parallel and WARM in strategy.states else 0

    if strategy.fixed_workers:
        assert (len(before), before) == (wanted, after)
        assert before <= tree if strategy.processes else not before & (tree | {os.getpid()})
    else:
        assert before
        assert after


def rule_8_nothing_is_left_when_it_is_closed(strategy: Strategy, method: str) -> None:
    """Neither processes nor threads, open files or shared memory; not after the first engine, nor after the second."""
    start_helpers(method)
    preload(strategy)
    leaks = Leaks()
    try:
        for _ in range(2):
            with Watch(LIMIT), TemporaryDirectory() as folder:
                engine = opening(strategy, method, job_of(strategy), Path(folder))
                engine.prove()
                engine.run()
                engine.close()
                del engine
            leaks.check(("thread *", *strategy.leaves) if strategy.keeps_threads else strategy.leaves)
    finally:
        end_all((), leaks.processes)


def rule_9_it_can_be_ended_in_any_state(strategy: Strategy, method: str) -> None:
    """Unused, after a job, and after it was closed."""
    with opened(strategy, method) as engine:
        engine.terminate()
    with opened(strategy, method) as engine:
        engine.run()
        engine.terminate()
    with opened(strategy, method) as engine:
        engine.close()
        engine.terminate()


def rule_10_streams_come_one_by_one(strategy: Strategy, method: str) -> None:
    """Results of a generator come in its order, if there is one, of whatever length; who has none has no `stream`."""
    with opened(strategy, method, replace(job_of(strategy), inputs=()) if strategy.streams else None) as engine:
        assert (engine.stream is not None) == strategy.streams
        if engine.stream is not None:
            results = list(engine.stream(value for value in range(100)))
            assert (results if strategy.ordered else sorted(results)) == list(range(100))
            assert list(engine.stream(iter(()))) == []
        engine.close()


def rule_11_what_it_says_it_can_take(strategy: Strategy, method: str) -> None:
    """A start method that nobody has is no reason to raise: there are words for it, or it does not matter."""
    reason = strategy.unavailable("teleport")

    assert reason is None or "\n" not in reason
    assert strategy.methods(("teleport",)) == ()
    assert strategy.unavailable(method) is None


def rule_12_threads_end_unless_it_says_so(strategy: Strategy, method: str) -> None:
    """The caller can be forked afterwards."""
    preload(strategy)
    before = set(threading.enumerate())
    with opened(strategy, method) as engine:
        engine.run()
        engine.close()
    end = time.monotonic() + 1
    while set(threading.enumerate()) - before and time.monotonic() < end:
        time.sleep(0.01)

    assert strategy.keeps_threads or set(threading.enumerate()) <= before


Rule = Callable[[Strategy, str], None]
RULES: tuple[Rule, ...] = (
    rule_1_its_name_is_its_own,
    rule_5_all_results_as_often_as_it_is_called,
    rule_6_the_chunk_size_is_the_one_that_is_sent,
    rule_7_workers_prove_themselves,
    rule_8_nothing_is_left_when_it_is_closed,
    rule_9_it_can_be_ended_in_any_state,
    rule_10_streams_come_one_by_one,
    rule_11_what_it_says_it_can_take,
    rule_12_threads_end_unless_it_says_so,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_rules(name: str, rule: Rule) -> None:
    """A registered strategy keeps each rule, by each start method that it can have here."""
    methods = methods_of(STRATEGIES[name])
    if not methods:
        pytest.skip(str(STRATEGIES[name].unavailable(usual_start_method())))
    for method in methods:
        rule(STRATEGIES[name], method)


def test_bare_processes_can_be_had_where_there_are_pipes() -> None:
    """The floor is missing nowhere but where pipes cannot be polled: its tests would be skipped unseen."""
    reason = STRATEGIES["floor"].unavailable(usual_start_method())

    assert (reason is None) == hasattr(select, "poll")


def test_rules_2_and_3_modules_import_no_engine() -> None:
    """Loading all strategies imports neither pools nor executors: a fresh interpreter would wait for them."""
    code = "import sys, benchmarks.strategies; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=LIMIT, check=True
    )
    loaded = set(result.stdout.split())

    assert loaded & {"multiprocessing.pool", "concurrent.futures", "multiprocessing.shared_memory", "numpy"} == set()
    assert {f"benchmarks.strategies.{name}" for name in ("pools", "executors", "threads", "sharing")} <= loaded


@dataclass(frozen=True)
class Broken(Strategy):
    """A loop that breaks rules: what it does too much is in `engine`."""

    parallel: bool = False
    processes: bool = False
    engine: Callable[[Job], Engine] = lambda job: Engine(lambda: list(map(job.function, job.inputs)))

    def open(self, job: Job, workers: int, start_method: str) -> Engine:
        """Return the engine."""
        del workers, start_method
        return self.engine(job)


class Leaky(Engine):
    """An engine whose program has started another; it waits for neither."""

    def __init__(self, job: Job) -> None:
        """Start a shell that starts a sleeper."""
        super().__init__(lambda: list(map(job.function, job.inputs)))
        shell = os.posix_spawn("/bin/sh", ["sh", "-c", "sleep 50 & wait"], os.environ)
        threading.Thread(target=os.waitpid, args=(shell, 0), daemon=True).start()
        deadline = time.monotonic() + 30
        while not any(process.name == "sleep" for process in descendants()) and time.monotonic() < deadline:
            time.sleep(0.01)


class Threaded(Engine):
    """An engine that leaves a thread."""

    def close(self) -> None:
        """Start it."""
        threading.Thread(target=time.sleep, args=(3,), daemon=True).start()


class Changing(Engine):
    """An engine whose workers are never the same."""

    def prove(self) -> frozenset[int]:
        """Return another one each time."""
        return frozenset({time.monotonic_ns()})


def reversed_loop(job: Job) -> Engine:
    """Return an engine with its results in the wrong order."""
    return Engine(lambda: [job.function(value) for value in reversed(job.inputs)])


def once(job: Job) -> Engine:
    """Return an engine that gives results to its first caller only."""
    results = iter([[job.function(value) for value in job.inputs]])
    return Engine(lambda: next(results, []))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's children's children")
@pytest.mark.parametrize(
    ("strategy", "rule"),
    [
        (Broken("reversed", engine=reversed_loop), rule_5_all_results_as_often_as_it_is_called),
        (Broken("once", engine=once), rule_5_all_results_as_often_as_it_is_called),
        (Broken("changing", parallel=True, engine=lambda _job: Changing(list)), rule_7_workers_prove_themselves),
        (Broken("leaky", engine=Leaky), rule_8_nothing_is_left_when_it_is_closed),
        (Broken("threaded", engine=lambda _job: Threaded(list)), rule_12_threads_end_unless_it_says_so),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_broken_rules_are_found(strategy: Strategy, rule: Rule) -> None:
    """The rules see what they must forbid, children of children among it, and leave nothing of it."""
    start_helpers("spawn")
    before = descendants()
    with pytest.raises((AssertionError, CellError)) as error:
        rule(strategy, "spawn")

    assert descendants() <= before
    assert strategy.name != "leaky" or "(sleep)" in str(error.value)


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        (replace(Serial(), name="serial"), "another one has that name"),
        (Broken("two, at once"), "without commas"),
        (Broken("two\nlines"), "of one line"),
        (Broken("nowhere", states=()), "its states are some of 'warm', 'cold', 'fresh interpreter'"),
        (Broken("odd", states=("hot",)), "its states are some of"),
        (Broken("no start", processes=True, start_methods=()), "processes are started by some method"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_what_cannot_be_registered(strategy: Strategy, message: str) -> None:
    """A strategy that nobody could select or plan is refused when it is registered, by its name."""
    with pytest.raises(ValueError, match=f"^strategy {strategy.name!r}: .*".replace("\\", r"\\")) as error:
        register(strategy)

    assert message in str(error.value)


@pytest.mark.parametrize(
    ("strategy", "axes", "takes"),
    [
        ("Pool.map", {"state": COLD}, True),
        ("with Pool", {"state": COLD}, False),
        ("Pool.starmap", {"workload": "long input"}, False),
        ("Pool.imap", {"workload": "long input"}, True),
        ("ThreadPoolExecutor.map", {"workload": "worker killed"}, False),
        ("ThreadPoolExecutor.map", {"workload": "task raises"}, True),
        ("with Pool", {"workload": "task raises", "state": "fresh interpreter"}, False),
        ("Pool initializer", {"workload": "count"}, False),
        ("Pool initializer", {"workload": "shared input"}, True),
    ],
)
def test_what_axes_take(strategy: str, axes: dict[str, Any], *, takes: bool) -> None:
    """Axes take a strategy that can do what is measured there, and no other."""
    planned = Axes(**{"workload": "count", "tasks": 4, "strategies": (), "seconds": 1.0, **axes})

    assert planned.takes(STRATEGIES[strategy]) is takes


def test_what_is_standard_beside_an_own_start() -> None:
    """Bare processes of a cell start as it does, and as usual where it has no method of theirs."""
    methods = {
        name: Cell("count", 1, 4, name, 2, method, None, WARM).standard_method()
        for name, method in (("Pool.map", "spawn"), ("ThreadPoolExecutor.map", "none"))
    }

    assert methods == {"Pool.map": "spawn", "ThreadPoolExecutor.map": usual_start_method()}
