"""concurrent.futures without processes: ThreadPoolExecutor, and InterpreterPoolExecutor where there is one (3.14)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks import worker
from benchmarks.strategies.base import Engine, Job, Strategy, meet, register

if TYPE_CHECKING:
    from concurrent.futures import Executor


class ThreadEngine(Engine):
    """An executor whose workers are threads of this process, with `map` as the call that is timed."""

    def __init__(self, executor: Executor, workers: int, job: Job) -> None:
        """Make the call of an executor with that many workers."""

        def run() -> list[Any]:
            return list(executor.map(job.function, job.inputs))

        super().__init__(run)
        self._executor = executor
        self._workers = workers

    def prove(self) -> frozenset[int]:
        """Have all workers meet; return their threads' numbers."""
        workers = meet(lambda places: self._executor.map(worker.meet, places), self._workers)
        return frozenset(thread for _, thread in workers)

    def close(self) -> None:
        """Drain and join, as leaving the `with` block does."""
        self._executor.shutdown(wait=True)

    def terminate(self) -> None:
        """Stop taking tasks: a thread cannot be killed."""
        self._executor.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, kw_only=True)
class ThreadStrategy(Strategy):
    """`map` of an executor whose workers are threads. `make` returns it for a number of workers."""

    processes: bool = False
    start_methods: tuple[str, ...] | None = ()
    make: Callable[[int], Executor]
    missing: str | None = None

    def unavailable(self, start_method: str) -> str | None:
        """Return why there is no such executor here; there is no process to start."""
        del start_method
        return self.missing

    def open(self, job: Job, workers: int, start_method: str) -> ThreadEngine:
        """Create the executor; its threads start with the first tasks."""
        del start_method
        return ThreadEngine(self.make(workers), workers, job)


def _make_threads(workers: int) -> Executor:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - other strategies need not wait for it

    return ThreadPoolExecutor(workers)


def _make_interpreters(workers: int) -> Executor:
    from concurrent import futures  # noqa: PLC0415 - as above

    executor: Executor = futures.InterpreterPoolExecutor(workers)  # type: ignore[attr-defined]
    return executor


register(
    ThreadStrategy("ThreadPoolExecutor.map", make=_make_threads),
    ThreadStrategy(
        "InterpreterPoolExecutor.map",
        make=_make_interpreters,
        missing=None if sys.version_info >= (3, 14) else "InterpreterPoolExecutor came with Python 3.14",
    ),
)
