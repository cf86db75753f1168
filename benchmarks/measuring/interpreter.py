"""An interpreter that has just started: what a script has, and what may hang or be wrecked without harm.

It talks through its standard streams. Where a launcher starts it, these are the launcher's, so it talks through a
socket, whose path an environment variable has, and watches another one that is never written to.
"""

from __future__ import annotations

import os
import pickle
import re
import select
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, cast

from benchmarks.interrupts import SIGNALS
from benchmarks.measuring.processes import end_session
from benchmarks.worker import kill_at_hangup, spare_at_hangup

LENGTH = struct.Struct("<Q")


ENDING_SECONDS = 10.0
"""What an interpreter gets to end by itself once its pipes are closed; then it is killed."""


SOCKET = "BENCHMARKS_SOCKET"
"""The environment variable that has its path."""

LOOK_SECONDS = 0.1
"""How often one that is to connect is looked at whether it has ended instead."""

CONNECTIONS = 2

SAID = "said"
"""The file with what one that stands apart prints, in its own folder."""

LONGEST_LAST_LINE = 100
"""Letters that are shown of what it has said last."""

ERROR_LINE = re.compile(r"\w[\w.]*(Error|Exception)\b.*")
"""A line that names an error: a launcher may have something to say after it, and streams come in any order."""

LAUNCHER_SECONDS = 1.0
"""What a launcher gets to end what it has started."""


class FreshError(Exception):
    """The interpreter of a run ended without an answer, and `how`; `said` is its last line, if that is known."""

    def __init__(self, how: str, said: str = "") -> None:
        """Show of what was said no more than has room in a line."""
        shown = f"{how}: {said[:LONGEST_LAST_LINE]}" if said else how
        super().__init__(f"the fresh interpreter ended without an answer ({shown})")
        self.how = how
        self.said = said


class Interpreter:
    """The caller's end: an interpreter that calls one function, which talks back through a `Caller`."""

    def __init__(  # noqa: PLR0913 - what an interpreter is
        self,
        module: str,
        function: str,
        argument: str,
        first: Sequence[str] = (),
        *,
        launcher: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        apart: bool = False,
    ) -> None:
        """Say which function it is to call, with which command-line argument; nothing is started yet.

        Where it is to import some modules `first`, before all else, the function is given the seconds that took. A
        `launcher` is a command that starts it with the code that is added; `environment` has variables to be set. One
        that stands `apart` has a folder of its own for temporary files, which goes when it ends, however it ends; what
        it prints is in a file there, since clusters log much, and is said only where it ends without an answer.
        """
        code = f"from {module} import {function}; {function}()"
        if first:
            before = f"from time import perf_counter as clock; begun = clock(); import {', '.join(first)}"
            code = f"{before}; seconds = clock() - begun; from {module} import {function}; {function}(seconds)"
        # -P: not from the folder that it is started in, which may have a package of the suite's name
        self._command = [*(launcher or (sys.executable, "-P")), "-c", code, argument]
        self._kind = _Launched if launcher else _Started
        self._environment = environment or {}
        self._apart = apart
        self._started: _Started | None = None
        self._previous: _Started | None = None

    def renew(self) -> None:
        """Start another one, and let the one before end meanwhile: to wait for three in turn took 90 ms of 250.

        It is not killed: what it keeps in temporary files would stay there.
        """
        if self._started is not None:
            self._started.hang_up()
        self._previous = self._started
        self.start()

    def start(self) -> None:
        """Start it."""
        root = str(Path(__file__).parents[2])
        path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        environment = {**os.environ, "PYTHONPATH": path, **self._environment}
        with SIGNALS.held_back():
            folder = TemporaryDirectory(prefix="apart-", ignore_cleanup_errors=True) if self._apart else None
            self._started = self._kind(self._command, environment, folder)

    def await_ready(self) -> None:
        """Wait until it says that it is ready, and the one before has ended."""
        self._now.connect()
        self._read(1)
        previous, self._previous = self._previous, None
        if previous is not None:
            previous.end()

    def ask(self) -> Any:
        """Give the word, and return the answer. Raises FreshError if there is none."""
        self.say(b"!")
        return self.answer()

    def say(self, word: bytes) -> None:
        """Give a word of one byte. Raises FreshError if nobody hears it."""
        try:
            self._now.words.write(word)
        except OSError:  # a pipe, or a socket, whose other end is closed
            raise self._now.gone() from None

    def answer(self) -> Any:
        """Return what it tells. Raises FreshError if it ends instead."""
        (length,) = LENGTH.unpack(self._read(LENGTH.size))
        return pickle.loads(self._read(length))

    def _read(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            try:
                part = self._now.answers.read(length - len(data))
            except ConnectionError:  # a socket whose other end has been reset
                part = b""
            if not part:
                raise self._now.gone()
            data += part
        return data

    @property
    def _now(self) -> _Started:
        assert self._started is not None
        return self._started

    @property
    def pid(self) -> int:
        """The id of the process that was started last."""
        return self._now.process.pid

    def exit_code(self) -> int | None:
        """Return how it ended: an exit code, or the negative number of a signal; None if it had to be killed."""
        return self._now.exit_code()

    def close(self) -> None:
        """End it by closing its input, and wait for it."""
        for started in (self._previous, self._started):
            if started is not None:
                started.end()
        self._previous = self._started = None

    def terminate(self) -> None:
        """Kill it, its session, and what it has started otherwise."""
        for started in (self._previous, self._started):
            if started is not None:
                started.kill()
        self.close()


class _Started:
    """One that was started, and the pipes to it."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], folder: TemporaryDirectory[str] | None
    ) -> None:
        """Start it."""
        self.folder: TemporaryDirectory[str] | None = folder
        with ExitStack() as held:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=None if folder is None else held.enter_context(Path(folder.name, SAID).open("wb")),
                bufsize=0,
                env=environment if folder is None else {**environment, "TMPDIR": folder.name},
                start_new_session=True,  # Ctrl-C is for the caller, which ends this process itself
            )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.words: IO[bytes] = self.process.stdin
        self.answers: IO[bytes] = self.process.stdout

    def connect(self) -> None:
        """Wait until there is somebody to talk to."""

    def hang_up(self) -> None:
        """Let it end."""
        self.words.close()

    def gone(self) -> FreshError:
        """Return what to raise of one that does not answer any more."""
        code = self.exit_code()
        how = "it closed its pipe, and was killed" if code is None else f"exit code {code}"
        return FreshError(how, self.said())

    def said(self) -> str:
        """Return the last line that it has printed which names an error, else its last one with a letter in it."""
        if self.folder is None:
            return ""
        text = Path(self.folder.name, SAID).read_text(encoding="utf-8", errors="replace")
        lines = [" ".join(line.split()) for line in text.splitlines() if re.search(r"\w", line)]
        errors = [line for line in lines if ERROR_LINE.fullmatch(line)]
        return next(reversed(errors or lines), "")

    def exit_code(self) -> int | None:
        """Wait until it has ended, and return its exit code; kill it and return None if it does not end."""
        try:
            return self.process.wait(ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            return None
        finally:
            self.process.kill()
            self.process.wait()

    def kill(self) -> None:
        """Kill it, its session, and what it has started outside of that; resource trackers may do their work first."""
        if not end_session(self.process.pid) and hasattr(os, "killpg"):  # all have ended, or the system does not tell
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, 9)
        self.process.kill()

    def end(self) -> None:
        """Hang up, and wait until it has ended."""
        self.hang_up()
        self.exit_code()
        self.answers.close()
        if self.folder is not None:
            self.folder.cleanup()


class _Launched(_Started):
    """One that was started by a launcher, and the sockets to it."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], folder: TemporaryDirectory[str] | None
    ) -> None:
        """Listen, and start it."""
        self.folder: TemporaryDirectory[str] = folder or TemporaryDirectory(prefix="apart-", ignore_cleanup_errors=True)
        path = str(Path(self.folder.name) / "socket")
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(path)
        self._listening.listen(CONNECTIONS)
        self._listening.settimeout(LOOK_SECONDS)
        self._connections: list[socket.socket] = []
        with Path(self.folder.name, SAID).open("wb") as said:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                env={**environment, "TMPDIR": self.folder.name, SOCKET: path},
                start_new_session=True,
            )

    def connect(self) -> None:
        """Wait until it has connected, to talk and to watch."""
        while len(self._connections) < CONNECTIONS:
            try:
                connection, _ = self._listening.accept()
            except TimeoutError:
                if self.process.poll() is not None:
                    raise self.gone() from None
            else:
                connection.setblocking(True)  # noqa: FBT003 - its only argument
                self._connections.append(connection)
        self.words = self.answers = cast("IO[bytes]", self._connections[0].makefile("rwb", buffering=0))

    def kill(self) -> None:
        """Have the launcher end what it has started, and clean up, before it is killed itself."""
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(LAUNCHER_SECONDS)
        super().kill()

    def hang_up(self) -> None:
        """Let it end: both ends of talking close."""
        for connection in self._connections:
            with suppress(OSError):  # it has hung up first
                connection.shutdown(socket.SHUT_WR)

    def end(self) -> None:
        """Hang up, wait until it has ended, and stop listening."""
        self.hang_up()
        self.exit_code()
        for one in (*self._connections, self._listening):
            one.close()
        if len(self._connections) == CONNECTIONS:
            self.answers.close()
        self.folder.cleanup()


class Caller:
    """The interpreter's end."""

    def __init__(self) -> None:
        """Keep standard input for the words and standard output for the answers: no task's reading or printing mixes.

        A task that reads finds nothing there, as in a worker of a pool.
        """
        path = os.environ.pop(SOCKET, None)
        if path is not None:
            self._sockets = [socket.socket(socket.AF_UNIX) for _ in range(CONNECTIONS)]
            for one in self._sockets:
                one.connect(path)
            self._words = self._reply_to = self._sockets[0].fileno()
            self._watched = self._sockets[1].fileno()
            return
        self._words, self._reply_to = os.dup(0), os.dup(1)
        self._watched = self._reply_to
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)

    def ready(self) -> bool:
        """Say so, wait for the word, and return whether it came."""
        self.say_ready()
        return self.wait()

    def say_ready(self) -> None:
        """Say so."""
        os.write(self._reply_to, b".")

    def wait(self) -> bool:
        """Wait for the word, and return whether it came; the caller may have gone instead."""
        return bool(self.word())

    def word(self) -> bytes:
        """Wait for a word, and return it; empty if the caller has gone instead."""
        return os.read(self._words, 1)

    def tell(self, answer: Any) -> None:
        """Send an answer."""
        payload = pickle.dumps(answer)
        message = LENGTH.pack(len(payload)) + payload
        while message:
            message = message[os.write(self._reply_to, message) :]

    @contextmanager
    def guarded(self, *, alone: bool = False) -> Iterator[None]:
        """If the caller dies meanwhile, have this interpreter and, in its session, its workers killed.

        Or it `alone`, where what it has started ends with it, but for a resource tracker, which removes what is left.

        The pipe of the answers tells, or a socket of its own, not that of the words: the kernel may still be about to
        signal the writing of the last word when its reader has gone on already, which on a busy host has killed an
        interpreter.
        """
        whom = os.getpid() if alone else -os.getpid()
        # the caller may have died before the kernel was asked
        if kill_at_hangup(self._watched, whom) and _hung_up(self._watched):
            os.kill(whom, signal.SIGKILL)
        try:
            yield
        finally:
            spare_at_hangup(self._watched)


def _hung_up(descriptor: int) -> bool:
    """Say whether nobody is left at the other end of a pipe or a socket."""
    ends = select.poll()
    ends.register(descriptor, 0)  # that it has ended is told in any case
    return bool(ends.poll(0))


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
