"""What a worker of a cluster says of itself: who it is, and what it has of what its caller has."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from importlib import import_module
from types import CodeType, FunctionType
from typing import Any

from benchmarks.errors import one_line
from benchmarks.words import SUITE

OWN_MODULES = ("benchmarks.tasks", "benchmarks.worker")
"""What workers run of it."""

UNIMPORTABLE = "cannot be imported: "
"""What stands before the error of a module that is there and cannot be imported."""

SOME_CODE = "found"
"""What is said of code that is there, where nobody runs it."""

MOST_WRAPPERS = 100
"""Decorators around one function: whatever has more has no end."""

CONSTANTS = (int, float, str, bytes, type(None))
"""Types of default arguments that are the same in each process."""

CODE_DIGITS = 8

Introduction = tuple[str, int, dict[str, str]]
"""A host, a process id, and by name: releases of libraries, fingerprints of modules."""


def introduce(
    seconds: float, libraries: Sequence[str] = (), modules: Sequence[str] = (), *, loads: bool = True
) -> Introduction:
    """Return this process's host, its id, and what it has of what its caller has.

    These are the releases of Python, of this suite (by its code) and of whichever of the libraries are installed; and
    fingerprints of those of some modules that can be found; nothing is loaded where nobody `loads` code. It takes some
    seconds, so that as many of these calls at once are answered by as many workers.
    """
    import platform  # noqa: PLC0415 - interpreters that know this module without calling it need not wait for these
    from importlib import metadata  # noqa: PLC0415
    from importlib.util import find_spec  # noqa: PLC0415

    found = {"Python": platform.python_version(), SUITE: fingerprint(*OWN_MODULES) if loads else SOME_CODE}
    for name in libraries:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    for name in modules:
        try:
            if loads:
                found[name] = fingerprint(name)
            elif find_spec(name.partition(".")[0]) is not None:
                found[name] = SOME_CODE
        except Exception as error:  # noqa: BLE001 - a person's own module
            if not (isinstance(error, ModuleNotFoundError) and f"{name}.".startswith(f"{error.name}.")):
                found[name] = f"{UNIMPORTABLE}{one_line(error)}"
    time.sleep(seconds)
    return platform.node(), os.getpid(), found


def fingerprint(*names: str) -> str:
    """Return a few digits for the code of modules as it was loaded: their files may have changed since.

    Functions and classes count, data does not: it may be another in each process, such as the time of the import.
    """
    from hashlib import sha256  # noqa: PLC0415 - as above

    digest = sha256()
    for name in names:
        known: set[int] = set()
        for _, value in sorted(vars(import_module(name)).items()):
            if getattr(value, "__module__", None) == name:
                for part in _code_of(value, known):
                    digest.update(part)
    return digest.hexdigest()[:CODE_DIGITS]


def _code_of(value: Any, known: set[int]) -> Iterator[bytes]:
    """Yield what a function, a class or a piece of code is made of, once each."""
    if id(value) in known:
        return
    known.add(id(value))
    if isinstance(value, type):
        for _, part in sorted(vars(value).items()):
            yield from _code_of(part, known)
        return
    if isinstance(value, property):
        for part in (value.fget, value.fset, value.fdel):
            yield from _code_of(part, known)
        return
    for _ in range(MOST_WRAPPERS):  # by decorators, or as a static method
        value = getattr(value, "__wrapped__", value)
    yield repr([part for part in _defaults(value) if isinstance(part, CONSTANTS)]).encode()
    code = getattr(value, "__code__", value)
    if isinstance(code, CodeType):
        yield code.co_code
        yield repr(code.co_names).encode()
        for part in code.co_consts:
            if isinstance(part, CodeType):
                yield from _code_of(part, known)
            else:  # a set's order is another in each process
                yield repr(sorted(part, key=repr) if isinstance(part, frozenset) else part).encode()


def _defaults(value: Any) -> list[Any]:
    """Return a function's default arguments, in the order of the parameters."""
    if not isinstance(value, FunctionType):
        return []
    return [*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()]
