"""Engines of libraries: here, absent, too old, broken; what their callers see."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks import worker
from benchmarks.bench_engines import KILLED
from benchmarks.environment import start_methods
from benchmarks.measuring.breaking import tried_again
from benchmarks.measuring.cells import Cell
from benchmarks.measuring.cold import Fresh, Order
from benchmarks.measuring.interpreter import Interpreter
from benchmarks.strategies import LIBRARIES, STRATEGIES
from benchmarks.strategies.base import WrongResultsError, meet
from benchmarks.strategies.library import Library
from benchmarks.tasks import nothing
from benchmarks.tests.conftest import ROOT, Project
from benchmarks.words import CREATE, FIRST_RESULT, IMPORT, SHUTDOWN, WARM

FAKE = """
import signal, threading, time
from dataclasses import dataclass
from benchmarks.strategies.base import Engine, Strategy, register
from benchmarks.strategies.library import Library

class FakeEngine(Engine):
    def __init__(self, run, trouble):
        super().__init__(run)
        self.trouble = trouble

    def close(self):
        if self.trouble == "hangs":
            threading.Event().wait()
        if self.trouble == "threads":
            threading.Thread(target=time.sleep, args=(30,), name="left", daemon=True).start()

@dataclass(frozen=True)
class Fake(Strategy):
    parallel: bool = False
    processes: bool = False
    library: Library = Library("fakelib", least="1.5")
    modules: tuple = ("fakelib",)
    trouble: str = ""

    def open(self, job, workers, start_method):
        if self.trouble == "handler":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        return FakeEngine(lambda: [job.function(value) for value in job.inputs], self.trouble)

for trouble in ("", "hangs", "threads", "handler"):
    register(Fake(f"fakelib {trouble}".strip(), trouble=trouble))
"""
"""A library's strategies, which do their tasks in a loop: one as it should be, the others with a trouble."""

ENGINES_FAMILY = """
axes = Axes("count", 4, ("Pool.map", "fakelib"), 0.2, sizes=(1000,), template=True)
FAMILY = Family("trouble", "Which?", "one pass", ("speedup",), {"default": (axes,)}, say_nothing, about_libraries=True)
"""


def install(project: Project, version: str = "1.5.2", source: str = "") -> None:
    """Put a library into the project's folder as it stands in a folder of installed ones, and a strategy for it."""
    if version:
        info = project.folder / f"fakelib-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: fakelib\nVersion: {version}\n", encoding="utf-8")
        (project.folder / "fakelib.py").write_text(source, encoding="utf-8")
    (project.folder / "fake_strategies.py").write_text(FAKE, encoding="utf-8")
    conftest = project.folder / "conftest.py"
    conftest.write_text("import fake_strategies\n" + conftest.read_text(encoding="utf-8"), encoding="utf-8")


def test_an_engine_that_is_installed_is_measured(project: Project) -> None:
    """Its release is announced and saved, its cells come last, and Python's own pools are measured beside it."""
    install(project)
    project.write(ENGINES_FAMILY)
    project.write('FAMILY = family("count", name="other")\n', name="bench_zoo.py")
    result = project.measure()
    text = " ".join(result.stdout.split())

    assert result.returncode == 0, result.stdout
    assert re.search(r"engines: fakelib 1\.5\.2 \(2 cells, about \d+ s, Python's own pools beside them\)", text)
    assert project.saved()["suite"]["libraries"] == {"fakelib": "1.5.2"}
    order = [benchmark["params"]["strategy"] for benchmark in project.saved()["benchmarks"]]
    assert order == ["Pool.map", "Pool.map", "fakelib"], "the other file's, then the pool beside the engine, then it"
    assert text.index("bench_zoo") < text.index("bench_trouble")


def test_a_question_about_engines_has_no_cells_without_one(project: Project) -> None:
    """Nothing is measured for the sake of an engine that is not there; who names it is told what to install."""
    install(project, version="")
    project.write(ENGINES_FAMILY)
    project.write('FAMILY = family("count", name="other")\n', name="bench_zoo.py")
    plain = project.measure()
    named = project.measure("--strategies=fakelib,Pool.map", "bench_trouble.py")

    assert plain.returncode == 0, plain.stdout
    assert "1 passed" in plain.stdout
    assert "engines: none but Python's own; pip install -e '.[engines]' adds loky, joblib, mpire" in " ".join(
        plain.stdout.split()
    )
    assert "1 passed, 1 skipped" in named.stdout
    assert ("skipped", "fakelib is not installed: pip install -e '.[fakelib]'") in project.outcomes().values()


def test_a_run_of_engines_alone_needs_one(project: Project) -> None:
    """Where none is installed, and nothing else was selected, that is said instead of nothing."""
    install(project, version="")
    project.write(ENGINES_FAMILY)
    result = project.measure()

    assert result.returncode == 4
    assert "ERROR: no engine of a library is installed: pip install -e '.[engines]'" in result.stdout


@pytest.mark.parametrize(
    ("version", "source", "reason"),
    [
        ("1.4.9", "", "1.4.9 is too old, 1.5 is the oldest that was tried: pip install -e '.[fakelib]'"),
        ("1.5rc1", "import nowhere", "1.5rc1 cannot be imported (ModuleNotFoundError: No module named 'nowhere')"),
        ("1.6", "import time; time.sleep(60)", "1.6 cannot be imported (LimitError: not done after its limit of 3 s"),
        ("10.0", "raise SystemError('half\\ninstalled')", "10.0 cannot be imported (SystemError: half installed)"),
    ],
)
def test_an_engine_that_cannot_be_used(project: Project, version: str, source: str, reason: str) -> None:
    """One that is too old, half installed, or broken at its import, costs its own cells and says why in one line."""
    install(project, version, source)
    project.write(ENGINES_FAMILY)
    result = project.measure("--cell-limit=3")

    assert result.returncode == 0, result.stdout
    (outcome, why), (other, _) = (project.outcomes()[name] for name in ("1e3-fakelib", "1e3-Pool.map"))
    assert (outcome, other) == ("skipped", "measured")
    assert why.startswith(f"fakelib {reason}")
    assert reason[:50] in " ".join(result.stdout.split())


@pytest.mark.parametrize(
    ("trouble", "message"),
    [("hangs", "not done after its limit of 3 s"), ("threads", "left behind: thread left")],
)
def test_an_engine_in_trouble_costs_itself_only(project: Project, trouble: str, message: str) -> None:
    """One that hangs when it is shut down, or leaves threads in a caller that forks next, fails in one line."""
    install(project)
    project.write(ENGINES_FAMILY)
    result = project.measure(f"--strategies=fakelib {trouble},fakelib,Pool.map", "--cell-limit=3")
    outcomes = project.outcomes()

    assert result.returncode == 1, result.stdout
    assert outcomes["1e3-fakelib" + f"_{trouble}"][0] == "failed"
    assert message in outcomes["1e3-fakelib" + f"_{trouble}"][1]
    assert [outcomes[name][0] for name in ("1e3-fakelib", "1e3-Pool.map")] == ["measured"] * 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process by SIGTERM, whatever its handlers")
def test_an_engine_that_replaces_a_signal_handler(project: Project) -> None:
    """The handler is taken back, so that the run still hears the signal, and the run says what was done."""
    install(project)
    conftest = project.folder / "conftest.py"
    conftest.write_text(
        "import os, signal\n"
        + conftest.read_text(encoding="utf-8")
        + "def pytest_runtest_logfinish():\n    os.kill(os.getpid(), signal.SIGTERM)\n",
        encoding="utf-8",
    )
    project.write(ENGINES_FAMILY)
    result = project.measure("--strategies=fakelib handler", "--sizes=1000,2000")
    measured = project.saved()["benchmarks"][0]

    assert result.returncode == 128 + 15, result.stdout
    assert measured["extra_info"]["warnings"] == [
        "fakelib handler replaced the handler of SIGTERM, which was taken back"
    ]


@pytest.mark.parametrize(
    ("installed", "least", "trouble"),
    [("9.2.0", "9.2", False), ("9.2.0", "9.2.0", False), ("9.2.0", "9.10", True), ("9.2.0", "10", True)],
)
def test_releases_are_compared_by_their_numbers(
    monkeypatch: pytest.MonkeyPatch, installed: str, least: str, *, trouble: bool
) -> None:
    """9.10 is later than 9.2."""
    library = Library(f"lib{least}", least)
    monkeypatch.setattr("benchmarks.strategies.library.metadata.version", lambda _name: installed)

    assert (library.trouble(()) is not None) is trouble


def test_a_library_without_a_release(project: Project) -> None:
    """One of which only a part of what pip wrote is left is too old, whatever it is."""
    install(project)
    (project.folder / "fakelib-1.5.2.dist-info" / "METADATA").write_text("Name: fakelib\n", encoding="utf-8")
    project.write(ENGINES_FAMILY)
    result = project.measure()

    assert result.returncode == 0, result.stdout
    assert project.outcomes()["1e3-fakelib"][1].startswith("fakelib 0 is too old, 1.5 is the oldest that was tried")


def test_extras_are_the_libraries() -> None:
    """Each library has an extra of its name with the oldest release that was tried, and `engines` has all."""
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    extras = dict(re.findall(r'^(\w+) = \["([^"]+)"\]$', text, re.MULTILINE))

    for name, library in LIBRARIES.items():
        assert extras[name] == f"{name}>={library.least}"
    assert sorted(re.findall(r"\w+", extras["engines"].partition("[")[2])) == sorted(LIBRARIES)


def test_results_of_an_earlier_call_are_no_proof() -> None:
    """Whoever answers with something else than a worker's name has not proved anything."""
    with pytest.raises(WrongResultsError):
        meet(lambda places: [(1, 1), *((1, 1) for _ in places)], 2)
    with pytest.raises(WrongResultsError):
        meet(lambda places: [7 for _ in places], 2)  # type: ignore[misc]


def test_tasks_that_are_tried_again_are_counted(tmp_path: Path) -> None:
    """Each start of a task leaves a line; those beyond one a task are re-runs."""
    record = tmp_path / "begun"
    assert tried_again(record) == ""
    assert [worker.recorded(str(record), nothing, value) for value in (0, 1, 2)] == [0, 1, 2]
    assert tried_again(record) == ""
    worker.recorded(str(record), nothing, 1)
    assert tried_again(record) == " after 1 re-run"
    worker.recorded(str(record), nothing, 2)
    worker.recorded(str(record), nothing, 2)
    assert tried_again(record) == " after 3 re-runs"


def test_a_script_imports_its_engine_by_itself() -> None:
    """The import is timed in an interpreter that has loaded nothing else, and all that follows is too."""
    engine = Fresh(Order("ProcessPoolExecutor.map", "script", None, 1, None, 2, start_methods()[0]))
    engine.prepare()
    engine.await_ready()

    assert engine.run() == [0]
    assert next(iter(engine.measures)) == IMPORT
    assert {IMPORT, CREATE, FIRST_RESULT, SHUTDOWN} <= set(engine.measures)
    # Pool and executor import more than a hundred modules, which no interpreter does in a millisecond
    assert 0.001 < engine.measures[IMPORT][0] < 10
    engine.close()


ANSWERS = {
    "loky.ProcessPoolExecutor.map": ("TerminatedWorkerError", "TerminatedWorkerError"),
    "loky.get_reusable_executor.map": ("TerminatedWorkerError", "works"),
    "pebble.ProcessPool.map": ("ProcessExpired", "works"),
    "multiprocess.Pool.map": ("a hang", None),
}
"""What their documentation says of a worker that is killed, and whether the pool works afterwards."""


@pytest.mark.skipif("fork" not in start_methods(), reason="a worker is killed by a signal of POSIX")
@pytest.mark.parametrize(("name", "expected"), ANSWERS.items())
def test_what_the_caller_of_an_engine_sees(name: str, expected: tuple[str, str | None]) -> None:
    """A killed worker is reported, or waited for without end, as the documentation of the engine has it."""
    strategy = STRATEGIES[name]
    method = (strategy.start_methods or ("fork",))[0]
    reason = strategy.unavailable(method)
    if reason is not None:
        pytest.skip(reason)
    order = Order(name, KILLED, None, 8, None, 2, method)
    interpreter = Interpreter("benchmarks.measuring.breaking", "break_and_tell", json.dumps([asdict(order), 3]))
    interpreter.start()
    try:
        interpreter.await_ready()
        seen = interpreter.ask()
        pool, _ = interpreter.ask()
    finally:
        interpreter.terminate()

    assert seen == expected[0]
    assert expected[1] in {None, pool}


def test_a_floor_beside_an_engine_with_a_start_of_its_own() -> None:
    """Where an engine has none of the standard start methods, bare processes start by the usual one."""
    cell = Cell("count", 100, 4, "loky.ProcessPoolExecutor.map", 2, "loky", None, WARM)

    assert cell.standard_method() in start_methods()


@pytest.mark.skipif(find_spec("joblib") is None, reason="joblib is not installed: pip install -e '.[joblib]'")
def test_joblib_may_batch_as_it_likes() -> None:
    """Batches grow from call to call, and a proof of workers leaves their size to the job again."""
    from benchmarks.strategies.base import Job  # noqa: PLC0415 - with the engine alone

    strategy = STRATEGIES["joblib.Parallel loky"]
    strategy.preload()
    engine = strategy.open(Job(nothing, list(range(50))), 2, "loky")
    try:
        assert len(engine.prove()) == 2
        assert engine._parallel.batch_size == "auto"  # type: ignore[attr-defined]
        assert engine.run() == list(range(50))
    finally:
        engine.close()


CLASH = """
from benchmarks.measuring.leaks import Leaks
from benchmarks.measuring.watch import start_helpers
from benchmarks.strategies import STRATEGIES
from benchmarks.strategies.base import Job
from benchmarks.tasks import nothing

if __name__ == "__main__":
    for name in ("loky.ProcessPoolExecutor.map", "joblib.Parallel loky"):  # the later one takes the place
        assert STRATEGIES[name].unavailable("loky") is None
    strategy = STRATEGIES["loky.ProcessPoolExecutor.map"]
    strategy.preload()
    leaks = Leaks()
    engine = strategy.open(Job(nothing, [1, 2, 3]), 2, "loky")
    engine.prove()
    engine.close()
    leaks.check(strategy.leaves)
    print("nothing left")
"""


@pytest.mark.skipif(
    not (find_spec("joblib") and find_spec("loky")), reason="two engines are needed: pip install -e '.[engines]'"
)
def test_joblib_beside_loky(tmp_path: Path) -> None:
    """joblib puts its copy of loky in loky's place once it is imported: nothing that it starts is taken for a leak."""
    script = tmp_path / "clash.py"
    script.write_text(CLASH, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True, timeout=60)

    assert result.stdout == "nothing left\n", result.stderr
