"""Settings for a function, timed on all its inputs by code of its own: a sweep over many, and the best ones in turns.

Nothing here is the race's: neither what is tried, but for the names of the strategies, nor how it is timed.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from benchmarks.environment import usable_cpus, usual_start_method
from benchmarks.interrupts import SIGNALS
from benchmarks.measuring.processes import descendants
from benchmarks.measuring.race import WITH_PROCESSES, WITH_THREADS
from benchmarks.measuring.watch import CellError, LimitError, Watch, end_all, start_helpers
from benchmarks.schema import Setting
from benchmarks.strategies import STRATEGIES
from benchmarks.strategies.base import Job
from benchmarks.words import NO_METHOD

if TYPE_CHECKING:
    from benchmarks.strategies.base import Engine

LOOP = Setting("serial", None, 1, NO_METHOD)

SWEEP_SECONDS = 40.0
"""What a sweep is to take; the chunk sizes are thinned out for that."""

OPEN_SECONDS = 0.4
"""What opening and ending a pool is taken to cost, until it is known."""

LEAST_SIZES = 2

SWEEP_PASSES = 3
"""One to warm up, and two of which the faster counts."""

HOPELESS_FACTOR = 2.0
"""A setting whose first pass takes longer than the best by this is not timed again, nor are smaller chunks of it."""

WORKER_FACTORS = (32, 16, 8, 4, 1)
"""How many workers a processor is given by a function that waits, the most first."""

MOST_STARTED = 4
"""The same for workers that are not forked: each takes 0.1 s of CPU time to start."""

BUSY_SHARE = 0.5
"""A function that computes for less of its time than this waits."""

REFINED = 3
"""Pools whose chunk sizes between those that were tried are looked at too: those that are the best so far."""

LIMIT_LOOPS, LEAST_LIMIT = 20.0, 30.0
"""A setting may take so many times as long as a loop, and at least so many seconds."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Work:
    """A function and its inputs, with the results and the seconds of a loop over them; `waits` says that it sleeps."""

    function: Callable[[Any], Any]
    inputs: Sequence[Any]
    results: Sequence[Any]
    loop: float
    waits: bool

    @classmethod
    def of(cls, function: Callable[[Any], Any], inputs: Sequence[Any]) -> Work:
        """Find out by a loop; the second one counts, since the first one may import something."""
        for value in inputs:
            function(value)
        begun, worked = perf_counter(), process_time()
        results = [function(value) for value in inputs]
        seconds = perf_counter() - begun
        return cls(function, inputs, results, seconds, process_time() - worked < BUSY_SHARE * seconds)

    def check(self, found: Sequence[Any]) -> None:
        """Raise CellError for results that are not those of the loop."""
        if found != self.results:
            raise CellError("wrong results")

    @property
    def limit(self) -> float:
        """The seconds that one setting may take in all."""
        return max(LEAST_LIMIT, LIMIT_LOOPS * self.loop)


@contextmanager
def opened(work: Work, setting: Setting) -> Iterator[Callable[[], float]]:
    """Open a pool, have its workers answer, and give what times a pass and checks its results; end the pool afterwards.

    Raises CellError, in one line, for whatever goes wrong; no process is left then either.
    """
    strategy = STRATEGIES[setting.strategy]
    reason = strategy.obstacle(setting.start_method, setting.workers)
    if reason is not None:
        raise CellError(f"{named(setting)}: {reason}")
    engines: list[Engine] = []
    before = descendants()
    watch = Watch(work.limit)
    try:
        with watch:
            with SIGNALS.held_back():
                start_helpers(setting.start_method)
                strategy.preload()
                before = descendants()
                job = Job(work.function, work.inputs, setting.chunk_size)
                engines.append(strategy.open(job, setting.workers, setting.start_method))
            SIGNALS.reclaim()
            engine = engines[0]
            engine.prove()

            def one_pass() -> float:
                begun = perf_counter()
                found = engine.run()
                seconds = perf_counter() - begun
                work.check(found)
                return seconds

            yield one_pass
            engine.close()
    except BaseException as error:
        watch.stop()
        end_all(tuple(engines), before)
        if not isinstance(error, Exception):
            raise
        said = f"not done after {work.limit:.3g} s" if isinstance(error, LimitError) else one_line(error)
        raise CellError(f"{named(setting)}: {said}") from error


def one_line(error: Exception) -> str:
    """Return what an exception says, in one line."""
    said = str(error) if isinstance(error, CellError) else f"{type(error).__name__}: {error}"
    return " ".join(said.split())


def named(setting: Setting) -> str:
    """Return what a setting is called in a table and in messages."""
    if setting == LOOP:
        return "loop"
    chunks = "" if setting.start_method == NO_METHOD else f", chunks of {setting.chunk_size}"
    return f"{setting.strategy}{chunks}, {setting.workers} workers"


def pools(*, waits: bool) -> Iterator[Setting]:
    """Yield each pool with each number of workers, its chunk size left open: those first that may be the fastest."""
    for factor in WORKER_FACTORS if waits else (1,):
        workers = factor * usable_cpus()
        for name in WITH_PROCESSES:
            library = STRATEGIES[name].library
            method = (STRATEGIES[name].start_methods or (usual_start_method(),))[0]
            if (library is None or library.version is not None) and (method == "fork" or factor <= MOST_STARTED):
                yield Setting(name, None, workers, method)
        for name in WITH_THREADS:
            yield Setting(name, None, workers, NO_METHOD)


def ladder(tasks: int, workers: int) -> list[int]:
    """Return the powers of two below a worker's share of the tasks, and the share."""
    share = -(-tasks // workers)
    return [*(1 << power for power in range((share - 1).bit_length())), share]


def thinned(sizes: Sequence[int], number: int) -> list[int]:
    """Return some of the sizes, as many as asked for, evenly spread: the first and the last among them."""
    last = len(sizes) - 1
    return sorted({sizes[round(place * last / (number - 1))] for place in range(number)})


def between(sizes: Sequence[int], seconds: dict[int, float]) -> list[int]:
    """Return the sizes in the middle between the best one that was tried and those next to it that were."""
    places = [place for place, size in enumerate(sizes) if size in seconds]
    best = min(places, key=lambda place: seconds[sizes[place]])
    at = places.index(best)
    middles = {(best + other) // 2 for other in places[max(0, at - 1) : at + 2]}
    return [sizes[place] for place in sorted(middles) if sizes[place] not in seconds]


class Sweep:
    """What was timed so far: in `found` the seconds of each setting, infinite where it failed."""

    def __init__(self, work: Work, tell: Tell) -> None:
        """Time the loop."""
        self._work = work
        self._tell = tell
        self.found: dict[Setting, float] = {LOOP: work.loop}

    def run(self, seconds: float = SWEEP_SECONDS) -> dict[Setting, float]:
        """Time every pool with some chunk sizes, and the best pools with more as long as there is time."""
        deadline = perf_counter() + seconds
        kinds = list(pools(waits=self._work.waits))
        for kind in kinds:
            divisor = kind.workers if self._work.waits else usable_cpus()
            cost = SWEEP_PASSES * self._work.loop / divisor + OPEN_SECONDS
            self._first(kind, max(LEAST_SIZES, int(seconds / len(kinds) / cost)))
        while perf_counter() < deadline:
            more = next(self._more(kinds), None)
            if more is None:
                break
            self._time(more)
        return {setting: taken for setting, taken in self.found.items() if math.isfinite(taken)}

    def _first(self, kind: Setting, number: int) -> None:
        """Time some chunk sizes of a pool, the largest first, until smaller ones cost too much."""
        least = math.inf
        for size in reversed(thinned(self._sizes(kind), number)):
            taken = self._time(replace(kind, chunk_size=size))
            if not taken < HOPELESS_FACTOR * least:
                break
            least = min(least, taken)

    def _more(self, kinds: Sequence[Setting]) -> Iterator[Setting]:
        """Yield what is worth a try, of the best pools."""
        known = {kind: self._seconds(kind) for kind in kinds}
        for kind in sorted(kinds, key=lambda kind: min(known[kind].values()))[:REFINED]:
            for size in between(self._sizes(kind), known[kind]):
                yield replace(kind, chunk_size=size)

    def _sizes(self, kind: Setting) -> list[int]:
        # threads are handed one task at a time
        return [1] if kind.start_method == NO_METHOD else ladder(len(self._work.inputs), kind.workers)

    def _seconds(self, kind: Setting) -> dict[int, float]:
        settings = {size: replace(kind, chunk_size=size) for size in self._sizes(kind)}
        return {size: self.found[one] for size, one in settings.items() if one in self.found}

    def _time(self, setting: Setting) -> float:
        """Time a setting, and return its seconds; tell why it failed."""
        best = min(self.found.values())
        try:
            with opened(self._work, setting) as one_pass:
                taken = one_pass()
                if taken < HOPELESS_FACTOR * best + OPEN_SECONDS:  # that of a short pass may be an import
                    taken = min(one_pass() for _ in range(SWEEP_PASSES - 1))
        except CellError as error:
            self._tell(f"left out: {error}")
            taken = math.inf
        self.found[setting] = taken
        return taken


def in_turns(work: Work, settings: Sequence[Setting], turns: int, seed: str) -> dict[Setting, list[float]]:
    """Time settings in turns, each time in a pool that is new and has been warmed up by a pass; the order is drawn.

    Raises CellError if one of them fails.
    """
    source = random.Random(seed)
    taken: dict[Setting, list[float]] = {setting: [] for setting in settings}
    for _ in range(turns):
        for setting in source.sample(settings, len(settings)):
            with opened(work, setting) as one_pass:
                one_pass()
                taken[setting].append(one_pass())
    return taken
