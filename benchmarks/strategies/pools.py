"""multiprocessing.Pool: one strategy for each of its calls."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks import worker
from benchmarks.strategies.base import Call, Engine, Job, Strategy, Stream, meet, pool_map_chunk_size, register
from benchmarks.words import FRESH

if TYPE_CHECKING:
    from multiprocessing.pool import Pool


class PoolEngine(Engine):
    """A Pool with the call that is timed."""

    def __init__(self, pool: Pool, workers: int, run: Call, stream: Stream | None = None) -> None:
        """Keep a pool with that many workers, and its calls."""
        super().__init__(run, stream)
        self._pool = pool
        self._workers = workers

    def prove(self) -> frozenset[int]:
        """Have all workers meet."""
        workers = meet(lambda places: self._pool.map(worker.meet, places, chunksize=1), self._workers)
        return frozenset(pid for pid, _ in workers)

    def close(self) -> None:
        """Drain and join: `with Pool` would terminate, which is not what a pool's orderly end costs."""
        self._pool.close()
        self._pool.join()

    def terminate(self) -> None:
        """Terminate; hangs if an idle worker was killed while it held the queue's lock."""
        self._pool.terminate()
        self._pool.join()


@dataclass(frozen=True, kw_only=True)
class PoolStrategy(Strategy):
    """One call of a Pool.

    `bind` returns that call, ready to be timed; lazy results are consumed inside it. `stream` returns it for any
    inputs.
    """

    modules: tuple[str, ...] = ("multiprocessing.pool",)
    bind: Callable[[Pool, Job], Call]
    stream: Callable[[Pool, Job], Stream] | None = None
    default_chunk_size: Callable[[int, int], int] = field(default=lambda _tasks, _workers: 1)

    @property
    def streams(self) -> bool:
        """Whether the call takes any inputs."""
        return self.stream is not None

    def chunk_size(self, tasks: int, workers: int) -> int:
        """Return the default of the call."""
        return self.default_chunk_size(tasks, workers)

    def open(self, job: Job, workers: int, start_method: str) -> PoolEngine:
        """Create the pool."""
        context = multiprocessing.get_context(start_method)
        pool = context.Pool(workers, initializer=worker.begin)
        return PoolEngine(pool, workers, self.bind(pool, job), self.stream(pool, job) if self.stream else None)


def map_all(pool: Pool, job: Job) -> Call:
    """Return Pool.map over a job, of any library's pool."""
    return partial(pool.map, job.function, job.inputs, **job.chunk_option)


def _starmap(pool: Pool, job: Job) -> Call:
    return partial(pool.starmap, job.function, [(value,) for value in job.inputs], **job.chunk_option)


def imap(pool: Pool, job: Job) -> Call:
    """Return Pool.imap over a job."""
    options = job.chunk_option
    return lambda: list(pool.imap(job.function, job.inputs, **options))


def _imap_unordered(pool: Pool, job: Job) -> Call:
    options = job.chunk_option
    return lambda: list(pool.imap_unordered(job.function, job.inputs, **options))


def stream_map(pool: Pool, job: Job) -> Stream:
    """Return Pool.map over any inputs."""
    return lambda inputs: pool.map(job.function, inputs, **job.chunk_option)


def stream_imap(pool: Pool, job: Job) -> Stream:
    """Return Pool.imap over any inputs."""
    return lambda inputs: pool.imap(job.function, inputs, **job.chunk_option)


def _apply_async(pool: Pool, job: Job) -> Call:
    def run() -> list[Any]:
        handles = [pool.apply_async(job.function, (value,)) for value in job.inputs]
        return [handle.get() for handle in handles]

    return run


register(
    PoolStrategy("Pool.map", bind=map_all, stream=stream_map, default_chunk_size=pool_map_chunk_size),
    PoolStrategy("Pool.starmap", bind=_starmap, default_chunk_size=pool_map_chunk_size),
    PoolStrategy("Pool.imap", bind=imap, stream=stream_imap),
    PoolStrategy("Pool.imap_unordered", ordered=False, bind=_imap_unordered),
    PoolStrategy("Pool.apply_async", bind=_apply_async),
)


@dataclass(frozen=True)
class ArticleStrategy(Strategy):
    """`with Pool() as pool: pool.map(...)` as people write it first: the pool is made and terminated in the call.

    Nothing is preloaded: `Pool()` imports `multiprocessing.pool` when it is called first, and a script's clock sees it.
    """

    name: str = "with Pool"
    states: tuple[str, ...] = (FRESH,)

    def chunk_size(self, tasks: int, workers: int) -> int:
        """Return that of Pool.map."""
        return pool_map_chunk_size(tasks, workers)

    def open(self, job: Job, workers: int, start_method: str) -> Engine:
        """Return an engine whose workers do not outlive a run."""
        context = multiprocessing.get_context(start_method)

        def article() -> list[Any]:
            with context.Pool(workers) as pool:
                return pool.map(job.function, job.inputs, **job.chunk_option)

        return Engine(article)


register(ArticleStrategy())
