"""Stored runs that were measured before: how far runs of one and the same program differ.

Runs of one program on one machine are replicates of each other; how they vary says more of how much the runs under
judgement vary by themselves than those few can. Their means are of no concern here: another machine's stored runs will
do, since what varies much there varies much here, and the comparison rescales them to today's noise.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import process_time

from benchmarks import layout
from benchmarks.layout import Beginning
from benchmarks.report.metrics import NULLS
from benchmarks.report.reading import reduced_one
from benchmarks.report.runs import DataError, name_of, stored_paths
from benchmarks.report.samples import MACHINES, Reduced, cluster_facts
from benchmarks.report.units import counted
from benchmarks.schema import MACHINE_FACTS

MOST_STORED = 100
"""The newest so many are read: more would tell little more, and reading takes its time."""

READING_SECONDS = 0.03
"""CPU time that reading may take for each run, on the average: 25 take 0.2 to 0.3 s, and what is judged must not depend
on what else the machine does meanwhile."""

BEGINNING_BYTES = 1 << 14

ENOUGH_DF = 8
"""Degrees of freedom from which on this machine's own runs are enough, and another's are not asked."""

Program = tuple[str | bool | None, ...]
"""What the beginning of a file says of the program that was measured."""

Replicates = Sequence[Reduced]
"""Runs of one program: of one name, commit, preset, budget, of the same versions, on one machine."""


@dataclass(frozen=True)
class Stored:
    """Replicates, where they were measured, and what of them was not read."""

    sets: tuple[Replicates, ...] = ()
    where: str = ""
    unread: str = ""

    @property
    def note(self) -> str:
        """Say what is known."""
        if not self.sets:
            return f"no stored runs show how much runs vary{self.unread}: a cautious guess is used"
        runs = counted(sum(map(len, self.sets)), "stored run")
        return f"the spread between runs is known from {runs} of {self.where}{self.unread}"

    def without(self, judged: Sequence[Reduced]) -> Stored:
        """Leave out the runs under judgement, by when they were measured: a copy of a run is the same run."""
        known = {run.when for run in judged}
        left = [tuple(run for run in some if run.when not in known) for some in self.sets]
        sets = tuple(some for some in left if len(some) > 1)
        return replace(self, sets=sets)


NOTHING_STORED = Stored()


def replicates(storage: Path, like: Reduced, leave_out: Collection[Path], only: str | None) -> Stored:
    """Read the replicates in a storage: those of the machine of a run if there are enough, else another's.

    What cannot be read, or is of another schema, says nothing here; whoever asks for it is told.
    """
    try:
        paths = list(_candidates(storage, leave_out))[:MOST_STORED]
    except DataError:  # a storage that cannot be read
        return NOTHING_STORED
    limit = READING_SECONDS * len(paths)
    start = process_time()
    # runs of other questions, or of another function, say nothing of these; a loop beside all of them tells too little
    wanted = {name for name, view in like.views.items() if view.place.strategy not in NULLS}
    found: dict[tuple[object, ...], list[Reduced]] = {}
    looked_at = 0
    for program, path in paths:
        run = reduced_one(only, path)
        looked_at += 1
        if not isinstance(run, DataError) and run.complete and not wanted.isdisjoint(run.views):
            versions = tuple(sorted(run.libraries.items()))
            facts = {name: cluster_facts(info) for name, info in run.clusters.items()}
            clusters = tuple(
                (name, *(item for item in facts[name].items() if item[0] != MACHINES)) for name in sorted(facts)
            )
            alike = (*program, run.preset, run.budget, run.least_rounds, run.environment, versions, clusters)
            found.setdefault(alike, []).append(run)
        if process_time() - start > limit:
            break
    known = chosen([some for some in found.values() if len(some) > 1], like)
    if looked_at == len(paths):
        return known
    return replace(known, unread=f" ({looked_at} of {len(paths)} were read in {limit:.1f} s)")


def chosen(sets: Sequence[Replicates], like: Reduced) -> Stored:
    """Return the replicates of the machine of a run if there are enough, else those of the one that has the most."""
    machines: dict[tuple[object, ...], list[Replicates]] = {}
    for some in sets:
        machines.setdefault(_machine(some[0]), []).append(tuple(some))

    def df(of: tuple[object, ...]) -> int:
        return sum(len(some) - 1 for some in machines.get(of, ()))

    own = _machine(like)
    of = own if df(own) >= ENOUGH_DF else max(machines, key=df, default=own)
    found = machines.get(of)
    if not found:
        return NOTHING_STORED
    facts = found[0][0].environment
    where = "this machine" if of == own else f"another machine ({facts.cpu_model}, {counted(facts.usable_cpus, 'CPU')})"
    return Stored(tuple(found), where)


def _candidates(storage: Path, leave_out: Collection[Path]) -> Iterator[tuple[Program, Path]]:
    """Yield the stored runs that have a replicate, the newest first, with what tells their program from others.

    Only the beginning of each file is looked at. A run whose commit nobody knows is nobody's replicate.
    """
    judged = {path.resolve() for path in leave_out}
    programs: dict[Program, dict[str, Path]] = {}
    for path in stored_paths(storage):
        beginning = None if path.resolve() in judged else _beginning(path)
        if beginning is not None and beginning.commit_info.known:
            commit = beginning.commit_info
            program: Program = (path.parent.name, name_of(path), commit.id, commit.dirty, beginning.version)
            programs.setdefault(program, {})[beginning.datetime] = path
    runs = [(when, program, path) for program, some in programs.items() if len(some) > 1 for when, path in some.items()]
    seen: set[str] = set()
    for when, program, path in sorted(runs, key=lambda run: run[0], reverse=True):
        if when not in seen:
            yield program, path
        seen.add(when)


def _beginning(path: Path) -> Beginning | None:
    """Read the beginning of a file, of one that this suite has not written (a formatted one, say) all of it."""
    try:
        with path.open("rb") as file:
            first = file.read(BEGINNING_BYTES)
            return layout.beginning(first) or layout.beginning(first + file.read())
    except OSError:
        return None


def _machine(run: Reduced) -> tuple[object, ...]:
    return tuple(getattr(run.environment, fact) for fact in MACHINE_FACTS)
