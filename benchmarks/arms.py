"""The arms of a cell: their engines opened, checked, watched and closed together."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any

from benchmarks.cells import COLD, FRESH, WARM, Cell
from benchmarks.environment import cpu_seconds
from benchmarks.interrupts import SIGNALS
from benchmarks.schema import Spent
from benchmarks.strategies import FLOOR, SERIAL, STRATEGIES
from benchmarks.strategies.base import Job
from benchmarks.strategies.cold import Cold, Fresh, Order
from benchmarks.watch import CellError, Watch, WorkerLostError
from benchmarks.workloads import WORKLOADS

if TYPE_CHECKING:
    from benchmarks.strategies.base import Engine, Strategy

STRATEGY = "strategy"


class Arms:
    """The engines of a cell, opened and closed together, and watched."""

    def __init__(self, cell: Cell, arms: tuple[str, ...], watch: Watch, spent: Spent) -> None:
        """Find out which arms there are; start nothing yet."""
        self._cell = cell
        self._watch = watch
        self._spent = spent
        self._workload = WORKLOADS[cell.workload]
        self._inputs: Sequence[Any] = ()
        self._expected: list[Any] = []
        self._strategies: dict[str, tuple[Strategy, int | None]] = {}
        # The floor comes first: its workers are forked before the strategy's pool starts any helper thread.
        if "floor" in arms and FLOOR.unavailable(cell.start_method) is None:
            self._strategies["floor"] = (FLOOR, cell.effective_chunk_size())
        if "serial" in arms:
            self._strategies["serial"] = (SERIAL, None)
        self._strategies[STRATEGY] = (STRATEGIES[cell.strategy], cell.chunk_size)
        self.names = tuple(sorted(self._strategies))
        self.engines: dict[str, Engine] = {}
        self._workers: dict[str, frozenset[int]] = {}
        self.busy = STRATEGY

    def make_inputs(self) -> None:
        """Make the inputs of the tasks, and what they must give."""
        self._inputs = list(self._workload.make_inputs(self._cell.size, self._cell.tasks))
        self._expected = self._workload.expected(self._cell.size, self._cell.tasks)

    def blamed(self, error: Exception) -> str:
        """Return the arm to name for an error: that of the worker that was lost, else the one that was busy."""
        if isinstance(error, WorkerLostError):
            return next((name for name, pids in self._workers.items() if error.pid in pids), self.busy)
        return self.busy

    def open(self) -> float:
        """Start all workers, have them prove that they are up, and compare the results of one pass of each arm.

        Returns the seconds of that pass, for planning only: it is the first, so it is slow.
        """
        start = perf_counter()
        for name, (strategy, chunk_size) in self._strategies.items():
            with self._blame(name):
                self._watch.adopt()
                with SIGNALS.held_back():
                    self.engines[name] = engine = self._make(strategy, chunk_size)
                self._workers[name] = engine.prove()
                self._watch.expect(multiprocessing.active_children())
            if len(self._workers[name]) != (self._cell.workers if self._proves(strategy) else 0):
                raise CellError(f"{name} arm: {len(self._workers[name])} workers came up, not {self._cell.workers}")
        self._spent.pools += perf_counter() - start
        return sum(self.check(name) for name in self._strategies)

    def _proves(self, strategy: Strategy) -> bool:
        return self._cell.state == WARM and strategy.parallel

    def _make(self, strategy: Strategy, chunk_size: int | None) -> Engine:
        cell = self._cell
        if cell.state == FRESH:
            names = (strategy.name, cell.workload, cell.size, cell.tasks)
            return Fresh(Order(*names, chunk_size, cell.workers, cell.start_method))
        job = Job(self._workload.function, self._inputs, chunk_size)
        if cell.state == COLD:
            return Cold(strategy, job, cell.workers, cell.start_method)
        barrier = None
        if self._proves(strategy):
            barrier = multiprocessing.get_context(cell.start_method).Barrier(cell.workers)
        return strategy.open(job, cell.workers, cell.start_method, barrier)

    def check(self, name: str) -> float:
        """Run an arm once, compare its results with the expected ones, and return the seconds, for planning only."""
        with self._blame(name):
            begin = perf_counter()
            self.engines[name].prepare()
            self.engines[name].await_ready()
            start = perf_counter()
            results = self.engines[name].run()
            end = perf_counter()
            self._spent.arms += end - start
        expected = self._expected
        if self._workload.digest is not None:
            results, expected = (list(map(self._workload.digest, values)) for values in (results, expected))
        if not self._strategies[name][0].ordered:
            results, expected = sorted(results), sorted(expected)
        if results != expected:
            wrong = next((i for i, pair in enumerate(zip(results, expected, strict=False)) if pair[0] != pair[1]), None)
            where = f"{len(results)} results, not {len(expected)}" if wrong is None else f"first at task {wrong}"
            raise CellError(f"{name} arm: wrong results ({where}); no time of this cell counts")
        return end - begin

    def prepare(self) -> None:
        """Make all engines ready for a run: together, since interpreters that start take their time."""
        for name, engine in self.engines.items():
            self.busy = name
            engine.prepare()
        for name, engine in self.engines.items():
            self.busy = name
            engine.await_ready()

    def pids(self, name: str) -> frozenset[int]:
        """Return the processes of an arm; threads are a part of this one."""
        return self._workers[name] if self._strategies[name][0].processes else frozenset()

    def cpu_seconds(self, name: str) -> float | None:
        """Return the CPU time so far of this process and of an arm's, None where the system does not tell it."""
        try:
            return cpu_seconds(self.pids(name))
        except ProcessLookupError:
            self._watch.look()  # raises, if it knows how that process ended
            raise

    def close(self) -> None:
        """See that the workers that were started are still the ones that answer, then end them."""
        start = perf_counter()
        for name, engine in self.engines.items():
            with self._blame(name):
                workers = engine.prove()
            if workers != self._workers[name]:
                gone = ", ".join(str(pid) for pid in sorted(self._workers[name] - workers))
                raise CellError(f"{name} arm: workers {gone} were replaced during the rounds")
        self._watch.expect(())
        for name in reversed(tuple(self.engines)):
            with self._blame(name):
                self.engines[name].close()
            del self.engines[name]
        self._spent.pools += perf_counter() - start

    @contextmanager
    def _blame(self, name: str) -> Iterator[None]:
        """Name the arm in whatever goes wrong in it."""
        self.busy = name
        try:
            yield
        except Exception as error:
            raise CellError(f"{self.blamed(error)} arm: {describe(error)}") from error


def describe(error: BaseException) -> str:
    """Put an error into one line, with its type unless the type says only that it is ours."""
    text = " ".join(str(error).split())
    return text if isinstance(error, CellError) else f"{type(error).__name__}: {text}".rstrip(": ")
