"""Ray: tasks, and its pool of actors with the interface of multiprocessing's."""

from __future__ import annotations

import inspect
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from tempfile import gettempdir
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from benchmarks import worker
from benchmarks.environment import SHARED_FOLDER
from benchmarks.introducing import Introduction, introduce
from benchmarks.strategies.base import Call, Job, pool_map_chunk_size, register
from benchmarks.strategies.clusters import (
    ANSWER_SECONDS,
    LINGER_SECONDS,
    Calls,
    ClusterEngine,
    ClusterError,
    ClusterStrategy,
    all_of,
    cannot_answer,
    chunks_of,
    cluster_info,
    flattened,
    lacks_memory,
    refusal,
    said_by,
)
from benchmarks.strategies.library import Library
from benchmarks.words import COLD, FRESH, WARM

if TYPE_CHECKING:
    from benchmarks.schema import ClusterInfo

RAY = Library("ray", least="2.40.0")

NO_RELEASE_FOR = (3, 15)
"""The first Python that it is not built for (2.60.0)."""

LEAST_MEMORY = 128 << 20
"""Bytes of shared memory that its object store needs at least; 80 MB are its own bound."""

MOST_MEMORY = 2 << 30
"""What it gets at most. Ray's own choice, 30 % of the memory that is free, may be more than there is of shared memory;
then objects are in files on a disk, which Ray only logs."""

LONGEST_FOLDER = 28 if sys.platform == "linux" else 24
"""Letters of the folder for temporary files: sockets below it have up to 79 more, and Linux allows 107, macOS 103."""

JOIN_SECONDS = 7
"""What its client gets to find a node on this machine when it joins a running one; its own choice is a minute."""

IMPORT_SECONDS = 40.0
"""What a worker gets to start, and to import a person's modules."""

Ask = Callable[[int], list[Introduction]]
"""How many workers at once to what they say."""


@dataclass(frozen=True, kw_only=True)
class RayStrategy(ClusterStrategy):
    """What connects to a running Ray, or starts one with as many CPUs as workers."""

    library: Library = RAY
    modules: tuple[str, ...] = ("ray",)
    start_methods: tuple[str, ...] | None = ("ray",)
    option: str = "--ray-address"
    variable: str = "BENCHMARKS_RAY_ADDRESS"
    example: str = "HOST:6379"

    def unavailable(self, start_method: str) -> str | None:
        """Return a reason also where it has no release, or sockets in the temporary folder would have long names."""
        if sys.version_info >= NO_RELEASE_FOR and self.library.version is None:
            return "ray has no release for this Python"
        reason = super().unavailable(start_method)
        if reason is not None or self.running:
            return reason
        letters = len(os.fsencode(gettempdir()))
        if letters > LONGEST_FOLDER:
            return f"TMPDIR has {letters} letters, Ray's sockets allow {LONGEST_FOLDER}: set it to a shorter path"
        return None

    def no_room(self, workers: int) -> str | None:
        """Return a reason where its object store, which does not depend on the workers, finds no room."""
        del workers
        return None if self.running else lacks_memory(LEAST_MEMORY)

    def environment(self) -> Mapping[str, str]:
        """Return what has it keep objects in shared memory, and start workers as this program was not: without uv.

        Where uv has started a program, Ray packs the current folder, and has uv start its workers too.
        """
        free = shutil.disk_usage(SHARED_FOLDER).free if SHARED_FOLDER.is_dir() else MOST_MEMORY
        return {
            **super().environment(),
            "RAY_DEFAULT_OBJECT_STORE_MAX_MEMORY_BYTES": str(min(MOST_MEMORY, free * 9 // 10)),
            "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        }

    def open(self, job: Job, workers: int, start_method: str) -> ClusterEngine:
        """Start a head node, whose workers come with the first tasks, or connect to a running one."""
        del start_method
        with ExitStack() as held:
            held.enter_context(_connected(self.address, workers))
            self.check_size(workers)
            calls, ask = self.calls(workers, held)
            return ClusterEngine(calls, job, partial(all_of, ask, workers), held.pop_all())

    def check_size(self, workers: int) -> None:
        """Raise ClusterError if a running one is not as large as it was: tasks would go to nodes that nobody saw."""
        import ray  # noqa: PLC0415 - only where it is measured

        now = int(ray.cluster_resources().get("CPU", 0))
        if self.running and now != workers:
            message = f"{self.location.where}: has {now} CPUs, had {workers}: measure while no nodes join or leave"
            raise ClusterError(message)

    def calls(self, workers: int, held: ExitStack) -> tuple[Calls, Ask]:
        """Return what makes calls of jobs, and what has workers introduce themselves: tasks, for whoever is idle."""
        del workers, held
        import ray  # noqa: PLC0415 - only where it is measured

        introduction, each = ray.remote(introduce), ray.remote(worker.each)

        def ask(number: int) -> list[Introduction]:
            found: list[Introduction] = ray.get(
                [introduction.remote(LINGER_SECONDS, [RAY.name]) for _ in range(number)]
            )
            return found

        def calls(job: Job) -> Call:
            if (job.chunk_size or 1) == 1 and inspect.isfunction(job.function):
                single = ray.remote(job.function)
                return lambda: ray.get([single.remote(value) for value in job.inputs])
            # whatever else can be called must be called by a function
            chunks = chunks_of(job.inputs, job.chunk_size or 1)
            return lambda: flattened(ray.get([each.remote(job.function, chunk) for chunk in chunks]))

        return calls, ask

    def visit(self, modules: Sequence[str] = ()) -> ClusterInfo:
        """Connect to it, and ask a worker on each node for its releases."""
        where = self.location.where
        self._knock(where)
        os.environ.setdefault("RAY_gcs_server_request_timeout_seconds", str(JOIN_SECONDS))
        import ray  # noqa: PLC0415 - as above
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # noqa: PLC0415

        with ExitStack() as held:
            try:
                held.enter_context(_connected(self.address, 0))
            except Exception as error:  # noqa: BLE001 - whatever its client raises
                said = f"{type(error).__name__}: {said_by(error, self.address)}"
                message = (
                    f"{where}: cannot be joined ({said}): it takes the same Ray, Python and token, and one of its "
                    "nodes on this machine; from elsewhere say ray://HOST:10001"
                )
                raise ClusterError(message) from None
            there, free = (int(found.get("CPU", 0)) for found in (ray.cluster_resources(), ray.available_resources()))
            if not there:
                message = f"{where}: has no CPU to work with: start nodes, `ray start --address HOST:PORT`"
                raise ClusterError(message)
            if free < there:
                message = (
                    f"{where}: is busy ({free} of {there} CPUs are free): wait for others' tasks, which would count"
                )
                raise ClusterError(message)
            introduction = ray.remote(introduce)
            nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
            on = [NodeAffinitySchedulingStrategy(node["NodeID"], soft=False) for node in nodes]
            asked = [introduction.options(scheduling_strategy=one).remote(0, [RAY.name], modules) for one in on]
            try:
                answers = ray.get(asked, timeout=IMPORT_SECONDS if modules else 2 * ANSWER_SECONDS)
            except Exception as error:  # noqa: BLE001 - whatever is raised there
                raise cannot_answer(self.location, error) from None
        return cluster_info(self.location, answers, modules, there, there)

    def _knock(self, where: str) -> None:
        """See that somebody listens at all: Ray's client tries for 20 s and more, and says little."""
        address = self.address or ""
        try:
            parts = urlsplit(address if "//" in address else f"//{address}")
            host, port = parts.hostname, parts.port
        except ValueError:  # a port that is no number, a bracket that is not closed
            host = port = None
        if not host or not port:
            message = f"{where}: no host and port; an address looks like HOST:6379, or ray://HOST:10001"
            raise ClusterError(message)
        trouble = refusal(host, port)
        if trouble is not None:
            message = f"{where}: nobody answers ({trouble}): start one, `ray start --head`"
            raise ClusterError(message)


@dataclass(frozen=True, kw_only=True)
class RayPoolStrategy(RayStrategy):
    """Pool.map of Ray's pool, whose workers are actors that wait for chunks in turn."""

    def chunk_size(self, tasks: int, workers: int) -> int:
        """Return the default, which is that of multiprocessing's pool."""
        return pool_map_chunk_size(tasks, workers)

    def calls(self, workers: int, held: ExitStack) -> tuple[Calls, Ask]:
        """Start the actors, and return what makes the pool's calls."""
        from ray.util.multiprocessing import Pool  # noqa: PLC0415 - only where it is measured

        pool = Pool(workers)

        def end() -> None:
            pool.close()
            pool.join()

        held.callback(end)
        introduction = partial(introduce, libraries=[RAY.name])

        def ask(number: int) -> list[Introduction]:
            return list(pool.map(introduction, [LINGER_SECONDS] * number, chunksize=1))

        return lambda job: partial(pool.map, job.function, job.inputs, **job.chunk_option), ask


@contextmanager
def _connected(address: str | None, workers: int) -> Iterator[None]:
    """Start a head node on this machine, or join a running one, and give up either."""
    import ray  # noqa: PLC0415 - only where it is measured

    with ExitStack() as held:
        if address is None:
            # what is in its folder goes with this interpreter's
            ray.init("local", num_cpus=workers, _temp_dir=gettempdir(), log_to_driver=False, include_dashboard=False)
        else:
            ray.init(address, log_to_driver=False)
        held.callback(ray.shutdown)
        yield


register(
    RayStrategy("ray.remote", fixed_workers=False, states=(WARM, COLD, FRESH)),
    RayPoolStrategy("ray.util.multiprocessing.Pool.map"),
)
