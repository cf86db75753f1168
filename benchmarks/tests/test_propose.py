"""Settings that are predicted, tried and kept: by arithmetic, and on real pools."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as changed

from benchmarks import worker
from benchmarks.environment import start_methods, usual_start_method
from benchmarks.measuring.calibrate import timed_calls
from benchmarks.measuring.pilot import Findings
from benchmarks.measuring.processes import descendants
from benchmarks.measuring.race import Race, _finalists, measured_inputs
from benchmarks.measuring.target import Target, equal
from benchmarks.measuring.trying import Passes, Trial, try_out
from benchmarks.measuring.watch import CellError
from benchmarks.report.costs import Costs
from benchmarks.report.forecast import best_chunks, lengths_of, makespan, predict, slowdown
from benchmarks.report.propose import Adviser, costs_for
from benchmarks.report.runs import load
from benchmarks.schema import Setting, TargetInfo, TimedCall, Tried
from benchmarks.strategies.base import Job
from benchmarks.tasks import count
from benchmarks.tests.conftest import ROOT
from benchmarks.workloads import WORKLOADS

METHOD = usual_start_method()
POOL = Setting("Pool.map", None, 2, METHOD)
COSTS = Costs(
    strategy="Pool.map", start_method="fork", workers=2, call=1e-4, chunk=1e-5, task=1e-6, byte_in=1e-9, byte_out=0.0,
    share=0.0, start=None, moves=True, error=0.1, points=5,
)  # fmt: skip
INFO = TargetInfo("mod:work", "abc", 8, 8, 0.01, 0.0, 1000, 10, [], measured=8, lengths=[0.01] * 8)


def test_a_makespan_is_that_of_list_scheduling() -> None:
    """Chunks go in order to whoever is free first: worked out by hand."""
    assert makespan([3, 1, 1, 1], 1, 2) == 3
    assert makespan([1, 1, 1, 3], 1, 2) == 4
    assert makespan([3, 1, 1, 1], 2, 2) == 4
    assert makespan([1.0] * 5, 1, 2) == 3
    assert makespan([2.0], 7, 4) == 2
    assert makespan([], 1, 2) == 0
    assert makespan([4.0] * 4, 1, 4, 1.0) == 8  # handed out at 1, 2, 3 and 4
    assert makespan([4.0] * 4, 2, 4, 1.0) == 10


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0.001, 10), min_size=1, max_size=40), st.integers(1, 9), st.integers(1, 6))
def test_a_makespan_has_its_bounds(lengths: list[float], chunk_size: int, workers: int) -> None:
    """No worker does more than all, nor less than its share; Graham's bound holds for the chunks."""
    chunks = [sum(lengths[begin : begin + chunk_size]) for begin in range(0, len(lengths), chunk_size)]
    ideal = max(sum(lengths) / workers, *chunks)
    found = makespan(lengths, chunk_size, workers)

    assert ideal * (1 - 1e-9) <= found <= sum(lengths) * (1 + 1e-9)
    assert found <= (2 - 1 / workers) * ideal * (1 + 1e-9)


def test_a_forecast_by_hand() -> None:
    """8 tasks of 10 ms, sent in pairs: 100 us a call, 4 chunks of 10 us, 8 tasks of 1 us and of 1000 bytes at 1 ns."""
    found = predict(INFO, COSTS, changed(POOL, chunk_size=2))

    assert found.work == pytest.approx(0.04)
    assert found.machine == pytest.approx(0)
    assert found.imbalance == pytest.approx(0)
    assert found.dispatch == pytest.approx(1e-4 + 4e-5 + 8e-6)
    assert found.data == pytest.approx(8e-6)
    assert found.seconds == pytest.approx(0.040156)
    three = predict(INFO, COSTS, changed(POOL, chunk_size=3))
    assert three.imbalance == pytest.approx(0.01)  # 3, 3 and 2 tasks: one worker has 5
    more = predict(INFO, COSTS, changed(POOL, chunk_size=2), 80)
    assert more.work == pytest.approx(0.4)


def test_lengths_are_drawn_out_or_repeated() -> None:
    """Of 6 tasks every second length is known: each stands for two; beyond these they begin anew."""
    info = changed(INFO, measured=6, lengths=[1.0, 2.0, 3.0])

    assert lengths_of(info, 6) == [1, 1, 2, 2, 3, 3]
    assert lengths_of(info, 9) == [1, 1, 2, 2, 3, 3, 1, 1, 2]
    assert lengths_of(INFO, 10) == [0.01] * 10
    assert lengths_of(changed(INFO, measured=0, lengths=[]), 3) == []


def test_bare_processes_tell_how_slow_all_processors_are() -> None:
    """Two workers that need 50 ms for what is 40 ms of work each make tasks a quarter longer."""
    floor = TimedCall(Setting("floor", 1, 2, "fork"), 8, 0.08, 0, 0, 0.05)
    info = changed(INFO, calls=[floor])

    assert slowdown(INFO) == 1
    assert slowdown(info) == pytest.approx(1.25)
    assert predict(info, COSTS, changed(POOL, chunk_size=1)).machine == pytest.approx(0.01)
    assert slowdown(changed(info, computing=0.1)) == 1  # what waits slows nobody down


def test_waiting_tasks_gain_by_more_workers() -> None:
    """8 naps of 10 ms: 8 workers need the time of one, though there are 2 processors; and pay nothing beside them."""
    call = TimedCall(changed(POOL, chunk_size=1), 200, 0.0, 0, 0, 0.002)
    info = changed(INFO, computing=0.01, calls=[call])
    handed = 1.1e-5 + 1e-6  # of each task: as a chunk, a task and its bytes
    two, eight = (predict(info, COSTS, Setting("Pool.map", 1, number, "fork")) for number in (2, 8))

    assert two.seconds == pytest.approx(0.04 + 1e-4 + 2 * handed)
    assert eight.seconds == pytest.approx(0.01 + 1e-4 + 8 * handed)


def test_chunks_are_as_small_as_they_can_be() -> None:
    """Where chunks cost nothing, one task each; where a chunk costs as much as all the work, a share each."""
    free = replace(COSTS, chunk=0.0)
    dear = replace(COSTS, chunk=0.1)

    assert best_chunks(INFO, free, POOL)[0].chunk_size == 1
    assert best_chunks(INFO, dear, POOL)[0].chunk_size == 4


def test_costs_come_from_calls() -> None:
    """Of calls that the model itself has made the same costs come back; bare processes are no strategy."""
    calls = [TimedCall(Setting("floor", 1, 2, "fork"), 8, 0.08, 0, 0, 0.05)]
    for tasks, chunk_size in ((1, 1), (200, 1), (4000, 2000)):
        seconds = 1e-4 + 1e-5 * (tasks / chunk_size) + 1e-6 * tasks
        calls.append(TimedCall(Setting("Pool.map", chunk_size, 2, "fork"), tasks, 0.0, 0, 0, seconds))
    (costs,) = costs_for(changed(INFO, calls=calls))

    assert (costs.call, costs.chunk, costs.task) == pytest.approx((1e-4, 1e-5, 1e-6))
    asked = Adviser(()).predicted(changed(INFO, calls=calls), Setting("Pool.map", 4, 2, "spawn"))
    assert asked.predicted == pytest.approx(0.05 + 1e-4 + 2e-5 + 8e-6, rel=0.05)  # by the costs of another start method
    assert Adviser(()).predicted(INFO, POOL).predicted is None
    proposed = Adviser(()).propose(changed(INFO, calls=calls))
    assert [one.setting.strategy for one in proposed] == ["Pool.map"]
    assert proposed[0].predicted == pytest.approx(0.05 + 1e-4 + 8e-6 + 4e-5, rel=0.05)


def test_real_calls_are_timed() -> None:
    """Of a real pool: 200 tasks one by one take longer than one, and less than a second; bytes where they count."""
    calls = list(timed_calls([POOL], 1e6, 10, time.perf_counter() + 20, print))

    assert [call.tasks for call in calls] == [1, 200, 4000, 16]
    assert calls[0].seconds < calls[1].seconds < 1
    assert [call.bytes_in for call in calls] == [0, 0, 0, 16e6]
    assert {call.bytes_out for call in calls} == {0}


def test_what_fails_is_told_and_leaves_nothing() -> None:
    """A pool whose task raises, or hangs, or gives wrong results, fails in one line; no process is left."""
    before = descendants()

    def wrong(_results: object) -> None:
        raise CellError("wrong results, first at task 0")

    with pytest.raises(CellError, match=r"^ValueError: .*$"):
        try_out(Job(int, ["x"], 1), Trial(changed(POOL, chunk_size=1), 1, 10))
    with pytest.raises(CellError, match=r"^not done after 1 s$"):
        try_out(Job(time.sleep, [60], 1), Trial(changed(POOL, chunk_size=1), 1, 1))
    with pytest.raises(CellError, match="wrong results"):
        try_out(Job(count, [10], 1), Trial(changed(POOL, chunk_size=1), 1, 10, wrong))
    with pytest.raises(CellError, match="nowhere"):
        try_out(Job(count, [10], 1), Trial(Setting("Pool.map", 1, 2, "nowhere"), 1, 10))
    assert descendants() - before == frozenset()


FINDINGS = Findings(
    places=tuple(range(8)),
    seconds=(0.01,) * 8,
    results=tuple(number * 99_999 * 50_000 for number in (1,) * 8),
    bytes_in=10,
    bytes_out=10,
    waits=False,
    frees=False,
    computing=1.0,
    remembers=False,
    import_seconds=0.0,
    task_memory=None,
    most_workers=None,
    notes=(),
)


def test_few_inputs_are_all_measured() -> None:
    """All where a loop takes a second at most; else the same number for each worker, or as many as an earlier run."""
    many = replace(FINDINGS, places=tuple(range(900)), seconds=(0.01,) * 900)
    long = replace(FINDINGS, seconds=(1.0,) * 8)

    assert len(measured_inputs(FINDINGS, 8, 2)) == 8
    assert len(measured_inputs(many, 900, 3)) == 75  # three quarters of a second
    assert len(measured_inputs(many, 900, 2, 60)) == 60
    assert len(measured_inputs(many, 900, 2, 2000)) == 900
    assert len(measured_inputs(long, 8, 2)) == 2


@pytest.fixture
def race(tmp_path: Path) -> Iterator[Race]:
    """A race for the counting loop over eight inputs."""
    target = Target("tasks:count", count, (100_000,) * 8, equal, "f00d")
    yield Race(target, FINDINGS, range(8), tmp_path, print)
    del WORKLOADS[target.label]


def test_a_race_on_real_pools(race: Race, capsys: pytest.CaptureFixture[str]) -> None:
    """What is predicted to be hopeless is not tried, but what was kept is; the best comes first, its chunks varied."""
    hopeless = Tried(Setting("Pool.imap", 1, 2, METHOD), 99.0)
    kept = Setting("ProcessPoolExecutor.map", 2, 2, METHOD)
    broken = Tried(Setting("Pool.map", 1, 2, "nowhere"), 0.001)
    proposed = [broken, Tried(changed(POOL, chunk_size=2), 0.01), hopeless]
    race.run(proposed, [kept], time.perf_counter() + 60)
    ranked = race.ranked()

    assert list(map(race.cost, ranked)) == sorted(map(race.cost, ranked))
    assert kept in {one.setting for one in ranked}
    assert hopeless.setting not in {one.setting for one in ranked}
    assert race.tries[hopeless.setting].taken is None
    assert "Pool.map failed, and is left out: the start method nowhere does not exist" in capsys.readouterr().out
    assert {one.setting.chunk_size for one in ranked} > {2}
    assert all((one.start or 0) > 0 for one in ranked)


def slow_to_start() -> None:
    """Take a while, once in each worker."""
    time.sleep(1)


@pytest.mark.skipif("fork" not in start_methods(), reason="workers are forked, so that nothing else takes as long")
def test_what_an_initializer_takes_is_a_part_of_the_start() -> None:
    """The first pass has it in it, and no other."""
    function = partial(worker.initialized, slow_to_start, "a run", abs)
    passes = try_out(Job(function, list(range(8)), 1), Trial(Setting("Pool.map", 1, 2, "fork"), 2, 30))

    assert passes.start > 1
    assert min(passes.seconds) < 0.8


def test_a_cluster_gets_the_time_that_it_takes_to_start(race: Race, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the race's time is over, one that was named is tried as long as any; a pool is not."""
    limits: dict[str, float] = {}

    def note(setting: Setting, _passes: int, limit: float) -> Passes:
        limits[setting.strategy] = limit
        return Passes((0.1,), 0.1)

    monkeypatch.setattr(race, "time", note)
    cluster = Setting("ray.remote", 1, 2, "ray")
    race.run([Tried(POOL, 0.01), Tried(cluster, 0.01)], [cluster], time.perf_counter() + 5)

    assert limits == {"Pool.map": 10, "ray.remote": 60}


def test_a_cluster_rules_out_no_pool(race: Race, monkeypatch: pytest.MonkeyPatch) -> None:
    """However fast one is that has more machines, the pools are tried, and the best of them is measured."""

    def note(setting: Setting, _passes: int, _limit: float) -> Passes:
        return Passes((0.01 if setting.strategy.startswith("ray") else 1.0,), 0.0)

    monkeypatch.setattr(race, "time", note)
    cluster = Setting("ray.remote", 1, 2, "ray")
    race.run([Tried(cluster, 0.01), Tried(POOL, 1.0)], [cluster], time.perf_counter() + 5)
    finalists = _finalists(race, [], ["ray.remote"], 1.0, time.perf_counter())

    assert {one.strategy for one in finalists} == {"ray.remote", "Pool.map"}


def test_a_cluster_takes_no_time_from_the_pools(race: Race, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that takes longer to start than the race has time leaves them theirs."""
    tried = []

    def note(setting: Setting, _passes: int, _limit: float) -> Passes:
        tried.append(setting.strategy)
        time.sleep(1.5 if setting.strategy == "ray.remote" else 0)
        return Passes((0.1,), 0.1)

    monkeypatch.setattr(race, "time", note)
    cluster = Setting("ray.remote", 1, 2, "ray")
    race.run([Tried(POOL, 0.01), Tried(cluster, 0.01)], [cluster], time.perf_counter() + 1)

    assert tried[:2] == ["ray.remote", "Pool.map"]


def test_wrong_results_lose_a_race(race: Race, capsys: pytest.CaptureFixture[str]) -> None:
    """A pool whose results are not those of the loop is left out, and named."""
    race.results[3] = -1
    race.run([Tried(changed(POOL, chunk_size=2), 0.01)], [], time.perf_counter() + 30)

    assert race.ranked() == []
    assert "Pool.map failed, and is left out: wrong results, first at task 3" in capsys.readouterr().out


def test_earlier_runs_are_those_of_this_machine(tmp_path: Path) -> None:
    """A folder that is not there, or cannot be read as runs, tells nothing."""
    folder = tmp_path / "Linux-CPython-3.13-64bit"
    folder.mkdir()
    (folder / "0001_run.json").write_text("{}", encoding="utf-8")
    os.utime(folder / "0001_run.json", (1, 1))
    from benchmarks.measuring.facts import stable_facts  # noqa: PLC0415 - one test asks for them

    for storage in (tmp_path, tmp_path / "nothing"):
        adviser = Adviser.over(storage, stable_facts())
        assert adviser.runs == ()
        assert adviser.earlier("mod:work", "abc") == (0, ())


def test_what_most_earlier_runs_have_measured_comes_first() -> None:
    """Of two runs of a function the setting that both have is kept; the loop beside it is no setting."""
    run = load(next(iter(sorted((ROOT / ".benchmarks").glob("*/*_baseline.json")))))
    cells = {cell.place.strategy: cell for cell in run.of_family("speedup") if cell.place.axes.size == 10_000}
    both = tuple(cells[name] for name in ("serial", "Pool.map", "Pool.imap"))
    newer, older = (replace(run, target=INFO, cells=some) for some in (both, (cells["Pool.imap"],)))
    tasks, kept = Adviser((newer, older)).earlier("mod:work", "abc")

    assert tasks == cells["Pool.imap"].place.tasks
    assert [setting.strategy for setting in kept] == ["Pool.imap", "Pool.map"]
    assert Adviser((newer, older)).earlier("mod:work", "other inputs") == (0, ())
    assert Adviser((replace(newer, cells=both[:1]),)).earlier("mod:work", "abc") == (0, ())
