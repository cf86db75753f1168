"""The look at a person's own function: what it finds, what it survives, and what it leaves, which is nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.environment import start_methods, usual_start_method
from benchmarks.measuring import pilot
from benchmarks.measuring.arms import Arms
from benchmarks.measuring.cells import Cell
from benchmarks.measuring.cold import with_file
from benchmarks.measuring.looking import Seen
from benchmarks.measuring.measure import timed
from benchmarks.measuring.pilot import look
from benchmarks.measuring.processes import descendants
from benchmarks.measuring.race import measured_inputs
from benchmarks.measuring.target import Target, TargetError, equal
from benchmarks.measuring.watch import Watch, end_all
from benchmarks.schema import Spent
from benchmarks.tests.conftest import TIMEOUT
from benchmarks.tests.looked_at import FUNCTIONS
from benchmarks.tests.test_target import environment_in, found
from benchmarks.words import FRESH
from benchmarks.workloads import WORKLOADS, Workload


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a module of a person's own, which can be imported."""
    name = f"own_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(FUNCTIONS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    return name


@pytest.fixture
def many_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each interpreter hash by a seed of its own: tox gives all of them the same."""
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)


@pytest.mark.usefixtures("many_seeds")
@pytest.mark.parametrize(
    ("function", "inputs", "message"),
    [
        ("fails", "few", "raises KeyError: 'three' for input 2"),
        ("leaves", "few", "raises SystemExit: I am off for input"),
        ("chance", "few", "gives another result for input"),
        ("hashed", "few", "in another interpreter (PYTHONHASHSEED=0 helps)"),
        ("here", "few", "in another interpreter"),
        ("unpicklable", "few", "cannot be sent back"),
        ("one_way", "few", "cannot be sent back (TypeError"),
        ("ends", "few", "its process ended with exit code 3 (at input 2): a worker would end too"),
        ("ends_beside_a_child", "few", "its process ended with exit code 3 (at input"),
        ("crashes", "few", "its process was killed by SIGSEGV (at input"),
        ("killed", "few", "its process was killed by SIGKILL, as the system does where memory runs out (at input"),
        ("deaf", "few", "three inputs take longer than the budget of 2 s, twice (at input"),
        ("sleeping", "few", "three inputs take longer than the budget of 2 s, twice (at input"),
    ],
)
def test_what_a_look_refuses(
    own: str, function: str, inputs: str, message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """It says in one line what was wrong with which input, within the limit, and leaves no process."""
    target = found(own, function, inputs)
    before, start = descendants(), time.monotonic()
    with pytest.raises(TargetError) as error:
        look(target, 2)

    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert time.monotonic() - start < 15
    assert descendants() == before
    assert capfd.readouterr() == ("", "")


def test_a_comparison_that_fails_is_refused(own: str) -> None:
    """The error is that of the comparison, not of the function."""
    with pytest.raises(TargetError, match=r"for input \d cannot be compared \(RuntimeError: cannot say\)"):
        look(found(own, "same", same=f"{own}:unsure"), 5)


@pytest.mark.parametrize(
    ("function", "inputs", "note"),
    [
        ("prints", "few", "it prints"),
        ("prints_below", "few", "it prints"),
        ("changes", "lists", "it changes its inputs (4 of 4"),
        ("moves", "few", "it changes the working directory"),
        ("threads", "few", "it starts threads of its own"),
        ("processes", "few", "it starts processes of its own"),
        ("stays", "few", "it leaves 12 processes and 12 threads"),
        ("remembers", "few", "it remembers results"),
    ],
)
def test_what_a_look_tells(own: str, function: str, inputs: str, note: str, capfd: pytest.CaptureFixture[str]) -> None:
    """What a person should know before workers do it too; nothing of it reaches the screen or this process."""
    before, folder, threads = descendants(), Path.cwd(), threading.active_count()
    findings = look(found(own, function, inputs), 5)

    assert any(note in one for one in findings.notes), findings.notes
    assert capfd.readouterr() == ("", "")
    assert (descendants(), Path.cwd(), threading.active_count()) == (before, folder, threads)


def test_a_machine_that_was_slow_is_no_memory(own: str) -> None:
    """A function that is slow in the first interpreter's first pass alone is not taken for one that remembers."""
    findings = look(found(own, "slow_at_first", "twelve"), 5)

    assert not findings.remembers
    assert findings.task_time < 0.01


@pytest.mark.parametrize(("worked", "told"), [(1.0, False), (1.9, True)])
def test_a_task_that_keeps_several_processors_busy(own: str, worked: float, *, told: bool) -> None:
    """It is told where more CPU time than time was spent in it: by threads of a library, mostly."""
    seen = Seen(0.0, None, places=[0], first=[(1.0, worked)], again=[(1.0, worked)])
    notes = pilot._notes(found(own, "work"), seen, worked, remembers=False)

    assert any("it keeps 1.9 CPUs busy" in note for note in notes) is told


@pytest.mark.parametrize("function", ["work", "same", "objects", "reads"])
def test_what_does_nothing_beside_is_told_nothing(own: str, function: str) -> None:
    """A function of microseconds works too, as does one whose results are equal by their pickles alone."""
    assert look(found(own, function), 5).notes == ()


def test_what_a_look_measures(own: str) -> None:
    """Lengths, bytes, whether it waits and gives the lock back: of a nap of 10 ms."""
    findings = look(found(own, "napping"), 5)

    assert 0.01 <= findings.task_time < 0.1
    assert (findings.waits, findings.frees) == (True, True)
    assert 3 <= findings.bytes_in <= 30
    assert 3 <= findings.bytes_out <= 30
    assert sorted(findings.results) == [1, 2, 3, 4, 5, 6]
    assert sorted(findings.places) == list(range(6))
    assert measured_inputs(findings, 6, 2) == tuple(sorted(range(6), key=lambda place: findings.places[place]))
    busy = look(found(own, "work"), 5)
    assert (busy.waits, busy.frees) == (False, False)
    assert look(found(own, "chance", same=f"{own}:close"), 5).notes == ()
    assert look(found(own, "chance", unchecked=True), 5).notes == ()


def test_what_is_remembered(own: str) -> None:
    """It is seen among repeated inputs too, costs what a fresh worker takes, and fills no cache of this process.

    What is loaded once, at the first call, is no memory of results.
    """
    target = found(own, "remembers", "many")
    findings = look(target, 5)
    filled = sys.modules[own].filled

    assert findings.remembers
    assert 0.05 <= sum(findings.seconds) < 0.5
    assert filled == {}
    assert not look(found(own, "loads_once"), 5).remembers
    assert not look(found(own, "work"), 5).remembers


@pytest.mark.skipif("fork" not in start_methods(), reason="the floor forks")
def test_what_is_remembered_is_measured_in_new_interpreters(own: str, tmp_path: Path) -> None:
    """No arm is served from a cache, whether of this process or of the run before: 6 naps of 10 ms, again and again."""
    target = found(own, "remembers", "few")
    results = [target.function(value) for value in target.inputs]  # the cache of this process is full
    work = Workload(target.label, target.function, lambda _size, _tasks: target.inputs, lambda _size, _tasks: results)
    WORKLOADS[target.label] = with_file(work, tmp_path)
    cell = Cell(target.label, None, len(target.inputs), "Pool.map", 2, usual_start_method(), 1, FRESH)
    before, taken = descendants(), []
    try:
        with Watch(60) as watch:
            arms = Arms(cell, ("serial", "floor"), watch, Spent())
            arms.make_inputs()
            arms.open()
            for _ in range(2):
                arms.prepare()
                taken.append({name: timed(arms.engines[name].run) for name in arms.names})
            arms.close()
    finally:
        end_all(tuple(arms.engines.values()), before)
        del WORKLOADS[target.label]

    assert all(one["serial"] > 0.06 for one in taken), taken
    assert all(min(one["floor"], one["strategy"]) > 0.03 for one in taken), taken


def test_what_an_import_takes(own: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is that of the module in a new interpreter, although it has been imported here."""
    target = found(own, "same")
    quick = look(target, 5).import_seconds
    monkeypatch.setenv("OWN_IMPORT", "1")
    slow = look(target, 10)

    assert 0 < quick < 1 <= slow.import_seconds < 10
    (note,) = slow.notes  # what a module prints is not the function's
    assert note.startswith("importing it takes ")
    assert float(note.split()[3]) == pytest.approx(slow.import_seconds, rel=0.5)


def test_what_cannot_be_loaded_in_a_new_interpreter(own: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused in one line with the reason."""
    target = found(own, "same")
    monkeypatch.setattr(sys, "path", [path for path in sys.path if not Path(path, f"{own}.py").exists()])
    monkeypatch.chdir("/")
    with pytest.raises(TargetError, match=f"cannot be loaded in a new interpreter .ModuleNotFoundError: .*{own}"):
        look(target, 5)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how much memory a process has had")
def test_what_a_task_needs_of_memory(own: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 100 MiB a task: how many workers fit, a note where that is fewer than CPUs, a refusal where it is none."""
    target = found(own, "allocates")
    monkeypatch.setattr(pilot, "usable_cpus", lambda: 4)

    def limited(mebibytes: int | None) -> None:
        monkeypatch.setattr(pilot, "memory_limit", lambda: None if mebibytes is None else mebibytes << 20)

    limited(None)
    free = look(target, 5)
    limited(100_000)
    wide = look(target, 5)
    limited(300)
    narrow = look(target, 5)
    limited(100)
    with pytest.raises(TargetError) as error:
        look(target, 5)

    assert not any("a second pass" in note for one in (free, wide, narrow) for note in one.notes)
    assert free.task_memory is not None
    assert 95 << 20 < free.task_memory < 130 << 20
    assert (free.most_workers, free.notes) == (None, ())
    assert wide.most_workers is not None
    assert wide.most_workers > 100
    assert wide.notes == ()
    assert narrow.most_workers == 2
    assert any("300 MiB are there, for 2 of 4 workers" in note for note in narrow.notes), narrow.notes
    assert "MiB of memory, 100 MiB are there" in str(error.value)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal to send")
def test_ctrl_c_during_the_look(tmp_path: Path, processes_of: Callable[[str], list[int]]) -> None:
    """It ends the look at a function that ignores it, and what that has started, without a traceback."""
    (tmp_path / "mine.py").write_text(FUNCTIONS, encoding="utf-8")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {**environment_in(tmp_path), "MARKER": str(tmp_path), "TMPDIR": str(temporary)}
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "benchmarks.launch", "mine:deaf", "--inputs", "mine:few"],
        cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, process_group=0,
    )  # fmt: skip
    deadline = time.monotonic() + TIMEOUT
    while not (tmp_path / "begun").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=TIMEOUT)

    assert process.returncode == 2, output
    assert "Traceback" not in output
    assert processes_of(f"MARKER={tmp_path}") == []
    assert list(temporary.iterdir()) == []


def test_short_tasks_are_timed_together() -> None:
    """Of a function of less than a microsecond the look tells what a plain loop takes, not what its own notes cost."""
    target = Target("abs", abs, tuple(range(20_000)), equal, "0")
    begun = time.perf_counter()
    for value in target.inputs:
        abs(value)
    loop = time.perf_counter() - begun

    assert look(target, 5).task_time < 3 * loop / len(target.inputs)
