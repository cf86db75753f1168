"""What several tests share: a run of the suite in a folder of its own."""

from __future__ import annotations

import faulthandler
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks.evidence.signals import hear_signals, living
from benchmarks.measuring.lock import LOCK
from benchmarks.tests.saved import changed_runs, five, storage

ROOT = Path(__file__).parents[2]
TIMEOUT = 120

if threading.current_thread() is threading.main_thread():
    hear_signals()  # tests send them to programs that they start

HEAD = """
import os, signal, time
from dataclasses import dataclass
from benchmarks.measuring.cells import Axes, Family
from benchmarks.words import COLD, WARM
from benchmarks.workloads import WORKLOADS, Workload
CALLER = os.getpid()

def say_nothing(rows):
    return ""

def family(*workloads, strategies=("Pool.map",), tasks=4, name="trouble", **more):
    axes = tuple(Axes(w, tasks, strategies, 0.2, sizes=(1000,), **more) for w in workloads)
    presets = {"default": axes}
    labels = ("workload", "strategy")
    return Family(name, "Does it hold?", "one pass", ("speedup",), presets, say_nothing, label_axes=labels)

def workload(name, function, expected=lambda n: n):
    WORKLOADS[name] = Workload(name, function, lambda n, k: [n] * k, lambda n, k: [expected(n)] * k)

def fine(n):
    return n

def bench_trouble(cell, measure):
    measure(cell)

workload("fine", fine)
"""


@dataclass
class Project:
    """A folder with a bench file of its own, and the suite's plugin."""

    folder: Path

    def write(self, source: str, name: str = "bench_trouble.py") -> None:
        """Write a bench file: `HEAD`, then `source`."""
        (self.folder / name).write_text(HEAD + source, encoding="utf-8")

    def command(self, *arguments: str) -> list[str]:
        """Return the command that runs pytest here."""
        return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of a run: that of the tests, with the suite on the path, and a lock of its own."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
        return {**clean, "PYTHONPATH": str(ROOT), "COLUMNS": "100", LOCK: str(self.folder / "lock"), **more}

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run pytest to its end; standard error is part of the output."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT,
        )

    def measure(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run pytest and measure."""
        return self.run("--benchmark-only", *arguments, **environment)

    def saved(self) -> dict[str, Any]:
        """Return the latest saved run."""
        result = json.loads(max(self.folder.glob(".benchmarks/*/*.json")).read_bytes())
        assert isinstance(result, dict)
        return result

    def outcomes(self) -> dict[str, tuple[str, str]]:
        """Return the outcome and the reason of each planned cell in the latest saved run, by the cell's label."""
        cells = self.saved()["suite"]["cells"]
        return {cell["id"].partition("[")[2].rstrip("]"): (cell["outcome"], cell["reason"] or "") for cell in cells}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let golden files be written anew, to be read by eye."""
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew; read their difference")


@pytest.fixture(autouse=True)
def limit() -> Iterator[None]:
    """End the whole run, with all tracebacks, if a test hangs: pools can, and no wait may be without a limit."""
    faulthandler.dump_traceback_later(2 * TIMEOUT, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return an empty project that loads the plugin."""
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["benchmarks.plugin"]\n', encoding="utf-8")
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\npython_files = bench_*.py test_*.py\npython_functions = bench_* test_*\npythonpath = .\n",
        encoding="utf-8",
    )
    return Project(tmp_path)


@pytest.fixture
def processes_of() -> Callable[[str], list[int]]:
    """Return a function that finds the live processes that have a marker in their environment."""
    return living


@pytest.fixture
def pythons(tmp_path: Path) -> Path:
    """Return a storage with five baselines of 3.13, five slower ones of 3.14, and two later runs of 3.13."""
    folder = storage(tmp_path / "s", [*five("baseline"), *five("baseline", Pool_map=1.5), ("run", {}), ("run", {})])
    for number in (6, 7, 8, 9):
        changed_runs(folder, f"*/000{number}_*", python="3.14.1", default_start_method="forkserver")
    changed_runs(folder, "*/0010_*", python="3.14.1", default_start_method="forkserver")
    return folder
