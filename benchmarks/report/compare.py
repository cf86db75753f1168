"""Two samples of runs: what changed, by how much, how surely, and by whose doing.

The unit of replication is the run. The rounds of one process share its luck: taken for replicates, they turn almost
every comparison of identical code into a "significant" one. Of each run and cell there is one number for each quantity
that the cell's family is judged by.

Groups of cells come first, and all of them together are one family of tests (Holm). Inside a group that changed, its
cells say where.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from benchmarks.report.groups import cells_of, groups, single_run_spreads, with_quantity
from benchmarks.report.judge import Change, Hypothesis, Rule, Verdict, judge
from benchmarks.report.quantities import FLOOR_TIME, SERIAL_TIME
from benchmarks.report.runs import DataError
from benchmarks.report.samples import (
    Reduced,
    differences,
    in_all,
    nothing_in_common,
    observed,
    unknown_facts,
)
from benchmarks.words import EFFICIENCY, OR, SPEEDUP

NULLS_TO_HOLD = 0.9
"""The share of null rows that must hold before anything is judged: of 130 in ten runs of one program, 128 did."""

HALF = 0.5
"""A change is a strategy's own where its own part explains this much of it: most of it, that is."""


class Cause(StrEnum):
    """Whose doing a change is.

    Bare processes are what machine and operating system give at all; where versions of Python differ, what its own
    start takes too.
    """

    STRATEGY = "strategy"
    BARE_PROCESSES = "bare processes"
    SERIAL_CODE = "serial code"


@dataclass(frozen=True)
class Comparison:
    """All that two samples say about each other.

    `appeared` and `vanished` are cells that are planned on one side only, `failed` those that a run of the new sample
    failed to measure, `missing` those that else were not measured in each run of both, though they were planned and
    could have been. `differences` are facts that the runs should share and do not, `unknown` those that not all of them
    tell. `observed` says of which cells something else was seen than before.
    """

    rule: Rule
    runs: tuple[int, int]
    groups: tuple[Change, ...]
    cells: tuple[Change, ...]
    appeared: tuple[str, ...]
    vanished: tuple[str, ...]
    failed: tuple[str, ...]
    missing: tuple[str, ...]
    differences: tuple[str, ...]
    unknown: tuple[str, ...]
    observed: tuple[str, ...]
    nulls: int
    nulls_held: int

    @property
    def nulls_hold(self) -> bool:
        """Whether enough null rows of both samples hold for anything to be judged."""
        return self.nulls_held >= NULLS_TO_HOLD * self.nulls

    @property
    def judged(self) -> bool:
        """Whether the samples can be compared at all."""
        return self.nulls_hold and not self.differences and bool(self.groups)

    @property
    def regressed(self) -> tuple[Change, ...]:
        """The groups that got worse by their own doing."""
        return tuple(
            group for group in self.groups if group.verdict is Verdict.REGRESSED and group.cause == Cause.STRATEGY
        )


def compare(base: Sequence[Reduced], new: Sequence[Reduced], rule: Rule, across: Iterable[str] = ()) -> Comparison:
    """Compare two samples of at least one run each.

    Raises DataError if they have no cell in common.
    """
    runs = (*base, *new)
    shared = in_all(runs)
    if not shared:
        raise DataError(nothing_in_common(runs))
    tests = groups(shared, base, new)
    spreads = single_run_spreads(tests, base[0], new[0]) if len(runs) == 2 else None
    judged = [
        _attributed(change, test, base, new) for change, test in zip(judge(tests, rule, spreads), tests, strict=True)
    ]
    cells: list[Change] = []
    for change, group in zip(judged, tests, strict=True):
        found = judge(cells_of(group, base, new), rule, spreads)
        named = [
            replace(cell, cell=name, cause=change.cause if cell.verdict.sure else None)
            for cell, name in zip(found, group.ids, strict=True)
        ]
        cells += named if change.verdict.sure else [_without_verdict(cell) for cell in named]
    planned_base, planned_new = ({name for run in side for name in run.outcomes} for side in (base, new))
    both = planned_base & planned_new
    failed = {name for name in both if any(run.outcomes.get(name) == "failed" for run in new)}
    wanted = {name for name in both if any(run.outcomes.get(name) != "skipped" for run in runs)}
    return Comparison(
        rule=rule,
        runs=(len(base), len(new)),
        groups=tuple(judged),
        cells=tuple(cells),
        appeared=tuple(sorted(planned_new - planned_base)),
        vanished=tuple(sorted(planned_base - planned_new)),
        failed=tuple(sorted(failed)),
        missing=tuple(sorted(wanted - set(shared) - failed)),
        differences=tuple(differences(base, new, across, shared)),
        unknown=tuple(unknown_facts(base, new, across)),
        observed=tuple(_observed(shared, base, new)),
        nulls=sum(run.nulls for run in runs),
        nulls_held=sum(run.nulls_held for run in runs),
    )


def _observed(shared: Sequence[str], base: Sequence[Reduced], new: Sequence[Reduced]) -> Iterator[str]:
    """Say where the new runs saw something that no run of the base did, or the other way round."""
    for name in shared:
        for what in base[0].views[name].observed:
            old, now = (observed([run.views[name] for run in side], what) for side in (base, new))
            if old.keys() != now.keys():
                label = base[0].views[name].place.label
                yield f"{label}, {what}: {_seen(old, len(base))}, now {_seen(now, len(new))}"


def _seen(counts: Mapping[str, int], runs: int) -> str:
    return OR.join(said if count == runs else f"{said} in {count} of {runs} runs" for said, count in counts.items())


def _attributed(change: Change, test: Hypothesis, base: Sequence[Reduced], new: Sequence[Reduced]) -> Change:
    """Add whose doing a change is.

    strategy / floor is the strategy's own. strategy / serial is that times floor / serial: if the strategy's own part
    explains less than half of the change, the rest is what bare processes give or the serial code, whichever of the two
    arms moved more.
    """
    if not change.verdict.sure:
        return change
    if test.key.quantity != SPEEDUP:
        return replace(change, cause=Cause.STRATEGY)

    def moved(quantity: str) -> float | None:
        other = with_quantity(test, quantity, base, new)
        return None if other is None else other.difference

    own, serial, floor = moved(EFFICIENCY), moved(SERIAL_TIME), moved(FLOOR_TIME)
    if own is None or own / change.change >= HALF:
        return replace(change, cause=Cause.STRATEGY)
    if serial is not None and floor is not None and abs(serial) > abs(floor):
        return replace(change, cause=Cause.SERIAL_CODE)
    return replace(change, cause=Cause.BARE_PROCESSES)


def _without_verdict(cell: Change) -> Change:
    """Take back the verdict of a cell whose group did not change: among so many cells some stand out by chance."""
    return replace(cell, verdict=Verdict.INCONCLUSIVE) if cell.verdict.sure else cell
