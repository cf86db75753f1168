"""The processes that this one has started, and those that they have started in turn."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep

TRACKER_SECONDS = 5.0
"""What resource trackers get to remove what others have left: milliseconds, unless the machine is busy."""


@dataclass(frozen=True)
class Process:
    """A process: `started`, in the system's own ticks, tells it from a later one with the same id.

    Its `name` does not count where two are compared: a process may take another one.
    """

    pid: int
    name: str = field(compare=False)
    started: int

    def lives(self) -> bool:
        """Say whether it is still there, and not only its exit code."""
        return _read(self.pid) == self

    @property
    def tracks(self) -> bool:
        """Whether it is a resource tracker, which removes what others have left as soon as these are gone."""
        try:
            return b"resource_tracker" in Path(f"/proc/{self.pid}/cmdline").read_bytes()
        except OSError:  # it has ended, or the system has no such files
            return False

    def kill(self) -> None:
        """End it by force, if it is still there."""
        if self.lives():
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)


def descendants() -> frozenset[Process]:
    """Return the living processes below this one: children, theirs, and so on.

    Linux tells them, see `children` in proc(5); elsewhere the children of `multiprocessing` are all that is known.
    (psutil was rejected: it looks at each process of the machine, 1.5 ms where there are 75, and there may be
    thousands.)
    """
    children = multiprocessing.active_children()  # also takes the exit codes of those that have ended
    if sys.platform == "linux":
        return frozenset(below(os.getpid()))
    return frozenset(Process(child.pid, child.name, 0) for child in children if child.pid is not None)


def below(pid: int) -> Iterator[Process]:
    """Yield the living processes below another one, where the system tells them."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())  # not glob: before Python 3.13 it fails at what has ended
    except OSError:  # the process has ended, at any moment since its parent named it
        return
    for thread in threads:
        try:
            children = (thread / "children").read_text(encoding="utf-8").split()
        except OSError:  # that thread, or the process, has ended
            continue
        for child in map(int, children):
            process = _read(child)
            if process is not None:
                yield process
            yield from below(child)


def in_session(leader: int) -> Iterator[Process]:
    """Yield the living processes of a session, its leader among them, where the system tells them."""
    for path in Path("/proc").glob("[0-9]*/stat") if sys.platform == "linux" else ():
        try:
            _, _, after = path.read_text(encoding="utf-8", errors="replace").rpartition(")")
        except OSError:  # it has ended
            continue
        # the session stands fourth behind the name, see proc(5)
        process = _read(int(path.parent.name)) if int(after.split()[3]) == leader else None
        if process is not None:
            yield process


def end_session(leader: int) -> frozenset[Process]:
    """Kill a session and all that is below its leader, and return which processes these were.

    Resource trackers come last: they get a moment to remove what the others have left. Until then the
    look is repeated: a process that is about to be killed may still start another, which keeps a tracker's pipe open.
    """
    found: set[Process] = set()
    deadline = monotonic() + TRACKER_SECONDS
    while True:
        found |= {*below(leader), *in_session(leader)}
        for process in found:
            if not process.tracks:
                process.kill()
        if not any(process.lives() for process in found) or monotonic() > deadline:
            break
        sleep(0.01)
    for process in found:
        process.kill()
    return frozenset(found)


def _read(pid: int) -> Process | None:
    """Return a process by its id, None if there is none that lives."""
    if sys.platform != "linux":
        found = (child for child in multiprocessing.active_children() if child.pid == pid)
        return next((Process(pid, child.name, 0) for child in found), None)
    try:
        before, _, after = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")
    except OSError:
        return None
    # see proc(5): the name stands in brackets, and may have some itself; behind it the state, and the start as the 22nd
    state, *numbers = after.split()
    return None if state in {"Z", "X"} else Process(pid, before.partition("(")[2], int(numbers[18]))
