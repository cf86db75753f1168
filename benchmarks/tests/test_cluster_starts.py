"""How clusters are started: what their processes find, who starts them, and who cleans up."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.measuring import cold, interpreter
from benchmarks.measuring.cells import Cell, Planned
from benchmarks.measuring.interpreter import Interpreter
from benchmarks.measuring.recording import libraries_of
from benchmarks.strategies import STRATEGIES, ray
from benchmarks.strategies.library import Library
from benchmarks.strategies.mpi4py import SIZE_VARIABLES, MPIStrategy, lost_in_mpi
from benchmarks.tests.clusters.running import DASK, MPI, RAY
from benchmarks.tests.conftest import ROOT
from benchmarks.tests.fake_clusters import FakeExecutor, fake_module
from benchmarks.words import WARM


@pytest.mark.parametrize("name", [DASK, RAY, MPI])
def test_workers_find_what_this_program_finds(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The suite's folder comes first, then the folders in which this program finds modules, each of them once."""
    monkeypatch.setattr(sys, "path", ["", "/mine", str(ROOT), "/mine"])

    assert STRATEGIES[name].environment()["PYTHONPATH"].split(os.pathsep) == [str(ROOT), "/mine"]


@pytest.mark.parametrize("name", SIZE_VARIABLES)
def test_one_of_several_processes_is_told(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A run that mpiexec starts several times is found out; not so one alone, nor where mpi4py runs the others."""
    for one in SIZE_VARIABLES:
        monkeypatch.delenv(one, raising=False)
    found = [lost_in_mpi()]
    for number in ("1", "2"):
        monkeypatch.setenv(name, number)
        found.append(lost_in_mpi())
    monkeypatch.setitem(
        sys.modules, "mpi4py.futures._core", fake_module("mpi4py.futures._core", SharedPool=FakeExecutor)
    )

    assert found == [False, False, True]
    assert not lost_in_mpi(), "mpi4py.futures runs the others"


def test_a_new_interpreter_is_started_by_its_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    """MPI's is started by mpiexec, as one process more than there are workers, and keeps apart what it writes."""
    made: list[Any] = []
    monkeypatch.setattr(cold, "Interpreter", lambda *_what, **options: made.append(options))
    cold.Fresh(cold.Order(MPI, "count", 10, 2, None, 2, "mpi"))
    (options,) = made

    assert options["launcher"][1:3] == ("-n", "3")
    assert options["apart"]
    assert options["environment"] == STRATEGIES[MPI].environment()


LAUNCHER = """
import signal, subprocess, sys

def end(*_):
    open(sys.argv[1], "w").close()
    child.kill()
    sys.exit(0)

signal.signal(signal.SIGTERM, end)
child = subprocess.Popen([sys.executable, *sys.argv[2:]])
sys.exit(child.wait())
"""


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="what a launcher starts is talked to by sockets of POSIX")
def test_a_launcher_can_clean_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is ended by force is asked first, so that it removes what it has made; mpiexec has shared memory."""
    (tmp_path / "launch.py").write_text(LAUNCHER, encoding="utf-8")
    monkeypatch.setattr(interpreter, "LAUNCHER_SECONDS", 30.0)
    launcher = (sys.executable, str(tmp_path / "launch.py"), str(tmp_path / "cleaned"))
    one = Interpreter("benchmarks.tests.fake_clusters", "hear_words", "", launcher=launcher)
    one.start()
    try:
        one.await_ready()
        answer = one.ask()
    finally:
        one.terminate()

    assert answer == "heard"
    assert (tmp_path / "cleaned").exists()


@pytest.mark.parametrize(("free", "most"), [(100 << 30, 2 << 30), (1000 << 20, 900 << 20)])
def test_ray_keeps_objects_in_shared_memory(monkeypatch: pytest.MonkeyPatch, free: int, most: int) -> None:
    """Its store is capped by two gibibytes, or nine tenths of what is free: more would be on a disk."""
    monkeypatch.setattr(ray, "SHARED_FOLDER", ROOT)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(2 * free, free, free))

    assert STRATEGIES[RAY].environment()["RAY_DEFAULT_OBJECT_STORE_MAX_MEMORY_BYTES"] == str(most)


def test_which_mpi_it_was_is_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the release of mpi4py, which runs on one or another; nothing of it where mpi4py is not installed."""
    planned = Planned(Cell("count", 1000, 4, MPI, 2, "mpi", None, WARM), "a cell", 1.0)
    monkeypatch.setattr(MPIStrategy, "beneath", lambda _self: {"Open MPI": "5.0.11"})
    monkeypatch.setattr(Library, "version", "4.1.2")
    installed = libraries_of([planned])
    monkeypatch.setattr(Library, "version", None)

    assert installed == {"Open MPI": "5.0.11", "mpi4py": "4.1.2"}
    assert libraries_of([planned]) == {}


def test_which_mpi_it_is_is_asked_elsewhere() -> None:
    """Another interpreter tells name and release; this one does not become an MPI program by it."""
    strategy = STRATEGIES[MPI]
    if strategy.library is None or strategy.library.version is None:
        pytest.skip("mpi4py is not installed")
    before = "mpi4py.MPI" in sys.modules
    ((name, release),) = strategy.beneath().items()

    assert name
    assert re.fullmatch(r"\d+(\.\d+)+", release)
    assert ("mpi4py.MPI" in sys.modules) is before
