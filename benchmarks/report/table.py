"""Tables as text: the widest of several that fits the terminal, set by tabulate."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from tabulate import DataRow, TableFormat, tabulate

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
"""What colours a text in a terminal, and takes no room there."""


@dataclass(frozen=True)
class Table:
    """A table, all texts.

    Titles may have several lines. `left` are the columns, by number, that stand against the left. `above` has a text
    for each row that stands on a line of its own above it, once for all rows in a row that share it; an empty one does
    not.
    `gap` stands between columns.
    """

    titles: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: Collection[int] = (0,)
    above: Sequence[str] = ()
    gap: str = "  "

    def lines(self) -> list[str]:
        """Return the lines, without rules."""
        # titles of several lines are rows of their own: tabulate breaks lines in its named formats only
        split = [title.split("\n") for title in self.titles]
        height = max(map(len, split))
        head = zip(*([""] * (height - len(lines)) + lines for lines in split), strict=True)
        text = tabulate(
            [*map(list, head), *self.rows], tablefmt=_plain(self.gap), disable_numparse=True, colalign=self._alignment
        )
        lines = [line.rstrip() for line in text.splitlines()]
        out = lines[:height]
        for place, line in enumerate(lines[height:]):
            if self.above and self.above[place] and (not place or self.above[place] != self.above[place - 1]):
                out.append(self.above[place])
            out.append(line)
        return out

    def formatted(self, table_format: str) -> list[str]:
        """Return the lines in one of tabulate's formats, titles on one line."""
        titles = [title.replace("-\n", "").replace("\n", " ").strip() for title in self.titles]
        text = tabulate(self.rows, titles, table_format, disable_numparse=True, colalign=self._alignment)
        return [line.rstrip() for line in text.splitlines()]

    @property
    def _alignment(self) -> list[str]:
        return ["left" if place in self.left else "right" for place in range(len(self.titles))]


def _plain(gap: str) -> TableFormat:
    row = DataRow("", gap, "")
    return TableFormat(None, None, None, None, row, row, padding=0, with_header_hide=None)


def fitted(tables: Iterable[Table], width: int, table_format: str | None = None) -> list[str]:
    """Return the lines of the first table that fits, else of the last; in a format of tabulate's, of the first.

    `tables` come from the widest to the narrowest.
    """
    lines: list[str] = []
    for table in tables:
        if table_format is not None:
            return table.formatted(table_format)
        lines = table.lines()
        if max(len(COLOUR.sub("", line)) for line in lines) <= width:
            break
    return lines
