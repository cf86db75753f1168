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

from benchmarks.report.causes import OWN_CAUSES, Cause, attributed
from benchmarks.report.groups import cells_of, groups, prior
from benchmarks.report.judge import Change, Hypothesis, Rule, Verdict, judge
from benchmarks.report.metrics import Bias
from benchmarks.report.nulls import NullRow, null_rows
from benchmarks.report.runs import DataError
from benchmarks.report.samples import (
    Reduced,
    differences,
    in_all,
    library_changes,
    nothing_in_common,
    observed,
    unknown_facts,
)
from benchmarks.report.stored import NOTHING_STORED, Stored
from benchmarks.words import OR

LEAST_RUNS = 3
"""Runs a side from which on there are verdicts: of fewer, one that the host robbed of its CPUs is half or all."""


@dataclass(frozen=True)
class Comparison:
    """All that two samples say about each other.

    `appeared` and `vanished` are cells that are planned on one side only, `failed` those that a run of the new sample
    failed to measure, `missing` those that else were not measured in each run of both, though they were planned and
    could have been, `lacking` quantities that some runs have of a cell and others do not. `differences` are facts that
    the runs should share and do not, `unknown` those that not all of them tell; `libraries` says which of
    those that bring engines have another version. `others` are settings of a person's own function that not all runs
    have measured, which each finds out for itself. `observed` says of which cells
    something else was seen than before. `nulls` are the null rows of both samples; a family of which one is biased has
    no groups. `prior` says what is known of the spread between runs beforehand.
    """

    rule: Rule
    runs: tuple[int, int]
    groups: tuple[Change, ...]
    cells: tuple[Change, ...]
    appeared: tuple[str, ...]
    vanished: tuple[str, ...]
    failed: tuple[str, ...]
    missing: tuple[str, ...]
    lacking: tuple[str, ...]
    differences: tuple[str, ...]
    unknown: tuple[str, ...]
    libraries: tuple[str, ...]
    others: tuple[str, ...]
    observed: tuple[str, ...]
    nulls: tuple[NullRow, ...]
    prior: str

    @property
    def enough(self) -> bool:
        """Whether there are enough runs for a verdict."""
        return min(self.runs) >= LEAST_RUNS

    @property
    def judged(self) -> bool:
        """Whether the samples can be compared at all."""
        return self.enough and not self.differences and bool(self.groups)

    @property
    def whole(self) -> bool:
        """Whether all that was planned was also judged."""
        lost = self.biased or self.vanished or self.failed or self.missing or self.lacking
        return self.judged and not (lost or self.unclear)

    @property
    def biased(self) -> tuple[NullRow, ...]:
        """The null rows that say that the measuring favoured an arm."""
        return tuple(row for row in self.nulls if row.bias is Bias.BIASED)

    @property
    def regressed(self) -> tuple[Change, ...]:
        """The groups that got worse by their own doing."""
        return tuple(group for group in self.groups if group.verdict is Verdict.REGRESSED and group.cause in OWN_CAUSES)

    @property
    def unclear(self) -> tuple[Change, ...]:
        """The groups that got worse by whose doing nobody can tell."""
        return tuple(
            group for group in self.groups if group.verdict is Verdict.REGRESSED and group.cause == Cause.UNCLEAR
        )

    @property
    def standing_out(self) -> tuple[Change, ...]:
        """The groups that are worth another look where there are too few runs for a verdict, the worst first."""
        found = [group for group in self.groups if group.stands_out and not self.enough]
        return tuple(sorted(found, key=lambda group: -group.change))


def compare(
    base: Sequence[Reduced],
    new: Sequence[Reduced],
    rule: Rule,
    across: Iterable[str] = (),
    stored: Stored = NOTHING_STORED,
) -> Comparison:
    """Compare two samples of at least one run each; `stored` runs tell how far such runs differ by themselves.

    compare(new, base) says the same the other way round. Raises DataError if they have no cell in common.
    """
    runs = (*base, *new)
    shared = in_all(runs)
    if not shared:
        raise DataError(nothing_in_common(runs))
    stored = stored.without(runs)
    nulls = null_rows(runs, stored.sets)
    biased = {row.family for row in nulls if row.bias is Bias.BIASED}
    tests, lacking = groups(shared, base, new)
    tests = [test for test in tests if test.key.family not in biased]
    enough = min(len(base), len(new)) >= LEAST_RUNS

    def judged(some: Sequence[Hypothesis]) -> list[Change]:
        found = judge(some, rule, [prior(test, stored.sets) for test in some])
        return found if enough else [replace(change, verdict=Verdict.INCONCLUSIVE) for change in found]

    changes = attributed(judged(tests), tests, base, new, stored.sets)
    cells: list[Change] = []
    for change, group in zip(changes, tests, strict=True):
        named = [
            replace(cell, cell=name, cause=change.cause if cell.verdict.sure else None)
            for cell, name in zip(judged(cells_of(group, base, new)), group.ids, strict=True)
        ]
        cells += named if change.verdict.sure else map(_without_verdict, named)
    varying = {
        name for run in runs for name, view in run.views.items() if run.families[view.place.family].settings_vary
    }
    unshared = varying - set(shared)
    planned_base, planned_new = ({name for run in side for name in run.outcomes} - unshared for side in (base, new))
    both = planned_base & planned_new
    failed = {name for name in both if any(run.outcomes.get(name) == "failed" for run in new)}
    wanted = {name for name in both if any(run.outcomes.get(name) != "skipped" for run in runs)}
    return Comparison(
        rule=rule,
        runs=(len(base), len(new)),
        groups=tuple(changes),
        cells=tuple(cells),
        appeared=tuple(sorted(planned_new - planned_base)),
        vanished=tuple(sorted(planned_base - planned_new)),
        failed=tuple(sorted(failed)),
        missing=tuple(sorted(wanted - set(shared) - failed)),
        lacking=tuple(lacking),
        differences=tuple(differences(base, new, across, shared)),
        unknown=tuple(unknown_facts(base, new, across)),
        libraries=tuple(library_changes(base, new)),
        others=tuple(sorted(unshared)),
        observed=tuple(_observed(shared, base, new)),
        nulls=tuple(nulls),
        prior=stored.note,
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


def _without_verdict(cell: Change) -> Change:
    """Take back the verdict of a cell whose group did not change: among so many cells some stand out by chance."""
    return replace(cell, verdict=Verdict.INCONCLUSIVE) if cell.verdict.sure else cell
