"""Ways to give every worker one large object: with the worker, inherited by fork, in shared memory.

The inputs of a job for these strategies are tuples whose first entry is that object, the same in all of them. What is
sent with a task is the rest of the tuple; plain Pool.map, which sends it all, is what they are measured against.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks import worker
from benchmarks.interrupts import start_tracker
from benchmarks.strategies.base import Call, Engine, Job, Strategy, pool_map_chunk_size, register
from benchmarks.strategies.pools import PoolEngine

if TYPE_CHECKING:
    from multiprocessing.pool import Pool


class SharingEngine(PoolEngine):
    """A pool whose workers read something that must be forgotten when it ends."""

    def __init__(self, pool: Pool, workers: int, run: Call, forget: Callable[[], None]) -> None:
        """Keep a pool with that many workers, its call, and what forgets what they share."""
        super().__init__(pool, workers, run)
        self._forget = forget

    def close(self) -> None:
        """End the pool, then what it shared."""
        super().close()
        self._forget()

    def terminate(self) -> None:
        """Forget first: ending a pool may hang."""
        self._forget()
        super().terminate()


@dataclass(frozen=True, kw_only=True)
class SharingStrategy(Strategy):
    """Pool.map over the rest of each input. `make` returns the engine for the object, the function and the rests."""

    shares: bool = True
    make: Callable[[Any, Job, int, str], Engine]

    def unavailable(self, start_method: str) -> str | None:
        """Return a reason where the start method does not exist or does not share anything."""
        if self.start_methods is not None and start_method not in self.start_methods:
            return f"workers inherit memory by {' or '.join(self.start_methods)}, not by {start_method}"
        return super().unavailable(start_method)

    def chunk_size(self, tasks: int, workers: int) -> int:
        """Return that of Pool.map."""
        return pool_map_chunk_size(tasks, workers)

    def open(self, job: Job, workers: int, start_method: str) -> Engine:
        """Create the pool with the object in it."""
        shared = job.inputs[0][0]
        rests = Job(partial(worker.with_shared, job.function), [rest for _, *rest in job.inputs], job.chunk_size)
        return self.make(shared, rests, workers, start_method)


@dataclass(frozen=True, kw_only=True)
class SharedMemoryStrategy(SharingStrategy):
    """One whose object is in shared memory, over which the resource tracker watches until this process ends."""

    def preload(self) -> None:
        """Start the resource tracker."""
        from multiprocessing.shared_memory import SharedMemory  # noqa: PLC0415 - others need not wait for it

        super().preload()
        start_tracker()
        memory = SharedMemory(create=True, size=1)
        memory.close()
        memory.unlink()


def _pool(job: Job, workers: int, start_method: str, begin: Callable[..., None], *arguments: Any) -> tuple[Pool, Call]:
    context = multiprocessing.get_context(start_method)
    pool = context.Pool(workers, initializer=begin, initargs=arguments)
    return pool, partial(pool.map, job.function, job.inputs, **job.chunk_option)


def _initializer(shared: Any, job: Job, workers: int, start_method: str) -> Engine:
    pool, run = _pool(job, workers, start_method, worker.begin_with, shared)
    return PoolEngine(pool, workers, run)


def _inherited(shared: Any, job: Job, workers: int, start_method: str) -> Engine:
    # found by whatever worker is forked from now on, as a module's global in a user's program would be
    worker.share(shared)
    pool, run = _pool(job, workers, start_method, worker.begin)
    return SharingEngine(pool, workers, run, partial(worker.share, None))


def _shared_memory(shared: Any, job: Job, workers: int, start_method: str) -> Engine:
    from multiprocessing.shared_memory import SharedMemory  # noqa: PLC0415 - `preload` has imported it

    memory = SharedMemory(create=True, size=len(shared))
    assert memory.buf is not None
    memory.buf[: len(shared)] = shared
    pool, run = _pool(job, workers, start_method, worker.begin_attached, memory.name)

    def forget() -> None:
        memory.close()
        with suppress(FileNotFoundError):  # forgotten before
            memory.unlink()

    return SharingEngine(pool, workers, run, forget)


register(
    SharingStrategy("Pool initializer", make=_initializer),
    SharingStrategy("Pool inherited", make=_inherited, start_methods=("fork",)),
    SharedMemoryStrategy("Pool shared memory", make=_shared_memory),
)
