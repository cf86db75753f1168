"""The protocol: what a strategy of spreading work offers so that it can be measured beside the others."""

from __future__ import annotations

import multiprocessing
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier

Call = Callable[[], list[Any]]
Stream = Callable[[Iterable[Any]], Iterable[Any]]
"""Inputs to results, each as it comes."""


@dataclass(frozen=True)
class Job:
    """Tasks to be done: `function` applied to each of `inputs`.

    `chunk_size` is the number of tasks that are sent to a worker at once, None for the strategy's own default.
    """

    function: Callable[[Any], Any]
    inputs: Sequence[Any]
    chunk_size: int | None = None

    @property
    def chunk_option(self) -> dict[str, int]:
        """The chunk size as the keyword argument of a pool's call, empty unless one was asked for."""
        return {} if self.chunk_size is None else {"chunksize": self.chunk_size}


class Engine:
    """A strategy made ready for one job: its workers, and the call that is timed.

    `run()` does the whole job and returns its results. It is all that the clock sees, so it is the plain call, handed
    in ready-made: a method that forwards to it would add a frame to every time. `stream`, where there is one, applies
    the job's function to whatever inputs it is given. The rest does nothing by default.
    """

    def __init__(self, run: Call, stream: Stream | None = None) -> None:
        """Take the calls."""
        self.run = run
        self.stream = stream

    def prepare(self) -> None:
        """Begin what the next `run` needs and the clock must not see; several engines may do so at once."""

    def await_ready(self) -> None:
        """Wait until that is done."""

    def prove(self) -> frozenset[int]:
        """Return the process ids of all workers that outlive a run, once every one of them has answered.

        Of threads, their own numbers.
        """
        return frozenset()

    def close(self) -> None:
        """End the workers in the orderly way, waiting until they are gone."""

    def terminate(self) -> None:
        """End the workers at once. May hang after a worker was killed: call it where that does no harm."""


@dataclass(frozen=True)
class Strategy(ABC):
    """A way to spread the tasks of a job.

    `name` is that of the API, in ids, tables and options. `ordered` says whether results come in the order of the
    inputs, `parallel` whether there are workers at all, `processes` whether those are processes.
    """

    name: str
    ordered: bool = True
    parallel: bool = True
    processes: bool = True

    def unavailable(self, start_method: str) -> str | None:
        """Return why this strategy cannot run here, or None if it can."""
        known = multiprocessing.get_all_start_methods()
        if not self.parallel or start_method in known:
            return None
        return f"the start method {start_method} does not exist on this platform; it has {', '.join(known)}"

    def prime(self) -> None:  # noqa: B027 - most have nothing to start
        """Start or import what outlives every engine, and would otherwise be a cost or a leak of the first one."""

    def chunk_size(self, tasks: int, workers: int) -> int:
        """Return the number of tasks that the strategy sends at once unless told otherwise."""
        del tasks, workers
        return 1

    @abstractmethod
    def open(self, job: Job, workers: int, start_method: str, barrier: Barrier | None = None) -> Engine:
        """Start `workers` workers for `job`. Without `barrier` (one party a worker) they cannot `prove`."""


def pool_map_chunk_size(tasks: int, workers: int) -> int:
    """Return Pool.map's default chunk size: a quarter of each worker's share, rounded up (CPython's pool.py)."""
    return max(1, -(-tasks // (4 * workers)))
