"""What happens when it breaks, as CPython's documentation and issues have it."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks.environment import start_methods, usual_start_method
from benchmarks.measuring import failures
from benchmarks.measuring.breaking import WORKS, too_long, within
from benchmarks.measuring.cells import Cell
from benchmarks.measuring.measure import Budget
from benchmarks.questions import families
from benchmarks.tests.conftest import Project
from benchmarks.words import HANGS

ROWS = {
    # Pool raises what the task raised; the pool lives on
    "task_raises-Pool.map": ("ValueError", WORKS, "nothing"),
    "task_raises-ProcessPoolExecutor.map": ("ValueError", WORKS, "nothing"),
    # a Pool replaces a worker that died, but its task is lost, and whoever waits for it waits for ever
    "worker_killed-Pool.map": (HANGS, None, None),
    "worker_killed-Pool.imap": (HANGS, None, None),
    "worker_killed-ProcessPoolExecutor.map": ("BrokenProcessPool", "BrokenProcessPool", "nothing"),
    "unpicklable-Pool.map": ("MaybeEncodingError", WORKS, "nothing"),
}


@pytest.mark.skipif("fork" not in start_methods(), reason="the labels are those of the usual start method of Linux")
def test_what_callers_see(project: Project, processes_of: Callable[[str], list[int]]) -> None:
    """A hang, an exception and a broken pool are told apart, saved in words, and shown; nothing is left of them."""
    source = (Path(__file__).parents[1] / "bench_failure.py").read_text(encoding="utf-8")
    (project.folder / "bench_failure.py").write_text(source, encoding="utf-8")
    result = project.measure("--start-methods=fork", MARKER=str(project.folder))
    saved = {
        benchmark["fullname"].partition("[")[2].rstrip("]"): benchmark["extra_info"]["observed"]
        for benchmark in project.saved()["benchmarks"]
    }

    assert result.returncode == 0, result.stdout
    assert len(saved) == 9
    for label, (seen, pool, left) in ROWS.items():
        assert saved[label]["caller sees"] == seen, label
        assert pool is None or saved[label]["pool afterwards"] == pool, label
        assert left is None or saved[label]["left behind"] == left, label
    assert "Pool.map and Pool.imap hang" in " ".join(result.stdout.split())
    assert processes_of(f"MARKER={project.folder}") == []


def test_within() -> None:
    """A wait that ends is told from one that raises and one that does not end."""
    assert within(5, lambda: None, "done") == "done"
    assert within(5, lambda: 1 / 0, "done") == "ZeroDivisionError"


def test_within_cuts_short() -> None:
    """A wait without end is cut short by the signal that the interpreter of a failure installs."""
    former = signal.signal(signal.SIGALRM, too_long)
    try:
        start = time.perf_counter()
        assert within(0.2, lambda: time.sleep(30), "done") == HANGS
        assert time.perf_counter() - start < 10
    finally:
        signal.signal(signal.SIGALRM, former)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this platform has no timer signals")
def test_a_cell_that_a_signal_ends_is_not_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a cell would be saved as if it were one, and spoil the whole run."""

    def interrupted(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(failures, "_observe", interrupted)
    benchmark = SimpleNamespace(has_error=False)
    cell = Cell("task raises", None, 8, "Pool.map", 2, usual_start_method(), None, "fresh interpreter")
    with pytest.raises(KeyboardInterrupt):
        failures.observe(cell, families()["failure"], benchmark, Budget(1, 1, 60))

    assert benchmark.has_error
