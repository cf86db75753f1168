"""One measuring run on a machine at a time: two would measure each other."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no flock
    fcntl = None  # type: ignore[assignment]


LOCK = "BENCHMARKS_LOCK"
"""The environment variable that names another file as the lock. An option of this suite that takes a path is not safe
from pytest: before it knows the option, it takes a path that exists for something to test."""


NO_LINK = getattr(os, "O_NOFOLLOW", 0)
"""Anybody may put a link under a name in a shared folder, to a file that must not be written to."""


def lock_path() -> Path:
    """Return the file by which two measuring runs exclude each other."""
    return Path(os.environ.get(LOCK) or Path(tempfile.gettempdir()) / "process-pool-benchmarks.lock")


class LockedError(Exception):
    """Another run holds the lock."""


class MachineLock:
    """A lock that the kernel releases with its holder; the file that carries it holds the holder's process id."""

    def __init__(self, path: Path) -> None:
        """Take the lock, or raise LockedError naming the other process. OSError if the file cannot be opened."""
        self._file: int | None = None
        if fcntl is None:
            return
        try:
            # without O_CREAT first: in a sticky folder the kernel may refuse it for another user's file
            file = os.open(path, os.O_RDWR | NO_LINK)
        except FileNotFoundError:
            file = os.open(path, os.O_RDWR | os.O_CREAT | NO_LINK, 0o666)
            os.fchmod(file, 0o666)  # whatever the umask: the machine's other users must be able to lock it
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(file, 20).decode(errors="replace").strip() or "unknown"
            os.close(file)
            message = f"process {holder} is measuring on this machine (lock {path}): wait until it has ended"
            raise LockedError(message) from None
        os.truncate(file, 0)
        os.write(file, f"{os.getpid()}\n".encode())
        self._file = file

    def release(self) -> None:
        """Let others measure. The file stays: removing it would let two runs lock two files of one name."""
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)
            os.close(self._file)
            self._file = None
