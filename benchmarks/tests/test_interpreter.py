"""Interpreters that have just started: they answer, end with their caller, and leave nothing."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from benchmarks.environment import start_methods
from benchmarks.measuring.cold import Fresh, Order
from benchmarks.measuring.interpreter import Caller, FreshError, Interpreter


def test_fresh_interpreter_answers() -> None:
    """A run in a fresh interpreter brings results, stages and CPU time back, and another one can follow."""
    engine = Fresh(Order("serial", "count", 1000, 3, None, 2, "spawn"))
    for _ in range(2):
        engine.prepare()
        engine.await_ready()

        assert engine.run() == [499_500] * 3
        assert engine.cpu_seconds is None or engine.cpu_seconds > 0
    engine.close()


@pytest.mark.skipif("forkserver" not in start_methods(), reason="this platform has no forkserver")
def test_fresh_interpreters_leave_no_temporary_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an interpreter keeps in files, such as its forkserver's socket, goes with it, also where others follow."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # a socket's path must be short
        monkeypatch.setenv("TMPDIR", folder)
        engine = Fresh(Order("Pool.map", "count", 100, 2, None, 2, "forkserver"))
        for _ in range(3):
            engine.prepare()
            engine.await_ready()
            engine.run()
        engine.close()
        left = list(Path(folder).iterdir())

    assert left == []


def test_fresh_interpreter_that_fails_is_reported(capfd: pytest.CaptureFixture[str]) -> None:
    """An interpreter that ends without an answer is an error with its exit code, not a wait."""
    engine = Fresh(Order("serial", "count", None, 3, None, 2, "spawn"))
    engine.prepare()
    with pytest.raises(FreshError, match="exit code 1"):
        engine.await_ready()
    engine.close()

    assert "ValueError: this workload needs a size" in capfd.readouterr().err


def hold_guarded() -> None:
    """Run in a fresh interpreter: hold the guard for as long as the argument says, then answer."""
    caller = Caller()
    if caller.ready():
        with caller.guarded():
            time.sleep(float(sys.argv[1]))
        caller.tell("alive")
        caller.wait()


def test_a_late_signal_of_a_word_does_not_kill() -> None:
    """What still happens to the pipe of the words, while the guard stands, is not taken for the caller's death."""
    interpreter = Interpreter(__name__, "hold_guarded", "1")
    interpreter.start()
    try:
        interpreter.await_ready()
        late = threading.Timer(0.5, lambda: os.write(interpreter._now.words.fileno(), b"!"))
        late.start()

        assert interpreter.ask() == "alive"
        late.join(10)
    finally:
        interpreter.terminate()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets one choose the signal of a hang-up")
@pytest.mark.parametrize("pause", [0, 0.5], ids=["before the guard stands", "in the middle"])
def test_the_guard_kills_when_the_caller_has_gone(pause: float) -> None:
    """An interpreter whose caller closes both pipes ends at once, not when its run does."""
    interpreter = Interpreter(__name__, "hold_guarded", "60")
    interpreter.start()
    process = interpreter._now.process
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        interpreter.await_ready()
        process.stdin.write(b"!")
        time.sleep(pause)
        process.stdin.close()
        process.stdout.close()

        assert process.wait(10) == -signal.SIGKILL
    finally:
        process.kill()
        process.wait()


def linger() -> None:
    """Run in a fresh interpreter: close the pipe of the answers, and stay."""
    os.closerange(3, 16)
    os.close(1)
    time.sleep(60)


def read_and_print() -> None:
    """Run in a fresh interpreter: print, read, and answer what was read."""
    caller = Caller()
    print("mixed")
    if caller.ready():
        caller.tell(sys.stdin.read())
        caller.wait()


def test_an_interpreter_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said in one line, and nothing but that is raised."""
    monkeypatch.setattr("benchmarks.measuring.interpreter.ENDING_SECONDS", 0.2)
    interpreter = Interpreter(__name__, "linger", "")
    interpreter.start()
    with pytest.raises(FreshError, match=r"without an answer \(it closed its pipe, and was killed\)$"):
        interpreter.await_ready()
    interpreter.close()


def test_an_interpreter_that_is_gone_is_said_to_be() -> None:
    """Whoever talks to one that was killed meanwhile is told so, not of a broken pipe."""
    interpreter = Interpreter(__name__, "read_and_print", "")
    interpreter.start()
    interpreter.await_ready()
    os.kill(interpreter.pid, signal.SIGKILL)
    interpreter.exit_code()
    with pytest.raises(FreshError, match=r"ended without an answer \(exit code -9\)$"):
        interpreter.say(b"!")
    interpreter.close()


def test_a_task_reads_nothing_and_its_prints_do_not_mix(capfd: pytest.CaptureFixture[str]) -> None:
    """Its standard input is empty, as a worker's, and what it prints is no part of the answer."""
    interpreter = Interpreter(__name__, "read_and_print", "")
    interpreter.start()
    try:
        interpreter.await_ready()
        assert interpreter.ask() == ""
    finally:
        interpreter.close()

    assert capfd.readouterr() == ("", "mixed\n")
