"""multiprocess: a fork of multiprocessing that pickles with dill, with a Pool of the same calls."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks import worker
from benchmarks.environment import start_methods
from benchmarks.interrupts import deaf_to_hangup
from benchmarks.strategies.base import Job, pool_map_chunk_size, register
from benchmarks.strategies.library import Library
from benchmarks.strategies.pools import PoolEngine, PoolStrategy, imap, map_all, stream_imap, stream_map
from benchmarks.tasks import nothing

MULTIPROCESS = Library("multiprocess", least="0.70.15")


@dataclass(frozen=True, kw_only=True)
class MultiprocessStrategy(PoolStrategy):
    """One call of its Pool."""

    library: Library | None = MULTIPROCESS
    modules: tuple[str, ...] = ("multiprocess", "multiprocess.pool")

    def preload(self) -> None:
        """Start what it keeps until the caller ends: a resource tracker and a forkserver, both of its own."""
        super().preload()
        import multiprocess.resource_tracker  # noqa: PLC0415 - only where it is measured

        with deaf_to_hangup():
            multiprocess.resource_tracker.ensure_running()
        if "forkserver" in start_methods():
            process = multiprocess.get_context("forkserver").Process(target=nothing, args=(0,))
            process.start()
            process.join()

    def open(self, job: Job, workers: int, start_method: str) -> PoolEngine:
        """Create the pool."""
        import multiprocess  # noqa: PLC0415 - as above

        pool = multiprocess.get_context(start_method).Pool(workers, initializer=worker.begin)
        return PoolEngine(pool, workers, self.bind(pool, job), self.stream(pool, job) if self.stream else None)


register(
    MultiprocessStrategy(
        "multiprocess.Pool.map", bind=map_all, stream=stream_map, default_chunk_size=pool_map_chunk_size
    ),
    MultiprocessStrategy("multiprocess.Pool.imap", bind=imap, stream=stream_imap),
)
