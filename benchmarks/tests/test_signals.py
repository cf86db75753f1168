"""Signals: whenever one comes, the run ends soon, is saved, says so in one line, and leaves nothing."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from benchmarks import interrupts
from benchmarks.environment import start_methods
from benchmarks.evidence.signals import Shot, interrupted, shots
from benchmarks.interrupts import Interrupted, Signals, exit_code

if TYPE_CHECKING:
    from benchmarks.tests.conftest import Project

pytestmark = pytest.mark.skipif("fork" not in start_methods(), reason="these runs are made with fork")

CELLS = """
FAMILY = family(
    "fine",
    strategies=("floor", "Pool.map", "Pool.imap", "ProcessPoolExecutor.map"),
    start_methods=("fork", "spawn"),
)
"""

SHOTS = [*shots(5, 1, "anywhere"), *shots(5, 1, "end")]


@pytest.mark.parametrize("shot", SHOTS, ids=str)
def test_signals_at_random_moments(project: Project, shot: Shot) -> None:
    """Ten seeded signals, from the first cell to the prompt; `benchmarks.evidence.signals` sends any number."""
    project.write(CELLS)
    command = project.command("--benchmark-only", "-v", "--benchmark-max-time=0.1")
    with tempfile.TemporaryDirectory() as name:
        storage = f"--benchmark-storage={name}"
        environment = project.environment()
        _, wrong = interrupted(shot, Path(name), [*command, storage], project.folder, environment)

    assert wrong == []


IN_THE_CONSTRUCTOR = """
import threading
started = []
start = threading.Thread.start

def interrupting(thread):
    start(thread)
    started.append(thread)
    if len(started) == 2:
        os.kill(os.getpid(), signal.SIGINT)
        if TWICE:
            os.kill(os.getpid(), signal.SIGINT)

threading.Thread.start = interrupting
FAMILY = family("fine", strategies=("Pool.map", "Pool.imap"))
"""


@pytest.mark.parametrize("twice", [False, True])
def test_ctrl_c_in_a_constructor(project: Project, processes_of: Callable[[str], list[int]], *, twice: bool) -> None:
    """A pool that is interrupted while it is made is made first, and ended then: nothing hangs at exit."""
    project.write(f"TWICE = {twice}\n{IN_THE_CONSTRUCTOR}")
    begin = time.monotonic()
    result = project.measure(MARKER=str(project.folder))

    assert result.returncode == 2, result.stdout
    assert time.monotonic() - begin < 30
    assert "Traceback" not in result.stdout
    assert [outcome for outcome, _ in project.outcomes().values()] == ["interrupted", "not reached"]
    assert processes_of(f"MARKER={project.folder}") == []


def test_a_terminal_that_is_closed(project: Project, processes_of: Callable[[str], list[int]]) -> None:
    """When the terminal goes away the run so far is saved, and the exit code is that of SIGHUP."""
    project.write(CELLS)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", OWN_TERMINAL, *project.command("--benchmark-only", "-v", "--benchmark-max-time=5")],
        cwd=project.folder,
        env=project.environment(MARKER=str(project.folder)),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        output = b""
        while output.count(b"PASSED") < 2:
            output += os.read(ours, 4096)
        os.close(ours)
        code = process.wait(60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    saved = project.saved()

    assert code == 128 + signal.SIGHUP
    assert saved["suite"]["complete"] is False
    assert len(saved["benchmarks"]) >= 2
    assert processes_of(f"MARKER={project.folder}") == []


OWN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_what_nohup_ignores_stays_ignored(project: Project) -> None:
    """A run that was told to ignore SIGHUP goes on to its end."""
    project.write('FAMILY = family("fine", strategies=("Pool.map",))\nos.kill(os.getpid(), signal.SIGHUP)')
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        result = project.measure()
    finally:
        signal.signal(signal.SIGHUP, former)

    assert result.returncode == 0, result.stdout
    assert project.saved()["suite"]["complete"] is True


AT_THE_END = """
import atexit
class Last:
    # Python has taken its own handlers down when it clears modules
    def __del__(self, kill=os.kill, caller=CALLER, numbers=(signal.SIGTERM, signal.SIGINT, signal.SIGHUP)):
        for number in numbers:
            kill(caller, number)
last = Last()
atexit.register(last.__del__)
FAMILY = family("fine", strategies=("Pool.map",))
"""


def test_signals_after_the_run_change_nothing(project: Project) -> None:
    """Once a complete run is saved, signals are ignored until the process ends, with the run's own exit code."""
    project.write(AT_THE_END)
    result = project.measure()

    assert result.returncode == 0, result.stdout
    assert "Traceback" not in result.stdout


IN_ANOTHER_TEST = """
def test_of_somebody_else():
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(30)
FAMILY = family("fine")
"""


def test_a_signal_in_another_test(project: Project) -> None:
    """Tests that are no cells can be interrupted too, with the signal's exit code, though all cells are complete."""
    project.write(IN_ANOTHER_TEST)
    result = project.run("--benchmark-enable")

    assert result.returncode == 143, result.stdout
    assert project.saved()["suite"]["complete"] is True


WORKERS = """
def kind(n):
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]
    return os.getpid() == CALLER or handlers == [signal.SIG_DFL] * 2
workload("kind", kind, lambda n: True)
FAMILY = family("kind", strategies=("floor", "Pool.map", "ProcessPoolExecutor.map"), start_methods=("fork", "spawn"))
"""


def test_workers_do_not_inherit_the_handlers(project: Project) -> None:
    """What a signal does in a worker is what it does in any program's: the pool's own way to end it is not changed."""
    project.write(WORKERS)
    result = project.measure()

    assert result.returncode == 0, result.stdout


IN_A_FINALIZER = """
import gc, weakref
class Held:
    pass
def end(_reference):
    os.kill(os.getpid(), signal.SIGTERM)
passes = []
from benchmarks.measuring.arms import Arms
prepare = Arms.prepare
def prepared(arms):
    prepare(arms)
    passes.append(1)
    if len(passes) == 8:
        held = Held()
        reference = weakref.ref(held, end)
        del held
Arms.prepare = prepared
FAMILY = family("fine", strategies=("Pool.map", "Pool.imap"))
"""


def test_a_signal_in_a_finalizer(project: Project) -> None:
    """What Python drops there ends the run all the same, soon, and without a word of Python's or pytest's."""
    project.write(IN_A_FINALIZER)
    result = project.measure("--benchmark-max-time=5")

    assert result.returncode == 143, result.stdout
    assert "ignored in" not in result.stdout
    assert "Traceback" not in result.stdout
    assert [outcome for outcome, _ in project.outcomes().values()] == ["interrupted", "not reached"]


IN_A_THREAD = """
import threading
def fail():
    while interrupts.SIGNALS.received is None:
        time.sleep(0.01)
    raise ConnectionRefusedError("the forkserver has ended")
from benchmarks import interrupts
from benchmarks.measuring.arms import Arms
prepare = Arms.prepare
passes = []
def prepared(arms):
    prepare(arms)
    passes.append(1)
    if len(passes) == 8:
        threading.Thread(target=fail).start()
        os.kill(os.getpid(), signal.SIGHUP)
Arms.prepare = prepared
FAMILY = family("fine", strategies=("Pool.map", "Pool.imap"))
"""


def test_a_thread_that_fails_when_all_ends(project: Project) -> None:
    """What a pool's threads make of being ended by force is no error of the run's."""
    project.write(IN_A_THREAD)
    settings = (project.folder / "pytest.ini").read_text()
    (project.folder / "pytest.ini").write_text(f"{settings}filterwarnings = error\n")
    result = project.measure("--benchmark-max-time=5")

    assert result.returncode == 129, result.stdout
    assert "Traceback" not in result.stdout


WITH_THE_GROUP = """
from benchmarks import interrupts
from benchmarks.measuring.arms import Arms
from benchmarks.measuring.watch import WorkerLostError
prepare = Arms.prepare
passes = []
def prepared(arms):
    prepare(arms)
    passes.append(1)
    if len(passes) == 8:
        interrupts.SIGNALS.cover()  # the handler runs, and the next that is noticed is the worker's end
        os.kill(CALLER, signal.SIGTERM)
        raise WorkerLostError(1, "was killed by SIGTERM")
Arms.prepare = prepared
FAMILY = family("fine", strategies=("Pool.map", "ProcessPoolExecutor.map"))
"""


def test_workers_that_end_with_the_group_are_no_failure(project: Project) -> None:
    """A signal that ends workers too interrupts the cell, though the death of a worker may be what is seen first."""
    project.write(WITH_THE_GROUP)
    result = project.measure()

    assert result.returncode == 143, result.stdout
    assert "FAILED" not in result.stdout
    assert [outcome for outcome, _ in project.outcomes().values()] == ["interrupted", "not reached"]


@pytest.fixture
def signals() -> Signals:
    """Return signals that nothing has caught."""
    return Signals()


def arrive(signals: Signals, number: signal.Signals = signal.SIGTERM) -> None:
    """Have a signal come."""
    signals._arrived(number, None)


def test_a_covered_signal_is_noted_and_raised_when_it_may(signals: Signals) -> None:
    """A signal that comes where it would do harm is raised as soon as it does none."""
    arrive(signals)

    assert signals.received is signal.SIGTERM
    with pytest.raises(Interrupted, match="SIGTERM"):
        signals.expose()


def test_an_exposed_signal_is_raised_once(signals: Signals) -> None:
    """The second signal of a user in a hurry must not break off what the first one began."""
    signals.expose()
    with pytest.raises(Interrupted, match="SIGINT"):
        arrive(signals, signal.SIGINT)
    arrive(signals, signal.SIGTERM)

    assert signals.received is signal.SIGINT


def test_a_constructor_is_not_interrupted(signals: Signals) -> None:
    """What is made while a signal comes is made to its end, and then the signal is raised."""
    made = []
    signals.expose()
    with pytest.raises(Interrupted), signals.held_back():
        arrive(signals)
        made.append(1)

    assert made == [1]


def test_a_dropped_signal_is_raised_again(signals: Signals, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Python has dropped the exception it is raised once more after a while, a longer one in a constructor."""
    clock = [0.0]
    monkeypatch.setattr(interrupts, "monotonic", lambda: clock[0])
    signals.expose()
    with pytest.raises(Interrupted):
        arrive(signals)
    clock[0] = 0.5
    signals.insist()
    clock[0] = 1.5
    with pytest.raises(Interrupted):
        signals.insist()
    with signals.held_back():
        clock[0] = 5.5
        signals.insist()
        clock[0] = 7.0
        with pytest.raises(Interrupted):
            signals.insist()
        signals.cover()
    clock[0] = 100.0
    signals.insist()


def test_what_a_finalizer_drops_is_raised_at_the_next_look(signals: Signals) -> None:
    """It need not wait for as long as what somebody may have caught; what is dropped of others is told as ever."""
    told: list[object] = []
    signals.expose()
    ordinary = SimpleNamespace(exc_value=ValueError())
    signals._dropped(told.append, ordinary)
    with pytest.raises(Interrupted) as error:
        arrive(signals)
    signals._dropped(told.append, SimpleNamespace(exc_value=error.value))
    with pytest.raises(Interrupted):
        signals.insist()

    assert told == [ordinary]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 2), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_exit_codes(number: signal.Signals, code: int) -> None:
    """Ctrl-C has pytest's own code, the others those that a shell gives."""
    assert exit_code(number) == code


def test_one_line(project: Project) -> None:
    """An interrupted run says so in one line, with the signal's name and no place in somebody's code."""
    project.write(CELLS.replace("FAMILY", "os.register_at_fork(after_in_parent=lambda: os.kill(CALLER, 15))\nFAMILY"))
    result = project.measure()

    assert result.returncode == 143, result.stdout
    assert len(re.findall("Interrupted: SIGTERM", result.stdout)) == 1
    assert "--full-trace" not in result.stdout
