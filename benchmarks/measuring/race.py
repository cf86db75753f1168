"""Settings for a person's own function: many are tried once, the best go on to be measured like any cell.

What is tried once is compared by one clock and by nothing else, so only what is clearly slower is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from benchmarks.environment import usable_cpus, usual_start_method
from benchmarks.interrupts import SIGNALS
from benchmarks.measuring.cells import Axes
from benchmarks.measuring.pilot import Findings
from benchmarks.measuring.processes import descendants
from benchmarks.measuring.target import Target, TargetError
from benchmarks.measuring.watch import CellError, Watch, end_all, start_helpers
from benchmarks.schema import TargetInfo
from benchmarks.strategies import STRATEGIES
from benchmarks.strategies.base import Job
from benchmarks.words import NO_METHOD
from benchmarks.workloads import WORKLOADS, Workload

PASS_SECONDS = 0.5
"""What a loop over the measured inputs is to take: a pass of a cell must fit its budget a dozen times."""

LEAST_TASKS = 4
"""A worker can be idle with fewer than two tasks each."""

MOST_MEASURED = 2000

RACE_SHARE = 0.35
"""The part of the budget that the race may take."""

CLEARLY = 1.25
"""A setting that takes longer than the best by this is dropped."""

MOST_FINALISTS, LEAST_FINALISTS = 4, 2

TRIES = 2
"""The faster of so many passes counts."""

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


@dataclass(frozen=True)
class Setting:
    """What can be chosen: a strategy, its chunk size, its workers and their start method."""

    strategy: str
    chunk_size: int | None
    workers: int
    start_method: str


@dataclass(frozen=True)
class Raced:
    """A setting with the seconds of its best pass, and those of making and ending it."""

    setting: Setting
    seconds: float
    start: float


FINALISTS: list[Axes] = []
"""What is measured of the function of this run; none in a run of another kind."""


def measured_inputs(findings: Findings) -> tuple[int, ...]:
    """Return which of the tried inputs are measured, by their place among them: as many as fit a pass, in their order.

    They were tried in an order drawn at random, so the first ones are a sample.
    """
    wanted = int(PASS_SECONDS / max(findings.task_time, 1e-9))
    number = min(len(findings.places), max(LEAST_TASKS, min(wanted, MOST_MEASURED)))
    return tuple(sorted(range(number), key=lambda place: findings.places[place]))


def prepare(target: Target, findings: Findings, budget: float, tell: Callable[[str], None]) -> TargetInfo:
    """Make a workload of the function, race settings for it, and leave the best in `FINALISTS`; return what was found.

    Raises TargetError if no setting could be tried.
    """
    chosen = measured_inputs(findings)
    inputs = [target.inputs[findings.places[place]] for place in chosen]
    results = [findings.results[place] for place in chosen]
    WORKLOADS[target.label] = Workload(
        target.label, target.function, lambda _size, _tasks: inputs, lambda _size, _tasks: results, same=target.same
    )
    raced = sorted(_race(target, inputs, results, findings, budget, tell), key=lambda one: one.seconds)
    if not raced:
        raise TargetError(f"--target {target.name}: no pool could run it; what was said above tells why")
    loop = sum(findings.seconds[place] for place in chosen)
    best = raced[: max(LEAST_FINALISTS, sum(one.seconds < CLEARLY * raced[0].seconds for one in raced))]
    finalists = best[:MOST_FINALISTS]
    seconds = max(1.0, (1 - RACE_SHARE) * budget / max(1, len(finalists)) - 1)
    FINALISTS[:] = [
        Axes(
            target.label, len(inputs), (one.setting.strategy,), seconds, workers=(one.setting.workers,),
            start_methods=(one.setting.start_method,), chunk_sizes=(one.setting.chunk_size,),
        )
        for one in finalists
    ]  # fmt: skip
    tell(f"{len(raced)} settings tried once, the {len(finalists)} best are measured; a loop took {loop:.3g} s")
    return TargetInfo(
        name=target.name,
        fingerprint=target.fingerprint,
        inputs=len(target.inputs),
        tried=len(findings.places),
        task_time=findings.task_time,
        deviation=findings.spread,
        bytes_in=findings.bytes_in,
        bytes_out=findings.bytes_out,
        notes=list(findings.notes),
        starts={one.setting.strategy: one.start for one in reversed(raced)},
    )


def _race(  # noqa: PLR0913, PLR0917 - what a race needs
    target: Target,
    inputs: Sequence[Any],
    results: Sequence[Any],
    findings: Findings,
    budget: float,
    tell: Callable[[str], None],
) -> Iterator[Raced]:
    """Yield what can be done, each tried: first the chunk sizes of a pool, then the other strategies with the best."""
    deadline = perf_counter() + RACE_SHARE * budget
    workers, method = usable_cpus(), usual_start_method()
    share = -(-len(inputs) // workers)
    sizes = sorted({1, max(1, share // 4), share})
    pools: list[Raced] = []
    for size in sizes:
        pools += _tried(target, Setting(WITH_PROCESSES[0], size, workers, method), inputs, results, deadline, tell)
    yield from pools
    best = min(pools, key=lambda one: one.seconds).setting.chunk_size if pools else None
    for name in WITH_PROCESSES[1:]:
        library = STRATEGIES[name].library
        if library is None or library.version is not None:
            own = (STRATEGIES[name].start_methods or (method,))[0]
            yield from _tried(target, Setting(name, best, workers, own), inputs, results, deadline, tell)
    for name in WITH_THREADS if findings.frees or findings.waits else ():
        for number in (workers, 4 * workers) if findings.waits else (workers,):
            yield from _tried(target, Setting(name, None, number, NO_METHOD), inputs, results, deadline, tell)
    if findings.waits:
        setting = Setting(WITH_PROCESSES[0], 1, 4 * workers, method)
        yield from _tried(target, setting, inputs, results, deadline, tell)


def _tried(  # noqa: PLR0913, PLR0917 - what a try needs
    target: Target, setting: Setting, inputs: Sequence[Any], results: Sequence[Any], deadline: float,
    tell: Callable[[str], None],
) -> list[Raced]:  # fmt: skip
    """Return a setting with what it took, nothing where it failed, which is told, or there is no time left."""
    left = deadline - perf_counter()
    strategy = STRATEGIES[setting.strategy]
    reason = strategy.unavailable(setting.start_method)
    if reason is not None or left <= 0:
        if reason is not None:
            tell(f"{setting.strategy}: {reason}")
        return []
    before = descendants()
    watch = Watch(max(left, 10.0))
    engines = []
    try:
        with watch:
            with SIGNALS.held_back():
                start_helpers(setting.start_method)
                strategy.preload()
                before = descendants()
                begun = perf_counter()
                engines.append(
                    strategy.open(
                        Job(target.function, inputs, setting.chunk_size), setting.workers, setting.start_method
                    )
                )
            engine = engines[0]
            engine.prove()
            start = perf_counter() - begun
            taken = []
            for _ in range(TRIES):
                begun = perf_counter()
                found = engine.run()
                taken.append(perf_counter() - begun)
                _check(target, found, results)
            begun = perf_counter()
            engine.close()
            start += perf_counter() - begun
    except BaseException as error:
        watch.stop()
        end_all(tuple(engines), before)
        if not isinstance(error, Exception):  # Ctrl-C ends the run; of all else the others are tried all the same
            raise
        said = " ".join(f"{type(error).__name__}: {error}".split())
        tell(f"{setting.strategy} failed, and is left out: {said}")
        return []
    return [Raced(setting, min(taken), start)]


def _check(target: Target, found: Sequence[Any], results: Sequence[Any]) -> None:
    """Raise CellError for results that are not those of the loop."""
    for place, pair in enumerate(zip(found, results, strict=True)):
        if not target.same(*pair):
            raise CellError(f"wrong results, first at task {place}")
