"""What the harness adds to a time.

    pytest --benchmark-only -s --benchmark-storage=file:///tmp/fidelity benchmarks/evidence/fidelity.py

An empty strategy between two empty arms, and a cell's strategy time against a hand-written loop that does the same
thing, the two taking turns in one process.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.environment import start_methods, usable_cpus, usual_start_method
from benchmarks.measuring.arms import Arms
from benchmarks.measuring.cells import Cell
from benchmarks.measuring.measure import Rounds, call
from benchmarks.measuring.watch import Watch
from benchmarks.report.stats import summarize
from benchmarks.schema import Spent
from benchmarks.strategies.base import Call, Engine
from benchmarks.tasks import count
from benchmarks.words import WARM

ROUNDS = 600
TASKS = 4
LOOP = 100_000


def nothing() -> list[Any]:
    """Do nothing."""
    return []


class EmptyArms(Arms):
    """The arms of a cell, emptied."""

    def __init__(self, cell: Cell) -> None:
        """Keep the names alone; no arm has workers."""
        super().__init__(cell, ("serial", "floor"), Watch(60), Spent())
        self.engines = {name: Engine(nothing) for name in self.names}
        self._workers = dict.fromkeys(self.names, frozenset())


class TakingTurns(Rounds):
    """Rounds with a hand-written timing of the same call, before and after the round by turns."""

    def __init__(self, arms: Arms, rounds: int) -> None:
        """Begin with arms that are open."""
        super().__init__(arms, rounds, 1, Spent(), 0)
        self.by_hand: list[float] = []

    def setup(self) -> tuple[tuple[Call], dict[str, Any]]:
        """Time by hand before every other round."""
        if self._round % 2:
            self._by_hand()
        return super().setup()

    def teardown(self, run: Call) -> None:
        """Time by hand after the others."""
        if not self._round % 2:
            super().teardown(run)
            self._by_hand()
        else:
            super().teardown(run)

    def _by_hand(self) -> None:
        pool = self._arms.engines["strategy"]._pool  # type: ignore[attr-defined]  # noqa: SLF001
        inputs = [LOOP] * TASKS
        start = perf_counter()
        results = pool.map(count, inputs)
        end = perf_counter()
        assert len(results) == TASKS
        self.by_hand.append(end - start)


def cell() -> Cell:
    """Return the cell that is checked."""
    return Cell("count", LOOP, TASKS, "Pool.map", usable_cpus(), usual_start_method(), None, WARM)


def bench_empty(benchmark: BenchmarkFixture) -> None:
    """An empty strategy between two empty arms reads under 1 us."""
    taking = Rounds(EmptyArms(cell()), ROUNDS, 1, Spent(), 0)
    benchmark.pedantic(call, setup=taking.setup, teardown=taking.teardown, rounds=ROUNDS)
    for name, seconds in {"strategy": benchmark.stats.stats.data, **taking.record.seconds}.items():
        read = summarize(seconds)
        print(f"\nempty {name} arm: {read.center * 1e9:.0f} ns [{read.low * 1e9:.0f}, {read.high * 1e9:.0f}]")  # type: ignore[operator]


@pytest.mark.skipif("fork" not in start_methods(), reason="compared on the usual start method of Linux")
def bench_against_a_loop(benchmark: BenchmarkFixture) -> None:
    """A cell's strategy time agrees with a hand-written loop within 2 % at 4 x 1e5 iterations."""
    with Watch(300) as watch:
        arms = Arms(cell(), ("serial", "floor"), watch, Spent())
        arms.make_inputs()
        arms.open()
        rounds = 240
        taking = TakingTurns(arms, rounds)
        benchmark.pedantic(call, setup=taking.setup, teardown=taking.teardown, rounds=rounds)
        arms.close()
    ratio = summarize([a / b for a, b in zip(benchmark.stats.stats.data, taking.by_hand, strict=True)])
    own, loop = summarize(benchmark.stats.stats.data), summarize(taking.by_hand)
    print(
        f"\n4 x 1e5 by Pool.map, {rounds} rounds: harness {own.center * 1e3:.3f} ms, loop {loop.center * 1e3:.3f} ms; "
        f"ratio of medians {own.center / loop.center:.4f}, median ratio {ratio.center:.4f} "
        f"[{ratio.low:.4f}, {ratio.high:.4f}]"
    )
