"""A program at the command line: what it prints gets there, or one line says why not."""

from __future__ import annotations

import gc
import io
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TextIO

OK, FAULT, INTERRUPTED, BROKEN_PIPE = 0, 2, 130, 141
"""The last two are what a shell makes of SIGINT and SIGPIPE."""


def run_program(main: Callable[[Sequence[str], TextIO, TextIO], int]) -> int:
    """Call a program's `main` with the command line, and return its exit code; nothing ends in a traceback.

    An uncaught exception would end with 1, which says that something regressed. Characters that the terminal does not
    have are written as escapes.
    """
    if sys.stdout is None or sys.stderr is None:  # closed by whoever started this
        return FAULT if sys.stderr is None else _told("standard output is closed: give it somewhere to go")
    gc.disable()  # a report makes no cycles to speak of; to look for them takes a tenth of its time
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = main(sys.argv[1:], sys.stdout, sys.stderr)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough, and nobody the verdict
        _forget(sys.stdout)
        return BROKEN_PIPE
    except OSError as error:
        _forget(sys.stdout)
        return _told(f"{error.filename or 'standard output'}: {error.strerror or error}")
    except KeyboardInterrupt:
        _told("interrupted")
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not read as a verdict
        return _told(f"this program has a fault: {type(error).__name__}: {' '.join(str(error).split())}")
    return code


def python() -> str:
    """Return how to call this interpreter from this folder, for a shell."""
    found = shutil.which("python")
    if not sys.executable:  # embedded, or lost
        return "python"
    if found is not None and Path(found).samefile(sys.executable) and _same_environment(found):
        return "python"
    path = Path(sys.executable)
    return shlex.quote(os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path))


def _same_environment(other: str) -> bool:
    """Say whether another path to this very interpreter stands in the same virtual environment."""
    return Path(other).parent.resolve() == Path(sys.executable).parent.resolve()


def _told(message: str) -> int:
    try:
        print(f"error: {message}", file=sys.stderr)
        sys.stderr.flush()
    except OSError:  # nobody can be told
        _forget(sys.stderr)
    return FAULT


def _forget(stream: TextIO) -> None:
    """Drop what is still in a stream's buffer: it must not fail once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
