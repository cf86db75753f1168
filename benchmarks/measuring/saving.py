"""Where a run goes: cell by cell into the storage, so that what ends the run costs one cell; whole when it ends.

The file that the cells go to is the run's own from the first one on, under its number, marked incomplete. At the end
the whole document takes its place. `schema` says what a document looks like.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

PROBE_BYTES = 1 << 20
"""What is written to the storage before the first cell: about a saved run."""

LONGEST_NAME = 255
"""Bytes of a file's name, on any file system that is in use."""

MOST_RUNS = 9999
"""A number has four digits, or pytest-benchmark does not find the run."""


class SavingError(Exception):
    """What cannot be written; the message is one line that says what to do."""


class Store:
    """The file of one run in a folder of the storage."""

    def __init__(self, folder: Path, name: str) -> None:
        """Say which folder, and what the run is saved as; nothing is written yet."""
        self.path: Path | None = None
        self._folder = folder
        self._name = name
        self._file: int | None = None
        self._end = 0
        self._empty = True

    def add(self, head: Callable[[], bytes], entry: bytes | None, tail: bytes, *, sync: bool) -> None:
        """Save the run so far: what is new over the former tail. The first call makes the file from `head`.

        With `sync` it is on the disk afterwards, not only with the system. Raises SavingError if that cannot be done.
        """
        try:
            if self._file is None:
                self._begin(head(), entry, tail)
            else:
                self._append(entry, tail, sync=sync)
        except OSError as error:
            raise SavingError(f"{self.path or self._folder}: {error.strerror}") from None

    def finish(self, document: bytes) -> Path:
        """Put the whole document in the place of what was saved so far, and return its path.

        Raises SavingError if that cannot be done; what was saved so far is then still there.
        """
        if self._file is not None:
            os.close(self._file)  # or Windows would not let the file be replaced
            self._file = None
        try:
            temporary = _written(self._folder, document)
            if self.path is None:
                self.path = _claimed(temporary, self._name)
            else:
                try:
                    temporary.replace(self.path)
                finally:
                    temporary.unlink(missing_ok=True)
                _sync_folder(self._folder)
        except OSError as error:
            raise SavingError(f"{self.path or self._folder}: {error.strerror}") from None
        return self.path

    def _begin(self, head: bytes, entry: bytes | None, tail: bytes) -> None:
        temporary = _written(self._folder, head + (entry or b"") + tail)
        file = os.open(temporary, os.O_WRONLY | getattr(os, "O_BINARY", 0))  # the same file, whatever its name will be
        try:
            self.path = _claimed(temporary, self._name)
        except (OSError, SavingError):
            os.close(file)
            raise
        self._file = file
        self._end = len(head) + len(entry or b"")
        self._empty = entry is None

    def _append(self, entry: bytes | None, tail: bytes, *, sync: bool) -> None:
        assert self._file is not None
        new = b"" if entry is None else (b"" if self._empty else b",\n") + entry
        # white space up to the former end: to cut the file off there would be a second step
        size = os.fstat(self._file).st_size
        _write_at(self._file, (new + tail).ljust(size - self._end), self._end)
        if sync:
            os.fsync(self._file)
        # only now: what could not be written, or brought to the disk, is written once more with the next cell
        self._end += len(new)
        self._empty = self._empty and entry is None


def _write_at(file: int, data: bytes, place: int) -> None:
    os.lseek(file, place, os.SEEK_SET)
    while data:
        data = data[os.write(file, data) :]


def _written(folder: Path, data: bytes) -> Path:
    """Write a temporary file into a folder, down to the disk, and return its path. Nothing is left on OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    path = _temporary(folder)
    try:
        with path.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        with suppress(OSError):
            path.unlink()
        raise
    return path


def _temporary(folder: Path) -> Path:
    """Return a name that nobody else has: process numbers are the same in many a container."""
    return folder / f".saving-{secrets.token_hex(8)}"


def _claimed(temporary: Path, name: str) -> Path:
    """Give a temporary file the next number that nobody has, also where others save at the same moment.

    A link fails where there is a file already, as a renaming would not; where the file system has no links, an empty
    file keeps the number for the moment.
    """
    folder = temporary.parent
    number = highest_number(folder)
    try:
        while True:
            number += 1
            path = folder / f"{number:04}_{name}.json"
            if number > MOST_RUNS:
                raise SavingError(f"{folder}: has number {MOST_RUNS}, and there is none after it: move old runs away")
            try:
                os.link(temporary, path)
            except FileExistsError:
                continue
            except (OSError, AttributeError):  # no links on this file system, or on this platform
                try:
                    path.open("xb").close()
                except FileExistsError:
                    continue
                temporary.replace(path)
            if len(list(folder.glob(f"{number:04}_*"))) > 1:  # somebody else's, under another name
                if temporary.exists():
                    path.unlink()  # to rename one link of a file to another does nothing
                else:
                    path.rename(temporary)
                continue
            _sync_folder(folder)
            return path
    finally:
        temporary.unlink(missing_ok=True)


def highest_number(folder: Path) -> int:
    """Return the highest number of the runs in a folder, 0 if there are none."""
    return max((int(path.name[:4]) for path in folder.glob("[0-9][0-9][0-9][0-9]_*")), default=0)


def _sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where a folder can be opened for that."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that what stood there stays until the new is whole; into what cannot be replaced, directly.

    Raises OSError.
    """
    target = path.resolve()
    if target.exists() and not target.is_file():
        target.write_bytes(data)
        return
    temporary = _temporary(target.parent)
    try:
        temporary.write_bytes(data)
        try:
            temporary.replace(target)
        except OSError:  # a file that something is mounted on
            target.write_bytes(data)
    finally:
        temporary.unlink(missing_ok=True)


def probe_folder(folder: Path) -> None:
    """Write about a saved run into a folder, and remove it again. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    probe = _temporary(folder)
    try:
        probe.write_bytes(bytes(PROBE_BYTES))
    finally:
        probe.unlink(missing_ok=True)


def probe_file(path: Path) -> None:
    """See whether a file can be written, without changing what it has. Raises OSError."""
    target = path.resolve()
    if not target.exists() or target.is_file():
        if target.exists():
            target.open("ab").close()
        probe_folder(target.parent)
    elif not target.is_fifo():  # to which one can write when somebody reads
        target.write_bytes(b"\n")
