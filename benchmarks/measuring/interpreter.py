"""An interpreter that has just started: what a script has, and what may hang or be wrecked without harm."""

from __future__ import annotations

import os
import pickle
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from benchmarks.interrupts import SIGNALS
from benchmarks.worker import kill_at_hangup, spare_at_hangup

LENGTH = struct.Struct("<Q")


ENDING_SECONDS = 10.0
"""What an interpreter gets to end by itself once its pipes are closed; then it is killed."""


class FreshError(Exception):
    """The interpreter of a run ended without an answer."""


class Interpreter:
    """The caller's end: an interpreter that calls one function, which talks back through a `Caller`."""

    def __init__(self, module: str, function: str, argument: str, first: Sequence[str] = ()) -> None:
        """Say which function it is to call, with which command-line argument; nothing is started yet.

        Where it is to import some modules `first`, before all else, the function is given the seconds that took.
        """
        code = f"from {module} import {function}; {function}()"
        if first:
            before = f"from time import perf_counter as clock; begun = clock(); import {', '.join(first)}"
            code = f"{before}; seconds = clock() - begun; from {module} import {function}; {function}(seconds)"
        # -P: not from the folder that it is started in, which may have a package of the suite's name
        self._command = [sys.executable, "-P", "-c", code, argument]
        self._process: subprocess.Popen[bytes] | None = None
        self._previous: subprocess.Popen[bytes] | None = None

    def renew(self) -> None:
        """Start another one, and let the one before end meanwhile: to wait for three in turn took 90 ms of 250.

        It is not killed: what it keeps in temporary files would stay there.
        """
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
        self._previous = self._process
        self.start()

    def start(self) -> None:
        """Start it."""
        root = str(Path(__file__).parents[2])
        path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        with SIGNALS.held_back():
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                env={**os.environ, "PYTHONPATH": path},
                start_new_session=True,  # Ctrl-C is for the caller, which ends this process itself
            )

    def await_ready(self) -> None:
        """Wait until it says that it is ready, and the one before has ended."""
        self._read(1)
        previous, self._previous = self._previous, None
        _end(previous)

    def ask(self) -> Any:
        """Give the word, and return the answer. Raises FreshError if there is none."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(b"!")
        (length,) = LENGTH.unpack(self._read(LENGTH.size))
        return pickle.loads(self._read(length))

    def _read(self, length: int) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        data = b""
        while len(data) < length:
            part = self._process.stdout.read(length - len(data))
            if not part:
                code = _exit_code(self._process)
                how = "it closed its pipe, and was killed" if code is None else f"exit code {code}"
                message = f"the fresh interpreter ended without an answer ({how})"
                raise FreshError(message)
            data += part
        return data

    @property
    def pid(self) -> int:
        """The id of the process that was started last."""
        assert self._process is not None
        return self._process.pid

    def exit_code(self) -> int | None:
        """Return how it ended: an exit code, or the negative number of a signal; None if it had to be killed."""
        assert self._process is not None
        return _exit_code(self._process)

    def close(self) -> None:
        """End it by closing its input, and wait for it."""
        for process in (self._previous, self._process):
            _end(process)
        self._previous = self._process = None

    def terminate(self) -> None:
        """Kill it and, in its session, its workers."""
        for process in (self._previous, self._process):
            if process is not None and hasattr(os, "killpg"):
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, 9)
        self.close()


def _end(process: subprocess.Popen[bytes] | None) -> None:
    if process is None:
        return
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    _exit_code(process)
    process.stdout.close()


def _exit_code(process: subprocess.Popen[bytes]) -> int | None:
    """Wait until a process has ended, and return its exit code; kill it and return None if it does not end."""
    try:
        return process.wait(ENDING_SECONDS)
    except subprocess.TimeoutExpired:
        return None
    finally:
        process.kill()
        process.wait()


class Caller:
    """The interpreter's end."""

    def __init__(self) -> None:
        """Keep standard input for the words and standard output for the answers: no task's reading or printing mixes.

        A task that reads finds nothing there, as in a worker of a pool.
        """
        self._words, self._reply_to = os.dup(0), os.dup(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)

    def ready(self) -> bool:
        """Say so, wait for the word, and return whether it came."""
        os.write(self._reply_to, b".")
        return self.wait()

    def wait(self) -> bool:
        """Wait for the word, and return whether it came; the caller may have gone instead."""
        return bool(os.read(self._words, 1))

    def tell(self, answer: Any) -> None:
        """Send an answer."""
        payload = pickle.dumps(answer)
        message = LENGTH.pack(len(payload)) + payload
        while message:
            message = message[os.write(self._reply_to, message) :]

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """If the caller dies meanwhile, have this interpreter and, in its session, its workers killed.

        The pipe of the answers tells, not that of the words: the kernel may still be about to signal the writing of the
        last word when its reader has gone on already, which on a busy host has killed an interpreter.
        """
        kill_at_hangup(self._reply_to, -os.getpid())
        try:
            yield
        finally:
            spare_at_hangup(self._reply_to)


def hand_over(path: Path, *parts: Any) -> None:
    """Write to a file what another interpreter is to have of this one, and where this one finds modules."""
    with path.open("wb") as file:
        for part in (sys.path, *parts):
            pickle.dump(part, file)


def handed_over(path: Path) -> Iterator[Any]:
    """Read such a file in the other interpreter; each part is loaded when it is asked for."""
    with path.open("rb") as file:
        sys.path[:] = pickle.load(file)
        # a byte that is not taken tells whether there is one more part
        while file.peek(1):
            yield pickle.load(file)
