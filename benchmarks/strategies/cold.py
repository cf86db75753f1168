"""Cold engines: each run makes its workers and ends them, here or in an interpreter of its own."""

from __future__ import annotations

import json
import os
import pickle
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from benchmarks.environment import cpu_seconds
from benchmarks.strategies import STRATEGIES
from benchmarks.strategies.base import Engine, Job
from benchmarks.worker import kill_at_hangup, spare_at_hangup
from benchmarks.workloads import WORKLOADS

if TYPE_CHECKING:
    from benchmarks.strategies.base import Strategy

LENGTH = struct.Struct("<Q")
STAGES = ("create", "first result", "shutdown")


class Cold(Engine):
    """A run is a pool's whole life. `stages` has the seconds of its parts, see `STAGES`, after each run."""

    def __init__(self, strategy: Strategy, job: Job, workers: int, start_method: str) -> None:
        """Take what is to be opened; open nothing yet."""
        super().__init__(self._live)
        self._open: Callable[[], Engine] = lambda: strategy.open(job, workers, start_method)
        self._engine: Engine | None = None
        self.stages: dict[str, float] = {}

    def _live(self) -> list[Any]:
        start = perf_counter()
        self._engine = engine = self._open()
        created = perf_counter()
        results = engine.run()
        answered = perf_counter()
        engine.close()
        ended = perf_counter()
        self._engine = None
        self.stages = dict(zip(STAGES, (created - start, answered - created, ended - answered), strict=True))
        return results

    def terminate(self) -> None:
        """End what a failed run left."""
        if self._engine is not None:
            self._engine.terminate()


class FreshError(Exception):
    """The interpreter of a run ended without an answer."""


class Fresh(Engine):
    """A run is a cold run in an interpreter that has just started and has imported its modules.

    What the clock sees beside the run is one byte there and the answer back: 0.2 ms around an empty run.
    """

    def __init__(self, order: dict[str, Any]) -> None:
        """Take the arguments of `cold_engine` as plain values."""
        super().__init__(self._ask)
        self._order = json.dumps(order)
        self._process: subprocess.Popen[bytes] | None = None
        self.stages: dict[str, float] = {}
        self.cpu_seconds: float | None = None

    def prepare(self) -> None:
        """Start an interpreter."""
        self.close()
        root = str(Path(__file__).parents[2])
        path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from benchmarks.strategies.cold import answer; answer()", self._order],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C is for the caller, which ends this process itself
        )

    def await_ready(self) -> None:
        """Wait until the interpreter has imported everything and says so."""
        self._read(1)

    def _ask(self) -> list[Any]:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(b"!")
        (length,) = LENGTH.unpack(self._read(LENGTH.size))
        results: list[Any]
        results, self.stages, self.cpu_seconds = pickle.loads(self._read(length))
        return results

    def _read(self, length: int) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        data = b""
        while len(data) < length:
            part = self._process.stdout.read(length - len(data))
            if not part:
                message = f"the fresh interpreter ended without an answer (exit code {self._process.wait(10)})"
                raise FreshError(message)
            data += part
        return data

    def close(self) -> None:
        """End the interpreter by closing its input, and wait for it."""
        if self._process is None:
            return
        process, self._process = self._process, None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(10)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    def terminate(self) -> None:
        """Kill the interpreter and, in its session, its workers."""
        if self._process is None:
            return
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, 9)
        self.close()


def answer() -> None:
    """Run in the fresh interpreter: make the engine, say ready, wait for the word, run, answer."""
    reply_to = os.dup(1)
    os.dup2(2, 1)  # whatever a worker prints must not mix with the answer
    engine = cold_engine(**json.loads(sys.argv[1]))
    os.write(reply_to, b".")
    if not os.read(0, 1):
        return
    # If the caller dies now, this interpreter and, in its session, its workers would go on without it.
    kill_at_hangup(0, -os.getpid())
    before = cpu_seconds(())
    results = engine.run()
    after = cpu_seconds(())
    spare_at_hangup(0)
    cpu = None if before is None or after is None else after - before
    payload = pickle.dumps((results, engine.stages, cpu))
    message = LENGTH.pack(len(payload)) + payload
    while message:
        message = message[os.write(reply_to, message) :]
    os.read(0, 1)  # end when told to: an interpreter that ends at once does so inside the next arm's clock


def cold_engine(  # noqa: PLR0913 - the axes of a cell
    *,
    strategy: str,
    workload: str,
    size: int | None,
    tasks: int,
    chunk_size: int | None,
    workers: int,
    start_method: str,
) -> Cold:
    """Return the cold engine for plain values."""
    work = WORKLOADS[workload]
    job = Job(work.function, work.make_inputs(size, tasks), chunk_size)
    return Cold(STRATEGIES[strategy], job, workers, start_method)
