"""Errors in one line."""

from __future__ import annotations


def one_line(error: BaseException) -> str:
    """Return an error's type and what it says, in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split()).rstrip(": ")
