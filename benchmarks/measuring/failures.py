"""A cell that breaks: how long its caller waits until it knows, and what it then sees.

The clock runs from the call until the caller knows; see `breaking` for what happens on the other side.
"""

from __future__ import annotations

import json
import signal
from dataclasses import asdict
from fnmatch import fnmatchcase
from time import monotonic, perf_counter, sleep
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.environment import SHARED_FOLDER
from benchmarks.layout import save_info
from benchmarks.measuring.arms import STRATEGY, ArmError
from benchmarks.measuring.breaking import HANG_SECONDS, KNOWN_HANG_SECONDS, pieces
from benchmarks.measuring.cells import Cell, Family
from benchmarks.measuring.cold import Order
from benchmarks.measuring.interpreter import FreshError, Interpreter
from benchmarks.measuring.leaks import GRACE_SECONDS, shared_memory, unused_memory
from benchmarks.measuring.measure import Budget, call, unarmed
from benchmarks.measuring.watch import CellError, Watch, describe
from benchmarks.schema import Spent
from benchmarks.strategies import STRATEGIES
from benchmarks.strategies.clusters import ClusterStrategy
from benchmarks.words import AFTERWARDS, CALLER_ENDS, CALLER_SEES, HANGS, LEFT_BEHIND, OR

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from benchmarks.strategies.base import Call


def observe(cell: Cell, family: Family, benchmark: BenchmarkFixture, budget: Budget) -> None:
    """Time how long a caller waits until it sees a failure, and take down what it sees.

    What was seen goes into the fixture's `extra_info` as `observed`: what the caller sees, whether the pool works
    afterwards, what closing it leaves behind. A wait that is longer than the cell's budget, and `HANG_SECONDS`, counts
    as one without end. Raises CellError if the interpreter that was to break does not answer.
    """
    if not hasattr(signal, "setitimer"):
        pytest.skip("a wait without end cannot be cut short: this platform has no timer signals")
    watch = Watch(budget.limit)
    try:
        with watch:
            # a wait, what comes before, and the ending must fit the limit
            _observe(cell, family, benchmark, max(HANG_SECONDS, min(budget.seconds, budget.limit / 3)))
    except BaseException as error:
        benchmark.has_error = True  # also where a signal ends it: half a cell would be saved as if it were one
        if isinstance(error, CellError | FreshError | OSError):
            raise ArmError(STRATEGY, describe(error)) from error
        raise
    finally:
        watch.stop()


def _observe(cell: Cell, family: Family, benchmark: BenchmarkFixture, patience: float) -> None:
    order = Order(cell.strategy, cell.workload, cell.size, cell.tasks, cell.chunk_size, cell.workers, cell.start_method)
    strategy = STRATEGIES[cell.strategy]
    interpreter = _breaking(order, patience)
    observed: dict[str, dict[str, None]] = {CALLER_SEES: {}, AFTERWARDS: {}, LEFT_BEHIND: {}}
    seen: list[str] = []
    memory = shared_memory()
    spent = Spent()

    def run() -> list[Any]:
        start = perf_counter()
        try:
            seen.append(interpreter.ask())
        except FreshError:
            if not strategy.launcher(cell.workers):
                raise
            seen.append(CALLER_ENDS)  # a launcher ends all processes when one has ended
        spent.arms += perf_counter() - start
        return []

    def setup() -> tuple[tuple[Call], dict[str, Any]]:
        interpreter.start()
        interpreter.await_ready()
        return (run,), {}

    def teardown(_run: Call) -> None:
        nonlocal interpreter
        start = perf_counter()
        # what is left of a hang was told the first time, when nothing was cut short too soon
        again = seen.count(HANGS) > 1 or seen[-1] == CALLER_ENDS
        answers = (seen[-1],) if again else (seen[-1], *interpreter.ask())
        for what, said in zip(observed, answers, strict=not again):
            observed[what][said] = None
        interpreter.terminate()
        if seen[-1] == CALLER_ENDS and isinstance(strategy, ClusterStrategy):
            observed[LEFT_BEHIND][_swept(memory, strategy.debris)] = None
        if seen[-1] == HANGS:  # a wait without end is as long the next time
            interpreter = _breaking(order, KNOWN_HANG_SECONDS)
        spent.pools += perf_counter() - start

    rounds = family.observations
    try:
        if not benchmark.enabled:
            setup()
            benchmark(run)
            teardown(run)
            return
        benchmark.pedantic(call, setup=setup, teardown=teardown, rounds=rounds)
    finally:
        interpreter.terminate()
    told = {what: OR.join(said) for what, said in observed.items() if said}
    save_info(benchmark.extra_info, unarmed(cell, family, rounds, spent, told))


def _swept(before: frozenset[str], debris: str) -> str:
    """Say what shared memory is left of processes that were all ended by force, and remove it: nobody else will.

    What does not fit the pattern of `debris` is another program's.
    """
    deadline = monotonic() + GRACE_SECONDS
    while True:
        unused = set(unused_memory(before))
        new = {name for name in shared_memory() - before if fnmatchcase(name, debris)}
        if new <= unused or monotonic() > deadline:
            break
        sleep(0.02)  # some processes are about to end
    for name in new & unused:
        (SHARED_FOLDER / name).unlink(missing_ok=True)
    return pieces(len(new & unused)) or "nothing"


def _breaking(order: Order, limit: float) -> Interpreter:
    """Return an interpreter that breaks what it is ordered to, in which a wait of `limit` seconds counts as a hang."""
    strategy = STRATEGIES[order.strategy]
    return Interpreter(
        "benchmarks.measuring.breaking",
        "break_and_tell",
        json.dumps([asdict(order), limit]),
        launcher=strategy.launcher(order.workers),
        environment=strategy.environment(),
        apart=True,
    )
