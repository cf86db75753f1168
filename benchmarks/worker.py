"""What runs in every worker process before its first task, how it proves that it is up, and the floor's own worker.

Spawned workers import this module, so it imports only what their start has loaded anyway, and not even `typing`.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import struct
import threading
import time
from multiprocessing.connection import wait

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.connection import Connection
    from typing import Any

MEETING_LIMIT = 60.0
"""Seconds after which a worker gives up waiting for the others; the caller's own limit comes first."""

MEETING_PAUSE = 0.0005
"""Seconds between two looks at who has come: a look takes some 10 us, and others are still starting."""

ORPHAN_SECONDS = 1.0
"""How often a worker looks whether its parent is still there, where no pipe tells."""

MESSAGE = struct.Struct("<H")
"""What the floor sends to a bare worker: the number of a chunk, or STOP, or PROVE."""

STOP = 0xFFFF
PROVE = 0xFFFE

HEADER = struct.Struct("<HIB")
"""What a bare worker sends before each result: the message's number, the length in bytes, 1 if the task raised."""

_shared: Any = None
_memory: Any = None
_initialized: tuple[int, str] | None = None
_initializing = threading.Lock()


def begin() -> None:
    """Prepare this process as a worker: the initializer of every pool.

    Ctrl-C is left to the caller, which ends its workers itself: otherwise each of them prints a traceback.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_caller()


def begin_with(shared: Any) -> None:
    """Prepare this process as a worker that holds an object for all its tasks."""
    begin()
    share(shared)


def begin_attached(name: str) -> None:
    """Prepare this process as a worker whose tasks read a block of shared memory."""
    global _memory  # noqa: PLW0603 - it must live as long as what is read of it
    from multiprocessing.shared_memory import SharedMemory  # noqa: PLC0415 - other workers need not wait for it

    begin()
    _memory = SharedMemory(name)
    share(_memory.buf)


def share(shared: Any) -> None:
    """Keep an object for `with_shared`, in this process and in those that are forked from it."""
    global _shared  # noqa: PLW0603 - one object a process
    _shared = shared


def with_shared(function: Callable[[Any], Any], rest: Sequence[Any]) -> Any:
    """Call a task's function with the object that this process holds, and what was sent."""
    return function((_shared, *rest))


def starred(function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    """Call a function with a row of arguments."""
    return function(*arguments)


def initialized(initializer: Callable[[], object], run: str, function: Callable[[Any], Any], value: Any) -> Any:
    """Call a function in a process in which an initializer has been called once, before its first task of a run.

    Not every engine has an initializer, and those that have one need it for `begin`. A cluster's workers may have
    served another run, by its name, with another initializer.
    """
    global _initialized  # noqa: PLW0603 - one a process
    with _initializing:
        if _initialized != (os.getpid(), run):
            initializer()
            _initialized = os.getpid(), run
    return function(value)


def each(function: Callable[[Any], Any], chunk: Sequence[Any]) -> list[Any]:
    """Call a function with each input of a chunk: what a user groups by hand where an engine sends single tasks."""
    return [function(value) for value in chunk]


def recorded(path: str, function: Callable[[int], Any], value: int) -> Any:
    """Write a line with a task's input to a file, then call it: what is tried again is written again."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, b"%d\n" % value)  # one write, so that lines of several processes do not mix
    os.close(file)
    return function(value)


def meet(place: tuple[str, int]) -> tuple[int, int]:
    """Wait until all workers are in this call at once, and return this one's process id and its thread's number.

    `place` is an empty folder, and the number of workers that come there. One such task a worker proves that all are
    up: none can take a second one before the last has come.
    """
    folder, workers = place
    me = os.getpid(), threading.get_ident()
    with open(f"{folder}/{me[0]}-{me[1]}", "x"):
        deadline = time.monotonic() + MEETING_LIMIT
    while len(os.listdir(folder)) < workers:  # noqa: PTH208 - every worker would have to import pathlib
        if time.monotonic() > deadline:
            message = f"not all of {workers} workers came up in {MEETING_LIMIT:g} s"
            raise TimeoutError(message)
        time.sleep(MEETING_PAUSE)
    return me


def _end_with_caller() -> None:
    """Make this process end when the caller is gone; a pool's own workers would wait for ever.

    The kernel is asked to send SIGKILL when the pipe that only the caller holds open is hung up: no thread, no cost
    while the caller lives. (A parent-death signal was rejected: it fires when the *thread* that started the worker
    ends, and for a forkserver's children at the wrong parent.) Elsewhere than Linux a thread waits for the same pipe;
    where an engine starts workers without one, it looks now and then whose child this process is.
    """
    parent = multiprocessing.parent_process()
    if parent is None or parent.sentinel is None:
        threading.Thread(target=_exit_as_orphan, args=(os.getppid(),), daemon=True).start()
    elif not kill_at_hangup(parent.sentinel, os.getpid()):
        threading.Thread(target=_exit_after, args=(parent.sentinel,), daemon=True).start()
    elif wait([parent.sentinel], 0):  # the caller died before the kernel was asked
        os._exit(1)


def kill_at_hangup(pipe: int, whom: int) -> bool:
    """Have the kernel kill a process, or a group (its negative id), when a pipe is hung up, read or written to.

    Returns whether the kernel can do that: only Linux lets one choose the signal.
    """
    if fcntl is None or not hasattr(fcntl, "F_SETSIG"):
        return False
    fcntl.fcntl(pipe, fcntl.F_SETOWN, whom)
    fcntl.fcntl(pipe, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)
    return True


def spare_at_hangup(pipe: int) -> None:
    """Take back what `kill_at_hangup` asked for."""
    if fcntl is not None:
        fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) & ~os.O_ASYNC)


def _exit_as_orphan(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(ORPHAN_SECONDS)
    os._exit(1)


def _exit_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def serve(
    tasks: Connection,
    results: Connection,
    function: Callable[[Any], Any],
    inputs: Sequence[Any],
    chunk_size: int,
) -> None:
    """Run as a bare worker of the floor until STOP: read a chunk's number, compute it, send the results back.

    A result is sent as HEADER and a pickle: of the chunk's results, of the process id for PROVE, of a message if the
    task raised.
    """
    begin()
    read_from, write_to = tasks.fileno(), results.fileno()
    while True:
        (number,) = MESSAGE.unpack(os.read(read_from, MESSAGE.size))
        if number == STOP:
            return
        raised = 0
        try:
            if number == PROVE:
                payload = pickle.dumps(os.getpid())
            else:
                first = number * chunk_size
                chunk = [function(value) for value in inputs[first : first + chunk_size]]
                payload = pickle.dumps(chunk, pickle.HIGHEST_PROTOCOL)
        except Exception as error:  # noqa: BLE001 - whatever a task raises is the caller's to report
            raised, payload = 1, pickle.dumps(f"{type(error).__name__}: {error}")
        message = HEADER.pack(number, len(payload), raised) + payload
        written = os.write(write_to, message)
        while written < len(message):
            written += os.write(write_to, message[written:])
