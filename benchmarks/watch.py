"""What keeps a cell from hanging, and what it must not leave behind: limits, liveness, leaks."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from benchmarks.interrupts import SIGNALS, Interrupted, start_tracker
from benchmarks.tasks import nothing

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess
    from types import FrameType
    from typing import Self

    from benchmarks.strategies.base import Engine

TICK_SECONDS = 0.25
"""How often the watch looks at the workers: a look at four takes 4 us, in each quarter of a second."""

TERMINATE_SECONDS = 2.0
KILL_SECONDS = 10.0
MEMORY_SECONDS = 0.5
MEMORY_PREFIX = "psm_"
"""How `multiprocessing.shared_memory` begins the names that it makes up."""


class CellError(Exception):
    """A cell that could not be measured; the message is one line for its reader."""


class LimitError(CellError):
    """A cell that took longer than it may."""


class WorkerLostError(CellError):
    """A worker that ended while it was needed; `pid` says which."""

    def __init__(self, pid: int | None, how: str) -> None:
        """Take the process id and how it ended."""
        super().__init__(f"worker process {pid} {how}")
        self.pid = pid


class Watch:
    """Raise in the main thread, wherever it waits, when a limit has passed, a worker has died or a signal has come.

    `Pool` waits for ever for a result whose worker died. A timer signal interrupts any wait of the main thread, so the
    timed call can stay the plain call: a call in a helper thread, or a timeout in each wait, would be another thing to
    measure. Without timer signals (Windows, or not on the main thread) nothing is watched.
    """

    def __init__(self, limit: float) -> None:
        """Take the limit in seconds, counted from `__enter__`."""
        self.limit = limit
        self.active = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
        self._processes: frozenset[BaseProcess] = frozenset()
        self._adopting = False
        self._deadline = 0.0
        self._former: Any = None
        self._running = False

    def __enter__(self) -> Self:
        """Start the timer."""
        self._deadline = monotonic() + self.limit
        if self.active:
            self._former = signal.signal(signal.SIGALRM, self._tick)
            signal.setitimer(signal.ITIMER_REAL, TICK_SECONDS, TICK_SECONDS)
        self._running = True
        try:
            SIGNALS.expose()
        except Interrupted:
            self.stop()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        """Stop watching."""
        self.stop()

    def stop(self) -> None:
        """Stop watching, if that has not been done: a signal may come just before `__exit__` does it."""
        SIGNALS.cover()
        if self.active and self._running:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._former)
        self._running = False

    def expect(self, processes: Iterable[BaseProcess]) -> None:
        """Take these processes for alive until the next call."""
        self._processes = frozenset(processes)
        self._adopting = False

    def adopt(self) -> None:
        """Take for alive whatever children there are or will be, until processes are expected by name.

        A Pool whose initializer raises starts workers for ever: at the moment of asking there may be none.
        """
        self._adopting = True

    def look(self) -> None:
        """Raise if the limit has passed or an expected process has ended."""
        if self._adopting:
            self._processes |= frozenset(multiprocessing.active_children())
        lost = [process for process in self._processes if not process.is_alive()]
        if lost:
            # An executor that has lost one worker ends the others by SIGTERM: the first is the one to name.
            first = min(lost, key=lambda process: process.exitcode == -signal.SIGTERM)
            raise WorkerLostError(first.pid, _how_it_ended(first.exitcode))
        if monotonic() > self._deadline:
            raise LimitError(f"not done after its limit of {self.limit:g} s (--cell-limit)")

    def _tick(self, _signal: int, _frame: FrameType | None) -> None:
        SIGNALS.insist()
        # what is being made cannot be ended before it is made
        if not SIGNALS.constructing or monotonic() > self._deadline:
            self.look()


def _how_it_ended(code: int | None) -> str:
    if code is not None and code < 0:
        names = {number.value: number.name for number in signal.Signals}
        return f"was killed by {names.get(-code, f'signal {-code}')}"
    return f"ended with exit code {code}"


_primed: set[str] = set()


def prime(start_method: str) -> None:
    """Start what a start method keeps until the caller ends: forkserver, resource tracker, the barriers' memory.

    They would otherwise come up in the first cell that needs them, in its times and as its leaks.
    """
    if start_method in _primed:
        return
    if start_method != "fork":
        start_tracker()
    context: Any = multiprocessing.get_context(start_method)  # the type of all contexts knows no Process
    context.Barrier(1).wait()
    process = context.Process(target=nothing, args=(0,), daemon=True)
    try:
        process.start()
    except OSError as error:
        if "AF_UNIX path too long" not in str(error):
            raise
        raise CellError(f"{start_method} cannot start: AF_UNIX path too long; set TMPDIR to a shorter path") from error
    process.join()
    _primed.add(start_method)


def live_children() -> list[BaseProcess]:
    """Return the child processes that live.

    An exception out of a signal's handler, just when a wait for a process has returned, loses how that ended: Python
    then takes it for alive for ever, though the system knows no such process.
    """
    return [child for child in multiprocessing.active_children() if _exists(child.pid)]


def _exists(pid: int | None) -> bool:
    if pid is None or os.name != "posix":  # elsewhere a handle tells, and loses nothing
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def end_all(engines: Sequence[Engine]) -> None:
    """End whatever the engines left, by force. Always returns within some 10 s; raises CellError if something lives.

    `Pool.terminate` hangs when an idle worker was killed while it held the queue's lock, so it runs in a thread that
    is given up, and the processes are killed.
    """
    for engine in engines:
        ending = threading.Thread(target=_terminate, args=(engine,), daemon=True)
        ending.start()
        ending.join(TERMINATE_SECONDS)
    deadline = monotonic() + KILL_SECONDS
    while children := live_children():
        for child in children:
            child.kill()
        for child in children:
            child.join(0.2)
        if monotonic() > deadline:
            raise CellError(f"could not be ended: processes {', '.join(str(child.pid) for child in children)}")
    # An executor's own thread cleans up after its workers' death. A fork in the midst of that gave a worker of the next
    # cell a lock that nobody would ever release.
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(max(0.0, deadline - monotonic()))


def _terminate(engine: Engine) -> None:
    try:
        engine.terminate()
    except Exception as error:  # noqa: BLE001 - it is being ended because it failed; the first failure is the story
        del error


class Leaks:
    """What a cell must give back: processes, file descriptors, shared memory."""

    def __init__(self) -> None:
        """Look before the cell."""
        self._descriptors = _descriptors()
        self._memory = _shared_memory()

    def check(self) -> None:
        """Look after the cell; raise CellError naming what is left."""
        gc.collect()  # pools hold their pipes in reference cycles
        children = live_children()
        descriptors = {number: name for number, name in _descriptors().items() if number not in self._descriptors}
        left = [f"process {child.pid}" for child in children]
        left += [f"file descriptor {number} ({name})" for number, name in descriptors.items()]
        left += [f"shared memory {name}" for name in sorted(self._new_memory())]
        if left:
            raise CellError(f"left behind: {', '.join(left)}")

    def _new_memory(self) -> set[str]:
        """Return what is new in shared memory, stays, and is used by no other program that runs."""
        new = _shared_memory() - self._memory
        deadline = monotonic() + MEMORY_SECONDS
        while new and monotonic() < deadline:
            sleep(0.05)
            new &= _shared_memory()
        return {name for name in new if not _used_elsewhere(name)}


def _descriptors() -> dict[int, str]:
    """Return this process's open file descriptors and what they are, as far as the system tells."""
    folder = next((path for path in ("/proc/self/fd", "/dev/fd") if Path(path).is_dir()), None)
    if folder is None:
        return {}
    found = {}
    for path in Path(folder).iterdir():
        try:
            found[int(path.name)] = str(path.readlink()) if folder.startswith("/proc") else "open"
        except OSError:  # the one that listing the folder had opened
            continue
    return found


def _used_elsewhere(name: str) -> bool:
    """Say whether another process has mapped a segment; our own children have ended by now."""
    for maps in Path("/proc").glob("[0-9]*/maps"):
        if maps.parent.name == str(os.getpid()):
            continue
        try:
            if f"/dev/shm/{name}" in maps.read_text(encoding="utf-8", errors="replace"):
                return True
        except OSError:  # it has ended, or belongs to somebody else
            continue
    return False


def _shared_memory() -> set[str]:
    folder = Path("/dev/shm")
    if not folder.is_dir():
        return set()
    return {path.name for path in folder.iterdir() if path.name.startswith(MEMORY_PREFIX)}
