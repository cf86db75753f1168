"""Tables of samples side by side, as wide as the terminal allows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tabulate import TableFormat, tabulate

from benchmarks.report.tables import plain

DOUBT = "unclear"


@dataclass(frozen=True)
class Text:
    """What a table has of a sample: a number, the word for its verdict, and all there is to say of both.

    Where there is little room the word alone stands behind the number, and none where it is a doubt.
    """

    number: str
    word: str
    whole: str | None = None


Rows = list[tuple[str, list[Text]]]
"""What stands at the left of a row, and a text for each sample."""


@dataclass(frozen=True)
class GridStyle:
    """How a table is set: `grouped` has what stands at the left on lines of its own, `terse` not all that is known."""

    table_format: str | TableFormat
    grouped: bool = False
    terse: bool = False


GRID_STYLES = (
    GridStyle(plain("  ")),
    GridStyle(plain("  "), grouped=True),
    GridStyle(plain("  "), grouped=True, terse=True),
)
"""From the widest to the narrowest; the first that fits is taken."""


def fitted(head: str, rows: Rows, titles: Sequence[str], width: int, table_format: str | None) -> list[str]:
    """Set a table in the first style that fits, else in the last; in a format of tabulate's it has its own width."""
    lines: list[str] = []
    for style in GRID_STYLES if table_format is None else (GridStyle(table_format),):
        lines = list(_styled(head, rows, titles, style))
        if max(map(len, lines)) <= width:
            break
    return lines


def _styled(head: str, rows: Rows, titles: Sequence[str], style: GridStyle) -> Iterator[str]:
    def written(text: Text) -> str:
        if not style.terse:
            return text.whole or text.number
        return text.number if text.word == DOUBT else f"{text.number} {text.word}".strip()

    body = [[written(text) for text in texts] for _, texts in rows]
    if not style.grouped:
        named = [[name, *texts] for (name, _), texts in zip(rows, body, strict=True)]
        yield from set_table(named, [head, *titles], style.table_format)
        return
    first, *lines = set_table(body, titles, style.table_format, left=0)
    yield first
    for (name, _), line in zip(rows, lines, strict=True):
        yield name
        yield line


def set_table(
    rows: Sequence[Sequence[str]], head: Sequence[str], table_format: str | TableFormat, left: int = 1
) -> list[str]:
    """Set a table, the first `left` columns against the left."""
    alignment = ["left"] * left + ["right"] * (len(head) - left)
    text = tabulate(rows, head, tablefmt=table_format, disable_numparse=True, colalign=alignment)
    return [line.rstrip() for line in text.splitlines()]
