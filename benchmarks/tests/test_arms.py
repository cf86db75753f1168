"""The arms of a cell: what they are, whom they blame, and what they save."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from benchmarks.environment import start_methods, usual_start_method
from benchmarks.measuring.arms import STRATEGY, ArmError, Arms
from benchmarks.measuring.cells import Cell
from benchmarks.measuring.processes import descendants
from benchmarks.measuring.watch import CellError, Watch, WorkerLostError, end_all
from benchmarks.schema import Spent
from benchmarks.strategies.base import Engine
from benchmarks.tests.conftest import Project
from benchmarks.words import WARM

needs_fork = pytest.mark.skipif("fork" not in start_methods(), reason="projects measure by fork")


def arms_of(strategy: str = "Pool.map", arms: tuple[str, ...] = ("serial", "floor"), workload: str = "count") -> Arms:
    """Return the arms of a cell of four short tasks; nothing is started."""
    cell = Cell(workload, 100, 4, strategy, 2, usual_start_method(), None, WARM)
    made = Arms(cell, arms, Watch(60), Spent())
    made.make_inputs()
    return made


@pytest.mark.parametrize(
    ("arms", "names"),
    [
        (("serial", "floor"), ("floor", "serial", "strategy")),
        (("floor",), ("floor", "strategy")),
        (("serial",), ("serial", "strategy")),
        ((), ("strategy",)),
    ],
)
def test_which_arms_there_are(arms: tuple[str, ...], names: tuple[str, ...]) -> None:
    """A cell has the arms that its family asks for, and its own."""
    assert arms_of(arms=arms).names == names


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (WorkerLostError(20, "was killed by SIGKILL"), "floor arm: worker process 20 was killed by SIGKILL"),
        (WorkerLostError(10, "has ended"), "strategy arm: worker process 10 has ended"),
        (WorkerLostError(30, "has ended"), "serial arm: worker process 30 has ended"),
        (CellError("too slow"), "serial arm: too slow"),
        (ValueError("two\nlines"), "serial arm: ValueError: two lines"),
    ],
)
def test_blame(error: Exception, message: str) -> None:
    """An arm is named whose worker was lost, whichever is busy; for anything else the busy one."""
    arms = arms_of()
    arms._workers = {"floor": frozenset({20, 21}), STRATEGY: frozenset({10, 11})}
    arms.busy = "serial"

    assert str(arms.blame(error)) == message
    assert isinstance(arms.blame(error), ArmError)


def test_results_are_compared_in_order_only_where_there_is_one() -> None:
    """Results in another order are wrong of Pool.map, not of Pool.imap_unordered; a missing one is wrong of both."""
    ordered, unordered = (arms_of(strategy, workload="heavy first") for strategy in ("Pool.map", "Pool.imap_unordered"))
    good = [sum(range(size)) for size in ordered._inputs]

    def check(arms: Arms, results: list[int]) -> None:
        arms.engines = {STRATEGY: Engine(lambda: results)}
        arms.check(STRATEGY)

    assert good != sorted(good)
    check(ordered, good)
    check(unordered, good)
    check(unordered, good[::-1])
    with pytest.raises(
        ArmError, match=r"^strategy arm: wrong results \(first at task 0\); no time of this cell counts$"
    ):
        check(ordered, good[::-1])
    with pytest.raises(ArmError, match=r"wrong results \(3 results, not 4\)"):
        check(unordered, good[1:])
    with pytest.raises(ArmError, match=r"wrong results \(first at task 3\)"):
        check(ordered, [*good[:3], -1])


class Few(Engine):
    """An engine with a worker too few, and other ones each time."""

    def __init__(self, *workers: int) -> None:
        """Have these workers, the first ones first."""
        super().__init__(list)
        self._workers = list(workers)

    def prove(self) -> frozenset[int]:
        """Return one of them."""
        return frozenset({self._workers.pop(0)})


def test_workers_are_counted_and_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer workers than were asked for, and others than before, cost the cell."""
    arms = arms_of(arms=())
    monkeypatch.setattr(arms, "_make", lambda _arm: Few(7))
    with pytest.raises(ArmError, match=r"^strategy arm: 1 workers came up, not 2$"):
        arms.open()

    arms.engines = {STRATEGY: Few(8)}
    arms._workers = {STRATEGY: frozenset({7})}
    with pytest.raises(ArmError, match=r"^strategy arm: workers 7 were replaced by 8 during the rounds$"):
        arms.close()


@needs_fork
def test_a_fresh_cell_saves_what_its_runs_measured(project: Project) -> None:
    """Each run has an interpreter of its own, which tells its stages: a value a round of each, in seconds."""
    project.write(
        "from benchmarks.words import FRESH\n"
        'axes = Axes("count", 4, ("serial", "Pool.map"), 0.2, sizes=(1000,), state=FRESH)\n'
        'FAMILY = Family("trouble", "?", "one pass", ("speedup",), {"default": (axes,)}, say_nothing)\n'
    )
    result = project.measure()
    saved = {entry["params"]["strategy"]: entry for entry in project.saved()["benchmarks"]}
    info = saved["Pool.map"]["extra_info"]
    rounds = len(saved["Pool.map"]["stats"]["data"])
    stages = [info["measures"][name]["values"] for name in ("create", "first result", "shutdown")]

    assert result.returncode == 0, result.stdout
    assert rounds == 6
    assert [len(values) for values in stages] == [rounds] * 3
    assert all(value > 0 for values in stages for value in values)
    # the stages are parts of the run, and nothing but the answer's way back is missing
    whole = saved["Pool.map"]["stats"]["data"]
    assert all(sum(parts) < total < sum(parts) + 0.5 for *parts, total in zip(*stages, whole, strict=True))


@needs_fork
def test_trouble_names_its_arm_in_one_line(project: Project) -> None:
    """Whichever arm goes wrong, the cell's one line begins with it, and no traceback of ours is shown."""
    project.write(
        "def trouble(n):\n    if os.getpid() != CALLER:\n        raise ValueError('cannot do this')\n    return n\n"
        'workload("trouble", trouble)\nFAMILY = family("trouble", strategies=("Pool.map", "floor", "serial"))\n'
    )
    project.measure()
    reasons = [reason for _, reason in project.outcomes().values()]

    # the floor is the first arm whose workers meet the trouble
    assert reasons == ["floor arm: FloorError: ValueError: cannot do this"] * 3


@pytest.mark.skipif(not hasattr(signal, "setitimer") or sys.platform != "linux", reason="watched by Linux's timers")
def test_a_worker_of_a_foreign_engine_is_watched() -> None:
    """A process that is no child of `multiprocessing` is expected to live like any other, and missed when it ends."""
    child = subprocess.Popen(["sleep", "60"])
    start = time.monotonic()
    try:
        with pytest.raises(WorkerLostError) as error, Watch(30) as watch:
            watch.expect([child.pid])
            watch.look()
            os.kill(child.pid, signal.SIGKILL)
            time.sleep(20)
    finally:
        child.kill()
        child.wait()

    assert time.monotonic() - start < 10
    assert str(error.value) == f"worker process {child.pid} has ended"


class Ending(Engine):
    """An engine that ends its own process, not those that it has started."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        """Keep the process."""
        super().__init__(list)
        self._process = process

    def terminate(self) -> None:
        """Kill it, and wait for it."""
        self._process.kill()
        self._process.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's children's children")
def test_children_of_children_are_ended_too() -> None:
    """What an engine's program has started in turn is ended, though its parent is gone by then."""
    before = descendants()
    shell = subprocess.Popen(["sh", "-c", "sleep 60 & echo; wait"], stdout=subprocess.PIPE, text=True)
    assert shell.stdout is not None
    shell.stdout.readline()
    started = descendants() - before
    end_all([Ending(shell)], before)
    shell.stdout.close()

    assert len(started) == 2
    assert not any(process.lives() for process in started)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's children's children")
def test_processes_that_end_while_they_are_listed_are_no_trouble() -> None:
    """A process may end at any moment between its parent's naming it and a look below it."""
    script = "for (( ;; )); do for i in {1..20}; do : & done; wait; done"
    looks = 0
    with subprocess.Popen(["bash", "-c", script]) as shell:
        deadline = time.monotonic() + 1
        try:
            while time.monotonic() < deadline:
                looks += any(process.pid != shell.pid for process in descendants())
        finally:
            shell.kill()

    assert looks


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells processes' names, and lets them take another one")
def test_a_process_that_takes_another_name_is_the_same() -> None:
    """What was there before a cell is neither a leak of it nor ended with it, whatever it is called by then."""
    script = "read line; printf renamed > /proc/$$/comm; echo; read line"
    with subprocess.Popen(["sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdin is not None
        assert shell.stdout is not None
        before = {process.pid: process for process in descendants()}[shell.pid]
        print(file=shell.stdin, flush=True)
        shell.stdout.readline()
        after = {process.pid: process for process in descendants()}[shell.pid]
        lives = before.lives()
        print(file=shell.stdin, flush=True)
    shell.wait(10)

    assert (before.name, after.name) == ("sh", "renamed")
    assert before == after
    assert lives
    assert not before.lives()
