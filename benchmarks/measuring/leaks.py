"""What a cell must give back: processes, threads, file descriptors, shared memory."""

from __future__ import annotations

import gc
import os
import re
import threading
from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from time import monotonic, sleep

from benchmarks.environment import SHARED_FOLDER
from benchmarks.measuring.processes import descendants
from benchmarks.measuring.watch import CellError

GRACE_SECONDS = 0.5
"""How long what is on its way out may take: threads that feed queues, segments that other runs are about to unlink."""

SEGMENT = "shared memory "


class Leaks:
    """What there is before a cell; what is there after it, and was not before, is left behind."""

    def __init__(self) -> None:
        """Look before the cell."""
        self.processes = descendants()
        self._threads = frozenset(threading.enumerate())
        self._descriptors = _descriptors()
        self._memory = shared_memory()

    def check(self, leaves: Iterable[str] = ()) -> None:
        """Look after the cell; raise CellError naming what is left, but for what fits a pattern of `leaves`."""
        gc.collect()  # pools hold their pipes in reference cycles
        deadline = monotonic() + GRACE_SECONDS
        patterns = tuple(leaves)
        left = [what for what in self._left() if not any(fnmatchcase(what, pattern) for pattern in patterns)]
        while left and monotonic() < deadline:
            sleep(0.02)
            left = self._still(left)  # what has come since is another program's
        unused = [what for what in left if not _used_elsewhere(what, [os.getpid()])]
        left = self._still(unused)  # some may have ended since
        if left:
            raise CellError(f"left behind: {', '.join(left)}")

    def _still(self, left: list[str]) -> list[str]:
        now = self._left()
        return [what for what in left if what in now]

    def _left(self) -> list[str]:
        """Name what is there now and was not before."""
        descriptors = {number: name for number, name in _descriptors().items() if number not in self._descriptors}
        threads = frozenset(threading.enumerate()) - self._threads
        processes = sorted(descendants() - self.processes, key=lambda process: process.pid)
        return [
            *(f"process {process.pid} ({process.name})" for process in processes),
            *(f"thread {thread.name}" for thread in threads),
            *(f"file descriptor {number} ({name})" for number, name in descriptors.items()),
            *(f"{SEGMENT}{name}" for name in sorted(shared_memory() - self._memory)),
        ]


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


def shared_memory() -> frozenset[str]:
    """Return the names of this user's shared memory and semaphores, where the system has a folder of them."""
    if not SHARED_FOLDER.is_dir():
        return frozenset()
    return frozenset(path.name for path in SHARED_FOLDER.iterdir() if _is_ours(path))


def unused_memory(before: frozenset[str], own: Iterable[int] = ()) -> list[str]:
    """Return the names of shared memory that was not there before, and that no program uses.

    This process does not count, nor do those whose ids are `own`.
    """
    ours = (os.getpid(), *own)
    return sorted(name for name in shared_memory() - before if not _used_elsewhere(f"{SEGMENT}{name}", ours))


def _is_ours(path: Path) -> bool:
    try:
        return path.stat().st_uid == os.getuid()
    except OSError:  # unlinked a moment ago
        return False


def _used_elsewhere(what: str, ours: Collection[int]) -> bool:
    """Say whether it is shared memory that another program uses, none of our own processes."""
    if not what.startswith(SEGMENT):
        return False
    path = SHARED_FOLDER / what.removeprefix(SEGMENT)
    # loky and joblib name what they make after the process that made it
    makers = {int(part) for part in re.split("[_-]", path.name) if part.isdigit()}.difference(ours)
    if any(Path("/proc", str(maker)).exists() for maker in makers):
        return True
    try:
        inode = path.stat().st_ino
    except OSError:  # unlinked a moment ago
        return True
    return any(_uses(process, inode) for process in Path("/proc").glob("[0-9]*") if int(process.name) not in ours)


def _uses(process: Path, inode: int) -> bool:
    """Say whether a process has mapped a file, or holds it open.

    By its number: the C library makes a semaphore under another name, which is what the list of mapped files has.
    """
    try:
        lines = (process / "maps").read_text(encoding="utf-8", errors="replace").splitlines()
        # see proc(5): addresses, rights, offset, device, inode, path
        if any(line.split(None, 5)[4] == str(inode) and str(SHARED_FOLDER) in line for line in lines):
            return True
        return any(entry.stat().st_ino == inode for entry in (process / "fd").iterdir())
    except OSError:  # it has ended, or belongs to somebody else
        return False
