"""Colours of a terminal, where it has them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TextIO

GAIN, LOSS, TITLE = "32", "31", "1"
"""Green, red and bold, as ECMA-48 numbers them."""

Paint = Callable[[str, str], str]
"""Takes a text and what it is, one of the above; returns it as the terminal shows it so."""


def without_colour(text: str, _what: str) -> str:
    """Leave a text as it is."""
    return text


def with_colour(text: str, what: str) -> str:
    """Return a text with the codes that begin and end a colour."""
    return f"\x1b[{what}m{text}\x1b[0m"


def paint_for(out: TextIO) -> Paint:
    """Return how to paint what is written to a stream: in colour on a terminal, unless NO_COLOR or TERM forbid it."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not out.isatty()
    return without_colour if plain else with_colour
