"""joblib.Parallel over its own copy of loky, and over threads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmarks import worker
from benchmarks.interrupts import deaf_to_hangup, start_tracker
from benchmarks.strategies.base import Engine, Job, Proof, Strategy, meet, register
from benchmarks.strategies.library import Library
from benchmarks.strategies.loky import IDLE_SECONDS

JOBLIB = Library("joblib", least="1.5.0")


class JoblibEngine(Engine):
    """A Parallel that is entered, so that its workers stay from call to call, and one that returns a generator."""

    def __init__(self, parallel: Any, lazy: Any, job: Job, workers: int) -> None:
        """Enter a Parallel with that many workers, and make its call; `lazy` is one that returns a generator."""
        from joblib import delayed  # noqa: PLC0415 - only where it is measured

        self._parallel = parallel.__enter__()
        self._workers = workers
        task = delayed(job.function)

        def run() -> list[Any]:
            results: list[Any] = parallel(task(value) for value in job.inputs)
            return results

        super().__init__(run, lambda inputs: lazy(task(value) for value in inputs))

    def _meet(self) -> list[Proof]:
        """Have all workers meet: one task at a time, whatever the size of a batch has become."""
        from joblib import delayed  # noqa: PLC0415 - as above

        usual, self._parallel.batch_size = self._parallel.batch_size, 1
        try:
            task = delayed(worker.meet)
            return meet(lambda places: self._parallel(task(place) for place in places), self._workers)
        finally:
            self._parallel.batch_size = usual

    def prove(self) -> frozenset[int]:
        """Have all workers meet; of threads, return their numbers."""
        return frozenset(thread for _, thread in self._meet())

    def close(self) -> None:
        """Leave the Parallel."""
        self._parallel.__exit__(None, None, None)

    def terminate(self) -> None:
        """Stop taking tasks: a thread cannot be killed."""
        self._parallel._backend.abort_everything(ensure_ready=False)  # noqa: SLF001 - there is no public way


class JoblibLokyEngine(JoblibEngine):
    """One over worker processes, which joblib keeps in an executor for whoever comes next."""

    def prove(self) -> frozenset[int]:
        """Have all workers meet."""
        return frozenset(pid for pid, _ in self._meet())

    def close(self) -> None:
        """Leave the Parallel, and end the executor that it would leave to the next one."""
        super().close()
        self._shut_down(wait=True, kill_workers=False)

    def terminate(self) -> None:
        """Kill the workers."""
        self._shut_down(wait=True, kill_workers=True)

    @staticmethod
    def _shut_down(**how: bool) -> None:
        from joblib.externals.loky import reusable_executor  # noqa: PLC0415 - as above

        executor = reusable_executor._executor  # noqa: SLF001 - to ask for it would make one where there is none
        if executor is not None:
            executor.shutdown(**how)


@dataclass(frozen=True, kw_only=True)
class JoblibStrategy(Strategy):
    """A Parallel with a backend. A job without a chunk size leaves it to joblib how many tasks are a batch.

    Automatic batches begin with one task and grow while they take less than 0.2 s, so a first call differs from later
    ones; threads always get one task at a time.
    """

    library: Library | None = JOBLIB
    modules: tuple[str, ...] = ("joblib",)
    backend: str

    @property
    def streams(self) -> bool:
        """A generator can be asked for."""
        return True

    def open(self, job: Job, workers: int, start_method: str) -> JoblibEngine:
        """Enter the Parallel; its workers start with the first tasks."""
        del start_method
        from joblib import Parallel  # noqa: PLC0415 - as above

        options: dict[str, Any] = {"batch_size": job.chunk_size or "auto", "backend": self.backend}
        if self.processes:
            options |= {"idle_worker_timeout": IDLE_SECONDS, "initializer": worker.begin}
        kind = JoblibLokyEngine if self.processes else JoblibEngine
        return kind(Parallel(workers, **options), Parallel(workers, return_as="generator", **options), job, workers)


@dataclass(frozen=True, kw_only=True)
class JoblibLokyStrategy(JoblibStrategy):
    """The one over processes."""

    backend: str = "loky"
    start_methods: tuple[str, ...] | None = ("loky",)
    # arrays above 1 MB go through a folder there, which the resource tracker removes when it gets to it
    leaves: tuple[str, ...] = ("shared memory joblib_memmapping_folder_*",)

    def preload(self) -> None:
        """Start the resource trackers, that of joblib's loky and Python's."""
        super().preload()
        from joblib.externals.loky.backend import resource_tracker  # noqa: PLC0415 - as above

        start_tracker()
        with deaf_to_hangup():
            resource_tracker.ensure_running()


register(
    JoblibLokyStrategy("joblib.Parallel loky"),
    JoblibStrategy("joblib.Parallel threading", backend="threading", processes=False, start_methods=()),
)
