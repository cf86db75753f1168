"""concurrent.futures.ProcessPoolExecutor: one strategy for each of its calls."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks import worker
from benchmarks.strategies.base import Call, Engine, Job, Strategy, Stream, meet, register

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor


BUFFER = 16
"""How many tasks may be ahead of their results where the call takes a `buffersize`."""


class ExecutorEngine(Engine):
    """A ProcessPoolExecutor with the call that is timed."""

    def __init__(self, executor: ProcessPoolExecutor, workers: int, run: Call, stream: Stream | None = None) -> None:
        """Keep an executor with that many workers, and its calls."""
        super().__init__(run, stream)
        self._executor = executor
        self._workers = workers

    def prove(self) -> frozenset[int]:
        """Have all workers meet; where they are started on demand, this is the demand."""
        workers = meet(lambda places: self._executor.map(worker.meet, places), self._workers)
        return frozenset(pid for pid, _ in workers)

    def close(self) -> None:
        """Drain and join, as leaving the `with` block does."""
        self._executor.shutdown(wait=True)

    def terminate(self) -> None:
        """Stop taking tasks; whoever measures kills the processes (`kill_workers` exists from 3.14 only)."""
        self._executor.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, kw_only=True)
class ExecutorStrategy(Strategy):
    """One call of an executor.

    `bind` returns that call, ready to be timed; lazy results are consumed inside it. `stream` returns it for any
    inputs. `missing` says why this Python does not have the call.
    """

    modules: tuple[str, ...] = ("concurrent.futures.process",)
    bind: Callable[[ProcessPoolExecutor, Job], Call]
    stream: Callable[[ProcessPoolExecutor, Job], Stream] | None = None
    missing: str | None = None

    @property
    def streams(self) -> bool:
        """Whether the call takes any inputs."""
        return self.stream is not None

    def unavailable(self, start_method: str) -> str | None:
        """Return why this Python or this platform does not have it."""
        return self.missing or super().unavailable(start_method)

    def open(self, job: Job, workers: int, start_method: str) -> ExecutorEngine:
        """Create the executor; its processes start with the first task."""
        from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415 - `preload` has imported it

        context = multiprocessing.get_context(start_method)
        executor = ProcessPoolExecutor(workers, context, initializer=worker.begin)
        stream = self.stream(executor, job) if self.stream else None
        return ExecutorEngine(executor, workers, self.bind(executor, job), stream)


def _map(executor: ProcessPoolExecutor, job: Job) -> Call:
    options = job.chunk_option
    return lambda: list(executor.map(job.function, job.inputs, **options))


def _stream_map(executor: ProcessPoolExecutor, job: Job) -> Stream:
    return lambda inputs: executor.map(job.function, inputs, **job.chunk_option)


def _buffered(executor: ProcessPoolExecutor, job: Job) -> Call:
    stream = _stream_buffered(executor, job)
    return lambda: list(stream(job.inputs))


def _stream_buffered(executor: ProcessPoolExecutor, job: Job) -> Stream:
    options: dict[str, int] = {**job.chunk_option, "buffersize": BUFFER}
    return lambda inputs: executor.map(job.function, inputs, **options)


def _submit(executor: ProcessPoolExecutor, job: Job) -> Call:
    def run() -> list[Any]:
        futures = [executor.submit(job.function, value) for value in job.inputs]
        return [future.result() for future in futures]

    return run


register(
    ExecutorStrategy("ProcessPoolExecutor.map", bind=_map, stream=_stream_map),
    ExecutorStrategy(
        "ProcessPoolExecutor.map buffersize",
        bind=_buffered,
        stream=_stream_buffered,
        missing=None if sys.version_info >= (3, 14) else "Executor.map has a buffersize from Python 3.14 on",
    ),
    ExecutorStrategy("ProcessPoolExecutor.submit", bind=_submit),
)
