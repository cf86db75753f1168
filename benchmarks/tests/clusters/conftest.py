"""What tests of clusters share: a folder, what may be left, a scheduler and a node that run."""

from __future__ import annotations

import faulthandler
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import gettempdir, mkdtemp
from time import monotonic, sleep

import pytest

from benchmarks.environment import SHARED_FOLDER
from benchmarks.evidence.signals import living
from benchmarks.measuring.leaks import shared_memory, unused_memory
from benchmarks.tests.clusters.running import (
    DASK,
    MOST_RUN_SECONDS,
    RAY,
    Program,
    dask_scheduler,
    dask_workers,
    ended,
    needs,
    ray_head,
)

LONGEST_SECONDS = 900
"""What a test gets, with its turn and with what it waits for at its end."""

GONE_SECONDS = 45
"""What processes that nobody waits for get to end: Ray's workers notice late that their node is gone, six seconds here,
more where the machine is busy."""


@pytest.fixture(autouse=True)
def limit() -> Iterator[None]:
    """End the whole run if a test hangs, instead of the usual limit, which would count the wait for one's turn."""
    faulthandler.dump_traceback_later(LONGEST_SECONDS, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture(autouse=True)
def turn(request: pytest.FixtureRequest, limit: None) -> Iterator[None]:
    """Have tests that ask for `swept` run alone: what they leave, cells that are measured meanwhile are blamed for.

    Whoever comes later waits at the gate, or those that need not be alone would let nobody else in.
    """
    del limit
    fcntl = pytest.importorskip("fcntl", reason="this platform has no flock")
    how = fcntl.LOCK_EX if "swept" in request.fixturenames else fcntl.LOCK_SH
    name = f"benchmarks-test-clusters-{os.getuid()}"
    with Path(gettempdir(), f"{name}.gate").open("w") as gate, Path(gettempdir(), f"{name}.lock").open("w") as file:
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(file, how)
        fcntl.flock(gate, fcntl.LOCK_UN)
        yield


@pytest.fixture
def swept(turn: None) -> Iterator[None]:
    """Remove shared memory that Open MPI leaves when it is killed, and nobody is left who knows."""
    del turn
    memory = shared_memory()
    yield
    for name in shared_memory() - memory:
        if name.startswith("sm_segment"):
            (SHARED_FOLDER / name).unlink(missing_ok=True)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder with a short name: sockets have one of it, and that may have a hundred letters."""
    path = Path(mkdtemp(prefix="c-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def left(folder: Path) -> Iterator[str]:
    """Return a marker for the environment of a run; nothing that has it may be left, nor what a run makes elsewhere."""
    marker = f"CLUSTER_TEST={folder.name}"
    temporary, memory = folder / "t", shared_memory()
    temporary.mkdir()
    yield folder.name
    deadline = monotonic() + GONE_SECONDS
    while living(marker) and monotonic() < deadline:
        sleep(0.05)
    assert living(marker) == []
    assert list(temporary.iterdir()) == []
    # a worker of another test's that was killed may have some, which goes when that test's cluster does
    suspects = set(unused_memory(memory))
    deadline = monotonic() + MOST_RUN_SECONDS
    while suspects and monotonic() < deadline:
        sleep(0.2)
        suspects &= set(unused_memory(memory))
    assert suspects == set()


@pytest.fixture
def dask(folder: Path) -> Iterator[tuple[Program, Program, str]]:
    """Return a scheduler with two workers, and its address."""
    needs(DASK)
    scheduler, address = dask_scheduler(folder)
    with ended(scheduler):
        workers = dask_workers(folder, address)
        with ended(workers):
            yield scheduler, workers, address


@pytest.fixture
def ray(folder: Path) -> Iterator[tuple[Program, str]]:
    """Return a head node, and its address."""
    needs(RAY)
    head, address = ray_head(folder)
    with ended(head):
        yield head, address
