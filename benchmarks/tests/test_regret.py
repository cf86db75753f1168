"""What recommendations are asked about, and the arithmetic of what they cost; the measuring itself is evidence."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean
from time import perf_counter
from typing import Any

import pytest
from msgspec.structs import replace

from benchmarks.environment import usable_cpus
from benchmarks.evidence import contest, functions, regret
from benchmarks.evidence.contest import LOOP, Sweep, Work, between, in_turns, ladder, pools, thinned
from benchmarks.evidence.regret import FUNCTION_NAMES, main
from benchmarks.evidence.regret_table import Entry, aims, load_entries, save_entries, table
from benchmarks.evidence.regret_table import regret as regret_of
from benchmarks.measuring.watch import CellError
from benchmarks.report.runs import DataError
from benchmarks.schema import Setting
from benchmarks.tasks import nothing

OWN = Setting("Pool.map", 8, 2, "fork")
OTHER = Setting("ProcessPoolExecutor.map", 8, 2, "fork")

ENTRY = Entry(
    function="blur", whole=61.0, said=["Recommended"], inputs=100, task_time=0.01, spread=0.1, recommended=OWN,
    predicted=0.5, measured=0.4, sweep=[(LOOP, 1.0), (OWN, 0.5), (OTHER, 0.5)], left_out=[], rivals=[OTHER, LOOP],
    turns=[(OWN, [0.5, 0.6]), (OTHER, [0.5, 0.5]), (LOOP, [1.0, 1.1])], advised=OTHER, advised_seconds=0.6,
)  # fmt: skip


def task_seconds(function: Callable[[Any], Any], inputs: Sequence[Any]) -> float:
    """Return the seconds of a call: the mean of as many as fit a moment, each with another input."""
    taken: list[float] = []
    for value in inputs:
        begun = perf_counter()
        function(value)
        taken.append(perf_counter() - begun)
        if sum(taken) > 0.02:
            break
    return fmean(taken)


@pytest.mark.parametrize("name", FUNCTION_NAMES)
def test_functions_are_what_can_be_measured(name: str) -> None:
    """Inputs and results are the same each time and can be pickled; a task takes neither no time nor for ever."""
    if name == "loudest" and find_spec("numpy") is None:
        pytest.skip("needs NumPy")
    function, make = getattr(functions, name), getattr(functions, f"{name}_inputs")
    inputs = make()
    result = function(inputs[0])

    assert make() == inputs
    assert pickle.loads(pickle.dumps(function)) is function
    assert pickle.loads(pickle.dumps(inputs[0])) == inputs[0]
    assert pickle.loads(pickle.dumps(result)) == result == function(inputs[0])
    assert 2e-6 < task_seconds(function, inputs[1:]) < 2


def test_there_are_many_functions() -> None:
    """Fewer would say little of others."""
    assert len(FUNCTION_NAMES) >= 14


def test_regret_by_hand() -> None:
    """The mean log ratio of the rival that is ahead the most; with two turns Student's t is 12.706."""
    found = regret_of([1.1, 1.21], {LOOP: [2.0, 2.0], OTHER: [1.0, 1.0]})
    middle, error = 1.5 * math.log(1.1), 0.5 * math.log(1.1)

    assert found.rival == OTHER
    assert found.value == pytest.approx(math.expm1(middle))
    assert found.low == pytest.approx(math.expm1(middle - 12.7062 * error), rel=1e-4)
    assert found.high == pytest.approx(math.expm1(middle + 12.7062 * error), rel=1e-4)


def test_nobody_regrets_the_best() -> None:
    """Where no rival is faster there is no regret, and the interval is that of the nearest rival."""
    found = regret_of([1.0, 1.0, 1.0], {LOOP: [2.0, 2.0, 2.0], OTHER: [1.25, 1.25, 1.25]})

    assert (found.rival, found.value) == (OTHER, 0)
    assert (found.low, found.high) == pytest.approx((-0.2, -0.2))


def test_the_report_by_hand() -> None:
    """A row a function, and the aims below."""
    lines = table([ENTRY]).splitlines()

    assert [line.split()[0] for line in lines[2:]] == ["blur"]
    assert [word in lines[2] for word in ("10.0 ms", "1.25", "1.20", "61.0 s", "9.5%")] == [True] * 5
    assert list(aims([ENTRY, replace(ENTRY, function="find_host", turns=[*ENTRY.turns[1:], (OWN, [0.5, 0.5])])])) == [
        "median regret 4.8%, aim at most 5%: met",
        "largest lower bound of a regret 0.0% (find_host), aim at most 15%: met",
        "predictions are off by 25% in the median of 2, aim 25%: met",
        "advise is within 25% for 2 of 2",
        "slowest whole run 61 s (blur)",
        "the loop is recommended for 0 of 2",
    ]


def test_what_is_there_is_not_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run that was interrupted goes on where it stopped; what fails is told in a line, and measured the next time."""
    asked = []

    def measure(name: str, *_rest: object) -> Entry:
        asked.append(name)
        if name == "distance":
            raise DataError("it failed")
        return replace(ENTRY, function=name)

    def known(_name: str) -> list[Any]:
        return []

    monkeypatch.setattr(regret, "measure", measure)
    monkeypatch.setattr(regret, "earlier", known)
    save_entries(tmp_path / "regret.jsonl", [ENTRY])

    assert main([str(tmp_path), "--only", "blur", "distance", "archive"]) == 1
    assert capsys.readouterr().err == "error: distance: it failed\n"
    assert main([str(tmp_path), "--only", "blur", "distance"]) == 1
    assert asked == ["distance", "archive", "distance"]
    entries = load_entries(tmp_path / "regret.jsonl")
    assert [entry.function for entry in entries] == ["blur", "archive"]
    assert entries[0] == ENTRY
    assert main([str(tmp_path), "--report"]) == 0


def test_what_cannot_be_read_is_told_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No file yet, or a damaged one."""
    assert main([str(tmp_path), "--report"]) == 1
    (tmp_path / "regret.jsonl").write_text("{}\n", encoding="utf-8")
    assert main([str(tmp_path), "--report"]) == 1
    assert [line.partition("regret.jsonl: ")[2] for line in capsys.readouterr().err.splitlines()] == [
        "nothing was found yet",
        "cannot be read (Object missing required field `function` - at `$[0]`)",
    ]


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="pictures need Matplotlib: pip install -e '.[plots]'")
def test_a_picture_is_drawn(tmp_path: Path) -> None:
    """Also of functions for which the loop is recommended."""
    save_entries(tmp_path / "regret.jsonl", [ENTRY, replace(ENTRY, function="loop", predicted=None, measured=None)])

    assert main([str(tmp_path), "--report", "--plot", str(tmp_path / "picture.png")]) == 0
    assert (tmp_path / "picture.png").stat().st_size > 10_000


def test_chunk_sizes() -> None:
    """Powers of two and a worker's share; fewer of them, with both ends; then those around the best."""
    sizes = ladder(100, 2)

    assert (ladder(1, 2), ladder(8, 2), sizes) == ([1], [1, 2, 4], [1, 2, 4, 8, 16, 32, 50])
    assert (thinned(sizes, 2), thinned(sizes, 3), thinned(sizes, 9)) == ([1, 50], [1, 8, 50], sizes)
    assert between(sizes, {1: 3.0, 8: 1.0, 50: 2.0}) == [2, 16]
    assert between(sizes, {4: 2.0, 8: 1.0, 16: 2.0}) == []


def test_a_sweep_and_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each pool is tried, what fails is told and left out, and each setting has a time in each turn."""
    monkeypatch.setattr(contest, "WITH_PROCESSES", ("Pool.map", "ProcessPoolExecutor.map"))
    work = Work.of(nothing, list(range(8)))
    told: list[str] = []
    found = Sweep(work, told.append).run(0.0)
    settings = [LOOP, OWN]
    taken = in_turns(work, settings, 2, "seed")

    assert told == []
    assert {setting.strategy for setting in found} == {
        "serial", "Pool.map", "ProcessPoolExecutor.map", "ThreadPoolExecutor.map",
    }  # fmt: skip
    assert all(0 < seconds < 10 for seconds in found.values())
    assert {setting: len(seconds) for setting, seconds in taken.items()} == {LOOP: 2, OWN: 2}


def test_a_wrong_result_is_a_failure_of_the_setting() -> None:
    """It is named in one line."""
    work = Work(nothing, [1, 2], [1, 3], 1.0, waits=False)

    with pytest.raises(CellError) as caught:
        in_turns(work, [OWN], 1, "seed")
    assert str(caught.value) == "Pool.map, chunks of 8, 2 workers: wrong results"


def test_what_waits_gets_more_workers() -> None:
    """Each pool with several numbers of workers, the most first."""
    counts = [pool.workers for pool in pools(waits=True) if pool.strategy == "Pool.map"]

    assert counts == sorted((factor * usable_cpus() for factor in (1, 4, 8, 16, 32)), reverse=True)
    assert {pool.workers for pool in pools(waits=False)} == {usable_cpus()}
