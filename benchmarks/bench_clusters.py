"""One machine, or a cluster?

The same few things of each cluster that is named, and of Python's own pools beside them: what a task and a byte cost,
from which task length on it pays, what starting one takes, how many workers its scheduler can feed, and what becomes of
a worker that is killed. On a cluster that each cell starts and ends, on this machine; or on a running one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from benchmarks.measuring.cells import Axes, Cell, Family, Measurement
from benchmarks.report import units
from benchmarks.report.metrics import NULLS, BreakEven, Metrics, break_even, by_setting, task_lengths
from benchmarks.report.phrases import either, known
from benchmarks.report.stats import Summary
from benchmarks.report.table import Table
from benchmarks.schema import Params
from benchmarks.words import AFTERWARDS, CALLER_SEES, COLD, FIRST_RESULT, FRESH, LEFT_BEHIND, OR, STAGES
from benchmarks.workloads import WORKLOADS

POOLS = ("Pool.map", "ProcessPoolExecutor.map")
CLUSTERS = ("dask.Client.map", "ray.remote", "ray.util.multiprocessing.Pool.map", "mpi4py.MPIPoolExecutor.map")
MORE_CALLS = ("dask.Client.submit",)
"""Those that differ from another one in how tasks are sent alone."""

TASKS = 8
SIZES = (3_000, 30_000, 300_000, 1_000_000)
BUDGET = 1.0
CHUNK_SIZE = 125
MIB = 1 << 20
KILLED = "worker killed"
PATIENCE = 30.0
"""What a cluster gets to tell of a worker that is killed each time it tries a task: Dask starts it anew three times."""

FED_TASK = 0.1
"""The task length, in seconds, at which it is said how many workers a scheduler feeds."""


def _axes(names: tuple[str, ...], seconds: float) -> Iterator[Axes]:
    """Yield what is measured of some strategies by the clock."""
    yield Axes("nothing", 100, names, seconds, chunk_sizes=(1,), template=names is POOLS)
    yield Axes("nothing", 1000, names, seconds, chunk_sizes=(CHUNK_SIZE,), template=names is POOLS)
    yield Axes("count", TASKS, names, seconds, sizes=SIZES, template=names is POOLS)
    yield Axes("bytes in", TASKS, names, seconds, sizes=(MIB,), template=names is POOLS)


def _plan(seconds: float) -> Iterator[Axes]:
    yield Axes("count", TASKS, NULLS, seconds, sizes=(SIZES[2],))
    for names in (POOLS, CLUSTERS, MORE_CALLS):
        yield from _axes(names, seconds)
    yield Axes("script", 1, CLUSTERS, seconds, state=COLD)
    yield Axes(KILLED, TASKS, CLUSTERS, PATIENCE, state=FRESH)


def _is_short(cell: Params) -> bool:
    return cell.workload != "count"


def _of(rows: Sequence[Metrics], workload: str, chunk_size: int | None = None) -> list[Metrics]:
    """Return the rows of a workload, in a chunk size where that is given."""
    return [
        row
        for row in rows
        if row.place.axes.workload == workload and (chunk_size is None or chunk_size == row.place.axes.chunk_size)
    ]


Form = Callable[[Summary, str], str]
"""Writes a value in a unit."""


def _center(value: Summary, unit: str) -> str:
    return units.amount(value.center, unit)


def _pays(rows: Sequence[Metrics], form: Form = known) -> str:
    """Say from which task length on one strategy is faster, of those that were measured."""
    point = break_even(rows)
    return units.MISSING if point is None else _pays_at(point, form)


def _pays_at(point: BreakEven, form: Form) -> str:
    if point.interval is None:
        if point.always:
            return f"from less than {units.seconds(point.shortest[0])}"
        return f"not up to {units.seconds(point.longest[0])}"
    return f"from {form(point.interval, 's')}"


def against(rows: Sequence[Metrics], pool: Sequence[Metrics]) -> list[Metrics]:
    """Return rows whose speedup is that over a local pool's rows of the same size, not over the loop.

    Both are speedups over a loop of such tasks, so it is their ratio; it lies between the ratios of their bounds.
    """
    found = []
    for row in rows:
        own = row.speedup
        other = next((one.speedup for one in pool if one.place.axes.size == row.place.axes.size), None)
        if own is not None and other is not None:
            low = own.low / other.high if own.low is not None and other.high else None
            high = own.high / other.low if own.high is not None and other.low else None
            found.append(replace(row, speedup=Summary(own.n, own.center / other.center, low, high)))
    return found


def answer(rows: Sequence[Metrics]) -> str:
    """Answer the question from its rows, null rows left out: first which cluster is faster than a pool, if any."""
    said, winners, lengths = [], [], []
    for name, own in by_setting(rows).items():
        if own[0].place.strategy in POOLS:
            continue
        single, counted = _of(own, "nothing", 1), _of(own, "count")
        costs = [f"costs {known(single[0].task_time, 's')} a task"] if single else []
        pays = [_beats("a loop", _pays(counted))] if counted else []
        if costs or pays:
            said.append(f"{name} {' and '.join([*costs, *pays])}")
        gains = against(counted, _beside(own, _of(rows, "count")))
        point = break_even(gains)
        if point is not None:
            lengths.append(point.longest[0])
            sure = any(row.speedup is not None and (row.speedup.low or 0) > 1 for row in gains)
            if sure and (point.always or point.interval is not None):
                winners.append(f"{name} {_beats(POOLS[0], _pays_at(point, known))}")
    if lengths and not winners:
        winners = [f"none is known to beat {POOLS[0]} up to tasks of {units.seconds(min(lengths))}"]
    return "; ".join([*winners, *said])


def _beats(what: str, where: str) -> str:
    if where.startswith("not "):
        return f"does not beat {what} {where.removeprefix('not ')}"
    return f"beats {what} {where} on"


def fed(cost: Summary, task_length: float) -> Summary:
    """Return how many workers a scheduler feeds with tasks of a length in seconds, at a `cost` of each in seconds.

    A worker asks for one each `task_length`, and the scheduler hands one out each `cost`: workers = task length / cost
    (the law of utilization: throughput times service time is 1 at saturation, Denning and Buzen 1978, doi
    10.1145/356733.356735). An estimate: the cost was measured with few workers, and has their and the caller's part.
    """
    return cost.inverse().scaled(task_length)


Row = Callable[[Sequence[Metrics], Sequence[Metrics], Form], list[str]]
"""Rows of one strategy, and of all, to a line of a table."""

COST_TITLES = (
    "per task,\nsingly",
    f"per task,\nin chunks\nof {CHUNK_SIZE}",
    "throughput",
    "beats\na loop",
    f"beats\n{POOLS[0]}",
    f"feeds, tasks\nof {units.seconds(FED_TASK)}",
)


def _costs(rows: Sequence[Metrics], everything: Sequence[Metrics], form: Form) -> list[str]:
    """Return what a task and a byte cost, from where on it pays, and how many workers it feeds, of one strategy."""
    single, chunked, moved = _of(rows, "nothing", 1), _of(rows, "nothing", CHUNK_SIZE), _of(rows, "bytes in")
    counted = _of(rows, "count")
    pool = _beside(rows, _of(everything, "count"))
    rate = moved[0].throughput if moved else None
    return [
        form(single[0].task_time, "s") if single else units.MISSING,
        form(chunked[0].task_time, "s") if chunked else units.MISSING,
        units.MISSING if rate is None else form(rate.scaled(1 / units.MEGABYTE), "MB/s"),
        _pays(counted, form),
        units.MISSING if rows[0].place.strategy in POOLS else _pays(against(counted, pool), form),
        # two digits: it is an estimate
        f"{float(f'{fed(single[0].task_time, FED_TASK).center:.2g}'):.0f} workers" if single else units.MISSING,
    ]


def _beside(rows: Sequence[Metrics], everything: Sequence[Metrics]) -> list[Metrics]:
    """Return the local pool's rows that some are compared with: with as many workers where there are such."""
    pools = list(by_setting([row for row in everything if row.place.strategy == POOLS[0]]).values())
    alike = [pool for pool in pools if pool[0].place.workers == rows[0].place.workers]
    return next(iter(alike or pools), [])


def _gain_titles(rows: Sequence[Metrics]) -> list[str]:
    return [f"speedup,\n{units.seconds(length)}" for length in task_lengths(_of(rows, "count")).values()]


def _gains(rows: Sequence[Metrics], everything: Sequence[Metrics], form: Form) -> list[str]:
    """Return the speedup of one strategy for each task length."""
    gains = {row.place.axes.size: row.speedup for row in _of(rows, "count")}
    found = [gains.get(size) for size in task_lengths(_of(everything, "count"))]
    return [units.MISSING if gain is None else form(gain, units.FACTOR) for gain in found]


STAGE_TITLES = ("start, with\nimport", "first\nresult", "shutdown")


def _stages(rows: Sequence[Metrics], _everything: Sequence[Metrics], _form: Form) -> list[str]:
    """Return what starting and ending a cluster takes, of one strategy."""
    script = _of(rows, "script")
    stages = script[0].measures if script else {}
    return [units.amount(*stages[name]) if name in stages else units.MISSING for name in STAGES]


FATE_TITLES = ("worker killed:\ncaller sees", "after", "pool\nafterwards", "left\nbehind")


def _fates(rows: Sequence[Metrics], _everything: Sequence[Metrics], _form: Form) -> list[str]:
    """Return what the caller sees of a worker that is killed, of one strategy."""
    killed = _of(rows, KILLED)
    observed = killed[0].observed if killed else {}
    seen = observed.get(CALLER_SEES, units.MISSING)
    return [
        _shorter(seen),
        units.amount(killed[0].time.center, "s") if killed else units.MISSING,
        observed.get(AFTERWARDS, units.MISSING),
        observed.get(LEFT_BEHIND, units.MISSING),
    ]


def _shorter(seen: str) -> str:
    """Say what several observations have in common once: they may differ in the number of re-runs alone."""
    numbers: dict[str, list[str]] = {}
    for one in seen.split(OR):
        name, _, again = one.partition(" after ")
        numbers.setdefault(name, []).append(again.partition(" ")[0])
    return OR.join(
        f"{name} after {either(some)} re-run{'' if some == ['1'] else 's'}" if all(some) else name
        for name, some in numbers.items()
    )


def tables(rows: Sequence[Metrics]) -> list[list[Table]]:
    """Return what each costs, what it gains, what its start takes, and what becomes of a worker that is killed."""
    own_rows = [row for row in rows if row.place.strategy not in NULLS]
    strategies = by_setting(own_rows)
    made: tuple[tuple[Sequence[str], Row], ...] = (
        (COST_TITLES, _costs),
        (_gain_titles(own_rows), _gains),
        (STAGE_TITLES, _stages),
        (FATE_TITLES, _fates),
    )
    found = []
    for titles, make in made:
        forms = []
        for form in (known, _center):
            lines = {name: make(own, own_rows, form) for name, own in strategies.items()}
            told = {name: line for name, line in lines.items() if any(text != units.MISSING for text in line)}
            beside = Table(["strategy", *titles], [[name, *line] for name, line in told.items()])
            above = Table(["", *titles], [["", *line] for line in told.values()], above=list(told))
            forms += [beside, above, replace(above, gap=" ")] if told else []
        found += [forms] if forms else []
    return found


FAMILY = Family(
    name="clusters",
    topic="a cluster",
    question="One machine, or a cluster?",
    timed=(
        "one pass over all tasks, the cluster already running; of a script, all from starting an interpreter, and a "
        "cluster in it, to the end of both; of what breaks, until the caller knows"
    ),
    judged_by=("speedup", "efficiency", "overhead", FIRST_RESULT),
    presets={"default": tuple(_plan(BUDGET)), "full": tuple(_plan(3 * BUDGET))},
    short_tasks=_is_short,
    label_axes=("workload", "size", "strategy"),
    answer=answer,
    tables=tables,
    takes_clusters=True,
    about_clusters=True,
    observations=1,
)


def bench_cluster(cell: Cell, measure: Measurement, observe: Measurement) -> None:
    """Time a few things of a cluster, or take down what becomes of it."""
    (observe if WORKLOADS[cell.workload].breaks else measure)(cell)
