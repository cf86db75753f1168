"""Samples side by side: what each has in each cell, and how that differs from the first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from tabulate import tabulate

from benchmarks.report.compare import Comparison
from benchmarks.report.judge import Change, Verdict
from benchmarks.report.tables import plain
from benchmarks.report.units import percent, wrapped
from benchmarks.report.verdicts import amount, inside, quantity

WORDS = {
    Verdict.REGRESSED: "WORSE",
    Verdict.IMPROVED: "better",
    Verdict.UNCHANGED: "same",
    Verdict.INCONCLUSIVE: "unclear",
}


def matrix_lines(
    names: Sequence[str], results: Sequence[Comparison], width: int, table_format: str | None = None
) -> Iterator[str]:
    """Yield a table of cells by samples; `results` compare each sample after the first with the first.

    A cell that a sample lacks is a gap; a word stands behind a number that is judged, and a change behind the word
    where the cell's pool changed.
    """
    for name, result in zip(names[1:], results, strict=True):
        if not result.nulls_hold:
            off = result.nulls - result.nulls_held
            yield from wrapped(f"{name}: not judged, {off} of {result.nulls} null rows are out of bounds", width)
        for difference in result.differences:
            yield from wrapped(f"{name}: not judged, {difference}", width)
    yield from wrapped(
        f"Each is judged against {names[0]}: WORSE and better where a strategy's cells changed as a whole, same within "
        f"{percent(results[0].rule.margin)}, unclear.",
        width,
    )
    found = [{(cell.cell, cell.quantity): cell for cell in result.cells} for result in results]
    keys = {key: cell for cells in found for key, cell in cells.items()}
    for title, cells in groupby(sorted(keys.values(), key=_title), key=_title):
        yield ""
        yield title
        rows = [
            [
                inside(cell.cell or ""),
                next((amount(others[key], others[key].base) for others in found if key in others), "-"),
                *[_text(others.get(key), result) for others, result in zip(found, results, strict=True)],
            ]
            for cell in cells
            for key in [(cell.cell, cell.quantity)]
        ]
        yield from tabulate(
            rows,
            ["cell", *names],
            tablefmt=table_format or plain("  "),
            disable_numparse=True,
            colalign=["left", *["right"] * len(names)],
        ).splitlines()


def _title(cell: Change) -> str:
    return f"{cell.family}: {quantity(cell)}"


def _text(cell: Change | None, result: Comparison) -> str:
    if cell is None:
        return "-"
    number = amount(cell, cell.new)
    if not result.judged:
        return number
    word = WORDS[cell.verdict]
    return f"{number} {word} {percent(abs(cell.share(cell.change)))}" if cell.verdict.sure else f"{number} {word}"
