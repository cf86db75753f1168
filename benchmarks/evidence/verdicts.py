"""What verdicts are worth: `python -m benchmarks.evidence.verdicts [REPORTS]`.

Of one program's runs, kept as `plain`, samples are drawn at random, and the report judges them: whatever it is sure of
is a false alarm. Then the new sample is changed, by scaling an arm as if it had been slower; what is found, where, and
whose doing it is said to be is counted. So are runs of a program that really was slower, against those that were taken
in turns with them. Each with stored runs, the baselines or for the latter the plain runs, and without any. REPORTS are
those of the first rows (2000).
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from statistics import fmean

from msgspec.structs import replace as changed

from benchmarks.evidence.kept import kept, plain
from benchmarks.evidence.readme import baselines, stored
from benchmarks.report import judge
from benchmarks.report.causes import Cause
from benchmarks.report.compare import Comparison, compare
from benchmarks.report.metrics import NULLS
from benchmarks.report.quantities import CPU_SECONDS, FLOOR_TIME, MACHINE_SPEEDUP, SERIAL_TIME, TIME
from benchmarks.report.samples import Reduced, View
from benchmarks.report.sequential import look, looks
from benchmarks.report.stored import NOTHING_STORED, Stored, chosen
from benchmarks.words import CPU_TIME, EFFICIENCY, FIRST_RESULT, OVERHEAD, SPEEDUP

NOTHING = "nothing"

PLAIN, IN_TURNS = "plain", "fresh"
"""The names of runs of the program as it is: one after the other, and in turns with slower ones."""

SIZES = ((3, 3), (5, 3), (5, 5))
TURNS = 8
REPORTS = 2000
CHANGED_REPORTS = 300

STORED, ALONE = "stored", "alone"
"""Whether the baselines are known as stored runs."""

Samples = tuple[list[Reduced], list[Reduced]]
Change = Callable[[Reduced], Reduced]


@dataclass(frozen=True)
class Slower:
    """What is different in the new sample: runs kept under another `name`, or a `change` to each.

    Whose doing that is: that of a `strategy`, or one of `causes`.
    """

    change: Change | None = None
    name: str = PLAIN
    strategy: str = ""
    causes: frozenset[Cause] = frozenset()

    def wrong(self, group: judge.Change) -> bool:
        """Whether a change that is sure is put down to what did not do it."""
        if group.cause == Cause.STRATEGY:
            return group.strategy != self.strategy
        return group.cause != Cause.UNCLEAR and group.cause not in self.causes


@dataclass(frozen=True)
class Counts:
    """What one report says: whether it is sure of anything, who REGRESSED, is a cause wrong or unclear, its turn."""

    sure: bool
    strategies: frozenset[str]
    wrong: bool
    unclear: bool
    turns: int
    biased: bool


@cache
def known(words: str, name: str = PLAIN) -> Stored:
    """Return what is stored where runs kept under a name are judged: the baselines, the plain runs, or nothing."""
    if words == ALONE:
        return NOTHING_STORED
    return stored(baselines()) if name == PLAIN else chosen([runs_of(PLAIN)], runs_of(PLAIN)[0])


@cache
def runs_of(name: str) -> list[Reduced]:
    """Return the runs that are kept under a name."""
    return kept(name)


def scaled(run: Reduced, *, strategy: str = "", own: float = 1.0, floor: float = 1.0, serial: float = 1.0) -> Reduced:
    """Return a run whose arms took so many times as long: that of a strategy, the floor, the serial loop.

    Without a `strategy`, `own` is that of all; null rows keep their ratio.
    """

    def view(one: View) -> View:
        if one.place.strategy in NULLS:
            return one
        factor = own if strategy in {"", one.place.strategy} else 1.0
        values = dict(one.values)
        time, bare = values[TIME], values.get(FLOOR_TIME)
        moved = {
            TIME: math.log(factor),
            FIRST_RESULT: math.log(factor),
            CPU_SECONDS: math.log(factor),
            SERIAL_TIME: math.log(serial),
            FLOOR_TIME: math.log(floor),
            SPEEDUP: math.log(factor / serial),
            EFFICIENCY: math.log(factor / floor),
            CPU_TIME: math.log(factor / floor),
            MACHINE_SPEEDUP: math.log(floor / serial),
        }
        values |= {name: values[name] + by for name, by in moved.items() if name in values}
        if OVERHEAD in values and bare is not None:
            values[OVERHEAD] += (factor - 1) * math.exp(time) - (floor - 1) * math.exp(bare)
        return changed(one, values=values)

    return replace(run, views={name: view(one) for name, one in run.views.items()})


def robbed(source: random.Random, run: Reduced) -> Reduced:
    """Return a run whose host took CPUs away: a third of its cells took 1.2 to 2 times as long in one of the arms."""
    views = dict(run.views)
    for name, one in run.views.items():
        if source.random() < 1 / 3 and one.place.strategy not in NULLS:
            own, floor, serial = source.sample((source.uniform(1.2, 2.0), 1.0, 1.0), 3)
            views[name] = scaled(replace(run, views={name: one}), own=own, floor=floor, serial=serial).views[name]
    return replace(run, views=views)


def drawn(slower: Slower, seed: int, base: int, new: int) -> Samples:
    """Return two samples, no run twice: of the plain runs, or of turns in which one was slower."""
    source = random.Random(seed)
    if slower.name != PLAIN:
        turns = source.sample(range(len(runs_of(slower.name))), max(base, new))
        return [runs_of(IN_TURNS)[turn] for turn in turns[:base]], [runs_of(slower.name)[turn] for turn in turns[:new]]
    runs = source.sample(runs_of(PLAIN), base + new)
    changed_runs = [slower.change(run) for run in runs[base:]] if slower.change else runs[base:]
    return runs[:base], changed_runs


def counted(slower: Slower, result: Comparison, turns: int) -> Counts:
    """Count what a comparison says."""
    sure = [group for group in result.groups if group.verdict.sure] if result.judged else []
    regressed = result.regressed if result.judged else ()
    return Counts(
        sure=bool(sure),
        strategies=frozenset(group.strategy for group in regressed),
        wrong=any(map(slower.wrong, sure)),
        unclear=any(group.cause == Cause.UNCLEAR for group in sure),
        turns=turns,
        biased=bool(result.biased),
    )


def fixed(slower: Slower, words: str, sizes: tuple[int, int], seed: int) -> Counts:
    """Judge two samples of these sizes."""
    base, new = drawn(slower, seed, *sizes)
    return counted(slower, compare(base, new, judge.Rule(), (), known(words, slower.name)), sizes[1])


def in_turns(slower: Slower) -> Samples:
    """Return two samples as they were taken, turn by turn: two of the plain runs one after the other are a turn too."""
    if slower.name != PLAIN:
        return runs_of(IN_TURNS)[:TURNS], runs_of(slower.name)[:TURNS]
    return runs_of(PLAIN)[0 : 2 * TURNS : 2], runs_of(PLAIN)[1 : 2 * TURNS : 2]


def sequential(slower: Slower, words: str, seed: int | None) -> Counts:
    """Judge two samples turn by turn until more turns would decide nothing; in their own order without a seed."""
    base, new = in_turns(slower) if seed is None else drawn(slower, seed, TURNS, TURNS)
    for turn in looks(TURNS):
        seen = look(partial(compare, base[:turn], new[:turn], stored=known(words, slower.name)), turn, TURNS)
        if seen.over:
            break
    return counted(slower, seen.result, seen.turn)


def row(title: str, said: Sequence[Counts], strategy: str) -> list[str]:
    """Return a row of the table: how often what was said."""
    n = len(said)
    elsewhere = sum(bool(one.strategies - {strategy}) for one in said)
    return [
        title,
        str(n),
        _share(sum(one.sure for one in said), n),
        _share(sum(bool(one.strategies) for one in said), n),
        _share(sum(strategy in one.strategies for one in said), n) if strategy else "-",
        _share(elsewhere, n),
        _share(sum(one.wrong for one in said), n),
        _share(sum(one.unclear for one in said), n),
        f"{fmean(one.turns for one in said):.2f}",
        str(sum(one.biased for one in said)),
    ]


def _share(hits: int, trials: int) -> str:
    return f"{hits} ({hits / trials:.1%})"


HEAD = ["runs", "reports", "any sure", "REGRESSED", "found", "elsewhere", "wrong cause", "unclear", "turns", "biased"]


def rows(title: str, slower: Slower, words: str, reports: range, workers: ProcessPoolExecutor) -> Iterator[list[str]]:
    """Yield the rows of one kind of change."""
    for sizes in SIZES:
        said = list(workers.map(partial(fixed, slower, words, sizes), reports, chunksize=25))
        yield row(f"{title}, {words}, {sizes[0]} + {sizes[1]}", said, slower.strategy)
    said = list(workers.map(partial(sequential, slower, words), reports, chunksize=25))
    yield row(f"{title}, {words}, at most {TURNS} turns", said, slower.strategy)
    if slower.change is None:
        taken = sequential(slower, words, None)
        yield row(f"{title}, {words}, the turns as they were taken", [taken], slower.strategy)


def robbed_once(run: Reduced) -> Reduced:
    """Rob a run by a seed of its own, one of three."""
    source = random.Random(run.when)
    return robbed(source, run) if source.random() < 1 / 3 else run


OF_THE_MACHINE = frozenset({Cause.BARE_PROCESSES, Cause.SERIAL_CODE})

CHANGES = {
    NOTHING: Slower(),
    "10 % more work in an executor's tasks": Slower(name="task10", strategy="ProcessPoolExecutor.map"),
    "20 us more a message of a pool": Slower(name="message20", strategy="Pool.map"),
    "Pool.map 10 % slower": Slower(partial(scaled, strategy="Pool.map", own=1.1), strategy="Pool.map"),
    "Pool.map 20 % slower": Slower(partial(scaled, strategy="Pool.map", own=1.2), strategy="Pool.map"),
    "floor 20 % faster": Slower(partial(scaled, floor=1 / 1.2), causes=frozenset({Cause.BARE_PROCESSES})),
    "serial loop 20 % faster": Slower(partial(scaled, serial=1 / 1.2), causes=frozenset({Cause.SERIAL_CODE})),
    "everything 20 % slower": Slower(partial(scaled, own=1.2, floor=1.2, serial=1.2), causes=OF_THE_MACHINE),
    "a third of the runs robbed": Slower(robbed_once),
}
"""The second and third by runs that really were slower, the others by scaling arms of plain ones."""


def main(arguments: Sequence[str]) -> int:
    """Print the table, row by row as it comes."""
    reports = int(arguments[0]) if arguments else REPORTS
    runs = plain()
    print(f"{len(runs)} runs of one program, {runs[0].when[:16]} to {runs[-1].when[:16]}; {known(STORED).note}\n")
    print(" | ".join(HEAD))
    with ProcessPoolExecutor() as workers:
        for title, slower in CHANGES.items():
            if not runs_of(slower.name):
                print(f"{title}: no runs are kept as {slower.name}")
                continue
            number = reports if title == NOTHING else min(reports, CHANGED_REPORTS)
            for words in (STORED, ALONE):
                for line in rows(title, slower, words, range(number), workers):
                    print(" | ".join(line), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
