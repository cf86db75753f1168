"""How rounds are planned and taken."""

from __future__ import annotations

import gc
import sys
import time
from collections import Counter
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from benchmarks.environment import usable_cpus, usual_start_method
from benchmarks.measuring import measure
from benchmarks.measuring.cells import Axes, Cell, Family, Selection, short_number
from benchmarks.measuring.measure import Rounds, plan_rounds, timed
from benchmarks.measuring.watch import CellError, describe
from benchmarks.schema import Spent
from benchmarks.strategies.base import Engine
from benchmarks.words import WARM


@pytest.mark.parametrize(
    ("left", "least", "round_seconds", "opening", "expected"),
    [
        # 1 s without pools to open: 100 rounds of 10 ms would fit; 96 is the multiple of six below
        (1.0, 5, 0.01, 0.0, (96, 1)),
        # never more than 120, however short
        (1.0, 5, 0.0001, 0.0, (120, 1)),
        # never fewer than six, however long
        (1.0, 5, 2.0, 0.0, (6, 1)),
        # the fewest are rounded up to a multiple of six
        (1.0, 13, 2.0, 0.0, (18, 1)),
        # a renewal of 20 + 10 ms: 0.35 of 2 s affords 23, nine renewals are the most
        (2.0, 5, 0.01, 0.02, (120, 10)),
        # a renewal of 55 ms: six fit into 0.35 s, but blocks are even; (1 - 5 x 0.055) / 0.03 = 24
        (1.0, 5, 0.03, 0.025, (24, 6)),
        # a renewal of 130 ms: two fit into 0.35 s, but blocks are even; (1 - 0.13) / 0.03 = 29
        (1.0, 5, 0.03, 0.1, (24, 2)),
        # a renewal takes more than that: one block
        (1.0, 5, 0.4, 0.02, (6, 1)),
        # seven renewals of 15 ms; (0.31 - 0.105) / 0.01 = 20
        (0.31, 5, 0.01, 0.005, (18, 8)),
        # four renewals of 22 ms could be paid, three make four blocks: (0.31 - 0.066) / 0.02 = 12
        (0.31, 5, 0.02, 0.002, (12, 4)),
        # nothing left of the budget
        (-1.0, 5, 0.01, 0.02, (6, 1)),
    ],
)
def test_plan_rounds(left: float, least: int, round_seconds: float, opening: float, expected: tuple[int, int]) -> None:
    """Rounds are a multiple of six within the budget; blocks are even, and take about a third of it at most."""
    assert plan_rounds(left, least, round_seconds, opening) == expected


class LoggedArms:
    """Arms whose engines write down when they run."""

    def __init__(self, names: tuple[str, ...]) -> None:
        """Make an engine for each name."""
        self.log: list[str] = []
        self.names = names
        self.busy = ""
        self.engines = {name: Engine(partial(self._run, name)) for name in names}

    def cpu_seconds(self, _name: str) -> None:
        """Tell no CPU time."""

    def _run(self, name: str) -> list[Any]:
        self.log.append(name)
        return []

    def prepare(self) -> None:
        """Write down that a round begins."""
        self.log.append("|")

    def close(self) -> None:
        """Write down that the pools end."""
        self.log.append("close")

    def open(self, *, strategy_first: bool = False) -> float:
        """Write down that the pools begin, and how."""
        self.log.append("open strategy first" if strategy_first else "open")
        return 0.0


def take(names: tuple[str, ...], rounds: int, blocks: int) -> tuple[list[str], Any]:
    """Take rounds the way pytest-benchmark's pedantic mode does; return the log and the record."""
    arms = LoggedArms(names)
    taking = Rounds(arms, rounds, blocks, Spent(), 60)  # type: ignore[arg-type]
    for _ in range(rounds):
        (run,), _ = taking.setup()
        measure.call(run)
        taking.teardown(run)
    return arms.log, taking.record


def test_orders_are_balanced() -> None:
    """In twelve rounds each of the six orders of three arms comes twice."""
    log, record = take(("floor", "serial", "strategy"), 12, 1)
    rounds = " ".join(log).split("|")[1:]

    assert Counter(Counter(order.strip() for order in rounds).values()) == {2: 6}
    assert all(sorted(order.split()) == ["floor", "serial", "strategy"] for order in rounds)
    assert {name: len(seconds) for name, seconds in record.seconds.items()} == {"floor": 12, "serial": 12}


def test_neighbours_are_balanced() -> None:
    """Each arm comes right after each other one three times in a cycle, also from one round to the next."""
    log, _ = take(("floor", "serial", "strategy"), 12, 1)
    arms = [word for word in log if word != "|"]
    pairs = Counter(pairwise(arms[:19]))

    assert set(pairs.values()) == {3}
    assert len(pairs) == 6


@pytest.mark.parametrize("other", ["floor", "serial"])
def test_two_arms_are_balanced(other: str) -> None:
    """With two arms each comes first in half of the rounds."""
    log, _ = take((other, "strategy"), 6, 1)
    rounds = Counter(order.strip() for order in " ".join(log).split("|")[1:])

    assert rounds == {f"{other} strategy": 3, f"strategy {other}": 3}


def test_blocks_begin_at_different_places_of_the_cycle() -> None:
    """The first round of a block is slow for whoever comes first: in six blocks, twice each arm."""
    log, _ = take(("floor", "serial", "strategy"), 12, 6)
    rounds = [order.split() for order in " ".join(log).split("|")[1:]]

    assert Counter(order[0] for order in rounds[::2]) == {"floor": 2, "serial": 2, "strategy": 2}


def test_the_engine_that_is_opened_first_changes_from_block_to_block() -> None:
    """Whoever is opened first has an advantage: floor and strategy take turns at it."""
    log, _ = take(("floor", "strategy"), 8, 4)

    assert [word for word in log if word.startswith("open")] == ["open strategy first", "open", "open strategy first"]


def test_pools_are_renewed_at_the_start_of_each_block() -> None:
    """Six rounds in three blocks renew the pools twice, before the third and the fifth round."""
    log, record = take(("strategy",), 6, 3)

    assert " ".join(log).replace(" first", "") == (
        "| strategy | strategy close open strategy | strategy | strategy close open | strategy | strategy"
    )
    assert record.block == [0, 0, 1, 1, 2, 2]


def test_pools_are_not_renewed_beyond_the_budget() -> None:
    """Where the seconds of a cell are spent already, the rounds go on in the pools that there are."""
    arms = LoggedArms(("strategy",))
    spent = Spent(arms=1.0)
    taking = Rounds(arms, 6, 3, spent, 1.0)  # type: ignore[arg-type]
    for _ in range(6):
        (run,), _ = taking.setup()
        measure.call(run)
        taking.teardown(run)

    assert "open" not in arms.log
    assert taking.record.block == [0] * 6


def test_timed_keeps_the_results_until_the_clock_has_stopped() -> None:
    """Freeing the results is outside the clock, as it is for the strategy."""
    events = []

    class Result(list[Any]):
        def __del__(self) -> None:
            events.append("freed")

    ticks = iter((0.0, 1.0))

    def clock() -> float:
        events.append("tick")
        return next(ticks)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "perf_counter", clock)
        seconds = timed(Result)

    assert seconds == 1.0
    assert events == ["tick", "tick", "freed"]


@pytest.mark.parametrize(
    ("first", "passes"),
    [
        # a first pass of less than a tenth of the budget tells little: five more, which take no time here
        (0.0999, 5),
        (0.1, 0),
        (3.0, 0),
    ],
)
def test_pilot(first: float, passes: int) -> None:
    """Short rounds are tried a few times before they are planned, long ones are known."""
    arms, spent = LoggedArms(("floor", "strategy")), Spent()
    seconds = measure._pilot(arms, 1.0, first, spent)  # type: ignore[arg-type]

    assert " ".join(arms.log) == " ".join(["| floor strategy"] * passes)
    assert seconds == first if not passes else 0 < seconds < 0.05
    assert (spent.arms > 0) is (passes > 0)


def test_pilots_end_with_a_tenth_of_the_budget() -> None:
    """Rounds that turn out to be long are not tried again."""
    arms = LoggedArms(("strategy",))
    arms.engines["strategy"] = Engine(lambda: time.sleep(0.06) or [])  # type: ignore[func-returns-value]
    seconds = measure._pilot(arms, 1.0, 0.01, Spent())  # type: ignore[arg-type]

    assert arms.log == ["|"] * 2, "two of 60 ms are more than a tenth of a second"
    assert seconds == pytest.approx(0.06, abs=0.03)


def test_garbage_is_collected_before_the_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """What others have left is collected once, before the collector is switched off for all arms."""
    events = []
    monkeypatch.setattr(gc, "collect", lambda: events.append(f"collect, collector {gc.isenabled()}"))
    gc.enable()
    with measure._undisturbed():
        events.append("rounds")

    assert events == ["collect, collector True", "rounds"]


@pytest.mark.parametrize("collecting", [True, False])
def test_arms_are_undisturbed(*, collecting: bool) -> None:
    """Neither collector, tracer nor profiler sees the arms; afterwards each is as it was."""
    tracer, profiler, collector = sys.gettrace(), sys.getprofile(), gc.isenabled()

    def watcher(*_event: object) -> None:
        """See nothing."""

    try:
        (gc.enable if collecting else gc.disable)()
        sys.settrace(watcher)
        sys.setprofile(watcher)
        with measure._undisturbed():
            inside = sys.gettrace(), sys.getprofile(), gc.isenabled()
        after = sys.gettrace(), sys.getprofile(), gc.isenabled()
    finally:
        sys.settrace(tracer)
        sys.setprofile(profiler)
        (gc.enable if collector else gc.disable)()

    assert inside == (None, None, False)
    assert after == (watcher, watcher, collecting)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (CellError("one line"), "one line"),
        (ValueError("bad value"), "ValueError: bad value"),
        (KeyError(), "KeyError"),
        (RuntimeError("several\n  lines\n"), "RuntimeError: several lines"),
    ],
)
def test_describe(error: BaseException, expected: str) -> None:
    """An error becomes one line, with its type unless it is ours."""
    assert describe(error) == expected


FAMILY = Family(
    "any",
    "?",
    "one pass",
    ("speedup",),
    {"default": (Axes("count", 4, ("serial", "Pool.map"), 1, sizes=(100, 1000)),)},
    answer=lambda _rows: "",
)


def test_plan_is_the_cross_product() -> None:
    """Axes give each combination once, in order, with words for ids."""
    assert [planned.label for planned in FAMILY.plan(Selection())] == [
        "1e2-serial", "1e2-Pool.map", "1e3-serial", "1e3-Pool.map",
    ]  # fmt: skip


def test_labels_do_not_depend_on_the_selection() -> None:
    """A cell has the same name however it was selected; other than usual values are part of it."""
    other = usable_cpus() + 1
    selected = FAMILY.plan(Selection(sizes=(1000,), workers=(usable_cpus(), other), tasks=(4, 8)))

    assert [planned.label for planned in selected if planned.cell.strategy == "Pool.map"] == [
        "1e3-Pool.map",
        f"1e3-Pool.map-workers={other}",
        "1e3-Pool.map-tasks=8",
        f"1e3-Pool.map-tasks=8-workers={other}",
    ]


def test_a_family_without_the_preset_has_no_cells() -> None:
    """A preset that a family does not know selects nothing of it."""
    assert FAMILY.plan(Selection(preset="article")) == []


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, "0"), (1, "1"), (12, "12"), (100, "1e2"), (1000, "1e3"), (300_000, "3e5"), (12345, "12345"), (10**8, "1e8")],
)
def test_short_number(number: int, expected: str) -> None:
    """Round numbers are written by their exponent, others in full."""
    assert short_number(number) == expected


def test_effective_chunk_size() -> None:
    """A chunk size that was asked for wins over the strategy's default."""
    values = ("nothing", None, 1000, "Pool.map", 2, usual_start_method())

    assert Cell(*values, None, WARM).effective_chunk_size() == 125
    assert Cell(*values, 7, WARM).effective_chunk_size() == 7
