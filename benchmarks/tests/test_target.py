"""A person's own function: found, looked at, raced, measured, and one recommendation for it; or one line why not."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from benchmarks import worker
from benchmarks.environment import start_methods
from benchmarks.measuring.lock import LOCK
from benchmarks.measuring.target import Target, TargetError, Wanted, equal, load
from benchmarks.report.recommend import recommendation
from benchmarks.report.stats import Summary
from benchmarks.schema import Setting, TargetInfo, TimedCall, Tried
from benchmarks.tests.conftest import ROOT, TIMEOUT, Project
from benchmarks.tests.test_phrases import row

MODULE = """
import functools, itertools, threading, time

def work(n):
    total = 0
    for number in range(n):
        total += number
    return total

def inputs():
    return [20_000 + 1000 * (n % 7) for n in range(60)]

def napping(n):
    time.sleep(0.01)
    return n

def add(a, b):
    return a + b

def fails(n):
    if n == 3:
        raise KeyError("three")
    return n

def generates(n):
    yield n

async def later(n):
    return n

class Model:
    def __init__(self, factor=2):
        self.factor = factor

    def predict(self, n):
        return self.factor * n

    @staticmethod
    def double(n):
        return 2 * n

model = Model()
partial = functools.partial(add, 1)
anonymous = lambda n: n
few = [1, 2, 3, 4, 5, 6]
rows = [(1, 2), (3, 4), (5, 6), (7, 8)]
endless = itertools.count()
nothing = []
locks = [threading.Lock()]
number = 7
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a module of a person's own, which can be imported."""
    name = f"own_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return name


def found(own: str, function: str, inputs: str = "few", **more: Any) -> Target:
    """Return a target by its names in the module."""
    return load(Wanted(f"{own}:{function}", f"{own}:{inputs}", **more))


@pytest.mark.parametrize(
    ("function", "inputs", "more", "results"),
    [
        ("work", "few", {}, [0, 1, 3, 6, 10, 15]),
        ("model.predict", "few", {}, [2, 4, 6, 8, 10, 12]),
        ("Model.double", "few", {}, [2, 4, 6, 8, 10, 12]),
        ("partial", "few", {}, [2, 3, 4, 5, 6, 7]),
        ("add", "rows", {"star": True}, [3, 7, 11, 15]),
    ],
)
def test_what_can_be_measured(own: str, function: str, inputs: str, more: dict[str, Any], results: list[int]) -> None:
    """Functions, methods, static ones, partials and rows of arguments are called as a loop would call them."""
    target = found(own, function, inputs, **more)

    assert [target.function(value) for value in target.inputs] == results
    assert re.fullmatch(r"[0-9a-f]{8}", target.fingerprint)
    assert found(own, function, inputs, **more).label == target.label


@pytest.mark.parametrize(
    ("function", "inputs", "message"),
    [
        ("wrok", "few", "has no wrok; did you mean work?"),
        ("number", "few", "is no function, but of type int"),
        ("generates", "few", "is a generator, which does nothing when it is called"),
        ("later", "few", "is a coroutine, which does nothing"),
        ("anonymous", "few", "cannot be sent to a worker"),
        ("work", "nothing", "gives no input"),
        ("work", "endless", "gives more than 100000 inputs, or has no end"),
        ("work", "locks", "input 0 cannot be sent to a worker (TypeError"),
        ("work", "number", "gives no inputs (TypeError: 'int' object is not iterable)"),
        ("work", "fails", "gives no inputs (TypeError"),
    ],
)
def test_what_cannot(own: str, function: str, inputs: str, message: str) -> None:
    """It is refused in one line that names the option and the reason."""
    with pytest.raises(TargetError) as error:
        found(own, function, inputs)

    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert re.match(rf"--(target|inputs) {own}:", str(error.value))


@pytest.mark.parametrize(
    ("function", "inputs", "message"),
    [
        ("work", "few", "MODULE:NAME is wanted"),
        ("nowhere.at_all:work", "few", "cannot be imported (ModuleNotFoundError: No module named 'nowhere')"),
        ("__main__:work", "few", "workers cannot import __main__"),
        ("math:sqrt", "few", "--inputs few: neither a file nor MODULE:NAME"),
    ],
)
def test_names_that_lead_nowhere(function: str, inputs: str, message: str) -> None:
    """A name that cannot be found is told from a module that cannot be imported."""
    with pytest.raises(TargetError, match=re.escape(message)):
        load(Wanted(function, inputs))


def test_inputs_of_a_file(tmp_path: Path) -> None:
    """One JSON value a line; a line that is none is named by its number."""
    path = tmp_path / "inputs.jsonl"
    path.write_text("4\n\n9.0\n", encoding="utf-8")
    assert load(Wanted("math:sqrt", str(path))).inputs == (4, 9.0)
    path.write_text("4\nfour\n", encoding="utf-8")
    with pytest.raises(TargetError, match="line 2 is not JSON"):
        load(Wanted("math:sqrt", str(path)))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [(1, 1, True), (1, 2, False), (math.nan, math.nan, True), ([1, math.nan], [1, math.nan], True), ("a", b"a", False)],
)
def test_whether_results_are_the_same(one: Any, other: Any, *, same: bool) -> None:
    """By ==, and where that denies what is the same, by pickles."""
    assert equal(one, other) is same


def test_arrays_are_compared_whole() -> None:
    """An array of NumPy has no one truth."""
    numpy = pytest.importorskip("numpy", reason="NumPy is not installed")

    assert equal(numpy.arange(3), numpy.arange(3))
    assert not equal(numpy.arange(3), numpy.arange(4))


def test_an_initializer_runs_once() -> None:
    """In each process, before its first task; again where a cluster's worker serves another run."""
    calls: list[int] = []
    run = [worker.initialized(lambda: calls.append(1), "a run", lambda n: n, n) for n in range(3)]
    worker.initialized(lambda: calls.append(2), "another run", lambda n: n, 3)

    assert (run, calls) == ([0, 1, 2], [1, 2])


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


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal to send")
def test_ctrl_c_while_settings_are_tried(tmp_path: Path, processes_of: Callable[[str], list[int]]) -> None:
    """It ends the look or the race, with pytest's exit code and without a traceback; no process is left."""
    (tmp_path / "mine.py").write_text(MODULE, encoding="utf-8")
    environment = {**environment_in(tmp_path), "MARKER": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "benchmarks.launch", "mine:napping", "--inputs", "mine:inputs", "--budget", "20"],
        cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, process_group=0,
    )  # fmt: skip
    assert process.stdout is not None
    before = []
    for line in process.stdout:
        before.append(line)
        if "60 inputs" in line:  # the look is over, the race has begun
            break
    assert process.poll() is None, before
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=TIMEOUT)

    assert process.returncode == 2, output
    assert "Traceback" not in output
    assert processes_of(f"MARKER={tmp_path}") == []


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


def environment_in(folder: Path) -> dict[str, str]:
    """Return the environment of a run: that of the tests, with the suite on the path, and a lock of its own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    return clean | {"PYTHONPATH": str(ROOT), LOCK: str(folder / "lock"), "COLUMNS": "100"}


def launched(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the launcher in a folder."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "benchmarks.launch", *arguments],
        cwd=folder, env=environment_in(folder),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT,
    )  # fmt: skip


def test_a_storage_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    """Not after a look of up to a minute, of which nothing could be saved."""
    (tmp_path / "mine.py").write_text(MODULE, encoding="utf-8")
    (tmp_path / "taken").write_text("")
    result = launched(
        tmp_path, "mine:napping", "--inputs", "mine:inputs", f"--benchmark-storage=file://{tmp_path / 'taken' / 'runs'}"
    )

    assert result.returncode == 4, result.stdout
    assert "inputs," not in result.stdout
    assert "--benchmark-storage: runs cannot be saved in" in result.stdout


def test_from_the_shell_to_a_recommendation(tmp_path: Path) -> None:
    """In a folder with a package of the suite's name: measured, saved there, recommended, and shown again."""
    (tmp_path / "mine.py").write_text(MODULE, encoding="utf-8")
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "__init__.py").write_text("raise ImportError('not this one')", encoding="utf-8")
    result = launched(tmp_path, "mine:work", "--inputs", "mine:inputs", "--budget", "6")
    (path,) = tmp_path.glob(".benchmarks/*/*.json")
    saved = json.loads(path.read_bytes())

    assert result.returncode == 0, result.stdout
    assert re.search(r"mine:work: 60 inputs, [\d.]+ ms a task", result.stdout)
    assert "your function" in result.stdout
    assert re.search(r"(Recommended, .* times as fast|Keep the loop:)", " ".join(result.stdout.split()))
    assert saved["suite"]["target"]["name"] == "mine:work"
    assert {cell["outcome"] for cell in saved["suite"]["cells"]} == {"measured"}
    assert {benchmark["params"]["workload"].partition(" ")[0] for benchmark in saved["benchmarks"]} == {
        "mine:work",
        "count",
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mine:wrok", "--inputs", "mine:inputs"], "mine has no wrok; did you mean work?"),
        (["mine:work"], "add --inputs"),
        (["mine:fails", "--inputs", "mine:few"], "raises KeyError: 'three' for input 2"),
        (["mine:work", "--inputs", "mine:few", "--strategies", "Pool.map"], "settings are chosen by trying them"),
        (["--inputs", "mine:few"], "the first argument is MODULE:FUNCTION"),
    ],
)
def test_one_line_where_it_cannot(tmp_path: Path, arguments: list[str], message: str) -> None:
    """A mistake is told in one line before anything is measured, and nothing is saved."""
    (tmp_path / "mine.py").write_text(MODULE, encoding="utf-8")
    result = launched(tmp_path, *arguments)

    assert result.returncode in {2, 4}, result.stdout
    assert len([line for line in result.stdout.splitlines() if message in line]) == 1, result.stdout
    assert "Traceback" not in result.stdout
    assert not list(tmp_path.glob(".benchmarks/*/*.json"))


def test_options_without_a_function(project: Project) -> None:
    """What is about a function of one's own needs one, and a measurement."""
    project.write('FAMILY = family("count")')
    without = project.measure("--inputs=x")
    plain = project.run("--target=math:sqrt", "--inputs=math:pi")

    assert "--inputs is about a function of yours: add --target MODULE:FUNCTION" in without.stdout
    assert "--target needs a measurement: add --benchmark-only" in plain.stdout
