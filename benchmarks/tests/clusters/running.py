"""Real clusters on this machine, as a person would start them, and runs of the suite on them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from benchmarks.measuring.lock import LOCK
from benchmarks.measuring.processes import end_session
from benchmarks.strategies import STRATEGIES
from benchmarks.strategies.mpi4py import ALLOWED, mpiexec
from benchmarks.tests.conftest import ROOT

BIN = Path(sys.executable).parent
BENCH = ROOT / "benchmarks" / "bench_clusters.py"
UP_SECONDS = 60
MOST_RUN_SECONDS = 240

PORTS = range(6400, 6900)
"""Ray has uses of its own for most others."""

OWN_PORTS = 50
"""Of these each worker of xdist has so many, lest it take one that another has just found free."""


BRIEF = ("--benchmark-max-time=0.1", "--cell-limit=120")
DASK, RAY, RAY_POOL, MPI = (
    "dask.Client.map",
    "ray.remote",
    "ray.util.multiprocessing.Pool.map",
    "mpi4py.MPIPoolExecutor.map",
)


@dataclass
class Program:
    """A program in a session of its own, and what it prints."""

    process: subprocess.Popen[str]
    log: Path

    def said(self) -> str:
        """Return what it has printed so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, text: str, seconds: float = UP_SECONDS, *, times: int = 1) -> None:
        """Wait until it has printed something so many times."""
        deadline = monotonic() + seconds
        while self.said().count(text) < times:
            assert self.process.poll() is None, self.said()
            assert monotonic() < deadline, self.said()
            sleep(0.05)

    def kill(self) -> None:
        """Kill it, and all that it has started."""
        end_session(self.process.pid)
        self.process.kill()
        self.process.wait(UP_SECONDS)

    def end(self) -> None:
        """Ask it to end, and kill what does not."""
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        self.kill()


def needs(name: str) -> None:
    """Skip a test aloud where a cluster cannot be had."""
    strategy = STRATEGIES[name]
    reason = strategy.unavailable((strategy.start_methods or ("",))[0])
    if reason is not None:
        pytest.skip(reason)


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Return that of a person who has the suite on the path, and a folder for all that is temporary."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    return {**clean, "PYTHONPATH": str(ROOT), "COLUMNS": "100", LOCK: str(folder / "lock"), **more}


def start(folder: Path, name: str, command: Sequence[str], **more: str) -> Program:
    """Start a program whose output goes to a file of a folder."""
    log = folder / f"{name}.log"
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(folder, **more),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    return Program(process, log)


def free_port() -> int:
    """Return a port that nobody listens on, of those that Ray has no use for."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    for shift in range(OWN_PORTS):
        port = PORTS[(number * OWN_PORTS + (os.getpid() + shift) % OWN_PORTS) % len(PORTS)]
        with socket.socket() as one, suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port
    raise AssertionError


def dask_scheduler(folder: Path, **more: str) -> tuple[Program, str]:
    """Start a scheduler, and return it with its address."""
    port = free_port()
    command = [str(BIN / "dask"), "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    program = start(folder, "scheduler", command, **more)
    program.wait_for("Scheduler at:")
    return program, f"tcp://127.0.0.1:{port}"


def dask_workers(folder: Path, address: str, number: int = 2, **more: str) -> Program:
    """Start workers of a scheduler."""
    command = [str(BIN / "dask"), "worker", address, "--nworkers", str(number), "--nthreads", "1", "--no-dashboard"]
    program = start(folder, "workers", command, **more)
    program.wait_for("Registered to:", times=number)
    return program


def ray_head(folder: Path) -> tuple[Program, str]:
    """Start a head node with two CPUs, and return it with its address."""
    port = free_port()
    command = [
        str(BIN / "ray"), "start", "--head", "--block", "--port", str(port), "--num-cpus", "2",
        "--include-dashboard", "false", "--disable-usage-stats",
        "--temp-dir", str(folder / "r"),
    ]  # fmt: skip
    program = start(folder, "head", command, RAY_AUTH_MODE="disabled")
    program.wait_for("--block")
    return program, f"127.0.0.1:{port}"


@contextmanager
def ended(*programs: Program) -> Iterator[None]:
    """End programs, the last one first, whatever happens."""
    try:
        yield
    finally:
        for program in reversed(programs):
            program.end()


def command_of(folder: Path, *arguments: str, ranks: int | None = None) -> list[str]:
    """Return the command of a measuring run of the question about clusters, as `ranks` processes of MPI if given."""
    launcher = []
    if ranks is not None:
        launcher = [mpiexec() or "mpiexec", "-n", str(ranks), sys.executable, "-m", "mpi4py.futures"]
    return [
        *(launcher or [sys.executable]), "-m", "pytest", str(BENCH), "--benchmark-only", "-p", "no:cacheprovider",
        "-c", str(ROOT / "pyproject.toml"), f"--benchmark-storage={folder / 'runs'}", "-v", "-rs",
        "--color=no", *arguments,
    ]  # fmt: skip


def measured(folder: Path, *arguments: str, ranks: int | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end; standard error is part of the output."""
    return subprocess.run(
        command_of(folder, *arguments, ranks=ranks),
        cwd=folder,
        env=environment(folder, **(ALLOWED if ranks is not None else {}), **more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=MOST_RUN_SECONDS,
    )


def saved(folder: Path) -> Mapping[str, Any]:
    """Return the run that was saved last."""
    found: Mapping[str, Any] = json.loads(max((folder / "runs").glob("*/*.json")).read_bytes())
    return found
