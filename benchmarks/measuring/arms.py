"""The arms of a cell: their engines opened, checked, watched and closed together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Any

from benchmarks.environment import cpu_seconds, usable_cpus
from benchmarks.interrupts import SIGNALS
from benchmarks.measuring.cells import Cell
from benchmarks.measuring.cold import Cold, Fresh, Order
from benchmarks.measuring.hosted import Hosted
from benchmarks.measuring.watch import CellError, Watch, WorkerLostError, describe
from benchmarks.schema import Spent
from benchmarks.strategies import STRATEGIES
from benchmarks.strategies.base import Job
from benchmarks.words import COLD, FRESH, WARM
from benchmarks.workloads import WORKLOADS

if TYPE_CHECKING:
    from benchmarks.strategies.base import Engine, Strategy

STRATEGY = "strategy"
"""The arm that the cell is about; `serial` and `floor` are named after their strategies."""


KNOWN_SECONDS = 1.0
"""How long to wait to learn how a worker ended once the system no longer knows it."""


class ArmError(CellError):
    """What went wrong in an arm; the message names it."""

    def __init__(self, arm: str, what: str) -> None:
        """Name the arm, and say what went wrong."""
        super().__init__(f"{arm} arm: {what}")


@dataclass(frozen=True)
class Arm:
    """How an arm spreads the cell's tasks."""

    strategy: Strategy
    chunk_size: int | None
    start_method: str


class Arms:
    """The engines of a cell, opened and closed together, and watched.

    `replaced` names the signals whose handlers one of them has put its own in place of; they were taken back.
    """

    def __init__(self, cell: Cell, arms: tuple[str, ...], watch: Watch, spent: Spent) -> None:
        """Find out which arms there are; start nothing yet."""
        self._cell = cell
        self._watch = watch
        self._spent = spent
        self._workload = WORKLOADS[cell.workload]
        self._inputs: Sequence[Any] = ()
        self._expected: list[Any] = []
        self._arms: dict[str, Arm] = {}
        standard, floor = cell.standard_method(), STRATEGIES["floor"]
        # of a running cluster with more workers than there are processors here, no bare processes are the like
        here = (STRATEGIES[cell.strategy].there() or 0) <= usable_cpus()
        if "floor" in arms and here and floor.unavailable(standard) is None:
            self._arms["floor"] = Arm(floor, cell.effective_chunk_size(), standard)
        if "serial" in arms:
            self._arms["serial"] = Arm(STRATEGIES["serial"], None, standard)
        self._arms[STRATEGY] = Arm(STRATEGIES[cell.strategy], cell.chunk_size, cell.start_method)
        self.names = tuple(sorted(self._arms))
        self.engines: dict[str, Engine] = {}
        self._workers: dict[str, frozenset[int]] = {}
        self.busy = STRATEGY
        self.replaced: dict[str, None] = {}

    def make_inputs(self) -> None:
        """Make the inputs of the tasks, and what they must give."""
        self._inputs = list(self._workload.make_inputs(self._cell.size, self._cell.tasks))
        self._expected = self._workload.expected(self._cell.size, self._cell.tasks)

    def blame(self, error: Exception) -> ArmError:
        """Name an arm in an error: that of the worker that was lost, else the one that was busy."""
        arm = self.busy
        if isinstance(error, WorkerLostError):
            arm = next((name for name, pids in self._workers.items() if error.pid in pids), arm)
        return ArmError(arm, describe(error))

    def open(self, *, strategy_first: bool = False) -> float:
        """Start all workers, have them prove that they are up, and compare the results of one pass of each arm.

        Returns the seconds of that pass, for planning only: it is the first, so it is slow. `strategy_first` turns the
        order round where the strategy has processes. The kernel places those that are started while others sleep so
        that they share a CPU three times as often: floor against floor read -7 % at 4 x 1e4 when the order never
        changed. Where floors are forked beside a pool's helper threads, those are asleep, and the floor's code uses
        nothing that they may hold. Threads come last: to fork beside interpreters is asking for trouble.
        """
        start = perf_counter()
        proven: set[int] = set()
        arms = list(self._arms.items())
        if strategy_first and self._arms[STRATEGY].strategy.processes:
            arms.reverse()
        for name, arm in arms:
            with self._blaming(name):
                if arm.strategy.fixed_workers:
                    self._watch.adopt()
                with SIGNALS.held_back():
                    self.engines[name] = engine = self._make(arm)
                self.replaced |= dict.fromkeys(SIGNALS.reclaim())
                self._workers[name] = workers = engine.prove()
                # a cluster's own scheduler has them replaced, which is noticed at the end
                if arm.strategy.processes and arm.strategy.fixed_workers and not arm.strategy.cluster:
                    proven |= workers
                self._watch.expect(proven)
            wanted = self._cell.workers if self._cell.state == WARM and arm.strategy.parallel else 0
            if len(workers) != wanted and (arm.strategy.fixed_workers or not workers):
                raise ArmError(name, f"{len(workers)} workers came up, not {wanted}")
        opened = perf_counter()
        self._spent.pools += opened - start
        self.prepare()
        for name in self._arms:
            self.check(name)
        return perf_counter() - opened

    def _make(self, arm: Arm) -> Engine:
        cell = self._cell
        if cell.state == FRESH:
            names = (arm.strategy.name, cell.workload, cell.size, cell.tasks)
            return Fresh(Order(*names, arm.chunk_size, cell.workers, arm.start_method))
        opening = self._opening(arm)
        return Cold(opening) if cell.state == COLD else opening()

    def _opening(self, arm: Arm) -> Callable[[], Engine]:
        """Return what opens the engine of an arm."""
        cell = self._cell
        if arm.strategy.hosted:
            names = (arm.strategy.name, cell.workload, cell.size, cell.tasks)
            order = Order(*names, arm.chunk_size, cell.workers, arm.start_method, self._workload.file)
            return partial(Hosted, order, opened=cell.state == COLD)
        job = Job(self._workload.function, self._inputs, arm.chunk_size)
        return partial(arm.strategy.open, job, cell.workers, arm.start_method)

    def check(self, name: str) -> None:
        """Run an arm once, and compare its results with the expected ones."""
        with self._blaming(name):
            start = perf_counter()
            engine = self.engines[name]
            results = engine.run()
            self._spent.arms += perf_counter() - start
            results = engine.fetch(results)
        expected = self._expected
        if self._workload.digest is not None:
            results, expected = (list(map(self._workload.digest, values)) for values in (results, expected))
        if not self._arms[name].strategy.ordered:
            results, expected = sorted(results), sorted(expected)
        pairs = enumerate(zip(results, expected, strict=False))
        wrong = next((place for place, pair in pairs if not self._workload.same(*pair)), None)
        if wrong is not None or len(results) != len(expected):
            where = f"{len(results)} results, not {len(expected)}" if wrong is None else f"first at task {wrong}"
            raise ArmError(name, f"wrong results ({where}); no time of this cell counts")

    def prepare(self) -> None:
        """Make all engines ready for a run: together, since interpreters that start take their time."""
        for name, engine in self.engines.items():
            self.busy = name
            engine.prepare()
        for name, engine in self.engines.items():
            self.busy = name
            engine.await_ready()

    def cpu_seconds(self, name: str) -> float | None:
        """Return the CPU time so far of this process and of an arm's, in seconds.

        Threads are a part of this process. None where the system does not tell, or where an engine's workers come and
        go.
        """
        strategy = self._arms[name].strategy
        if strategy.processes and (strategy.cluster or not strategy.fixed_workers):
            return None
        try:
            return cpu_seconds(self._workers[name] if strategy.processes else ())
        except ProcessLookupError:
            # a thread of the pool's may be about to learn how that process ended
            end = perf_counter() + KNOWN_SECONDS
            while perf_counter() < end:
                self._watch.look()  # raises, if it knows
                sleep(0.01)
            raise

    def close(self) -> None:
        """See that the workers that were started are still the ones that answer, then end them."""
        start = perf_counter()
        for name, engine in self.engines.items():
            with self._blaming(name):
                workers = engine.prove()
            if workers != self._workers[name] and self._arms[name].strategy.fixed_workers:
                strategy = self._arms[name].strategy
                if strategy.cluster and len(workers) != len(self._workers[name]):
                    remedy = "measure while none join or leave" if strategy.there() else "see whether memory runs out"
                    raise ArmError(name, f"{len(self._workers[name])} workers were there, {len(workers)} now: {remedy}")
                before, after = (", ".join(map(str, sorted(pids))) for pids in (self._workers[name], workers))
                raise ArmError(name, f"workers {before} were replaced by {after} during the rounds")
        self._watch.expect(())
        for name in reversed(tuple(self.engines)):
            with self._blaming(name):
                self.engines[name].close()
            del self.engines[name]
        self._spent.pools += perf_counter() - start

    @contextmanager
    def _blaming(self, name: str) -> Iterator[None]:
        """Name the arm in whatever goes wrong in it."""
        self.busy = name
        try:
            yield
        except Exception as error:
            raise self.blame(error) from error
