"""What the report says of engines: tables, the answer, releases."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks.bench_engines import CHUNK_SIZE, KILLED, SIZES, answer, tables
from benchmarks.report.metrics import Metrics
from benchmarks.report.runs import Place
from benchmarks.report.stats import Summary
from benchmarks.report.table import fitted
from benchmarks.tests.made_up import params
from benchmarks.tests.saved import report, storage
from benchmarks.words import AFTERWARDS, CALLER_SEES, CREATE, FIRST_RESULT, FRESH, IMPORT, SHUTDOWN


def row(strategy: str, workload: str, seconds: float, share: float = 0.1, **axes: Any) -> Metrics:
    """Return a row of the question with these axes, and what it measured."""
    more = {name: axes.pop(name, None) for name in ("speedup", "serial", "bytes_moved")}
    measures, observed = axes.pop("measures", {}), axes.pop("observed", {})
    cell = params(strategy=strategy, workload=workload, **axes)
    place = Place(f"{strategy}-{workload}", "engines", cell, cell.chunk_size or 1, bytes_moved=more["bytes_moved"])
    time = Summary(3, seconds, seconds / (1 + share), seconds * (1 + share))
    return Metrics(
        place=place, time=time, tail=None, serial=more["serial"], floor=None, cpu=None, speedup=more["speedup"],
        machine_speedup=None, efficiency=None, overhead=None, first_result=None, peak_memory=None, measures=measures,
        observed=observed,
    )  # fmt: skip


def rows_of(strategy: str) -> list[Metrics]:
    """Return rows of which every number in the tables follows by arithmetic."""
    stages = {IMPORT: (0.05, "s"), CREATE: (0.001, "s"), FIRST_RESULT: (0.01, "s"), SHUTDOWN: (0.002, "s")}
    gains = zip(SIZES, (0.5, 1.0, 2.0), strict=True)
    return [
        row(strategy, "nothing", 0.01, tasks=100, chunk_size=1),  # 100 us a task
        row(strategy, "nothing", 0.002, tasks=1000, chunk_size=CHUNK_SIZE),  # 2 us a task
        row(strategy, "bytes in", 0.008, tasks=8, bytes_moved=8_000_000),  # 1000 MB/s
        row(strategy, "script", 0.013, tasks=1, state=FRESH, measures=stages),
        row(strategy, KILLED, 0.005, tasks=8, state=FRESH, observed={CALLER_SEES: "OSError", AFTERWARDS: "works"}),
        *(
            row(strategy, "count", 1.0, tasks=4, size=size, serial=size * 4e-7,
                speedup=Summary(3, gain, gain / 1.1, gain * 1.1))
            for size, gain in gains
        ),
    ]  # fmt: skip


@pytest.mark.parametrize("width", [80, 160])
def test_tables_of_engines(width: int) -> None:
    """A line an engine, with what follows of its rows; intervals where there is room; what nobody has is left out."""
    made = tables([*rows_of("one"), *rows_of("another engine with quite a name")])
    cost, gain, failure = ("\n".join(fitted(some, width)) for some in made)

    assert max(map(len, f"{cost}\n{gain}\n{failure}".splitlines())) <= width
    assert re.search(r"100( \[[\d., ]+\])? us +2\.00( \[[\d., ]+\])? us +1000( \[[\d., ]+\])? MB/s", cost)
    assert re.search(r"50\.0 ms +1\.00 ms +10\.0 ms +2\.00 ms", cost)
    # four tasks of 1e5 iterations are 40 ms, so one is 10 ms, where the speedup is 1
    assert re.search(r"10\.0( \[[\d., ]+\])? ms +0\.50( \[[\d., ]+\])? +1\.00", gain)
    assert re.search(r"OSError +5\.00( \[[\d., ]+\])? ms +works", failure)
    assert ("[" in cost) is (width == 160)
    assert "idle" not in failure


def test_tables_of_engines_leave_out_who_has_nothing() -> None:
    """An engine with costs alone is in the table of costs, and in no other."""
    made = tables([row("one", "nothing", 0.01, tasks=100, chunk_size=1), *rows_of("two")])
    text = ["\n".join(fitted(some, 160)) for some in made]

    assert ["one" in table.split() for table in text] == [True, False, False]


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (("OSError", "OSError"), "all report a killed worker"),
        (("a hang", "OSError"), "one hangs when a worker is killed"),
        (("a hang", "a hang"), "one and two hang when a worker is killed"),
        (("OSError or a hang", "OSError"), "one may hang when a worker is killed"),
        (("OSError or a hang", "a hang"), "two hangs when a worker is killed; one may hang when a worker is killed"),
    ],
)
def test_the_answer_of_engines(seen: tuple[str, str], expected: str) -> None:
    """The cheapest by both ways of sending, with doubt where intervals overlap, and who hangs, always or at times."""
    rows = [
        row(name, KILLED, 0.1, tasks=8, state=FRESH, observed={CALLER_SEES: what})
        for name, what in zip(("one", "two"), seen, strict=True)
    ]
    rows += [
        row("one", "nothing", 0.01, tasks=100, chunk_size=1),
        row("two", "nothing", 0.0105, tasks=100, chunk_size=1),
    ]
    rows += [
        row("one", "nothing", 0.01, tasks=1000, chunk_size=125),
        row("two", "nothing", 0.02, tasks=1000, chunk_size=125),
    ]

    assert answer(rows) == (
        "cheapest per task singly one 100 [90.9, 110] us (no clear difference from two), in chunks of 125 one "
        f"10.0 [9.09, 11.0] us; {expected}"
    )


def test_a_comparison_names_both_releases(tmp_path: Path) -> None:
    """It is no reason not to compare; but runs of two releases are no sample, nor replicates."""
    folder = storage(tmp_path / "s", [("old", {})] * 3 + [("new", {})] * 3)
    for path in folder.glob("*/*.json"):
        run = json.loads(path.read_bytes())
        run["suite"]["libraries"] = {"loky": "3.4.1" if "old" in path.name else "3.7.0", "mpire": "2.10.2"}
        path.write_text(json.dumps(run), encoding="utf-8")
    code, out, _ = report("compare", "old", "new", f"--storage={folder}")
    heading = report("summary", "old", "--all", f"--storage={folder}")[1]
    mixed, _, err = report("summary", "*.json", f"--storage={folder}")

    assert code in {0, 3}, out
    assert "Engines: loky 3.4.1 against 3.7.0." in out
    assert "loky 3.4.1, mpire 2.10.2" in " ".join(heading.split())
    assert mixed == 2
    assert re.search(r"loky 3\.\S+ against 3\.\S+\): they are not one sample", err)
