"""Limits, liveness and leaks."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from multiprocessing import shared_memory
from pathlib import Path
from typing import Any

import pytest

from benchmarks.measuring import watch
from benchmarks.measuring.arms import Arms
from benchmarks.measuring.cells import Cell
from benchmarks.measuring.leaks import Leaks, unused_memory
from benchmarks.measuring.processes import Process, descendants
from benchmarks.measuring.watch import CellError, LimitError, Watch, WorkerLostError, end_all, start_helpers
from benchmarks.schema import Spent
from benchmarks.strategies import STRATEGIES
from benchmarks.strategies.base import Engine, Job
from benchmarks.words import WARM

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this platform has no timer signals")


def sleep(seconds: float) -> None:
    """Sleep in a child."""
    time.sleep(seconds)


@pytest.fixture(autouse=True)
def before() -> frozenset[Process]:
    """Return the processes that were there before a test, those that stay by design among them."""
    start_helpers("spawn")
    return descendants()


def test_limit_ends_a_wait() -> None:
    """A wait that would last a minute ends soon after its limit."""
    start = time.monotonic()
    with pytest.raises(LimitError) as error, Watch(0.5):
        time.sleep(60)

    assert 0.5 <= time.monotonic() - start < 5
    assert str(error.value) == "not done after its limit of 0.5 s (--cell-limit)"


def test_dead_worker_ends_a_wait() -> None:
    """A wait ends when an expected process is killed, and says by what."""
    child = multiprocessing.get_context("spawn").Process(target=sleep, args=(60,))
    child.start()
    assert child.pid is not None
    start = time.monotonic()
    with pytest.raises(WorkerLostError) as error, Watch(60) as watching:
        watching.expect([child.pid or 0])
        os.kill(child.pid, signal.SIGKILL)
        time.sleep(60)

    assert time.monotonic() - start < 10
    assert str(error.value) == f"worker process {child.pid} was killed by SIGKILL"


def test_adopted_children_are_watched(before: frozenset[Process]) -> None:
    """A child that comes up later than the watch was told of, and ends, is noticed all the same."""
    children = [multiprocessing.get_context("spawn").Process(target=sleep, args=(1.0,)) for _ in range(2)]
    with pytest.raises(WorkerLostError, match="ended with exit code 0"), Watch(60) as watching:
        watching.adopt()
        for child in children:
            child.start()
        time.sleep(60)
    end_all([], before)


def test_watch_leaves_no_timer() -> None:
    """After the watch there is neither a timer nor its handler."""
    before = signal.getsignal(signal.SIGALRM)
    with Watch(60):
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0

    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert signal.getsignal(signal.SIGALRM) == before


@pytest.mark.skipif(not hasattr(os, "waitpid") or os.name != "posix", reason="processes are waited for as of POSIX")
def test_a_child_whose_end_was_lost_is_none(before: frozenset[Process]) -> None:
    """A child that the system knows no more is taken neither for alive nor for a leak, whatever Python believes."""
    child = multiprocessing.get_context("spawn").Process(target=sleep, args=(60,))
    child.start()
    leaks = Leaks()
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    os.waitpid(child.pid, 0)  # as in a wait whose result a signal's handler has taken away
    start = time.monotonic()
    end_all([], before)

    assert child in multiprocessing.active_children()
    assert time.monotonic() - start < 5
    leaks.check()
    multiprocessing.process._children.discard(child)  # type: ignore[attr-defined] # it would be waited for at exit


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells another process's CPU time")
def test_a_lost_worker_is_named_by_how_it_ended() -> None:
    """Whoever asks for the CPU time of a worker that was killed is told that it was, and by what."""
    child = multiprocessing.get_context("spawn").Process(target=sleep, args=(60,))
    child.start()
    watching = Watch(60)
    watching.expect([child.pid or 0])
    arms = Arms(Cell("count", 100, 4, "Pool.map", 2, "fork", None, WARM), (), watching, Spent())
    arms._workers["strategy"] = frozenset({child.pid or 0})
    child.kill()
    child.join(10)

    with pytest.raises(WorkerLostError, match=f"worker process {child.pid} was killed by SIGKILL"):
        arms.cpu_seconds("strategy")


class Stuck(Engine):
    """An engine whose termination hangs, as that of a Pool does whose idle worker was killed."""

    def __init__(self) -> None:
        """Run nothing."""
        super().__init__(list)

    def terminate(self) -> None:
        """Hang for longer than any test waits."""
        time.sleep(600)


def test_hanging_termination_is_given_up(before: frozenset[Process]) -> None:
    """Processes are killed although the engine's own termination hangs."""
    child = multiprocessing.get_context("spawn").Process(target=sleep, args=(60,))
    child.start()
    start = time.monotonic()
    end_all([Stuck()], before)

    assert time.monotonic() - start < watch.TERMINATE_SECONDS + 5
    assert not child.is_alive()


def test_a_thread_that_does_not_end_is_given_up(before: frozenset[Process], monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that a pool leaves are waited for, but not for ever."""
    monkeypatch.setattr(watch, "KILL_SECONDS", 0.3)
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait, args=(60,))
    thread.start()
    start = time.monotonic()
    end_all([], before)
    taken = time.monotonic() - start
    ended.set()
    thread.join()

    assert 0.25 < taken < 30


@pytest.mark.parametrize("attempt", range(5))
def test_executor_s_thread_has_ended(attempt: int, before: frozenset[Process]) -> None:
    """After an executor was ended by force its thread is gone: the next cell may fork."""
    del attempt
    engine = STRATEGIES["ProcessPoolExecutor.map"].open(Job(sleep, [60.0] * 4), 2, "spawn")
    engine.prove()
    with pytest.raises(LimitError), Watch(0.5):
        engine.run()
    end_all([engine], before)

    assert [thread for thread in threading.enumerate() if not thread.daemon] == [threading.main_thread()]


def test_leaked_process_is_found(before: frozenset[Process]) -> None:
    """A process that is left is named."""
    leaks = Leaks()
    child = multiprocessing.get_context("spawn").Process(target=sleep, args=(60,))
    child.start()
    try:
        with pytest.raises(CellError, match=f"left behind: .*process {child.pid}"):
            leaks.check()
    finally:
        end_all([], before)


@pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir() and not Path("/dev/fd").is_dir(), reason="no list of descriptors"
)
def test_leaked_descriptor_is_found(tmp_path: Path) -> None:
    """A file that is left open is named; once it is closed there is nothing to say."""
    leaks = Leaks()
    with (tmp_path / "left").open("w") as file, pytest.raises(CellError, match=f"file descriptor {file.fileno()}"):
        leaks.check()

    leaks.check()


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="shared memory cannot be listed here")
def test_leaked_shared_memory_is_found() -> None:
    """Shared memory that was not unlinked is named, whatever its name."""
    leaks = Leaks()
    memory = shared_memory.SharedMemory(f"test_leaked_{os.getpid()}", create=True, size=16)
    try:
        with pytest.raises(CellError, match=f"shared memory {memory.name.lstrip('/')}"):
            leaks.check()
    finally:
        memory.close()
        memory.unlink()


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="shared memory cannot be listed here")
def test_shared_memory_of_another_program_is_its_own() -> None:
    """What a process that is not ours still uses is nobody's leak; it is one where that process is among our own."""
    code = (
        "import sys; from multiprocessing.shared_memory import SharedMemory as S; _ = S(sys.argv[1], True, 16); input()"
    )
    name = f"test_foreign_{os.getpid()}"
    with subprocess.Popen([sys.executable, "-c", code, name], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as one:
        deadline = time.monotonic() + 30
        while not Path("/dev/shm", name).exists():
            assert time.monotonic() < deadline
            sleep(0.01)
        foreign, own = unused_memory(frozenset()), unused_memory(frozenset(), [one.pid])
        one.kill()

    assert name not in foreign
    assert name in own


@pytest.mark.skipif(sys.platform == "win32", reason="no fork or forkserver")
@pytest.mark.parametrize("start_method", multiprocessing.get_all_start_methods())
def test_helpers_make_later_starts_leave_nothing(start_method: str) -> None:
    """What a start method keeps for good is there once its helpers were started: a process later leaves nothing."""
    start_helpers(start_method)
    leaks = Leaks()
    context: Any = multiprocessing.get_context(start_method)
    child = context.Process(target=sleep, args=(0,))
    child.start()
    child.join(30)
    child.close()

    leaks.check()
