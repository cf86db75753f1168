"""A person's own function: found, or one line why not; from the shell to a recommendation."""

from __future__ import annotations

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

from benchmarks import worker
from benchmarks.measuring.lock import LOCK
from benchmarks.measuring.target import Target, TargetError, Wanted, equal, load
from benchmarks.tests.conftest import ROOT, TIMEOUT, Project

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
