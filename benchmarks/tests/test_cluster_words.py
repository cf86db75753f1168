"""What is said of clusters, by arithmetic and without any: costs, plans, comparisons, code to paste."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest
from msgspec.structs import replace as changed

from benchmarks import worker
from benchmarks.bench_clusters import CHUNK_SIZE, FAMILY, KILLED, SIZES, against, answer, fed, tables
from benchmarks.measuring.cells import Cell, Selection
from benchmarks.report.metrics import Metrics
from benchmarks.report.paste import Pasted, code_for
from benchmarks.report.runs import Place
from benchmarks.report.samples import cluster_facts
from benchmarks.report.stats import Summary
from benchmarks.report.table import fitted
from benchmarks.schema import ClusterInfo, Setting
from benchmarks.strategies import STRATEGIES
from benchmarks.strategies.clusters import (
    RUNNING,
    ClusterError,
    chunks_of,
    flattened,
)
from benchmarks.strategies.ray import RayStrategy
from benchmarks.tests.made_up import params
from benchmarks.tests.saved import document, report, storage
from benchmarks.words import AFTERWARDS, CALLER_SEES, COLD, CREATE, FIRST_RESULT, FRESH, SHUTDOWN, WARM

DASK = "dask.Client.map"
INFO = ClusterInfo(4, 4, ["a", "b"], {"Python": "3.13.0", "distributed": "2026.8.0"}, "tcp://a:8786")


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a scheduler with four workers run, as far as plans know."""
    monkeypatch.setitem(RUNNING, "distributed", INFO)


def row(strategy: str, workload: str, seconds: float, **axes: Any) -> Metrics:
    """Return a row of the question with these axes, and what it measured; intervals are 10 % to each side."""
    more = {name: axes.pop(name, None) for name in ("speedup", "serial", "bytes_moved")}
    measures, observed = axes.pop("measures", {}), axes.pop("observed", {})
    cell = params(strategy=strategy, workload=workload, **axes)
    place = Place(f"{strategy}-{workload}", "clusters", cell, cell.chunk_size or 1, bytes_moved=more["bytes_moved"])
    gain = more["speedup"]
    time = Summary(3, seconds, seconds / 1.1, seconds * 1.1)
    speedup = None if gain is None else Summary(3, gain, gain / 1.1, gain * 1.1)
    return Metrics(
        place=place, time=time, tail=None, serial=more["serial"], floor=None, cpu=None, speedup=speedup,
        machine_speedup=None, efficiency=None, overhead=None, first_result=None, peak_memory=None, measures=measures,
        observed=observed,
    )  # fmt: skip


def rows_of(strategy: str, gains: tuple[float, ...], cost: float) -> list[Metrics]:
    """Return rows of which every number in the tables follows by arithmetic: 0.4 us an iteration, `cost` s a task."""
    stages = {CREATE: (2.5, "s"), FIRST_RESULT: (0.01, "s"), SHUTDOWN: (1.5, "s")}
    observed = {CALLER_SEES: "KilledWorker after 3 re-runs", AFTERWARDS: "works"}
    return [
        row(strategy, "nothing", 100 * cost, tasks=100, chunk_size=1),
        row(strategy, "nothing", 0.02, tasks=1000, chunk_size=CHUNK_SIZE),  # 20 us a task
        row(strategy, "bytes in", 0.08, tasks=8, bytes_moved=8_000_000),  # 100 MB/s
        row(strategy, "script", 4.0, tasks=1, state=COLD, measures=stages),
        row(strategy, KILLED, 0.5, tasks=8, state=FRESH, observed=observed),
        *(
            row(strategy, "count", 1.0, tasks=8, size=size, serial=8 * size * 4e-7, speedup=gain)
            for size, gain in zip(SIZES, gains, strict=True)
        ),
    ]


ROWS = [*rows_of("Pool.map", (0.5, 1.0, 1.6, 2.0), 5e-5), *rows_of(DASK, (0.1, 0.5, 1.0, 2.0), 2e-3)]


@pytest.mark.parametrize("width", [80, 160])
def test_tables_of_clusters(width: int) -> None:
    """A line each, with what follows of its rows; intervals where there is room."""
    cost, gain, start, fate = ("\n".join(fitted(some, width)) for some in tables(ROWS))

    assert max(map(len, f"{cost}\n{gain}\n{start}\n{fate}".splitlines())) <= width
    # 3e5 iterations take 120 ms, where Dask's speedup is 1; tasks of 400 ms alone are as fast as by the pool
    assert re.search(r"2\.00( \[[\d., ]+\])? ms +20\.0( \[[\d., ]+\])? us +100( \[[\d., ]+\])? MB/s", cost)
    assert re.search(r"from 120( \[[\d., a-z]+\])? ms +from 400( \[[\d., a-z]+\])? ms +50 workers", cost)
    assert re.search(r"0\.10( \[[\d., ]+\])? +0\.50( \[[\d., ]+\])? +1\.00( \[[\d., ]+\])? +2\.00", gain)
    assert re.search(r"2\.50 s +10\.0 ms +1\.50 s", start)
    assert re.search(r"KilledWorker after 3 re-runs +500 ms +works", fate)
    assert ("[" in cost) is (width == 160)


def test_tables_of_the_stored_runs_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is said of real runs of clusters has room in 80 columns, but for the path of a file."""
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = report("summary", "clusters-baseline", "--only", "clusters")
    path, *lines = out.splitlines()

    assert path.startswith("3 runs, ")
    assert "mpi4py.MPIPoolExecutor.map" in lines
    assert [line for line in lines if len(line) > 80] == []


def test_what_stands_in_the_table_of_cells() -> None:
    """Tasks of several lengths are told apart by these; what has been said of failures is not said again."""
    _, out, _ = report("summary", "clusters-baseline", "--only", "clusters", "--format", "tsv")
    (head,) = [line for line in out.splitlines() if "task length" in line]
    cells = out.partition(head)[2]

    assert "caller sees" in out
    assert "caller sees" not in head
    assert "KilledWorker" not in cells
    assert "Beside workers started by dask, mpi or ray, bare processes are started by fork." in " ".join(out.split())


def of_workers(rows: list[Metrics], workers: int) -> list[Metrics]:
    """Return rows as if so many workers had been asked for."""
    return [replace(one, place=changed(one.place, axes=changed(one.place.axes, workers=workers))) for one in rows]


def test_numbers_of_workers_stay_apart() -> None:
    """Where several were asked for there is a line for each, set against the pool that has as many."""
    two = of_workers(ROWS, 2)
    four = of_workers([*rows_of("Pool.map", (0.6, 1.1, 2.0, 4.0), 5e-5), *rows_of(DASK, (0.2, 1.0, 2.0, 4.0), 1e-3)], 4)
    cost = "\n".join(fitted(tables([*two, *four])[0], 200))
    text = answer([*two, *four])

    assert re.search(r"dask\.Client\.map, 2 workers +2\.00 .* from 120 .* from 400 ", cost)
    assert re.search(r"dask\.Client\.map, 4 workers +1\.00 .* from 12\.0 .* from 120 .* 100 workers", cost)
    assert re.search(r"dask\.Client\.map, 4 workers costs 1\.00 .* from 12\.0 .* on$", text)


def test_other_sizes_have_columns_too() -> None:
    """What was asked for by --sizes is shown."""
    rows = [row(DASK, "count", 1.0, tasks=8, size=size, serial=size * 8e-6, speedup=2.0) for size in (5, 50_000)]
    (gains,) = ("\n".join(fitted(some, 80)) for some in tables(rows) if "speedup" in "".join(fitted(some, 80)))

    assert re.search(r"5\.00 us +50\.0 ms\n", gains)
    assert re.search(r"2\.00 \[1\.82, 2\.20\] +2\.00 \[1\.82, 2\.20\]$", gains)


def test_the_answer_names_each_with_its_numbers() -> None:
    """What a task costs and from where on it pays, of clusters alone; nothing where none was measured."""
    text = answer(ROWS)

    assert re.fullmatch(
        r"none is known to beat Pool\.map up to tasks of 400 ms; "
        r"dask\.Client\.map costs 2\.00 \[1\.82, 2\.20\] ms a task and beats a loop from 120 \[.*\] ms on",
        text,
    )
    assert answer(rows_of("Pool.map", (0.5, 1.0, 1.6, 2.0), 5e-5)) == ""
    assert answer(rows_of(DASK, (0.1, 0.2, 0.3, 0.4), 2e-3)).endswith("a task and does not beat a loop up to 400 ms")
    assert answer(rows_of(DASK, (1.1, 1.2, 1.3, 1.4), 2e-3)).endswith(
        "a task and beats a loop from less than 1.20 ms on"
    )


@pytest.mark.parametrize(
    ("gains", "sure"),
    [
        ((0.1, 0.5, 1.0, 4.0), True),
        ((0.1, 0.5, 3.0, 2.1), True),  # twice as fast in the middle, and no slower at the end
        ((0.1, 0.5, 3.0, 1.9), False),
        ((0.1, 0.5, 1.0, 2.2), False),
        ((0.1, 0.5, 1.0, 1.0), False),
    ],
)
def test_a_cluster_that_beats_the_pool(gains: tuple[float, ...], *, sure: bool) -> None:
    """It is said first, with the task length, where intervals leave no doubt; the table says nothing else.

    The pool's speedups are 1.6 and 2 for the longest tasks, all within 10 %: a tenth more is no proof, twice is.
    """
    rows = [*rows_of("Pool.map", (0.5, 1.0, 1.6, 2.0), 5e-5), *rows_of(DASK, gains, 2e-3)]
    text = answer(rows)

    assert (re.match(r"dask\.Client\.map beats Pool\.map from [\d.]+ \[.*\] ms on; dask", text) is not None) is sure
    assert text.startswith("none is known to beat Pool.map up to tasks of 400 ms; ") is not sure


@pytest.mark.parametrize(
    ("seen", "shown"),
    [
        ("KilledWorker after 10 re-runs or KilledWorker after 11 re-runs", "KilledWorker after 10 or 11 re-runs"),
        ("A after 1 re-run or A after 2 re-runs or A after 4 re-runs", "A after 1, 2 or 4 re-runs"),
        ("A after 1 re-run", "A after 1 re-run"),
        ("all results or a hang", "all results or a hang"),
        ("A after 3 re-runs or B", "A after 3 re-runs or B"),
    ],
)
def test_what_the_caller_sees_is_said_once(seen: str, shown: str) -> None:
    """Several observations that differ in the number of re-runs alone are one."""
    rows = [row(DASK, KILLED, 0.5, tasks=8, state=FRESH, observed={CALLER_SEES: seen})]
    (fate,) = tables(rows)

    assert f" {shown} " in "\n".join(fitted(fate, 160))


def test_workers_that_a_scheduler_feeds() -> None:
    """One that hands out a task each 2 ms keeps 50 workers busy with tasks of 100 ms."""
    assert fed(Summary(3, 0.002, 0.001, 0.004), 0.1) == Summary(3, 50, 25, 100)


def test_a_speedup_over_the_pool() -> None:
    """It is the ratio of two speedups over one loop, between the ratios of their bounds; of equal sizes alone."""
    own, pool = (
        row(name, "count", 1.0, size=1000, serial=1.0, speedup=gain) for name, gain in ((DASK, 1), ("Pool.map", 2))
    )
    other = row("Pool.map", "count", 1.0, size=10, serial=1.0, speedup=4)
    (found,) = against([own], [other, pool])

    assert found.speedup is not None
    assert (found.speedup.center, found.speedup.low, found.speedup.high) == pytest.approx((0.5, 0.5 / 1.21, 0.5 * 1.21))


def test_chunks_by_hand() -> None:
    """Inputs in chunks, the last one smaller, come back flat and in order."""
    chunks = chunks_of(range(7), 3)

    assert [list(chunk) for chunk in chunks] == [[0, 1, 2], [3, 4, 5], [6]]
    assert flattened(worker.each(str, chunk) for chunk in chunks) == list("0123456")


def strategies_in(selection: Selection) -> set[str]:
    """Return the strategies that the question plans cells of."""
    return {planned.cell.strategy for planned in FAMILY.plan(selection)}


def test_clusters_are_measured_when_they_are_named() -> None:
    """Without one there are no cells; beside one that is named there are the pools, whatever else was named."""
    assert strategies_in(Selection()) == set()
    assert strategies_in(Selection(strategies=("Pool.imap",))) == set()
    assert strategies_in(Selection(strategies=(DASK,))) == {
        "serial", "floor", "Pool.map", "ProcessPoolExecutor.map", DASK
    }  # fmt: skip


@pytest.mark.usefixtures("running")
def test_a_running_cluster_has_the_workers_that_it_has() -> None:
    """Its cells have as many as there are, whatever was asked for, and the same names; pools have what was asked."""
    own = FAMILY.plan(Selection(strategies=(DASK,), workers=(2, 3)))
    workers = {
        planned.cell.strategy: {one.cell.workers for one in own if one.cell.strategy == planned.cell.strategy}
        for planned in own
    }

    assert (workers[DASK], workers["Pool.map"]) == ({4}, {2, 3})
    assert not [planned.label for planned in own if planned.cell.strategy == DASK and "workers" in planned.label]


def test_work_grows_with_a_running_cluster_where_it_is_the_suite_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of 40 workers has two tasks, or chunks, at least; of a person's own function there are as many as ever."""
    monkeypatch.setitem(RUNNING, "distributed", changed(INFO, workers=40))
    selection = Selection(strategies=(DASK,))
    tasks, own = (
        {
            (planned.cell.workload, planned.cell.chunk_size, planned.cell.tasks)
            for planned in family.plan(selection)
            if planned.cell.strategy == DASK and planned.cell.state == WARM
        }
        for family in (FAMILY, replace(FAMILY, about_clusters=False))
    )

    assert tasks == {("nothing", 1, 100), ("nothing", 125, 10_000), ("count", None, 80), ("bytes in", None, 80)}
    assert own == {("nothing", 1, 100), ("nothing", 125, 1000), ("count", None, 8), ("bytes in", None, 8)}


@pytest.mark.parametrize(("cpus", "address"), [(2.0, "head:6379"), (4.0, "head:6379"), (4.0, "")])
def test_nodes_that_join_or_leave(monkeypatch: pytest.MonkeyPatch, cpus: float, address: str) -> None:
    """A running Ray that is not as large as it was fails the cell; one of its own is as large as it is made."""
    monkeypatch.setitem(
        sys.modules, "ray", cast("ModuleType", SimpleNamespace(cluster_resources=lambda: {"CPU": cpus}))
    )
    monkeypatch.setenv("BENCHMARKS_RAY_ADDRESS", address)
    strategy = STRATEGIES["ray.remote"]
    assert isinstance(strategy, RayStrategy)
    if cpus == 4 and address:
        with pytest.raises(ClusterError, match=r"head:6379: has 4 CPUs, had 2: measure while no nodes join or leave"):
            strategy.check_size(2)
    else:
        strategy.check_size(2)


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize(
    ("workload", "state", "reason"),
    [
        (KILLED, FRESH, "the cluster was running before: its workers are not ours to end"),
        ("script", COLD, "the cluster was running before: its start was not seen"),
    ],
)
def test_what_a_running_cluster_is_spared(workload: str, state: str, reason: str) -> None:
    """Its workers are not killed, and its start cannot be timed."""
    assert Cell(workload, None, 8, DASK, 4, "dask", None, state).unavailable() == reason


def test_what_runs_on_a_cluster_share() -> None:
    """Its size, its machines and what all its workers have; not its address."""
    assert cluster_facts(INFO) == {
        "started": "before the run", "size": "4 workers, 4 threads", "machines": "a, b", "Python": "3.13.0",
        "distributed": "2026.8.0",
    }  # fmt: skip


def test_runs_on_unlike_clusters_are_not_compared(tmp_path: Any) -> None:
    """Other workers or hosts, or a cluster of its own, are reasons to stop, and named; another address is none.

    Unless it is said that they are meant.
    """
    folder = storage(tmp_path / "s", [("own", {}), ("four", {}), ("same", {}), ("far", {})])
    info = {"workers": 4, "threads": 4, "hosts": ["a"], "versions": {"Python": "3.13.0"}, "address": "tcp://a:1"}
    clusters = {
        "own": {},
        "four": {"distributed": info},
        "same": {"distributed": {**info, "address": "tcp://b:2"}},
        "far": {"distributed": {**info, "workers": 5, "hosts": ["a", "b"]}},
    }
    for path in folder.glob("*/*.json"):
        run = json.loads(path.read_bytes())
        run["suite"]["libraries"] = {"distributed": "2026.8.0"}
        run["suite"]["clusters"] = clusters[path.stem.partition("_")[2]]
        if path.stem.endswith("far"):  # more workers get more tasks
            for one in run["benchmarks"]:
                one["params"] |= {"workers": 5, "tasks": 2 * one["params"]["tasks"]}
        path.write_text(json.dumps(run))
    stopped = report("compare", "own", "four", f"--storage={folder}")
    compared = report("compare", "four", "same", f"--storage={folder}")
    elsewhere = report("compare", "four", "far", f"--storage={folder}")
    meant = report("compare", "four", "far", "--across=cluster", f"--storage={folder}")

    assert stopped[0] == 3
    assert "cluster of distributed, started: by the run against before the run." in " ".join(stopped[1].split())
    assert "NOT COMPARABLE" not in compared[1]
    assert (
        "cluster of distributed, size: 4 workers, 4 threads against 5 workers, 4 threads; cluster of distributed, "
        "machines: a against a, b" in " ".join(elsewhere[1].split())
    )
    assert "workers: 2 against 5;" in " ".join(elsewhere[1].split())
    assert "NOT COMPARABLE" not in meant[1]
    assert document()["suite"].get("clusters") is None


@pytest.mark.parametrize(
    ("strategy", "method", "chunk_size", "address", "expected"),
    [
        (DASK, "dask", 1, None, "client.gather(client.map(work, inputs, pure=False))"),
        (DASK, "dask", 4, "tcp://a:1", "client.gather(client.map(chunk, chunks, pure=False))"),
        ("dask.Client.submit", "dask", 4, None, "client.submit(chunk, value, pure=False) for value in chunks"),
        ("ray.remote", "ray", 1, None, "ray.get([remote.remote(value) for value in inputs])"),
        ("ray.remote", "ray", 4, "a:6379", "ray.get([remote.remote(value) for value in chunks])"),
        ("ray.util.multiprocessing.Pool.map", "ray", 4, "a:6379", "pool.map(work, inputs, chunksize=4)"),
        ("mpi4py.MPIPoolExecutor.map", "mpi", 4, None, "executor.map(work, inputs, chunksize=4)"),
    ],
)
def test_code_to_paste(strategy: str, method: str, chunk_size: int, address: str | None, expected: str) -> None:
    """It compiles, groups by hand where the engine does not, and joins the cluster that was measured."""
    library = "ray" if method == "ray" else "distributed"
    addresses = {library: address} if address else {}
    lines = code_for(Setting(strategy, chunk_size, 4, method), Pasted("mod:work"), addresses)
    code = "\n".join(lines)

    compile(code, "pasted", "exec")
    assert expected in code
    assert (f'"{address}"' in code) is (address is not None)
    assert ("chunks = [inputs[start : start + 4]" in code) is ("chunks" in expected.replace("chunksize", ""))
    assert ("mpiexec -n 5 python -m mpi4py.futures" in code) is (method == "mpi")


def test_names_that_the_code_has_already() -> None:
    """A function that is called as something in the code is imported by another name; Ray is told a name to import."""
    what = Pasted("text:chunk", initializer="text:Pool.remote")
    code = "\n".join(code_for(Setting("ray.remote", 3, 2, "ray"), what))

    assert "from text import chunk as function\n" in code
    assert "return [function(value) for value in values]" in code
    assert '"worker_process_setup_hook": "text.Pool.remote"' in code


def test_pasted_chunks_give_all_results() -> None:
    """What is grouped by hand comes back as if it had not been: run with a client that runs everything at once."""
    code = "\n".join(code_for(Setting("ray.remote", 3, 2, "ray"), Pasted("mod:work"))).replace("import ray", "")

    class Ray:
        """As much of it as the code uses."""

        init = staticmethod(lambda *_where, **_options: None)
        remote = staticmethod(lambda function: type("Remote", (), {"remote": staticmethod(function)}))
        get: Callable[..., list[Any]] = staticmethod(list)

    names: dict[str, Any] = {"ray": Ray, "inputs": list(range(8)), "work": lambda value: value * value}
    exec(code.replace("from mod import work", ""), names)  # noqa: S102 - it is the code to be pasted

    assert names["results"] == [value * value for value in range(8)]
