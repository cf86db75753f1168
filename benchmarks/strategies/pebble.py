"""pebble.ProcessPool: a pool of processes whose tasks can have time limits."""

from __future__ import annotations

import multiprocessing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks import worker
from benchmarks.strategies.base import Engine, Job, Strategy, meet, register
from benchmarks.strategies.library import Library

if TYPE_CHECKING:
    from pebble import ProcessPool

PEBBLE = Library("pebble", least="5.0.3")


class PebbleEngine(Engine):
    """A ProcessPool with `map` as the call that is timed."""

    def __init__(self, pool: ProcessPool, job: Job, workers: int) -> None:
        """Keep a pool with that many workers, and make its call."""
        options = job.chunk_option
        super().__init__(
            lambda: list(pool.map(job.function, job.inputs, **options).result()),
            lambda inputs: pool.map(job.function, inputs, **options).result(),
        )
        self._pool = pool
        self._workers = workers

    def prove(self) -> frozenset[int]:
        """Have all workers meet."""
        workers = meet(lambda places: self._pool.map(worker.meet, places).result(), self._workers)
        return frozenset(pid for pid, _ in workers)

    def close(self) -> None:
        """Drain and join."""
        self._pool.close()
        self._pool.join()

    def terminate(self) -> None:
        """End the workers at once."""
        self._pool.stop()
        self._pool.join()


@dataclass(frozen=True, kw_only=True)
class PebbleStrategy(Strategy):
    """Its `map`."""

    name: str = "pebble.ProcessPool.map"
    library: Library | None = PEBBLE
    modules: tuple[str, ...] = ("pebble",)

    @property
    def streams(self) -> bool:
        """The call takes any inputs."""
        return True

    def open(self, job: Job, workers: int, start_method: str) -> PebbleEngine:
        """Create the pool; its workers start with the first task."""
        from pebble import ProcessPool  # noqa: PLC0415 - only where it is measured

        context = multiprocessing.get_context(start_method)
        pool = ProcessPool(workers, initializer=worker.begin, context=context)
        return PebbleEngine(pool, job, workers)


register(PebbleStrategy())
