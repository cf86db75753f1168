"""The floor: what the operating system itself charges for spreading a job over processes.

Bare worker processes share one pipe. The caller writes one short message a chunk, an idle worker reads one (the kernel
hands each message to exactly one reader), computes, and sends its results back on a pipe of its own (large results of
two writers on one pipe would mix). No tasks are pickled, and there are no helper threads, queues or locks. Inputs are
inherited or sent once, when a worker starts.

It is about what the machine can give, and no lower bound: large results now and then come faster through a pool.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import select
from dataclasses import dataclass
from itertools import chain
from time import sleep
from typing import TYPE_CHECKING, Any

from benchmarks.strategies.base import Engine, Strategy, pool_map_chunk_size, register
from benchmarks.worker import HEADER, MEETING_PAUSE, MESSAGE, PROVE, STOP, serve

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess
    from multiprocessing.process import BaseProcess

    from benchmarks.strategies.base import Job

    Process = BaseProcess | SpawnProcess

MOST_CHUNKS = 16_384
"""All messages of a job must fit into the pipe before a result is read, or caller and workers wait for each other."""


NO_PIPES = "the floor needs POSIX pipes, which this platform does not have"


class FloorError(Exception):
    """A bare worker ended or failed in the middle of a job, or cannot be had at all."""


class BareWorkers(Engine):
    """An engine over bare processes."""

    def __init__(self, job: Job, chunk_size: int, workers: int, start_method: str) -> None:
        """Start the processes; does not wait until they are up."""
        if not hasattr(select, "poll"):
            raise FloorError(NO_PIPES)
        super().__init__(self._fork_join)
        chunks = -(-len(job.inputs) // chunk_size)
        if chunks > MOST_CHUNKS:
            message = f"the floor takes at most {MOST_CHUNKS} chunks, not {chunks}: use larger chunks or fewer tasks"
            raise ValueError(message)
        self._messages = [MESSAGE.pack(number) for number in range(chunks)]
        context: Any = multiprocessing.get_context(start_method)  # its pipes are of another type on Windows
        self._processes: list[Process] = []
        self._results: dict[int, tuple[Connection, bytearray]] = {}
        tasks: Connection
        self._tasks: Connection
        tasks, self._tasks = context.Pipe(duplex=False)
        self._poll = select.poll()
        try:
            for _ in range(workers):
                self._start(context, tasks, job, chunk_size)
        finally:
            tasks.close()

    def _start(self, context: Any, tasks: Connection, job: Job, chunk_size: int) -> None:
        ours, theirs = context.Pipe(duplex=False)
        # registered first, so that whoever terminates this engine finds everything that was opened
        self._results[ours.fileno()] = (ours, bytearray())
        self._poll.register(ours.fileno(), select.POLLIN)  # type: ignore[attr-defined, unused-ignore] # not on Windows
        try:
            arguments = (tasks, theirs, job.function, job.inputs, chunk_size)
            process = context.Process(target=serve, args=arguments, daemon=True)
            process.start()
            self._processes.append(process)
        finally:
            # the worker then holds the only other end: its death reads as an end of file
            theirs.close()

    def _fork_join(self) -> list[Any]:
        """Write all messages, collect all results, and return them in the order of the inputs."""
        write_to = self._tasks.fileno()
        try:
            for message in self._messages:
                os.write(write_to, message)
        except BrokenPipeError:
            raise FloorError(f"all bare worker processes have ended ({self._exit_codes()})") from None
        parts: list[list[Any]] = [[]] * len(self._messages)
        missing = len(parts)
        while missing:
            for number, part in self._receive():
                parts[number] = part
                missing -= 1
        return list(chain.from_iterable(parts))

    def prove(self) -> frozenset[int]:
        """Ask for process ids until all workers have answered: idle ones take turns at reading the pipe."""
        pids: set[int] = set()
        while len(pids) < len(self._processes):
            os.write(self._tasks.fileno(), MESSAGE.pack(PROVE))
            answers: list[tuple[int, Any]] = []
            while not answers:
                answers = self._receive()
            ((_, pid),) = answers
            if pid in pids:
                sleep(MEETING_PAUSE)  # the others are still starting
            pids.add(pid)
        return frozenset(pids)

    def _receive(self) -> list[tuple[int, Any]]:
        """Wait for data and return the complete results among it."""
        complete = []
        for descriptor, _ in self._poll.poll():
            connection, buffer = self._results[descriptor]
            data = os.read(connection.fileno(), 1 << 16)
            if not data:
                message = f"a bare worker process ended in the middle of a job ({self._exit_codes()})"
                raise FloorError(message)
            buffer += data
            while len(buffer) >= HEADER.size:
                number, length, raised = HEADER.unpack_from(buffer)
                end = HEADER.size + length
                if len(buffer) < end:
                    break
                result = pickle.loads(memoryview(buffer)[HEADER.size : end])
                del buffer[:end]
                if raised:
                    raise FloorError(result)
                complete.append((number, result))
        return complete

    def _exit_codes(self) -> str:
        for process in self._processes:
            process.join(0.1)
        return ", ".join(f"process {process.pid}: exit code {process.exitcode}" for process in self._processes)

    def close(self) -> None:
        """Send one STOP a worker and wait for all of them.

        Not by closing the pipe: pools that were started later may have inherited its other end.
        """
        for _ in self._processes:
            os.write(self._tasks.fileno(), MESSAGE.pack(STOP))
        for process in self._processes:
            process.join()
        self._close_all()

    def terminate(self) -> None:
        """Kill the workers."""
        for process in self._processes:
            process.kill()
            process.join()
        self._close_all()

    def _close_all(self) -> None:
        self._tasks.close()
        for connection, _ in self._results.values():
            connection.close()
        while self._processes:
            self._processes.pop().close()


@dataclass(frozen=True)
class Floor(Strategy):
    """Bare processes as a strategy: its row is floor against floor, a null row."""

    name: str = "floor"
    reference: bool = True

    def unavailable(self, start_method: str) -> str | None:
        """Return a reason where pipes cannot be polled (Windows) or the start method is missing."""
        if not hasattr(select, "poll"):
            return NO_PIPES
        return super().unavailable(start_method)

    def chunk_size(self, tasks: int, workers: int) -> int:
        """Return what Pool.map would take, so that the null row is chunked like the row that most people use."""
        return pool_map_chunk_size(tasks, workers)

    def open(self, job: Job, workers: int, start_method: str) -> BareWorkers:
        """Start bare workers for the job."""
        chunk_size = job.chunk_size or self.chunk_size(len(job.inputs), workers)
        return BareWorkers(job, chunk_size, workers, start_method)


FLOOR = Floor()
register(FLOOR)
