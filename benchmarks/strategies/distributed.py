"""Dask's distributed scheduler: `Client.map` and `Client.submit`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any

from benchmarks import worker
from benchmarks.interrupts import start_tracker
from benchmarks.introducing import Introduction, introduce
from benchmarks.strategies.base import Call, Job, register
from benchmarks.strategies.clusters import (
    ANSWER_SECONDS,
    ClusterEngine,
    ClusterError,
    ClusterStrategy,
    cannot_answer,
    check,
    chunks_of,
    cluster_info,
    flattened,
    said_by,
    without_secrets,
)
from benchmarks.strategies.library import Library
from benchmarks.words import COLD, FRESH, WARM

if TYPE_CHECKING:
    from distributed import Client

    from benchmarks.schema import ClusterInfo

DASK = Library("distributed", least="2025.1.0")

START_SECONDS = 30.0
"""What workers of a new cluster get to come up; half a second is usual."""


def _mapped(client: Client, function: Callable[[Any], Any], inputs: Sequence[Any]) -> list[Any]:
    # keys made from the inputs would make equal tasks one task
    results: list[Any] = client.gather(client.map(function, inputs, pure=False))
    return results


def _submitted(client: Client, function: Callable[[Any], Any], inputs: Sequence[Any]) -> list[Any]:
    results: list[Any] = client.gather([client.submit(function, value, pure=False) for value in inputs])
    return results


Spread = Callable[..., list[Any]]
"""A client, a function, its inputs to results."""


@dataclass(frozen=True, kw_only=True)
class DaskStrategy(ClusterStrategy):
    """A way to send tasks through a Client. It groups none: where chunks are asked for, each task has one."""

    library: Library = DASK
    modules: tuple[str, ...] = ("distributed",)
    start_methods: tuple[str, ...] | None = ("dask",)
    option: str = "--dask-scheduler"
    variable: str = "BENCHMARKS_DASK_SCHEDULER"
    example: str = "tcp://HOST:8786"
    spread: Spread

    def preload(self) -> None:
        """Start the resource tracker, which lives until the caller ends: workers of a cluster of its own want it."""
        super().preload()
        if not self.running:
            start_tracker()

    def open(self, job: Job, workers: int, start_method: str) -> ClusterEngine:
        """Start a scheduler here and a process for each worker, of one thread, or connect to a running one."""
        del start_method
        from distributed import Client, LocalCluster  # noqa: PLC0415 - only where it is measured

        with ExitStack() as held:
            where: Any = self.address
            if where is None:
                where = held.enter_context(
                    LocalCluster(
                        n_workers=workers,
                        threads_per_worker=1,
                        processes=True,
                        host="127.0.0.1",
                        dashboard_address=None,
                        local_directory=gettempdir(),
                    )
                )
            client = held.enter_context(Client(where, timeout=ANSWER_SECONDS))
            try:
                client.wait_for_workers(workers, START_SECONDS if self.address is None else ANSWER_SECONDS)
            except TimeoutError:
                lack = f"only {len(client.nthreads())} of {workers} workers are there"
                own = f"{lack}, {START_SECONDS:g} s after the start: see whether memory runs out"
                message = f"{self.location.where}: {lack}: measure while none join or leave" if self.running else own
                raise ClusterError(message) from None
            return ClusterEngine(partial(self._call, client), job, partial(_introductions, client), held.pop_all())

    def _call(self, client: Client, job: Job) -> Call:
        if (job.chunk_size or 1) == 1:
            return lambda: self.spread(client, job.function, job.inputs)
        chunks = chunks_of(job.inputs, job.chunk_size or 1)
        return lambda: flattened(self.spread(client, partial(worker.each, job.function), chunks))

    def visit(self, modules: Sequence[str] = ()) -> ClusterInfo:
        """Connect to the scheduler, and ask it and all workers for their releases."""
        from distributed import Client  # noqa: PLC0415 - as above

        where = self.location.where
        try:
            client = Client(self.address, timeout=ANSWER_SECONDS)
        except OSError as error:
            message = f"{where}: no scheduler answers ({said_by(error, self.address)}): start one, `dask scheduler`"
            raise ClusterError(message) from None
        except MemoryError:  # it takes the first letters of an answer for a length
            message = f"{where}: what answers is no Dask scheduler: see which port `dask scheduler` has said"
            raise ClusterError(message) from None
        except Exception as error:  # noqa: BLE001 - addresses that it cannot read, certificates that it has not
            message = f"{where}: {said_by(error, self.address)}; an address looks like tcp://HOST:8786"
            raise ClusterError(message) from None
        with client:
            threads = client.nthreads()
            if not threads:
                at = without_secrets(self.address or "")
                message = f"{where}: has no workers: start some, `dask worker {at} --nworkers 2 --nthreads 1`"
                raise ClusterError(message)
            tasks = sum(map(len, client.processing().values()))
            if tasks:
                message = f"{where}: is busy with {tasks} tasks of others, which would be measured too: wait for them"
                raise ClusterError(message)
            try:
                # the scheduler reads what workers are to call, so it must find that, but calls nothing
                scheduler = client.run_on_scheduler(introduce, 0, [DASK.name], modules, loads=False)
                workers = list(_introductions(client, modules))
            except Exception as error:  # noqa: BLE001 - whatever they raise there
                raise cannot_answer(self.location, error) from None
        check(self.location, [scheduler], modules)
        return cluster_info(self.location, workers, modules, len(workers), sum(threads.values()))


def _introductions(client: Client, modules: Sequence[str] = ()) -> Iterable[Introduction]:
    """Ask all workers at once: a client can call something on each."""
    found: Iterable[Introduction] = client.run(introduce, 0, [DASK.name], modules).values()
    return found


register(
    DaskStrategy("dask.Client.map", spread=_mapped, states=(WARM, COLD, FRESH)),
    DaskStrategy("dask.Client.submit", spread=_submitted),
)
