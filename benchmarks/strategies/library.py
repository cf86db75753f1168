"""A third-party library that brings an engine: whether it is here, which release, and what to do if it is not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import import_module, metadata

from benchmarks.errors import one_line

NO_RELEASE = "0"
"""What a library is that does not say which release it is: too old, and to be installed again."""


@dataclass(frozen=True)
class Library:
    """A library by the name that it is installed by, which is also that of the suite's extra for it.

    `least` is the oldest release that its strategies were tried with.
    """

    name: str
    least: str

    @property
    def version(self) -> str | None:
        """The installed release, None if there is none."""
        return _version(self.name)

    def trouble(self, modules: tuple[str, ...]) -> str | None:
        """Import modules of it, and return why they cannot be used, in one line; None if they can."""
        return _trouble(self, modules)


@cache
def _version(name: str) -> str | None:
    try:
        return metadata.version(name) or NO_RELEASE
    except metadata.PackageNotFoundError:
        return None
    except KeyError:  # half of what pip has written about it is gone
        return NO_RELEASE


@cache
def _trouble(library: Library, modules: tuple[str, ...]) -> str | None:
    version = library.version
    remedy = f"pip install -e '.[{library.name}]'"
    if version is None:
        return f"{library.name} is not installed: {remedy}"
    if _numbers(version) < _numbers(library.least):
        return f"{library.name} {version} is too old, {library.least} is the oldest that was tried: {remedy}"
    try:
        for module in modules:
            import_module(module)
    except Exception as error:  # noqa: BLE001 - whatever the import of somebody else's package raises
        return f"{library.name} {version} cannot be imported ({one_line(error)}): {remedy} --force-reinstall"
    return None


def _numbers(version: str) -> tuple[int, ...]:
    """Return the numbers that a version begins with: 1.6.0rc1 has 1, 6 and 0.

    (packaging knows all that a version may say; it is no module that each fresh interpreter should wait for.)
    """
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, found.group().split("."))) if found else ()
