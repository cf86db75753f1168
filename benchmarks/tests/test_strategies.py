"""Every strategy does the same work, on as many workers as it was told."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.pool import Pool

import pytest

from benchmarks.environment import start_methods
from benchmarks.measuring.cold import Cold, Fresh, Order
from benchmarks.measuring.leaks import Leaks
from benchmarks.measuring.processes import descendants
from benchmarks.measuring.watch import Watch, end_all, start_helpers
from benchmarks.strategies import STRATEGIES
from benchmarks.strategies.base import Engine, Job, pool_map_chunk_size
from benchmarks.strategies.floor import FLOOR, MOST_CHUNKS, FloorError
from benchmarks.tasks import count, nothing
from benchmarks.words import STAGES
from benchmarks.workloads import WORKLOADS

SHARING = ("Pool initializer", "Pool inherited", "Pool shared memory")

WARM_STRATEGIES = [name for name in STRATEGIES if name not in {"with Pool", *SHARING} and not STRATEGIES[name].cluster]

needs_floor = pytest.mark.skipif(FLOOR.unavailable("spawn") is not None, reason="the floor needs POSIX pipes")

needs_fork = pytest.mark.skipif("fork" not in start_methods(), reason="this platform has no fork")


def fail(value: int) -> int:
    """Raise for one value of several."""
    if value == 3:
        message = "three is too much"
        raise ValueError(message)
    return value


def large(value: int) -> bytes:
    """Return more than a pipe holds."""
    return bytes([value]) * 1_000_000


def die(value: int) -> int:
    """Kill the worker that is asked for the value 1."""
    if value == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return value


@contextmanager
def opened(name: str, job: Job, start_method: str, workers: int = 2) -> Iterator[Engine]:
    """Open an engine with a limit, and end it whatever happens."""
    reason = STRATEGIES[name].unavailable(start_method)
    if reason is not None:
        pytest.skip(reason)
    start_helpers(start_method)
    STRATEGIES[name].preload()
    before = descendants()
    engines: list[Engine] = []
    try:
        with Watch(60):
            engine = STRATEGIES[name].open(job, workers, start_method)
            engines.append(engine)
            yield engine
    finally:
        end_all(engines, before)


@needs_floor
@pytest.mark.parametrize("start_method", start_methods())
@pytest.mark.parametrize("name", WARM_STRATEGIES)
def test_results_and_workers(name: str, start_method: str) -> None:
    """All results are there, and every worker proves itself, the same ones before and after."""
    with opened(name, Job(count, [10, 100, 1000, 10, 100]), start_method) as engine:
        before = engine.prove()
        results = engine.run()
        after = engine.prove()
        engine.close()

    assert sorted(results) == [45, 45, 4950, 4950, 499_500]
    assert before == after
    assert len(before) == (2 if STRATEGIES[name].parallel else 0)
    assert multiprocessing.active_children() == []


@needs_floor
@needs_fork
@pytest.mark.parametrize("chunk_size", [None, 1, 7, 100, 1000])
@pytest.mark.parametrize("name", WARM_STRATEGIES)
def test_order_holds_for_every_chunk_size(name: str, chunk_size: int | None) -> None:
    """Ordered strategies return results in the order of the inputs, the others the same results in some order."""
    with opened(name, Job(nothing, range(100), chunk_size), "fork", workers=3) as engine:
        results = engine.run()
        engine.close()

    assert (results if STRATEGIES[name].ordered else sorted(results)) == list(range(100))


@needs_fork
@pytest.mark.parametrize("tasks", [1, 2, 4, 7, 8, 9, 100, 1000])
@pytest.mark.parametrize("workers", [1, 2, 3])
def test_default_chunk_size_is_the_pool_s_own(tasks: int, workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The chunk size that is shown for Pool.map is the one that the library computes."""
    seen = []

    def spy(_function: object, iterable: object, size: int) -> Iterator[object]:
        seen.append(size)
        del iterable
        return iter(())

    monkeypatch.setattr(Pool, "_get_tasks", staticmethod(spy))
    pool = multiprocessing.get_context("fork").Pool(workers)
    try:
        pool.map_async(nothing, range(tasks))
    finally:
        pool.terminate()
        pool.join()

    assert seen == [pool_map_chunk_size(tasks, workers)]


@pytest.mark.parametrize("start_method", start_methods())
@pytest.mark.parametrize("name", SHARING)
def test_sharing(name: str, start_method: str) -> None:
    """However a large object comes to the workers, their tasks read all of it; afterwards nothing of it is left."""
    workload = WORKLOADS["shared input"]
    job = Job(workload.function, list(workload.make_inputs(100_000, 7)))
    STRATEGIES[name].preload()
    with opened(name, job, start_method) as engine:
        leaks = Leaks()
        assert len(engine.prove()) == 2
        results = engine.run()
        engine.close()
    leaks.check()

    assert results == workload.expected(100_000, 7)


@pytest.mark.parametrize("name", ["serial", "Pool.map", "Pool.imap", "ProcessPoolExecutor.map"])
def test_streams(name: str) -> None:
    """A stream in a fresh interpreter gives all results, and says when the first came and what was held."""
    workload = WORKLOADS["long input"]
    engine = Fresh(Order(name, "long input", 1 << 16, 200, None, 2, "spawn"))
    engine.prepare()
    engine.await_ready()
    results = engine.run()
    engine.close()
    seconds = [engine.measures[stage][0] for stage in STAGES]
    memory, unit = engine.measures.get("peak memory", (0, "B"))

    assert results == workload.expected(1 << 16, 200)
    assert all(value > 0 for value in seconds)
    assert unit == "B"
    # 200 blocks of 64 KiB are 12.5 MiB: map holds them all at once, a loop one or two
    if sys.platform == "linux":
        assert memory > 12 << 20 if name == "Pool.map" else memory < 2 << 20 if name == "serial" else True


@pytest.mark.skipif(sys.version_info < (3, 14), reason="Executor.map has a buffersize from Python 3.14 on")
def test_buffersize_holds_the_input_back() -> None:
    """With a buffersize no more inputs are read than that, and one, while nobody takes a result."""
    read = []

    def inputs() -> Iterator[int]:
        for value in range(1000):
            read.append(value)
            yield value

    with opened("ProcessPoolExecutor.map buffersize", Job(nothing, ()), "spawn") as engine:
        assert engine.stream is not None
        results = iter(engine.stream(inputs()))
        first = next(results)
        begun = len(read)
        rest = list(results)
        engine.close()

    assert first == 0
    assert begun <= 17
    assert rest == list(range(1, 1000))


@needs_floor
def test_floor_carries_large_results() -> None:
    """Results larger than a pipe arrive whole though several workers send them at once."""
    with opened("floor", Job(large, [1, 2, 3, 4], 1), "spawn") as engine:
        results = engine.run()
        engine.close()

    assert results == [large(value) for value in (1, 2, 3, 4)]


@needs_floor
def test_floor_that_is_ended_leaves_nothing() -> None:
    """Neither workers nor their pipes are left when bare workers are ended by force."""
    start_helpers("spawn")
    leaks = Leaks()
    engine = FLOOR.open(Job(nothing, [1, 2]), 2, "spawn")
    engine.prove()
    engine.terminate()

    leaks.check()


@needs_floor
def test_floor_reports_what_a_task_raises() -> None:
    """A task that raises ends the run with its type and message."""
    with opened("floor", Job(fail, [1, 2, 3], 1), "spawn") as engine, pytest.raises(FloorError) as error:
        engine.run()

    assert str(error.value) == "ValueError: three is too much"


@needs_floor
@needs_fork
def test_floor_notices_a_dead_worker() -> None:
    """A worker that is killed in a job ends the run at once, and does not leave the caller waiting."""
    with opened("floor", Job(die, [0, 1, 2, 3], 1), "fork") as engine, pytest.raises(FloorError) as error:
        engine.run()

    assert "ended in the middle of a job" in str(error.value)
    assert "exit code -9" in str(error.value)


@needs_floor
def test_floor_takes_as_many_chunks_as_fit() -> None:
    """One message more than a pipe holds would leave caller and workers waiting for each other."""
    with opened("floor", Job(nothing, range(MOST_CHUNKS), 1), "spawn") as engine:
        results = engine.run()
        engine.close()
    with pytest.raises(ValueError, match="at most 16384 chunks, not 16385"):
        FLOOR.open(Job(nothing, range(MOST_CHUNKS + 1), 1), 2, "spawn")

    assert results == list(range(MOST_CHUNKS))

    assert multiprocessing.active_children() == []


@needs_fork
def test_cold_run_tells_its_stages() -> None:
    """A cold run's stages are all there and make up its whole time."""
    engine = Cold(lambda: STRATEGIES["Pool.map"].open(Job(nothing, [0]), 2, "fork"))

    assert engine.run() == [0]
    assert tuple(engine.measures) == STAGES
    assert all(seconds > 0 for seconds, _ in engine.measures.values())
    assert multiprocessing.active_children() == []


def test_missing_start_method_is_a_reason() -> None:
    """A start method that does not exist is said so, with those that do."""
    reason = STRATEGIES["Pool.map"].unavailable("teleport")

    assert reason is not None
    assert "teleport does not exist" in reason
    assert "spawn" in reason


def test_serial_has_no_workers() -> None:
    """The loop runs everywhere and proves nothing."""
    assert STRATEGIES["serial"].unavailable("teleport") is None
    assert STRATEGIES["serial"].open(Job(nothing, [1]), 2, "spawn").prove() == frozenset()
