"""loky: an executor whose worker processes are neither forked from the caller nor lost by a broken pool for ever."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from benchmarks import worker
from benchmarks.interrupts import deaf_to_hangup, start_tracker
from benchmarks.strategies.base import Call, Engine, Job, Strategy, Stream, meet, register
from benchmarks.strategies.library import Library

if TYPE_CHECKING:
    from concurrent.futures import Executor

LOKY = Library("loky", least="3.4.0")

TRACKER = "loky.backend.resource_tracker"

IDLE_SECONDS = 3600.0
"""Workers end when they are idle for longer than this, by default after 10 s: no cell may see that."""

Source = Callable[[], Any]
"""Returns the executor, each time that it is wanted."""


class LokyEngine(Engine):
    """An executor of loky's, asked for whenever it is used, as a program would."""

    def __init__(self, source: Source, workers: int, job: Job) -> None:
        """Make the calls of the executor that `source` returns, with that many workers."""
        super().__init__(self._call(source, job), self._stream(source, job))
        self._source = source
        self._workers = workers

    @staticmethod
    def _call(source: Source, job: Job) -> Call:
        options = job.chunk_option
        return lambda: list(source().map(job.function, job.inputs, **options))

    @staticmethod
    def _stream(source: Source, job: Job) -> Stream:
        return lambda inputs: source().map(job.function, inputs, **job.chunk_option)

    def prove(self) -> frozenset[int]:
        """Have all workers meet."""
        workers = meet(lambda places: self._source().map(worker.meet, places), self._workers)
        return frozenset(pid for pid, _ in workers)

    def close(self) -> None:
        """Drain and join."""
        self._source().shutdown(wait=True)

    def terminate(self) -> None:
        """Kill the workers.

        A thread of loky's looks for their children by another program, and its death in the midst of that would show.
        """
        self._source().shutdown(wait=True, kill_workers=True)


@dataclass(frozen=True, kw_only=True)
class LokyStrategy(Strategy):
    """`map` of one of the executors. `make` returns what returns it."""

    library: Library | None = LOKY
    modules: tuple[str, ...] = ("loky",)
    start_methods: tuple[str, ...] | None = ("loky",)
    make: Callable[[int], Source]

    @property
    def streams(self) -> bool:
        """The call takes any inputs."""
        return True

    def preload(self) -> None:
        """Start the resource trackers that it uses until the caller ends: loky's, and Python's.

        Also that of joblib's copy of loky, where joblib was imported: it then takes the place of loky's own context.
        """
        super().preload()
        start_tracker()
        import_module(TRACKER)
        for module in filter(None, (sys.modules.get(prefix + TRACKER) for prefix in ("", "joblib.externals."))):
            with deaf_to_hangup():
                module.ensure_running()

    def open(self, job: Job, workers: int, start_method: str) -> LokyEngine:
        """Create the executor; its processes start with the first task."""
        del start_method
        return LokyEngine(self.make(workers), workers, job)


def _own(workers: int) -> Source:
    from loky import ProcessPoolExecutor  # noqa: PLC0415 - as above

    executor: Executor = ProcessPoolExecutor(workers, initializer=worker.begin)
    return lambda: executor


def _reusable(workers: int) -> Source:
    from loky import get_reusable_executor  # noqa: PLC0415 - as above

    return lambda: get_reusable_executor(workers, timeout=IDLE_SECONDS, initializer=worker.begin)


register(
    LokyStrategy("loky.ProcessPoolExecutor.map", make=_own),
    LokyStrategy("loky.get_reusable_executor.map", make=_reusable),
)
