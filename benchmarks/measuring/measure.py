"""One cell: pilot, blocks of rounds, three arms a round, checks.

A round times the serial loop, the floor and the strategy back to back, in the six possible orders by turns: a fixed
order biased identical calls by a quarter, and three cyclic ones do not balance which arm comes after which. Blocks
begin at different places of the cycle, since the first round after a renewal is slow for whoever comes first. The
strategy alone is timed by pytest-benchmark; the other arms are timed around it, in `setup` and `teardown` of
`benchmark.pedantic`. The pools are renewed at the start of each block, since one pool's luck lasts as long as the pool.
"""

from __future__ import annotations

import gc
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from benchmarks.interrupts import SIGNALS
from benchmarks.layout import nanoseconds, save_info
from benchmarks.measuring.arms import STRATEGY, ArmError, Arms
from benchmarks.measuring.cells import Cell, Family
from benchmarks.measuring.cold import Cold, Fresh
from benchmarks.measuring.leaks import Leaks
from benchmarks.measuring.watch import CellError, Watch, end_all, start_helpers
from benchmarks.schema import CellInfo, Measure, Spent
from benchmarks.strategies import STRATEGIES
from benchmarks.strategies.base import Call
from benchmarks.words import NO_METHOD, WARM
from benchmarks.workloads import WORKLOADS

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture


CYCLE = (
    ("floor", "serial", STRATEGY),
    ("floor", STRATEGY, "serial"),
    (STRATEGY, "serial", "floor"),
    ("serial", "floor", STRATEGY),
    ("serial", STRATEGY, "floor"),
    (STRATEGY, "floor", "serial"),
)
"""The orders of the arms: whoever comes before whom does so three times in a cycle, from one round to the next too."""

MOST_ROUNDS = 120
"""Enough for a median; more would only make saved runs larger, since runs differ by more than rounds do."""

MOST_BLOCKS = 10
"""More pools a cell would tell little more: of the variance between runs they are 5 to 11 % where tasks have work in
them, and 30 % at most where they do nothing."""

RENEWAL_SHARE = 0.35
"""The part of a cell's budget that may go into renewing its pools: about a third, so that most of it is rounds."""

CHEAP_OPENING = 0.002
"""Seconds below which opening an engine cannot have started a process."""

PILOT_SHARE = 0.1
"""The part of a cell's budget that passes before the rounds may take, so that their number can be planned."""

MOST_PILOTS = 5
"""The median of five is off by a slow pass or two no more than by their neighbours."""


SCRIPT_ROUNDS = 3
"""Enough for the stages of a script, which has no other arm: each starts an interpreter, half a second for some."""


@dataclass(frozen=True)
class Budget:
    """What a cell may take: seconds for all arms and pools, the fewest rounds, and the limit in seconds."""

    seconds: float
    least_rounds: int
    limit: float


@dataclass
class Record:
    """What the rounds of a cell gave beside the strategy's own times; lists pair with `stats.data`."""

    seconds: dict[str, list[float]]
    cpu: dict[str, list[float | None]]
    block: list[int] = field(default_factory=list)
    measures: dict[str, tuple[str, list[float]]] = field(default_factory=dict)


class Rounds:
    """The three functions that `benchmark.pedantic` calls, and what they record."""

    def __init__(self, arms: Arms, rounds: int, blocks: int, spent: Spent, seconds: float) -> None:
        """Begin with arms that are open, which serve the first block. Pools are renewed until `seconds` are spent."""
        self._arms = arms
        self._spent = spent
        self._seconds = seconds
        self._orders = tuple(tuple(name for name in order if name in arms.names) for order in CYCLE)
        self._starts = frozenset(block * rounds // blocks for block in range(1, blocks))
        self._round = 0
        self._block = 0
        self._place = 0
        self._cpu_before: float | None = None
        self._start = 0.0
        self.record = Record({name: [] for name in arms.names if name != STRATEGY}, {name: [] for name in arms.names})

    def setup(self) -> tuple[tuple[Call], dict[str, Any]]:
        """Renew the pools if a block begins, and time the arms that come before the strategy."""
        # where the host is busy, pools take longer than the first one did: then the rounds go on in the old ones
        if self._round in self._starts and self._spent.arms + self._spent.pools < self._seconds:
            self._block += 1
            gc.enable()  # workers inherit it by fork, and a user's workers would have it on
            self._arms.close()
            self._arms.open(strategy_first=self._block % 2 == 1)
            gc.disable()
            self._place = self._block
        self._arms.prepare()
        order = self._orders[self._place % len(self._orders)]
        place = order.index(STRATEGY)
        self._after = order[place + 1 :]
        for name in order[:place]:
            self._time(name)
        engine = self._arms.engines[STRATEGY]
        self._arms.busy = STRATEGY
        self._cpu_before = self._arms.cpu_seconds(STRATEGY)
        self._start = perf_counter()
        return (engine.run,), {}

    def teardown(self, _run: Call) -> None:
        """Record the strategy's CPU time, and time the arms that come after it."""
        self._spent.arms += perf_counter() - self._start
        engine = self._arms.engines[STRATEGY]
        record = self.record
        self._add_cpu(STRATEGY, self._cpu_before)
        if isinstance(engine, Cold | Fresh):
            for name, (value, unit) in engine.measures.items():
                record.measures.setdefault(name, (unit, []))[1].append(value)
        for name in self._after:
            self._time(name)
        record.block.append(self._block)
        self._round += 1
        self._place += 1

    def _time(self, name: str) -> None:
        engine = self._arms.engines[name]
        self._arms.busy = name
        before = self._arms.cpu_seconds(name)
        seconds = timed(engine.run)
        self._add_cpu(name, before)
        self.record.seconds[name].append(seconds)
        self._spent.arms += seconds

    def _add_cpu(self, name: str, before: float | None) -> None:
        """Record the CPU time of an arm that has just run: the caller's, and that of the arm's workers."""
        engine = self._arms.engines[name]
        if isinstance(engine, Fresh):
            taken = engine.cpu_seconds
        else:
            after = self._arms.cpu_seconds(name)
            taken = None if before is None or after is None else after - before
        self.record.cpu[name].append(taken)


def call(run: Call) -> list[Any]:
    """Call. The same frame stands around each arm, so that none has an advantage."""
    return run()


def timed(run: Call) -> float:
    """Return the seconds of one call, taken the way pytest-benchmark takes them.

    A function made for this call, as there: with the clock's reading one line below the work before it, a serial loop
    of 20 us read 1.8 % faster here than there. And the results outlive the clock: freeing a thousand of them inside it
    made floor against floor read 1.03 to 1.09.
    """
    arguments: tuple[Call] = (run,)
    options: dict[str, Any] = {}

    def runner(timer: Callable[[], float] = perf_counter) -> tuple[float, list[Any]]:
        start = timer()
        results = call(*arguments, **options)
        end = timer()
        return end - start, results

    seconds, _results = runner()
    return seconds


def measure(cell: Cell, family: Family, benchmark: BenchmarkFixture, budget: Budget) -> None:
    """Measure a cell, or, when benchmarks are disabled, call it once as a correctness test.

    What was measured goes into the fixture's `stats` and `extra_info`. Raises CellError, in one line, for whatever
    went wrong; nothing is left running then.
    """
    spent = Spent()
    watch = Watch(budget.limit)
    strategy = STRATEGIES[cell.strategy]
    leaks = Leaks()
    work = WORKLOADS[cell.workload]
    # nothing may run beside an import that is timed, such as the interpreters of other arms
    arms = Arms(cell, family.arms if benchmark.enabled and not work.script else (), watch, spent)
    try:
        with watch:
            held = work.ballast() if work.ballast else None
            arms.make_inputs()
            with SIGNALS.held_back():
                start_helpers(cell.standard_method())
                if not strategy.hosted:
                    strategy.preload()
            leaks = Leaks()
            first = arms.open()
            if benchmark.enabled:
                record, rounds = _take_rounds(arms, benchmark, budget, spent, first)
            else:
                arms.prepare()
                benchmark(arms.check, STRATEGY)
            arms.close()
    except BaseException as error:
        watch.stop()
        benchmark.has_error = True  # or the rounds taken so far would be saved as if they were all
        end_all(tuple(arms.engines.values()), leaks.processes)
        if isinstance(error, Exception) and not isinstance(error, ArmError):
            raise arms.blame(error) from error
        raise
    del held
    try:
        leaks.check(("thread *", *strategy.leaves) if strategy.keeps_threads else strategy.leaves)
    except CellError:
        benchmark.has_error = True
        end_all((), leaks.processes)
        raise
    if benchmark.enabled:
        warnings = [] if watch.active else ["no limit: this platform or thread has no timer signals"]
        if arms.replaced:
            warnings.append(f"{strategy.name} replaced the handler of {', '.join(arms.replaced)}, which was taken back")
        save_info(benchmark.extra_info, cell_info(cell, family, record, spent, warnings))
        assert len(benchmark.stats.stats.data) == rounds == len(record.block)


def _take_rounds(
    arms: Arms, benchmark: BenchmarkFixture, budget: Budget, spent: Spent, first: float
) -> tuple[Record, int]:
    with _undisturbed():
        opening = spent.pools
        round_seconds = _pilot(arms, budget.seconds, first, spent)
        left = budget.seconds - spent.arms - spent.pools
        single = len(arms.names) == 1
        least = min(budget.least_rounds, SCRIPT_ROUNDS) if single else budget.least_rounds
        rounds, blocks = plan_rounds(left, least, round_seconds, opening, 1 if single else len(CYCLE))
        taking = Rounds(arms, rounds, blocks, spent, budget.seconds)
        benchmark.pedantic(call, setup=taking.setup, teardown=taking.teardown, rounds=rounds)
    return taking.record, rounds


def _pilot(arms: Arms, budget: float, first: float, spent: Spent) -> float:
    """Return the median seconds of a few more passes, or of the first where even that was long."""
    taken: list[float] = []
    while first < PILOT_SHARE * budget and len(taken) < MOST_PILOTS and sum(taken) < PILOT_SHARE * budget:
        start = perf_counter()
        arms.prepare()
        for name in arms.names:
            arms.busy = name
            spent.arms += timed(arms.engines[name].run)
        taken.append(perf_counter() - start)
    return statistics.median(taken or [first])


def plan_rounds(
    left: float, least_rounds: int, round_seconds: float, opening: float, orders: int = len(CYCLE)
) -> tuple[int, int]:
    """Return how many rounds to take, and in how many blocks.

    All but `least_rounds` and `orders` are seconds: what is left of the budget, one round, and opening the pools once.
    Each of the `orders` of the arms comes as often as any other. A block after the first costs an opening and an
    untimed pass; that takes at most a third of the rest. Where the pools cost nothing to open because each run makes
    its own, there is nothing to renew. Else the number is even, since the engine that is opened first has an advantage,
    and they take turns at it.
    """
    least = -(-max(least_rounds, 1) // orders) * orders
    renewal = opening + round_seconds
    affordable = 1 + int(max(RENEWAL_SHARE * left, 0) / max(renewal, 1e-9))
    blocks = 1 if opening < CHEAP_OPENING else _even(min(MOST_BLOCKS, affordable))
    fitting = int((left - (blocks - 1) * renewal) / max(round_seconds, 1e-9)) // orders * orders
    rounds = max(least, min(fitting, MOST_ROUNDS))
    return rounds, min(blocks, _even(rounds // 2))


def _even(blocks: int) -> int:
    return max(1, blocks // 2 * 2)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep the garbage collector, tracers and profilers of the caller out of all arms alike.

    pytest-benchmark itself pauses them for the target only.
    """
    tracer, profiler, collector = sys.gettrace(), sys.getprofile(), gc.isenabled()
    sys.settrace(None)
    sys.setprofile(None)
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if collector:
            gc.enable()
        sys.setprofile(profiler)
        sys.settrace(tracer)


def unarmed(cell: Cell, family: Family, rounds: int, spent: Spent, observed: dict[str, str]) -> CellInfo:
    """Return what is saved of a cell that has no other arms and whose CPU time nobody took, but what was observed."""
    record = Record({}, {STRATEGY: [None] * rounds}, [0] * rounds)
    return replace(cell_info(cell, family, record, spent, []), observed=observed)


def cell_info(cell: Cell, family: Family, record: Record, spent: Spent, warnings: list[str]) -> CellInfo:
    """Return what is saved of a cell beside the strategy's times."""
    # the forkserver's children are not ours: nobody tells their time after they ended
    untold = cell.state != WARM and cell.start_method == "forkserver"
    cpu = {
        name: None if untold or None in values else [value for value in values if value is not None]
        for name, values in record.cpu.items()
    }
    own = cell.start_method in {cell.standard_method(), NO_METHOD}
    return CellInfo(
        family=family.name,
        part=family.part(cell),
        timed=family.timed,
        tasks_per_chunk=cell.effective_chunk_size(),
        serial_seconds=_taken(record.seconds.get("serial")),
        floor_seconds=_taken(record.seconds.get("floor")),
        cpu_seconds=_taken(cpu[STRATEGY]),
        floor_cpu_seconds=_taken(cpu.get("floor")),
        block=record.block,
        measures={name: Measure(unit, nanoseconds(values)) for name, (unit, values) in record.measures.items()},
        spent=Spent(round(spent.arms, 6), round(spent.pools, 6)),
        warnings=warnings,
        bytes_moved=(cell.size or 0) * cell.tasks if WORKLOADS[cell.workload].moves else None,
        floor_start_method=None if own or "floor" not in record.seconds else cell.standard_method(),
    )


def _taken(values: list[float] | None) -> list[float] | None:
    return None if values is None else nanoseconds(values)
