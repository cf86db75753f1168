"""What keeps a cell from hanging: limits, workers that must live, and the end by force."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Iterable, Sequence
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Protocol

from benchmarks.errors import one_line
from benchmarks.interrupts import SIGNALS, Interrupted, start_tracker
from benchmarks.measuring.processes import Process, descendants
from benchmarks.tasks import nothing
from benchmarks.words import STANDARD_METHODS

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess
    from types import FrameType
    from typing import Self

TICK_SECONDS = 0.25
"""How often the watch looks at the workers: a look at four takes 4 us, in each quarter of a second."""

TERMINATE_SECONDS = 2.0
"""What an engine gets to end by itself; a Pool takes 0.1 s for it, where it does not hang."""

KILL_SECONDS = 10.0
"""After this time processes that were killed are given up: in the kernel, say, waiting for a disk that has gone."""


class CellError(Exception):
    """A cell that could not be measured; the message is one line for its reader."""


class LimitError(CellError):
    """A cell that took longer than it may."""


class WorkerLostError(CellError):
    """A worker that ended while it was needed; `pid` says which."""

    def __init__(self, pid: int | None, how: str) -> None:
        """Say which process it is, and how it ended."""
        super().__init__(f"worker process {pid} {how}")
        self.pid = pid


class Watch:
    """Raise in the main thread, wherever it waits, when a limit has passed, a worker has died or a signal has come.

    `Pool` waits for ever for a result whose worker died. A timer signal interrupts any wait of the main thread, so the
    timed call can stay the plain call: a call in a helper thread, or a timeout in each wait, would be another thing to
    measure. Without timer signals (Windows, or not on the main thread) nothing is watched.
    """

    def __init__(self, limit: float) -> None:
        """Set the limit in seconds, counted from `__enter__`."""
        self.limit = limit
        self.active = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
        self._children: frozenset[BaseProcess] = frozenset()
        self._others: frozenset[Process] = frozenset()
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

    def expect(self, pids: Iterable[int]) -> None:
        """Expect these processes to live until the next call."""
        wanted = set(pids)
        self._children = frozenset(child for child in multiprocessing.active_children() if child.pid in wanted)
        wanted -= {child.pid for child in self._children if child.pid is not None}
        self._others = frozenset(other for other in descendants() if other.pid in wanted) if wanted else frozenset()
        self._adopting = False

    def adopt(self) -> None:
        """Expect whatever children of `multiprocessing` there are or will be to live, until others are named.

        A Pool whose initializer raises starts workers for ever: at the moment of asking there may be none. Of other
        processes nothing is expected: an engine that starts may call programs, which end.
        """
        self._adopting = True

    def look(self) -> None:
        """Raise if the limit has passed or an expected process has ended."""
        if self._adopting:
            self._children |= frozenset(multiprocessing.active_children())
        lost = [child for child in self._children if not child.is_alive()]
        if lost:
            # An executor that has lost one worker ends the others by SIGTERM: the first is the one to name.
            first = min(lost, key=lambda child: child.exitcode == -signal.SIGTERM)
            raise WorkerLostError(first.pid, how_it_ended(first.exitcode))
        for other in self._others:
            if not other.lives():
                raise WorkerLostError(other.pid, "has ended")
        if monotonic() > self._deadline:
            raise LimitError(f"not done after its limit of {self.limit:g} s (--cell-limit)")

    def _tick(self, _signal: int, _frame: FrameType | None) -> None:
        SIGNALS.insist()
        # what is being made cannot be ended before it is made
        if not SIGNALS.constructing or monotonic() > self._deadline:
            self.look()


def how_it_ended(code: int | None) -> str:
    """Put an exit code into words, with the name of the signal where it was one."""
    if code is not None and code < 0:
        names = {number.value: number.name for number in signal.Signals}
        return f"was killed by {names.get(-code, f'signal {-code}')}"
    return f"ended with exit code {code}"


_started: set[str] = set()


def start_helpers(start_method: str) -> None:
    """Start what a start method of `multiprocessing` keeps until the caller ends: forkserver, resource tracker.

    They would otherwise come up in the first cell that needs them, in its times and as its leaks.
    """
    if start_method in _started or start_method not in STANDARD_METHODS:
        return
    if start_method != "fork":
        start_tracker()
    context: Any = multiprocessing.get_context(start_method)  # the type of all contexts knows no Process
    process = context.Process(target=nothing, args=(0,), daemon=True)
    try:
        process.start()
    except OSError as error:
        if "AF_UNIX path too long" not in str(error):
            raise
        raise CellError(f"{start_method} cannot start: AF_UNIX path too long; set TMPDIR to a shorter path") from error
    process.join()
    _started.add(start_method)


class Endable(Protocol):
    """What can be ended by force: an engine, an interpreter."""

    def terminate(self) -> None:
        """End it, whatever state it is in."""


def end_all(engines: Sequence[Endable], spared: frozenset[Process]) -> None:
    """End whatever the engines left, by force. Always returns within some 10 s; raises CellError if something lives.

    `spared` are the processes that were there before. `Pool.terminate` hangs when an idle worker was killed while it
    held the queue's lock, so it runs in a thread that is given up, and the processes are killed: also those whose
    parents are gone by then, so they are looked for first.
    """
    known = descendants() - spared
    for engine in engines:
        ending = threading.Thread(target=_terminate, args=(engine,), daemon=True)
        ending.start()
        ending.join(TERMINATE_SECONDS)
    deadline = monotonic() + KILL_SECONDS
    while living := {process for process in known | descendants() - spared if process.lives()}:
        for process in living:
            process.kill()
        if monotonic() > deadline:
            raise CellError(f"could not be ended: processes {', '.join(str(process.pid) for process in living)}")
        sleep(0.01)
    # An executor's own thread cleans up after its workers' death. A fork in the midst of that gave a worker of the next
    # cell a lock that nobody would ever release.
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join(max(0.0, deadline - monotonic()))


def _terminate(engine: Endable) -> None:
    try:
        engine.terminate()
    except Exception as error:  # noqa: BLE001 - it is being ended because it failed; the first failure is the story
        del error


def describe(error: BaseException) -> str:
    """Put an error into one line, with its type unless the type says only that it is ours."""
    return " ".join(str(error).split()) if isinstance(error, CellError) else one_line(error)
