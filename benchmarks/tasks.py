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
