"""A setting tried for a moment: its pool opened, a few passes timed. What fails costs itself alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from msgspec.structs import replace as replaced

from benchmarks.interrupts import SIGNALS
from benchmarks.measuring.cold import Fresh, Order
from benchmarks.measuring.hosted import Hosted, hosted
from benchmarks.measuring.processes import descendants
from benchmarks.measuring.watch import CellError, LimitError, Watch, describe, end_all, start_helpers
from benchmarks.schema import Setting
from benchmarks.strategies import STRATEGIES
from benchmarks.strategies.base import Engine, Job

Check = Callable[[Sequence[Any]], None]
"""Raises CellError for results that are not the right ones."""


@dataclass(frozen=True)
class Passes:
    """The seconds of each pass, in order, and those of making the pool, getting its workers going, and ending it."""

    seconds: tuple[float, ...]
    start: float


@dataclass(frozen=True)
class Trial:
    """How a setting is tried: so many passes, in so many seconds; `check` sees the results of each."""

    setting: Setting
    passes: int
    limit: float
    check: Check | None = None


def try_out(job: Job, trial: Trial) -> Passes:
    """Open a pool for a job and time some passes of it. Raises CellError, in one line; nothing is left running."""
    setting = trial.setting
    strategy = STRATEGIES[setting.strategy]

    def make() -> Engine:
        strategy.preload()
        return strategy.open(job, setting.workers, setting.start_method)

    if not strategy.hosted:
        return _try(make, trial)
    with TemporaryDirectory(prefix="pool-benchmarks-", ignore_cleanup_errors=True) as folder:
        return _try(lambda: hosted(job, setting, Path(folder)), trial)


def try_each(jobs: Sequence[Job], trial: Trial) -> list[Passes]:
    """Time some passes of each of several jobs likewise, in pools of their own; a cluster is started but once."""
    setting = trial.setting
    own = [replace(trial, setting=replaced(setting, chunk_size=job.chunk_size)) for job in jobs]
    if not STRATEGIES[setting.strategy].hosted:
        return [try_out(job, one) for job, one in zip(jobs, own, strict=True)]
    found = []
    with TemporaryDirectory(prefix="pool-benchmarks-", ignore_cleanup_errors=True) as folder:
        engine = _Lasting(lambda: hosted(jobs[0], setting, Path(folder)))
        try:
            for place, (job, one) in enumerate(zip(jobs, own, strict=True)):
                engine.next_job, engine.ends = job, place == len(jobs) - 1
                found.append(_try(lambda: engine, one))
        finally:
            engine.terminate()  # a signal may come between two trials; one that was closed has nothing left to end
    return found


class _Lasting(Engine):
    """A hosted engine that is opened for the first of several trials, and ends with the last or one that fails."""

    def __init__(self, opening: Callable[[], Hosted]) -> None:
        """Say what opens it."""
        super().__init__(lambda: self._engine().run())
        self._opening = opening
        self._hosted: Hosted | None = None
        self.next_job: Job | None = None
        self.ends = False

    def _engine(self) -> Hosted:
        if self._hosted is None:
            self._hosted = self._opening()
        return self._hosted

    def prove(self) -> frozenset[int]:
        """Take the next job, and have the workers prove that they are up."""
        if self.next_job is not None:
            self._engine().take(self.next_job)
        return self._engine().prove()

    def fetch(self, results: list[Any]) -> list[Any]:
        """Fetch the results."""
        return self._engine().fetch(results)

    def close(self) -> None:
        """End it after the last trial."""
        if self.ends:
            self._engine().close()

    def terminate(self) -> None:
        """End it at once."""
        if self._hosted is not None:
            self._hosted.terminate()


def try_fresh(workload: str, tasks: int, trial: Trial) -> Passes:
    """Time passes each of which makes its pool in an interpreter that has just started. Raises CellError likewise."""
    one = trial.setting
    order = Order(one.strategy, workload, None, tasks, one.chunk_size, one.workers, one.start_method)
    return _try(lambda: Fresh(order), trial)


def _try(make: Callable[[], Engine], trial: Trial) -> Passes:
    setting = trial.setting
    strategy = STRATEGIES[setting.strategy]
    reason = strategy.obstacle(setting.start_method, setting.workers)
    if reason is not None:
        raise CellError(reason)
    before = descendants()
    engines: list[Engine] = []
    watch = Watch(trial.limit)
    try:
        start_helpers(setting.start_method)  # which keep the streams that they start with
        with watch, _quiet():
            with SIGNALS.held_back():
                before = descendants()
                begun = perf_counter()
                engines.append(make())
            (engine,) = engines
            SIGNALS.reclaim()
            start = perf_counter() - begun
            engine.prove()
            if strategy.processes:  # threads are there at once, and to meet takes them longer
                start = perf_counter() - begun
            seconds = []
            for _ in range(trial.passes):
                engine.prepare()
                engine.await_ready()
                begun = perf_counter()
                found = engine.run()
                seconds.append(perf_counter() - begun)
                found = engine.fetch(found)
                if trial.check is not None:
                    trial.check(found)
            if seconds[1:]:  # what the first pass took more: imports and an initializer in the workers
                start += max(0.0, seconds[0] - min(seconds[1:]))
            begun = perf_counter()
            engine.close()
            start += perf_counter() - begun
    except BaseException as error:
        watch.stop()
        end_all(tuple(engines), before)
        if not isinstance(error, Exception):  # Ctrl-C ends the run; of all else the others are tried all the same
            raise
        said = f"not done after {trial.limit:.3g} s" if isinstance(error, LimitError) else describe(error)
        raise CellError(said) from error
    return Passes(tuple(seconds), start)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what workers print off the screen: pytest does that for cells, and is not there yet."""
    kept = [(stream, os.dup(stream)) for stream in (1, 2)]
    with Path(os.devnull).open("wb") as nothing:
        try:
            for stream, _ in kept:
                os.dup2(nothing.fileno(), stream)
            yield
        finally:
            for stream, copy in kept:
                os.dup2(copy, stream)
                os.close(copy)
