"""A program at the command line: what it prints gets there, or one line says why not."""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Callable, Sequence
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
