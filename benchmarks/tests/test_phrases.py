"""Answers claim no more than the intervals in them allow."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.questions import families
from benchmarks.report import units
from benchmarks.report.metrics import Metrics
from benchmarks.report.phrases import NO_DIFFERENCE, either, known, ranked, sentence
from benchmarks.report.runs import Place
from benchmarks.report.stats import Summary
from benchmarks.tests.made_up import params

FAMILIES = families()

NUMBER = re.compile(r"[\d.]+ \[(?:[\d.]+|less), (?:[\d.]+|more)\](?: (?:ns|us|ms|s|MB/s))?")


def summary(center: float, share: float = 0.0) -> Summary:
    """Return a value whose interval reaches a share of it to both sides."""
    return Summary(9, center, center / (1 + share), center * (1 + share))


def row(family: str, strategy: str = "Pool.map", *, tasks_per_chunk: int = 1, more: Any = None, **axes: Any) -> Metrics:
    """Return a row of a family with these axes; `more` has what it measured."""
    cell = params(strategy=strategy, **axes)
    place = Place(f"{family}[{cell}-{tasks_per_chunk}]", family, cell, tasks_per_chunk)
    fields = {"speedup": None, "first_result": None, "peak_memory": None, "observed": {}, **(more or {})}
    time = fields.pop("time", summary(1.0, 0.01))
    return Metrics(
        place=fields.pop("place", place), time=time, tail=None, serial=fields.pop("serial", 1.0), floor=None, cpu=None,
        machine_speedup=None, efficiency=None, overhead=None, measures={}, **fields,
    )  # fmt: skip


def said(family: str, *rows: Metrics) -> str:
    """Return a family's answer."""
    return FAMILIES[family].answer(rows)


values = st.builds(summary, st.floats(0.05, 20), st.floats(0.001, 1.5))


@given(some=st.lists(values, min_size=1, max_size=6), most=st.booleans())
def test_a_place_is_shared_by_all_that_overlap_the_best(some: list[Summary], *, most: bool) -> None:
    """The best is the extreme; whoever is not in its place has an interval that ends before the best's begins."""
    tied, rest = ranked(some, lambda value: value, most=most)
    best = tied[0]

    assert sorted(map(id, tied + rest)) == sorted(map(id, some))
    assert best.center == (max if most else min)(value.center for value in some)
    for value in tied[1:]:
        assert value.low <= best.high  # type: ignore[operator]
        assert best.low <= value.high  # type: ignore[operator]
    for value in rest:
        assert (value.high < best.low) if most else (best.high < value.low)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (Summary(5, 1, 0.9, 1.1), Summary(5, 1.3, 1.2, 1.4), True),
        (Summary(5, 1, 0.9, 1.2), Summary(5, 1.3, 1.2, 1.4), False),  # they touch
        (Summary(5, 1, 0.9, None), Summary(5, 9, 8, 10), False),
        (Summary(5, 1, None, 1.1), Summary(5, 9, 8, None), True),
        (Summary(1, 1, None, None), Summary(1, 9, None, None), False),
    ],
)
def test_what_is_apart(one: Summary, other: Summary, *, expected: bool) -> None:
    """Intervals are apart if one ends before the other begins; a side that is open ends nowhere."""
    assert one.apart(other) is expected
    assert other.apart(one) is expected


@given(values, st.floats(0.1, 10))
def test_a_summary_scaled_and_inverted(value: Summary, factor: float) -> None:
    """Scaling scales all three numbers; an inverse has its bounds turned round, and its inverse is the value again."""
    assert value.scaled(factor).center == value.center * factor
    assert value.inverse().low == 1 / value.high  # type: ignore[operator]
    assert value.inverse().inverse().center == pytest.approx(value.center)
    assert Summary(3, 2.0, -1.0, 4.0).inverse() == Summary(3, 0.5, 0.25, None)


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (Summary(5, 1.05e-6, 1.02e-6, 1.083e-6), "s", "1.05 [1.02, 1.08] us"),
        (Summary(5, 0.9996e-3, 0.5e-3, 1.2e-3), "s", "1.00 [0.50, 1.20] ms"),
        (Summary(5, 4e-4, None, 6e-4), "s", "400 [less, 600] us"),
        (Summary(5, 4e-4, 3e-4, None), "s", "400 [300, more] us"),
        (Summary(5, 4e-4, None, None), "s", "400 us"),
        (Summary(5, 1.5, 1.25, 2.0), units.FACTOR, "1.50 [1.25, 2.00]"),
        (Summary(5, 3 << 20, 1 << 20, 1 << 23), "B", "3.00 [1.00, 8.00] MiB"),
        (Summary(5, 543.2, 500, 600), "MB/s", "543 [500, 600] MB/s"),
    ],
)
def test_intervals_are_in_the_unit_of_their_middle(value: Summary, unit: str, expected: str) -> None:
    """One unit behind all three numbers, and a word where a side is open."""
    assert known(value, unit) == expected


def test_names_in_a_row_and_sentences() -> None:
    """Commas, and a word before the last; a sentence begins with a capital letter and ends with a point."""
    assert [either(["a", "b", "c"][:n]) for n in (1, 2, 3)] == ["a", "a or b", "a, b or c"]
    assert (sentence("one of two"), sentence("")) == ("One of two.", "")


def rows_of(family: str, drawn: list[Summary]) -> list[Metrics]:
    """Return rows of a family that compete, each with one of some values for what they are ranked by."""
    names = ["Pool.map", "Pool.imap", "ProcessPoolExecutor.map", "ThreadPoolExecutor.map"]
    if family == "scaling":
        return [row(family, workers=n + 1, more={"speedup": value}) for n, value in enumerate(drawn)]
    if family == "balance":
        return [
            row(family, workload="heavy last", tasks_per_chunk=n + 1, more={"speedup": value})
            for n, value in enumerate(drawn)
        ]
    if family == "waiting":
        kinds = [("Pool.map", "fork"), ("ThreadPoolExecutor.map", "none"), ("InterpreterPoolExecutor.map", "none")]
        return [
            row(family, name, start_method=method, workload="sleep", more={"speedup": value})
            for (name, method), value in zip(kinds, drawn, strict=False)
        ]
    if family == "streaming":
        held = summary(1 << 20)
        return [
            row(family, name, more={"first_result": value, "peak_memory": held})
            for name, value in zip(names, drawn, strict=False)
        ]
    chunks = {"tasks_per_chunk": 10} if family == "dispatch" else {"workload": "shared input"}
    return [
        row(family, name, tasks=1, more={"time": value}, **chunks) for name, value in zip(names, drawn, strict=False)
    ]


@pytest.mark.parametrize("family", ["balance", "dispatch", "payload", "scaling", "streaming", "waiting"])
@settings(max_examples=60)
@given(drawn=st.lists(values, min_size=2, max_size=4))
def test_a_winner_is_told_from_the_second(family: str, drawn: list[Summary]) -> None:
    """An answer says "no clear difference" if and only if the best interval overlaps another; its numbers are real."""
    most = family in {"balance", "scaling", "waiting"}
    rows = rows_of(family, drawn)
    competing = drawn[: len(rows)]
    phrase = said(family, *rows)
    tied, _ = ranked(competing, lambda value: value, most=most)

    assert (NO_DIFFERENCE in phrase) is (len(tied) > 1)
    unit = "s" if family in {"dispatch", "payload", "streaming"} else units.FACTOR
    numbers = NUMBER.findall(phrase)
    assert numbers
    assert set(numbers) <= {known(value, unit) for value in competing}
    assert known(tied[0], unit) in phrase


@given(st.lists(st.tuples(st.floats(0.05, 5), st.floats(0.001, 0.5)), min_size=2, max_size=5))
def test_whether_a_pool_pays_is_read_off_its_intervals(gains: list[tuple[float, float]]) -> None:
    """Where no crossing is seen the speedup at the end of the lengths is shown, with the doubt of its interval."""
    rows = [
        row("speedup", size=10**place, tasks=1, more={"serial": 10.0**place, "speedup": summary(*gain)})
        for place, gain in enumerate(gains, 1)
    ]
    phrase = said("speedup", *rows)
    above = [center >= 1 for center, _ in gains]
    if all(above) or not above[-1]:
        shown = summary(*gains[0] if all(above) else gains[-1])
        assert known(shown) in phrase
        assert (NO_DIFFERENCE in phrase) is shown.meets(1, 1)
        assert phrase.startswith("Pool.map, even for" if all(above) else "a loop, up to")
    else:
        crossing = next(n for n, (low, high) in reversed(list(enumerate(pairwise(above)))) if not low and high)
        length = float(re.search(r"a loop below ([\d.]+)", phrase)[1])  # type: ignore[index]
        assert 10.0 ** (crossing + 1) * 0.99 <= length <= 10.0 ** (crossing + 2) * 1.01


def test_two_break_evens_that_cannot_be_told_apart() -> None:
    """The earlier is named where it is apart from the other, and neither where they overlap."""

    def curve(strategy: str, share: float, *gains: float) -> list[Metrics]:
        return [
            row("speedup", strategy, size=10**n, tasks=1, more={"serial": 10.0**n * 1e-6, "speedup": summary(g, share)})
            for n, g in enumerate(gains, 2)
        ]

    early, late = curve("Pool.imap", 0.01, 0.5, 2.0), curve("Pool.map", 0.01, 0.25, 1.05)
    assert said("speedup", *late, *early) == "a loop below 316 [311, 321] us per task, then Pool.imap"
    wide = curve("Pool.map", 0.6, 0.4, 1.9)
    assert said("speedup", *wide, *early) == (
        "a loop below 316 [311, 321] us per task, then a pool (which: no clear difference)"
    )


@pytest.mark.parametrize(
    ("speedup", "expected"),
    [
        (Summary(9, 0.125, 0.12, 0.13), "takes 8.00 [7.69, 8.33] (fork) times as long as the loop"),
        (Summary(9, 1.5, 1.4, 1.6), "runs 1.50 [1.40, 1.60] (fork) times as fast as the loop"),
        (Summary(9, 0.8, 0.5, 1.25), "takes 1.25 [0.80, 2.00] (fork) times as long as the loop, no clear difference"),
    ],
)
def test_a_script_s_pool_against_the_loop(speedup: Summary, expected: str) -> None:
    """Times as long, times as fast, or neither where the interval has 1 in it; never times slower."""
    answer = said("article", row("article", tasks=4, more={"speedup": speedup, "serial": 4e-4}))

    assert answer == expected


def test_who_hangs_is_named_and_nobody_else() -> None:
    """Of a killed worker those that hang, and how soon the others report it; a hang in some runs is no hang."""

    def broken(workload: str, strategy: str, sees: str, seconds: float = 1.0) -> Metrics:
        return row(
            "failure", strategy, workload=workload, more={"time": summary(seconds), "observed": {"caller sees": sees}}
        )

    killed = [broken("worker killed", "Pool.map", "a hang"), broken("worker killed", "Pool.imap", "a hang")]
    told = broken("worker killed", "Executor", "BrokenProcessPool", 0.004)
    raised = [broken("task raises", "Pool.map", "ValueError", 0.001), broken("task raises", "Executor", "X", 0.003)]

    assert said("failure", *killed, told, *raised) == (
        "Executor reports it after 4.00 [4.00, 4.00] ms, Pool.map and Pool.imap hang"
    )
    assert said("failure", *raised) == "every failure is reported within 3.00 ms (median)"
    unsure = broken("task raises", "Pool.imap", "a hang or ValueError")
    assert said("failure", unsure) == "task raises: Pool.imap hangs in some runs"


def test_nobody_s_answer() -> None:
    """Rows without what a question is about give an empty answer, never an error."""
    for family in ("article", "balance", "scaling", "speedup", "streaming", "waiting"):
        assert said(family, row(family)) == "", family


def test_a_number_of_workers_is_the_least_first() -> None:
    """Numbers that cannot be told apart are named from the smallest; a winner is named with the second."""

    def tried(workers: int, center: float, share: float) -> Metrics:
        return row("scaling", workers=workers, more={"speedup": summary(center, share)})

    assert said("scaling", tried(4, 1.4, 0.2), tried(1, 0.7, 0.01), tried(2, 1.5, 0.1)) == (
        "2 or 4: no clear difference (1.50 [1.36, 1.65], 1.40 [1.17, 1.68] times as fast)"
    )
    assert said("scaling", tried(4, 1.2, 0.02), tried(1, 0.7, 0.02), tried(2, 1.5, 0.02)) == (
        "2: 1.50 [1.47, 1.53] times as fast as the loop; 4: 1.20 [1.18, 1.22]"
    )
