"""mpire.WorkerPool, kept alive from call to call: without that each call starts new workers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks import worker
from benchmarks.strategies.base import Engine, Job, Strategy, meet, register
from benchmarks.strategies.library import Library

if TYPE_CHECKING:
    from mpire import WorkerPool

MPIRE = Library("mpire", least="2.8.0")

CHUNKS = 64
"""How many chunks a worker gets by default, see `chunk_tasks` and `n_splits` in mpire's utilities."""

Spread = Callable[..., Any]
"""A method of the pool: function, arguments of each task, options; gives the results, or yields them."""


class MpireEngine(Engine):
    """A WorkerPool with the one kind of call that it is used for.

    Two kinds in turn on one pool that is kept alive end in a TypeError (2.10.2).
    """

    def __init__(self, pool: WorkerPool, job: Job, workers: int, spread: Spread, *, lazy: bool) -> None:
        """Keep a pool with that many workers, and make its call of a method, lazy or not."""
        super().__init__(lambda: list(self._results(job.inputs)), self._results if lazy else None)
        self._pool = pool
        self._workers = workers
        self._spread = spread
        self._job = job

    def _results(self, inputs: Any) -> Any:
        # a tuple is unpacked into arguments, so each input is put into one
        arguments = ((value,) for value in inputs)
        known = {"iterable_len": len(inputs)} if hasattr(inputs, "__len__") else {}
        # without a length mpire cannot know what a share is, and says so
        chunk_size = self._job.chunk_size or (None if known else 1)
        return self._spread(self._job.function, arguments, worker_init=worker.begin, chunk_size=chunk_size, **known)

    def prove(self) -> frozenset[int]:
        """Have all workers meet."""

        def spread(places: Any) -> Any:
            return self._spread(
                worker.meet,
                ((place,) for place in places),
                iterable_len=len(places),
                chunk_size=1,
                worker_init=worker.begin,
            )

        return frozenset(pid for pid, _ in meet(spread, self._workers))

    def close(self) -> None:
        """Drain and join."""
        self._pool.stop_and_join()

    def terminate(self) -> None:
        """End the workers at once."""
        self._pool.terminate()


@dataclass(frozen=True, kw_only=True)
class MpireStrategy(Strategy):
    """One call of a WorkerPool, by the name of its method."""

    library: Library | None = MPIRE
    modules: tuple[str, ...] = ("mpire",)
    # the monitor of its progress bars, which no bar is needed to start
    # and memory that the heap of multiprocessing keeps for what comes next
    leaves: tuple[str, ...] = ("thread *tqdm_monitor*", "file descriptor * (/dev/shm/pym-*")
    method: str

    @property
    def streams(self) -> bool:
        """Whether results come one by one."""
        return self.method.startswith("imap")

    def chunk_size(self, tasks: int, workers: int) -> int:
        """Return the default: the tasks in 64 chunks a worker."""
        return max(1, -(-tasks // (CHUNKS * workers)))

    def preload(self) -> None:
        """Make the lock of its progress bars, a semaphore that stays until the caller ends."""
        super().preload()
        from tqdm import tqdm  # noqa: PLC0415 - only where it is measured

        tqdm.get_lock()

    def open(self, job: Job, workers: int, start_method: str) -> MpireEngine:
        """Create the pool; its workers start with the first call."""
        from mpire import WorkerPool  # noqa: PLC0415 - only where it is measured

        pool = WorkerPool(workers, start_method=start_method, keep_alive=True)
        return MpireEngine(pool, job, workers, getattr(pool, self.method), lazy=self.streams)


register(
    MpireStrategy("mpire.WorkerPool.map", method="map"),
    MpireStrategy("mpire.WorkerPool.imap_unordered", method="imap_unordered", ordered=False),
)
