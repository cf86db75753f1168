"""What a comparison found, in one sentence, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.report import units
from benchmarks.report.causes import OWN_CAUSES
from benchmarks.report.changes import interval, quantity, signed, strategy
from benchmarks.report.compare import LEAST_RUNS, Comparison
from benchmarks.report.judge import MOST_RUNS_NEEDED, Change, Verdict
from benchmarks.report.phrases import either
from benchmarks.report.units import counted

MOST_NAMED = 3
"""Strategies that are named one by one."""


def finding(result: Comparison) -> str:
    """Return the sentence: what must be known first, and then what to do."""
    if result.differences:
        return (
            f"NOT COMPARABLE: {'; '.join(result.differences)}. Measure both sides alike, or allow the difference with "
            "--across."
        )
    if not result.groups:
        families = dict.fromkeys(row.family for row in result.biased)
        why = f"the measurement favours an arm in {either(list(families), 'and')}" if families else "no test in common"
        return f"NOTHING JUDGED: {why}. Measure both sides again."
    if not result.enough:
        found = len(result.standing_out)
        what = f"{found} of {counted(len(result.groups), 'test')} stand out" if found else "nothing stands out"
        return f"NO VERDICT (needs {LEAST_RUNS} runs on each side): {what}."
    return " ".join(_judged(result))


def _judged(result: Comparison) -> Iterator[str]:
    better = [group for group in result.groups if group.verdict is Verdict.IMPROVED and group.cause in OWN_CAUSES]
    others = [group for group in result.groups if group.verdict.sure and group.cause not in OWN_CAUSES]
    if result.regressed:
        yield f"REGRESSED: {_named(result.regressed)}. The cells below say where."
    else:
        yield "No strategy is known to have regressed."
    if better:
        yield f"IMPROVED: {_named(better)}."
    if result.unclear:
        yield (
            f"{counted(len(result.unclear), 'test')} got worse, but it is unclear whether the strategy is the cause: "
            "take more runs."
        )
    moved = len(others) - len(result.unclear)
    if moved:
        yield f"{counted(moved, 'test')} changed, but not clearly because of the strategy, which fails nothing."
    yield from _open(result)


def _open(result: Comparison) -> Iterator[str]:
    """Say what is not known, and what would tell it."""
    unsure = [group for group in result.groups if group.verdict is Verdict.INCONCLUSIVE]
    margin = units.percent(result.rule.margin)
    if unsure:
        needed = max(group.runs_needed or MOST_RUNS_NEEDED + 1 for group in unsure)
        runs = f"more than {MOST_RUNS_NEEDED}" if needed > MOST_RUNS_NEEDED else f"up to {needed}"
        yield (
            f"{len(unsure)} of {counted(len(result.groups), 'test')} inconclusive: detecting a change of {margin} "
            f"takes {runs} runs on each side."
        )
    elif all(group.verdict is Verdict.UNCHANGED for group in result.groups):
        yield f"All {counted(len(result.groups), 'test')} unchanged within {margin}."
    lost = len(result.vanished) + len(result.failed) + len(result.missing)
    left_out = [
        *dict.fromkeys(f"{row.family} (biased)" for row in result.biased),
        *([f"{counted(lost, 'cell')} that failed or are missing"] if lost else []),
        *(["what some runs do not report"] if result.lacking else []),
    ]
    if left_out:
        yield f"Not judged: {either(left_out, 'and')}."


def _named(groups: Sequence[Change]) -> str:
    """Name the strategies that changed with the families in which they did, and the largest change."""
    families: dict[str, dict[str, None]] = {}
    for group in groups:
        families.setdefault(strategy(group), {})[group.family] = None
    said = [f"{name} in {either(list(own), 'and')}" for name, own in families.items()]
    more = [f"{len(said) - MOST_NAMED} more"] if len(said) > MOST_NAMED else []
    most = max(groups, key=lambda group: abs(group.change))
    return (
        f"{'; '.join([*said[:MOST_NAMED], *more])}; largest in {most.family}: {quantity(most)} "
        f"({strategy(most)}), {signed(most, most.change)} {interval(most)}"
    )
