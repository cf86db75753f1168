"""The recommendation: what follows from the rows of a run, by arithmetic."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from benchmarks.environment import start_methods
from benchmarks.report.recommend import recommendation
from benchmarks.report.stats import Summary
from benchmarks.schema import Setting, TargetInfo, TimedCall, Tried
from benchmarks.tests.test_phrases import row

INFO = TargetInfo(
    "mod:work", "abc", 1000, 60, 0.01, 0.1, 10, 10, [], tries=[Tried(Setting("Pool.map", 1, 2, "fork"), start=0.05)]
)


def rows(*gains: tuple[str, Summary]) -> list[Any]:
    """Return rows of the question with these speedups; the loop takes 1 s."""
    return [
        row("target", name, tasks=100, more={"speedup": gain, "serial": 1.0, "time": gain.inverse()})
        for name, gain in gains
    ]


def test_a_recommendation_by_arithmetic() -> None:
    """The best of those measured, as code that runs; 1000 tasks of 10 ms; 50 ms of start paid back at 4 ms a task."""
    lines = list(
        recommendation(
            INFO, rows(("Pool.map", Summary(9, 5 / 3, 1.5, 1.8)), ("Pool.imap", Summary(9, 1.1, 1.0, 1.2))), 100
        )
    )
    text = "\n".join(lines)
    code = "\n".join(line[4:] for line in lines if line.startswith("    "))

    assert "1.65 [1.49, 1.78] times as fast as the loop (1.67 [1.50, 1.80] once the pool is there):" in text
    compile(code, "pasted", "exec")
    assert "from mod import work" in code
    assert "pool.map(work, inputs, chunksize=1)" in code
    assert "All 1000 inputs take 6.05 [5.61, 6.72] s instead of 10.0 s, the start of the pool included." in text
    assert "it pays from about 13 tasks on" in text
    assert "Slower, the start of each included: Pool.imap in chunks of 1 by 2 workers (1.10 [1.00, 1.20])." in text


def test_where_the_time_goes_by_arithmetic() -> None:
    """A loop of 1 s, two workers: an ideal 0.5 s, 0.05 s of bare processes, 0.05 s of the pool, 0.05 s of its start.

    The model says whose those of bare processes are: the machine's, or one long task's at the end.
    """
    gain = Summary(9, 1 / 0.6, 1.5, 1.8)
    more = {"speedup": gain, "serial": 1.0, "time": gain.inverse()}
    measured = dataclasses.replace(row("target", "Pool.map", tasks=100, more=more), floor=0.55)
    call = TimedCall(Setting("Pool.map", 1, 2, "fork"), 200, 0.0, 0, 0, 0.002)
    even = replace(INFO, inputs=100, measured=100, lengths=[0.01] * 100, calls=[call])
    uneven = replace(even, lengths=[0.005] * 99 + [0.505])
    unknown = replace(INFO, inputs=100)

    said = [list(recommendation(info, [measured], 100))[-1] for info in (unknown, even, uneven)]

    assert said[0] == "Its time goes into: work 77%, machine 7.7%, dispatch 7.7%, start 7.7%."
    assert said[1] == said[0]
    assert said[2] == "Its time goes into: work 77%, dispatch 7.7%, imbalance 7.7%, start 7.7%."


@pytest.mark.skipif("fork" not in start_methods(), reason="what is pasted starts workers by the usual method of Linux")
@pytest.mark.parametrize(("star", "inputs"), [(False, [(8, 2), (9, 3)]), (True, [(8, 2), (9, 3)])])
def test_what_is_pasted_runs(tmp_path: Path, *, star: bool, inputs: list[tuple[int, int]]) -> None:
    """A script with the recommended lines gives what the loop gives, of rows of arguments too."""
    info = replace(INFO, name="math:comb" if star else "math:fsum", star=star, prepared_by="math:gcd")
    lines = recommendation(info, rows(("Pool.map", Summary(9, 1.6, 1.4, 1.8))), 100)
    code = "\n".join(line[4:] for line in lines if line.startswith("    "))
    script = tmp_path / "pasted.py"
    script.write_text(f"inputs = {inputs}\n{code}\nprint(results)\n", encoding="utf-8")
    result = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)

    assert result.stdout == ("[28, 84]\n" if star else "[10.0, 12.0]\n"), result.stderr
    assert "from math import gcd" in code
    assert "initializer=gcd" in code


def test_what_needs_no_library_is_preferred() -> None:
    """Where a library's engine is ahead, but cannot be told from a pool of Python's, the pool is recommended."""
    tied = rows(("pebble.ProcessPool.map", Summary(9, 1.7, 1.5, 1.9)), ("Pool.map", Summary(9, 1.6, 1.4, 1.8)))
    clear = rows(("pebble.ProcessPool.map", Summary(9, 1.7, 1.6, 1.9)), ("Pool.map", Summary(9, 1.2, 1.1, 1.3)))

    assert "import pebble" not in "\n".join(recommendation(INFO, tied, 100))
    assert "No clear difference from it: pebble.ProcessPool.map" in " ".join(recommendation(INFO, tied, 100))
    assert "import pebble" in "\n".join(recommendation(INFO, clear, 100))


def test_what_is_surely_slower_than_another_is_not_recommended() -> None:
    """A setting with a wide interval makes nothing as good as it that is slower than a third for sure."""
    found = rows(
        ("dask.Client.map", Summary(9, 1.5, 1.15, 1.9)),
        ("pebble.ProcessPool.map", Summary(9, 1.45, 1.43, 1.47)),
        ("Pool.map", Summary(9, 1.2, 1.18, 1.22)),
    )
    text = " ".join(recommendation(INFO, found, 1000))

    assert "import distributed" in text
    assert re.search(r"No clear difference from it: pebble[^;]*; Pool\.map", text)
    assert "Slower" not in text


def test_a_cluster_is_named_where_the_loop_is_kept() -> None:
    """It may be faster, which nobody knows: it is no less mentioned for that."""
    found = rows(("dask.Client.map", Summary(9, 1.5, 0.98, 2.2)), ("Pool.map", Summary(9, 0.99, 0.97, 1.01)))
    text = " ".join(recommendation(INFO, found, 1000))

    assert text.startswith("Keep the loop:")
    assert "No clear difference from that pool: dask.Client.map" in text


def test_a_loop_may_be_best() -> None:
    """Where the whole interval is below 1 the loop is kept; where it contains 1, that is said; rivals are named."""
    kept = " ".join(recommendation(INFO, rows(("Pool.map", Summary(9, 0.5, 0.4, 0.6))), 100))
    unsure = " ".join(
        recommendation(
            INFO, rows(("Pool.map", Summary(9, 1.1, 0.9, 1.3)), ("Pool.imap", Summary(9, 1.0, 0.8, 1.2))), 100
        )
    )

    assert kept.startswith(
        "Keep the loop: 1000 tasks of 10.0 ms take 10.0 s; with the best pool, its start included, 20.1 [16.7, 25.1] s."
    )
    assert "import" not in kept
    assert "times as fast as the loop, no clear difference" in unsure
    assert "No clear difference from it: Pool.imap" in unsure
