"""Settings for a person's own function: a model proposes them, the clock drops the bad ones, the best are measured.

What is tried for a moment is compared by one clock and by nothing else, so only what is clearly slower is dropped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

from msgspec.structs import replace

from benchmarks.environment import start_methods, usable_cpus, usual_start_method
from benchmarks.measuring.calibrate import timed_calls
from benchmarks.measuring.cells import Axes
from benchmarks.measuring.cold import with_file
from benchmarks.measuring.pilot import Findings
from benchmarks.measuring.target import MOST_INPUTS, Target, TargetError
from benchmarks.measuring.trying import Passes, Trial, try_fresh, try_out
from benchmarks.measuring.watch import CellError
from benchmarks.schema import Setting, TargetInfo, TimedCall, Tried
from benchmarks.strategies import STRATEGIES
from benchmarks.strategies.base import Job
from benchmarks.words import FRESH, NO_METHOD, WARM
from benchmarks.workloads import WORKLOADS, Workload

ALL_SECONDS = 1.0
"""All inputs are measured where a loop over them takes no longer than this."""

PASS_SECONDS = 0.75
"""What a loop over a sample of them is to take: a pass of a cell must fit its budget a dozen times."""

WHILE_WAITING = 4.0
"""So many times as long where the tasks wait: the other arms then take next to nothing, and many workers many tasks."""

MOST_MEASURED = MOST_INPUTS

MOST_LENGTHS = 2000
"""So many are saved: more would tell the model little more."""

LONG_TASK = 0.25
"""Seconds from which on a worker gets one task a pass, not two."""

CALLS_SHARE, RACE_SHARE = 0.2, 0.3
"""The parts of the budget that asking what calls cost, and the race, may take."""

LEAST_TRY, MOST_TRY = 10.0, 60.0
"""Seconds that a try may take, whatever is left of the race's time."""

TRIES = 2
"""The faster of so many counts."""

LONG_PASS = 0.5
"""Seconds from which on one pass must do."""

HOPELESS = 2.0
"""A setting that is predicted to take longer than the best one did, by this, is not tried."""

CLEARLY = 1.25
"""A setting that took longer than the best by this is dropped."""

AGAIN = 6
"""So many of the rest are tried once more, in new pools: a pool's luck lasts as long as the pool."""

OTHER_CHUNKS = 4
"""Of the best, chunks are tried that are larger, and smaller, by this: the model may be wrong about them."""

MOST_FINALISTS = 4

LEAST_CELL_SECONDS, MOST_CELL_SECONDS = 1.0, 6.0

REFERENCE_TASKS, REFERENCE_SIZE = 4, 100_000
"""A loop beside a loop that never change: they tell a bias between the arms, and how fast the machine is today."""

PASSES_OF_A_CELL = 7
"""Six rounds and the pass before them are the least that a cell takes, with three arms each."""

CLOSING_SECONDS = 5.0
"""What the reference, saving and the report take, more or less."""

WITH_PROCESSES = (
    "Pool.map",
    "ProcessPoolExecutor.map",
    "Pool.imap",
    "loky.ProcessPoolExecutor.map",
    "mpire.WorkerPool.map",
    "pebble.ProcessPool.map",
    "joblib.Parallel loky",
)
WITH_THREADS = ("ThreadPoolExecutor.map",)


class Model(Protocol):
    """Who knows earlier runs, and predicts: the judging side, to which this one has no door."""

    def propose(self, info: TargetInfo, most_workers: int | None = None) -> list[Tried]:
        """Return settings with what is predicted of each, the fastest first."""

    def predicted(self, info: TargetInfo, setting: Setting) -> Tried:
        """Return a setting with what is predicted of it."""

    def earlier(self, name: str, fingerprint: str) -> tuple[int, tuple[Setting, ...]]:
        """Return how many tasks the last run of a function had in a pass, and its settings; 0 if there was none."""


FINALISTS: list[Axes] = []
"""What is measured of the function of this run; none in a run of another kind."""


def measured_inputs(findings: Findings, inputs: int, workers: int, before: int = 0) -> tuple[int, ...]:
    """Return which of the tried inputs are measured, by their place among them, in the order of the inputs.

    All `inputs` where they are few; else as many as fit a pass, the same for each worker, or as many as an earlier run
    had, which this one can then be compared with. They were tried in an order drawn at random, so the first ones are a
    sample.
    """
    seen, each = len(findings.places), max(findings.task_time, 1e-9)
    longer = WHILE_WAITING if findings.waits else 1.0
    if seen == inputs <= MOST_MEASURED and seen * each <= longer * ALL_SECONDS:
        number = seen
    else:
        least = workers if each >= LONG_TASK else 2 * workers
        fitting = min(int(longer * PASS_SECONDS / each), MOST_MEASURED)
        number = max(least, fitting // workers * workers)
    number = min(before or number, seen)
    return tuple(sorted(range(number), key=lambda place: findings.places[place]))


class Race:
    """The race for one function: what was learned of the settings so far is in `tries`, by setting."""

    def __init__(  # noqa: PLR0913 - what a race needs
        self,
        target: Target,
        findings: Findings,
        places: Sequence[int],
        folder: Path,
        tell: Callable[[str], None],
        *,
        elsewhere: bool = False,
    ) -> None:
        """Make a workload of the function, over some of the inputs that were tried.

        Some engines have it `elsewhere`, in an interpreter that must be given it.
        """
        self._target = target
        self._tell = tell
        self._fresh = findings.remembers
        self._share = len(places) / len(target.inputs)
        self.inputs = [target.inputs[findings.places[place]] for place in places]
        self.results = [findings.results[place] for place in places]
        self.tries: dict[Setting, Tried] = {}
        work = Workload(
            target.label,
            target.function,
            lambda _size, _tasks: self.inputs,
            lambda _size, _tasks: self.results,
            same=target.same,
        )
        WORKLOADS[target.label] = with_file(work, folder) if self._fresh or elsewhere else work

    def _check(self, found: Sequence[Any]) -> None:
        for place, pair in enumerate(zip(found, self.results, strict=True)):
            if not self._target.same(*pair):
                raise CellError(f"wrong results, first at task {place}")

    def time(self, setting: Setting, passes: int, limit: float) -> Passes:
        """Time some passes. Raises CellError."""
        trial = Trial(setting, passes, limit, self._check)
        if self._fresh:
            return try_fresh(self._target.label, len(self.inputs), trial)
        return try_out(Job(self._target.function, self.inputs, setting.chunk_size), trial)

    def floor(self, workers: int, loop: float) -> list[TimedCall]:
        """Return what bare processes take for what a loop takes some seconds; nothing where there are none."""
        chunk_size = max(1, len(self.inputs) // (4 * workers))
        setting = Setting("floor", chunk_size, workers, usual_start_method())
        try:
            passes = self.time(setting, TRIES, limit=max(10.0, 10 * loop))
        except CellError:  # it has no pipes, or the function fails in a worker, which the first pool will tell
            return []
        return [TimedCall(setting, len(self.inputs), loop, 0.0, 0.0, min(passes.seconds))]

    def run(self, proposed: Sequence[Tried], kept: Sequence[Setting], deadline: float) -> None:
        """Try what must be `kept`, and, until a deadline, what is proposed, the best's variants, and the best again.

        The deadline is moved by what clusters take.
        """
        self.tries = {setting: Tried(setting) for setting in kept} | {one.setting: one for one in proposed}
        for setting, one in list(self.tries.items()):
            begun = perf_counter()
            if setting in kept or (one.predicted or 0.0) < HOPELESS * self._best():
                self._try(setting, math.inf if setting in kept else deadline)
            if STRATEGIES[setting.strategy].cluster:  # what it takes to start is not taken from the pools
                deadline += perf_counter() - begun
        for setting in list(self._variants()):
            self._try(setting, deadline)
        for one in self.near()[:AGAIN]:
            self._try(one.setting, deadline)

    def ranked(self) -> list[Tried]:
        """Return what was timed, the fastest over all inputs first."""
        timed = [one for one in self.tries.values() if one.taken is not None]
        return sorted(timed, key=self.cost)

    def cost(self, one: Tried) -> float:
        """Return the seconds that all inputs would take, with making and ending the pool where a pass has that not."""
        taken = float("inf") if one.taken is None else one.taken
        return taken / self._share + (0.0 if self._fresh else one.start or 0.0)

    def near(self) -> list[Tried]:
        """Return what is not clearly slower than the best, the fastest first."""
        ranked = self.ranked()
        return [one for one in ranked if self.cost(one) < CLEARLY * self.cost(ranked[0])]

    def _best(self) -> float:
        """Return what the best pool took; a cluster, which may have more machines, rules out none."""
        pools = (one for one in self.tries.values() if not STRATEGIES[one.setting.strategy].cluster)
        return min((one.taken for one in pools if one.taken is not None), default=float("inf"))

    def _variants(self) -> Iterator[Setting]:
        """Yield the best setting with other chunks, and with another start method, if it has any."""
        for best in self.ranked()[:1]:
            setting = best.setting
            if setting.chunk_size is not None:
                share = -(-len(self.inputs) // setting.workers)
                sizes = {max(1, setting.chunk_size // OTHER_CHUNKS), min(share, setting.chunk_size * OTHER_CHUNKS)}
                yield from (replace(setting, chunk_size=size) for size in sorted(sizes - {setting.chunk_size}))
            others = [method for method in start_methods() if method not in {"fork", setting.start_method}]
            if setting.start_method in start_methods() and others:
                yield replace(setting, start_method=others[0])

    def _try(self, setting: Setting, deadline: float) -> None:
        """Time a setting, if there is time left, and keep what is better than what is known; tell what fails."""
        left = deadline - perf_counter()
        if left <= 0:
            return
        known = self.tries.get(setting, Tried(setting))
        passes = 1 if min(self._best(), known.predicted or 0.0) > LONG_PASS else TRIES
        # a cluster takes seconds to start, each time
        limit = MOST_TRY if STRATEGIES[setting.strategy].cluster else min(max(left, LEAST_TRY), MOST_TRY)
        try:
            found = self.time(setting, passes, limit)
        except CellError as error:
            self._tell(f"{setting.strategy} failed, and is left out: {error}")
            self.tries.pop(setting, None)
            return
        taken = min(found.seconds) if known.taken is None else min(known.taken, *found.seconds)
        start = found.start if known.start is None else min(known.start, found.start)
        self.tries[setting] = replace(known, taken=taken, start=start)


def prepare(  # noqa: PLR0913, PLR0917 - what a race needs
    target: Target,
    findings: Findings,
    model: Model,
    budget: float,
    begun: float,
    folder: Path,
    tell: Callable[[str], None],
    clusters: Sequence[str] = (),
) -> TargetInfo:
    """Race settings for a function, and leave the best in `FINALISTS`; return what was found.

    `begun` is when the budget began to run, and `folder` must stay until the run ends. `clusters` are tried beside the
    pools. Raises TargetError if no setting could be tried.
    """
    workers = usable_cpus() if findings.most_workers is None else min(usable_cpus(), findings.most_workers)
    tasks, kept = model.earlier(target.name, target.fingerprint)
    kept = tuple(one for one in kept if one.strategy in STRATEGIES and not STRATEGIES[one.strategy].cluster)
    most = max([workers, *(STRATEGIES[name].there() or 0 for name in clusters)])
    places = measured_inputs(findings, len(target.inputs), most, tasks)
    race = Race(target, findings, places, folder, tell, elsewhere=bool(clusters))
    lengths = [findings.seconds[place] for place in places]
    start = perf_counter()
    moved = findings.bytes_in, findings.bytes_out
    calls = [
        *race.floor(workers, sum(lengths)),
        *timed_calls(_asked(findings, workers), *moved, start + CALLS_SHARE * budget, tell),
        # these were named, and are asked however long it takes to start them
        *timed_calls(list(_asked_clusters(findings, clusters, workers, tell)), *moved, math.inf, tell),
    ]
    info = TargetInfo(
        name=target.name,
        fingerprint=target.fingerprint,
        inputs=len(target.inputs),
        looked_at=len(findings.places),
        task_time=findings.task_time,
        deviation=findings.spread,
        bytes_in=findings.bytes_in,
        bytes_out=findings.bytes_out,
        notes=list(findings.notes),
        measured=len(lengths),
        lengths=lengths[:: -(-len(lengths) // MOST_LENGTHS)],
        computing=findings.computing,
        calls=calls,
        import_seconds=findings.import_seconds,
        task_memory=findings.task_memory,
    )
    proposed = model.propose(info, findings.most_workers)
    # who names a cluster wants to know what it does, whatever is predicted
    named = [one.setting for one in proposed if one.setting.strategy in clusters]
    race.run(proposed, [*kept, *named], perf_counter() + RACE_SHARE * budget)
    if not race.ranked():
        raise TargetError(f"--target {target.name}: no pool could run it; what was said above tells why")
    finalists = _finalists(race, kept, clusters, sum(lengths), begun + budget - CLOSING_SECONDS)
    tell(
        f"{len(race.ranked())} settings tried for a moment, the best {len(finalists)} are measured; "
        f"a loop over these {len(race.inputs)} inputs took {sum(lengths):.3g} s"
    )
    state = FRESH if findings.remembers else WARM
    reference = Axes("count", REFERENCE_TASKS, ("serial",), LEAST_CELL_SECONDS, sizes=(REFERENCE_SIZE,))
    seconds = (begun + budget - CLOSING_SECONDS - perf_counter()) / len(finalists)
    seconds = min(max(seconds, LEAST_CELL_SECONDS), MOST_CELL_SECONDS)
    FINALISTS[:] = [
        Axes(
            target.label, len(race.inputs), (one.strategy,), seconds, workers=(one.workers,),
            start_methods=(one.start_method,), chunk_sizes=(one.chunk_size,), state=state,
        )
        for one in finalists
    ] + [reference]  # fmt: skip
    return replace(info, tries=[_complete(one, model.predicted(info, one.setting)) for one in race.tries.values()])


def _complete(one: Tried, predicted: Tried) -> Tried:
    """Return what became of a setting, with what is predicted of it where nobody had asked before."""
    return one if one.predicted is not None else replace(one, predicted=predicted.predicted, error=predicted.error)


def _asked(findings: Findings, workers: int) -> list[Setting]:
    """Return the pools that are asked what calls cost: those whose library is here, and threads if they can help."""
    found = []
    threads = WITH_THREADS if findings.frees or findings.waits else ()
    for name in (*WITH_PROCESSES, *threads):
        strategy = STRATEGIES[name]
        if strategy.library is None or strategy.library.version is not None:
            method = (strategy.start_methods or (usual_start_method(),))[0] if strategy.processes else NO_METHOD
            found.append(Setting(name, None, workers, method))
    return found


def _asked_clusters(
    findings: Findings, names: Sequence[str], workers: int, tell: Callable[[str], None]
) -> Iterator[Setting]:
    """Yield the clusters that were named, with the workers that they have; tell which are left out, and why."""
    for name in names:
        strategy = STRATEGIES[name]
        method = (strategy.start_methods or (NO_METHOD,))[0]
        reason = strategy.obstacle(method, workers)
        if reason is None and findings.remembers and strategy.there() is not None:
            reason = "the function remembers results, and workers that were there before may have some"
        if reason is None:
            yield Setting(name, None, strategy.there() or workers, method)
        else:
            tell(f"{name} is left out: {reason}")


def _finalists(
    race: Race, before: Sequence[Setting], clusters: Sequence[str], loop: float, deadline: float
) -> list[Setting]:
    """Return the best, what an earlier run has measured, the best pool, and the clusters that were named.

    Each cluster at its best; and whatever else is near the best, as many as can have their least number of rounds.
    """
    ranked = race.ranked()
    best = ranked[0].taken or 0.0
    near = [one.setting for one in race.near()]
    second = [one.setting for one in ranked[:2]]
    kept = [setting for setting in before if setting in race.tries][:1]
    kept += [one.setting for one in ranked if not STRATEGIES[one.setting.strategy].cluster][:1]
    for name in clusters:
        kept += [one.setting for one in ranked if one.setting.strategy == name][:1]
    must = list(dict.fromkeys([ranked[0].setting, *kept]))
    wanted = list(dict.fromkeys([*must, *near, *second]))[: MOST_FINALISTS + len(clusters)]
    each = PASSES_OF_A_CELL * (loop + 2 * best)
    return wanted[: max(len(must), int((deadline - perf_counter()) / max(each, LEAST_CELL_SECONDS)))]
