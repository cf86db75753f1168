"""What is predicted of a job that nobody has measured, from what was measured of others."""

from __future__ import annotations

import math
import random
import re
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.environment import usual_start_method
from benchmarks.evidence.readme import baselines
from benchmarks.report.advice import Demand, pays_from, proposal, proposals, saturation
from benchmarks.report.costs import Costs, Load, costs_of
from benchmarks.report.least_squares import MOST_TERMS, nonnegative
from benchmarks.report.paste import TEMPLATES, Pasted, code_for
from benchmarks.schema import Setting
from benchmarks.strategies import STRATEGIES
from benchmarks.tests.pasting import script_of
from benchmarks.tests.saved import five, report, storage

POOL = Costs(
    strategy="Pool.map", start_method="fork", workers=2, call=300e-6, chunk=30e-6, task=0.2e-6, byte_in=2e-9,
    byte_out=1e-9, share=0.6, start=0.02, moves=True, error=0.1, points=12,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4), st.integers(4, 9), st.integers(0, 2**32))
def test_least_squares_are_those_of_another_tool(terms: int, rows: int, seed: int) -> None:
    """SciPy, by another method, finds the same factors, or others that fit as well."""
    optimize = pytest.importorskip("scipy.optimize", reason="SciPy is not installed: pip install -e '.[dev]'")
    source = random.Random(seed)
    matrix = [[source.uniform(-1, 1) * 10 ** (3 * term) for term in range(terms)] for _ in range(rows)]
    values = [source.uniform(-1, 1) for _ in range(rows)]
    own = nonnegative(matrix, values)
    _, miss = optimize.nnls(matrix, values)
    found = [sum(a * b for a, b in zip(row, own, strict=True)) for row in matrix]

    assert min(own) >= 0
    assert math.dist(found, values) == pytest.approx(miss, abs=1e-6)


def test_terms_that_cannot_be_told_apart() -> None:
    """Of two that are the same one is taken; a term that no row has is nothing; there are not too many."""
    assert sum(nonnegative([[1, 1, 0], [2, 2, 0], [3, 3, 0]], [2, 4, 6])) == pytest.approx(2)
    assert nonnegative([], []) == []
    with pytest.raises(ValueError, match="at most 7 can be fitted"):
        nonnegative([[1.0] * (MOST_TERMS + 1)], [1.0])


def test_costs_are_found_again() -> None:
    """From times that the model itself has made its numbers come back, and it predicts what it has not seen."""
    from benchmarks.report.costs import _factors, _predicted  # noqa: PLC0415 - the fit without saved runs around it

    loads = [
        Load(tasks, -(-tasks // chunk), tasks * length, sent, back)
        for tasks, chunk, length, (sent, back) in product(
            (4, 1000), (1, 100), (1e-6, 1e-3), ((0.0, 0.0), (1e6, 0.0), (0.0, 1e6))
        )
    ]
    points = [(load, POOL.seconds(load)) for load in loads]

    assert _factors(points) == pytest.approx(POOL.factors)
    assert max(map(abs, _predicted(points))) < 1e-6


@pytest.mark.parametrize("place", range(5))
def test_baselines_are_predicted(place: int) -> None:
    """Cells of a Python's baselines that the model was not fitted to are within a third of what it predicts."""
    found = costs_of(baselines()[place].runs)
    strategies = {costs.strategy for costs in found}

    assert {"Pool.map", "ProcessPoolExecutor.map"} <= strategies
    for costs in found:
        assert 0.4 < costs.share < 1.1, costs
        assert costs.error < 0.4, costs


def test_a_setting_by_arithmetic() -> None:
    """Eight tasks of 10 ms in chunks of 2 on 2 workers: 4 chunks, 48 ms of work, 0.42 ms handing out, none idle."""
    found = proposal(POOL, Demand(0.01, 8, 1000, 500), 2, 2)
    parts = dict(found.shares)
    dispatch, data = 300e-6 + 4 * 30e-6 + 8 * 0.2e-6, 8 * (1000 * 2e-9 + 500 * 1e-9)

    assert found.seconds.center == pytest.approx(0.048 + dispatch + data)
    assert sum(parts.values()) == pytest.approx(1)
    assert parts["work"] == pytest.approx(0.04 / found.seconds.center)
    assert parts["machine"] == pytest.approx(0.008 / found.seconds.center)
    assert parts["imbalance"] == 0
    # of 3 chunks the busiest worker has 2: 4 tasks of the 6, at 12 ms each
    uneven = dict(proposal(POOL, Demand(0.01, 6), 2, 2).shares)
    assert uneven["imbalance"] * proposal(POOL, Demand(0.01, 6), 2, 2).seconds.center == pytest.approx(0.048 - 0.036)


def test_the_chunk_size_follows_the_tasks() -> None:
    """Short tasks go in large chunks, long ones in small ones where they differ."""
    short, long = (
        proposals([POOL], Demand(length, 10_000, spread=spread))[0] for length, spread in ((1e-6, 0), (0.1, 1))
    )

    assert short.chunk_size > 500
    assert long.chunk_size < 10
    assert proposals([POOL], Demand(1e-6, 1))[0].chunk_size == 1


def test_from_how_many_tasks_on_it_pays() -> None:
    """A start of 20 ms and a call of 0.3 ms are paid back by 55 tasks, at 0.4 x 1 ms - 30 us - 0.2 us each."""
    assert pays_from(POOL, Demand(1e-3, 1000), 1) == math.ceil(0.0203 / (0.4e-3 - 30.2e-6))
    assert pays_from(POOL, Demand(1e-6, 1000), 1) is None


def test_how_many_workers_a_caller_keeps_busy() -> None:
    """A chunk of 10 tasks of 1 ms is handed out in 32 us: some 312 workers are served meanwhile."""
    assert saturation(POOL, Demand(1e-3, 1000), 10) == pytest.approx(10e-3 / 32e-6)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--task-time=100ms", "--tasks=1000"], ["a loop takes 100 s", "times as fast as the loop", "It pays from"]),
        (["--task-time=1us", "--tasks=10"], ["a loop takes 10.0 us", "A loop is the fastest"]),
        (["--task-time=10ms", "--tasks=1e4", "--workers=64"], ["The caller can feed about", "workers in chunks of"]),
        (["--task-time=2ms", "--tasks=1e4", "--bytes-in=1KiB", "--bytes-out=8B"], ["Its time goes into: work"]),
    ],
)
def test_advice(arguments: list[str], expected: list[str]) -> None:
    """One recommendation that can be pasted, with an interval, from the costs in the baselines."""
    code, out, err = report("advise", "*3.13*/*_baseline.json", *arguments)
    text = " ".join(out.split())

    assert (code, err) == (0, "")
    for words in expected:
        assert words in text
    assert re.search(r"    with .*\n    .*\n", out)
    assert "Estimated from 6 runs of CPython 3.13.0 on 2 CPUs" in text


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--task-time=2", "'2' is not a time: use a number and one of s, ms, us, ns, such as 2ms"),
        ("--task-time=-2ms", "is not a time"),
        ("--task-time=1e999s", "is not a time"),
        ("--tasks=0", "'0' is not a whole number from 1 on, such as 1000 or 1e4"),
        ("--tasks=2.5", "is not a whole number"),
        ("--bytes-in=1kb", "'1kb' is not a number of bytes: use a number and one of GiB, MiB, KiB, B, such as 1KiB"),
        ("--spread=-1", "is not a valid spread"),
    ],
)
def test_wrong_numbers(argument: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A number that is none is refused in one line that says what it should look like."""
    code, _, _ = report("advise", "--task-time=2ms", "--tasks=10", argument)

    assert code == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_a_run_that_tells_no_costs(tmp_path: Path) -> None:
    """A run of too few cells says what to measure."""
    folder = storage(tmp_path / "s", five("run"))
    code, _, err = report("advise", "run", "--task-time=2ms", "--tasks=10", f"--storage={folder}", "--only=startup")

    assert code == 2
    assert "does not tell what tasks and chunks cost: measure with the default preset" in err


def test_code_is_python() -> None:
    """Each template is of a strategy, and what comes of it can be compiled."""
    assert set(TEMPLATES) <= set(STRATEGIES)
    for strategy in TEMPLATES:
        code = "\n".join(code_for(Setting(strategy, 16, 2, "fork"), Pasted("a.b:c.d", star=True, initializer="e:f")))
        compile(code, strategy, "exec")
        assert not re.search(r"\{(?!\")", code), "but for a dictionary, all braces are filled"
        assert re.search(
            r"initializer=f|worker_init=f|setup_hook\": \"e.f\"|client.run\(f\)|^f\(\)$", code, re.MULTILINE
        ), code
    assert code_for(Setting("somebody's own", 1, 2, "fork")) == ["somebody's own"]


RUN_AS_PASTED = [name for name in TEMPLATES if STRATEGIES[name].ordered and not STRATEGIES[name].cluster]
RUN_AS_PASTED.remove("Pool.starmap")  # its inputs are rows of arguments


@pytest.mark.parametrize("strategy", RUN_AS_PASTED)
def test_code_to_paste_runs(tmp_path: Path, strategy: str) -> None:
    """It gives all results in order, and each worker has called the initializer before its first task."""
    method = (STRATEGIES[strategy].start_methods or (usual_start_method(),))[0]
    reason = STRATEGIES[strategy].unavailable(method)
    if reason is not None:
        pytest.skip(reason)
    script = script_of(tmp_path, Setting(strategy, 3, 2, method))
    result = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)

    assert (result.stdout, result.returncode) == ("True\n", 0), result.stderr


def test_tasks_that_wait_take_no_processor() -> None:
    """Two workers halve the time of naps, whatever these processors make of work: 100 of 10 ms take 0.5 s and a bit."""
    job = Demand(0.01, 100, waits=True)
    busy = proposal(POOL, Demand(0.01, 100), 1, 2)
    waiting = proposal(POOL, job, 1, 2)

    assert waiting.seconds.center == pytest.approx(0.5 + POOL.call + 100 * (POOL.chunk + POOL.task))
    assert busy.seconds.center == pytest.approx(0.6 + POOL.call + 100 * (POOL.chunk + POOL.task))
