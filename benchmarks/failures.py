"""What a caller sees when something breaks: in an interpreter of its own, which may hang or be wrecked by it.

The clock runs from the call until the caller knows. After that it is asked whether the pool still works, and what is
left when it has been closed. A wait that has no end is cut short by a limit, and is a result like any other.
"""

from __future__ import annotations

import json
import multiprocessing
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from benchmarks.arms import describe
from benchmarks.cells import Cell, Family
from benchmarks.measure import Budget, call, unarmed
from benchmarks.strategies import STRATEGIES
from benchmarks.strategies.base import Call, Job
from benchmarks.strategies.cold import Order
from benchmarks.strategies.fresh import Caller, FreshError, Interpreter
from benchmarks.watch import CellError, Watch
from benchmarks.workloads import WORKLOADS

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

LIMIT = 0.3
"""Seconds after which a wait counts as one without end: the slowest answer took 8 ms where this was written."""

END_SECONDS = 0.2
ROUNDS = 2

HANGS = "a hang"
WORKS = "works"

ObserveFunction = Callable[[Cell], None]


class TooLongError(Exception):
    """A wait that was cut short."""


def observe(cell: Cell, family: Family, benchmark: BenchmarkFixture, budget: Budget) -> None:
    """Time how long a caller waits until it sees a failure, and take down what it sees.

    What was seen goes into the fixture's `extra_info` as `observed`: what the caller sees, whether the pool works
    afterwards, what closing it leaves behind. Raises CellError if the interpreter that was to break does not answer.
    """
    if not hasattr(signal, "setitimer"):
        pytest.skip("a wait without end cannot be cut short: this platform has no timer signals")
    try:
        with Watch(budget.limit):
            _observe(cell, family, benchmark)
    except (CellError, FreshError, OSError) as error:
        benchmark.has_error = True
        raise CellError(f"strategy arm: {describe(error)}") from error


def _observe(cell: Cell, family: Family, benchmark: BenchmarkFixture) -> None:
    order = Order(cell.strategy, cell.workload, cell.size, cell.tasks, cell.chunk_size, cell.workers, cell.start_method)
    interpreter = Interpreter("benchmarks.failures", "break_and_tell", json.dumps(asdict(order)))
    observed: dict[str, dict[str, None]] = {"caller sees": {}, "pool afterwards": {}, "left behind": {}}
    seen: list[str] = []

    def run() -> list[Any]:
        seen.append(interpreter.ask())
        return []

    def setup() -> tuple[tuple[Call], dict[str, Any]]:
        interpreter.start()
        interpreter.await_ready()
        return (run,), {}

    def teardown(_run: Call) -> None:
        for what, said in zip(observed, (seen[-1], *interpreter.ask()), strict=True):
            observed[what][said] = None
        interpreter.terminate()

    try:
        if not benchmark.enabled:
            setup()
            benchmark(run)
            teardown(run)
            return
        setup()
        run()
        teardown(run)
        # a wait without end is as long the second time
        rounds = 1 if seen[-1] == HANGS else ROUNDS
        benchmark.pedantic(call, setup=setup, teardown=teardown, rounds=rounds)
    finally:
        interpreter.terminate()
    benchmark.extra_info.update(unarmed(cell, family, rounds))
    benchmark.extra_info["observed"] = {what: " or ".join(said) for what, said in observed.items()}


def break_and_tell() -> None:
    """Run in the fresh interpreter: call, tell what was seen, and when asked again what is left."""
    caller = Caller()
    order = Order(**json.loads(sys.argv[1]))
    work = WORKLOADS[order.workload]
    job = Job(work.function, list(work.make_inputs(order.size, order.tasks)), order.chunk_size)
    barrier = multiprocessing.get_context(order.start_method).Barrier(order.workers)
    engine = STRATEGIES[order.strategy].open(job, order.workers, order.start_method, barrier)
    engine.prove()
    signal.signal(signal.SIGALRM, too_long)
    if not caller.ready():
        return
    with caller.guarded():
        seen = within(LIMIT, engine.run, "all results")
    caller.tell(seen)
    caller.wait()
    with caller.guarded():
        pool = within(LIMIT, engine.prove, WORKS)
        left = _left(within(LIMIT, engine.close, ""))
    caller.tell((pool, left))
    caller.wait()


def within(limit: float, wait: Callable[[], Any], done: str) -> str:
    """Return `done` if a wait ends by itself, the error it raises, or that it hangs, in words."""
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        wait()
    except TooLongError:
        return HANGS
    except Exception as error:  # noqa: BLE001 - whatever the caller sees is the result
        return f"{type(error).__name__}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return done


def too_long(*_: object) -> NoReturn:
    """End the wait that the alarm has interrupted."""
    raise TooLongError


def _left(closing: str) -> str:
    """Say what is left after closing: processes get a moment to end."""
    end = perf_counter() + END_SECONDS
    while multiprocessing.active_children() and perf_counter() < end:
        sleep(0.01)
    left = len(multiprocessing.active_children())
    said = [closing]
    said.append(f"{left} process{'es' if left > 1 else ''}" if left else "")
    return ", ".join(filter(None, said)) or "nothing"
