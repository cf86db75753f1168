"""The task functions: what worker processes run.

Spawned workers import this module to find their task, so it imports nothing: the class of a workload alone, a
dataclass, would add 10 ms to the start of each worker, and with it to each number of the startup family.
"""

from __future__ import annotations


def count(iterations: int) -> int:
    """Add up the integers below `iterations` in a plain loop: pure bytecode, no memory traffic, holds the GIL."""
    total = 0
    for number in range(iterations):
        total += number
    return total


def sleep(milliseconds: int) -> int:
    """Wait, as for a disk or another machine, without the GIL and without computing."""
    import time

    time.sleep(milliseconds / 1000)
    return milliseconds


def hash_mebibytes(mebibytes: int) -> str:
    """Hash that much: computing, for which hashlib gives the GIL back."""
    import hashlib

    block = bytes(1 << 20)
    state = hashlib.sha256()
    for _ in range(mebibytes):
        state.update(block)
    return state.hexdigest()


def checksum(data: bytes) -> int:
    """Return a checksum of bytes: the cheapest proof that all of them have come."""
    import zlib

    return zlib.adler32(data)


def make_bytes(seed_and_size: tuple[int, int]) -> bytes:
    """Return that many bytes of one value."""
    seed, size = seed_and_size
    return bytes([seed]) * size


def checksum_part(shared_and_bounds: tuple[bytes, int, int]) -> int:
    """Return a checksum of one part of an object that all tasks share."""
    shared, begin, end = shared_and_bounds
    return checksum(shared[begin:end])


BROKEN = 3
"""The task that breaks: neither the first nor the last."""


def raise_once(value: int) -> int:
    """Return the argument, except for one task, which raises."""
    if value == BROKEN:
        message = f"task {value} is broken"
        raise ValueError(message)
    return value


def kill_once(value: int) -> int:
    """Return the argument, except for one task, which kills its process, as the system does when memory runs out."""
    if value == BROKEN:
        import os
        import signal
        import sys

        if sys.platform == "win32":
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            os.kill(os.getpid(), signal.SIGKILL)
    return value


def unpicklable_once(value: int) -> object:
    """Return the argument, except for one task, whose result cannot be sent back."""
    return (lambda: value) if value == BROKEN else value


def nothing(value: int) -> int:
    """Return the argument: what is left is the price of the call."""
    return value


def import_heavy(value: int) -> int:
    """Return the argument, from a process that has imported a large part of the standard library.

    The import runs once in a process, as that of a real task's module would. Under fork the caller's modules are
    inherited, so whoever uses this workload imports them in the caller too (`load_heavy_modules` is its ballast).
    """
    load_heavy_modules()
    return value


def load_heavy_modules() -> None:
    """Import some 200 modules of the standard library, which takes about 0.13 s where little is loaded yet."""
    import asyncio  # noqa: F401
    import concurrent.futures.process  # noqa: F401
    import ctypes  # noqa: F401
    import decimal  # noqa: F401
    import email.mime.multipart  # noqa: F401
    import http.server  # noqa: F401
    import logging.config  # noqa: F401
    import sqlite3  # noqa: F401
    import unittest.mock  # noqa: F401
    import urllib.request  # noqa: F401
    import xml.dom.minidom  # noqa: F401
    import xmlrpc.client  # noqa: F401
