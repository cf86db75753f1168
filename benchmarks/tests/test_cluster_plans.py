"""What a person's own function is given on a cluster: which settings are tried, and what is then recommended."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec.structs import replace as changed

from benchmarks.measuring.race import Race, _asked_clusters
from benchmarks.measuring.target import Target, Wanted, equal, importable
from benchmarks.measuring.trying import Passes
from benchmarks.report.propose import Adviser, costs_for
from benchmarks.report.recommend import recommendation
from benchmarks.report.runs import load
from benchmarks.report.stats import Summary
from benchmarks.schema import Setting, TargetInfo, TimedCall, Tried
from benchmarks.strategies.clusters import RUNNING
from benchmarks.strategies.distributed import DaskStrategy
from benchmarks.tasks import count
from benchmarks.tests.clusters.running import DASK, RAY
from benchmarks.tests.saved import DATA
from benchmarks.tests.test_cluster_words import INFO
from benchmarks.tests.test_phrases import row
from benchmarks.tests.test_propose import FINDINGS
from benchmarks.tests.test_propose import INFO as TARGET
from benchmarks.workloads import WORKLOADS


def calls_of(strategy: str, method: str, workers: int, each: float) -> list[TimedCall]:
    """Return a call of one task and one of 200, which cost so many seconds each."""
    setting = Setting(strategy, 1, workers, method)
    return [TimedCall(setting, tasks, 0.0, 0, 0, each * tasks) for tasks in (1, 200)]


def with_calls(dask: float, pool: float, *, workers: int = 2) -> TargetInfo:
    """Return a function, by what a task costs on a cluster of some workers, and in a pool of two."""
    return changed(TARGET, calls=[*calls_of(DASK, "dask", workers, dask), *calls_of("Pool.map", "fork", 2, pool)])


def test_a_running_cluster_is_tried_with_the_workers_that_it_has() -> None:
    """Neither tasks that wait nor little memory here change their number, as they change that of a pool's."""
    info = changed(with_calls(1e-3, 1e-5, workers=40), computing=0.01)
    found = Adviser((), (DASK,)).propose(info, most_workers=1)
    workers = {
        name: {one.setting.workers for one in found if one.setting.strategy == name} for name in (DASK, "Pool.map")
    }

    assert workers == {DASK: {40}, "Pool.map": {1}}


def test_costs_of_a_cluster_are_those_of_this_run() -> None:
    """What an earlier run says of it does not count, since that may have been on another cluster; of pools it does."""
    earlier = replace(load(DATA), target=with_calls(1.0, 1.0))
    points = {one.strategy: one.points for one in costs_for(with_calls(1e-3, 1e-3), [earlier], {DASK})}

    assert points == {DASK: 2, "Pool.map": 4}


@pytest.mark.parametrize("remembers", [True, False])
def test_workers_that_may_remember(monkeypatch: pytest.MonkeyPatch, *, remembers: bool) -> None:
    """A running cluster is left out, and that is said, where the function keeps results: its workers may have some."""
    monkeypatch.setitem(RUNNING, "distributed", INFO)
    monkeypatch.setattr(DaskStrategy, "unavailable", lambda _self, _method: None)
    said: list[str] = []
    asked = list(_asked_clusters(replace(FINDINGS, remembers=remembers), [DASK], 2, said.append))

    assert asked == ([] if remembers else [Setting(DASK, None, INFO.workers, "dask")])
    assert [line.partition(" results")[0] for line in said] == (
        [f"{DASK} is left out: the function remembers"] if remembers else []
    )


def test_a_cluster_that_was_named_is_tried_though_time_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who names one learns what it does, however little of the time is left; pools are not tried any more."""
    target = Target("tasks:count", count, (1,) * 8, equal, "f")
    monkeypatch.setitem(WORKLOADS, target.label, WORKLOADS["count"])  # where the race puts its own
    race = Race(target, FINDINGS, range(8), tmp_path, print)
    tried: list[str] = []

    def note(setting: Setting, _passes: int, _limit: float) -> Passes:
        tried.append(setting.strategy)
        return Passes((0.1,), 0.1)

    monkeypatch.setattr(race, "time", note)
    cluster = Setting(RAY, 1, 2, "ray")
    pool = Tried(Setting("Pool.map", 1, 2, "fork"), 0.01)
    race.run([pool, Tried(cluster, 0.01)], [cluster], time.perf_counter() - 1)

    assert tried == [RAY]


@pytest.mark.parametrize(("address", "joined"), [({"distributed": "tcp://a:1"}, True), ({"ray": "a:6379"}, False)])
def test_the_code_joins_the_cluster_that_was_measured(address: dict[str, str], *, joined: bool) -> None:
    """What is recommended has the address of that cluster in it, and none of a cluster of another library."""
    gain = Summary(9, 1.6, 1.5, 1.7)
    more = {"speedup": gain, "serial": 1.0, "time": gain.inverse()}
    rows = [row("target", DASK, tasks=100, start_method="dask", more=more)]
    info = TargetInfo("mod:work", "abc", 1000, 60, 0.01, 0.1, 10, 10, [])
    text = "\n".join(recommendation(info, rows, 100, address))

    assert "client.map(" in text
    assert ('distributed.Client("tcp://a:1")' in text) is joined
    assert "a:6379" not in text


@pytest.mark.parametrize(
    ("wanted", "modules"),
    [
        (Wanted("json:loads", "x:y", initializer="gc:collect"), ["json", "gc"]),
        (Wanted("json:JSONDecoder", "x:y"), ["json", "json.decoder"]),
    ],
)
def test_modules_that_workers_must_have(wanted: Wanted, modules: list[str]) -> None:
    """These are the modules that were named, and those in which what is named there was defined."""
    assert importable(wanted) == modules
