"""One sentence a family: its question answered from its numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from benchmarks.report import units
from benchmarks.report.metrics import NULLS, BreakEven, Metrics, break_even

Answer = Callable[[Sequence[Metrics]], str]


def answer(family: str, rows: Sequence[Metrics]) -> str | None:
    """Return the sentence for a family's rows, None if the family has none or there is nothing to say."""
    pools = [row for row in rows if row.place.strategy not in NULLS]
    return ANSWERS[family](pools) if pools and family in ANSWERS else None


def break_evens(rows: Sequence[Metrics]) -> list[BreakEven]:
    """Return the break-even of each configuration that has several task lengths, the earliest first.

    A configuration is a strategy with its workers, start method, tasks and chunk size; it is named by those that vary.
    """
    groups: dict[tuple[str, ...], list[Metrics]] = {}
    varying = [
        axis
        for axis in ("workload", "start_method", "workers", "tasks", "chunk_size")
        if len({*_values(rows, axis)}) > 1
    ]
    for row in rows:
        if row.place.strategy not in NULLS:
            name = [
                row.place.strategy,
                *(f"{axis.replace('_', ' ')} {getattr(row.place.axes, axis)}" for axis in varying),
            ]
            groups.setdefault(tuple(name), []).append(row)
    found = [
        replace(point, strategy=", ".join(name))
        for name, group in groups.items()
        if len({*_values(group, "size")}) > 1
        for point in [break_even(group)]
        if point is not None
    ]
    return sorted(found, key=lambda point: (not point.always, point.task_length is None, point.task_length or 0))


def _values(rows: Sequence[Metrics], axis: str) -> list[str | int | None]:
    return [getattr(row.place.axes, axis) for row in rows]


def _speedup(rows: Sequence[Metrics]) -> str:
    points = break_evens(rows)
    paying = [point for point in points if point.task_length is not None]
    if any(point.always for point in points):
        verdict = "Yes, even for the shortest tasks here."
    elif paying:
        verdict = (
            f"Yes, if a task takes longer than about {units.seconds(paying[0].task_length)} ({paying[0].strategy})."
        )
    elif points:
        verdict = "No: not even the longest tasks here gained anything."
    else:
        verdict = "One task length alone shows no break-even."
    return f"{verdict} {_best(rows)}"


def _best(rows: Sequence[Metrics]) -> str:
    """Say what the longest tasks gain at best, and whose the missing part is."""
    longest = max(row.task_length or 0 for row in rows)
    candidates = [
        row for row in rows if row.speedup is not None and row.task_length is not None and row.task_length > longest / 2
    ]
    if not candidates:
        return ""
    best = max(candidates, key=lambda row: row.speedup.center if row.speedup else 0)
    assert best.speedup is not None
    place = best.place
    text = (
        f"{place.tasks} tasks of {units.seconds(best.task_length)} run {units.factor(best.speedup.center)} times as "
        f"fast on {place.axes.workers} workers by {place.strategy}"
    )
    if best.machine_speedup is None:
        return f"{text}."
    # not the efficiency of the table: medians of ratios do not multiply, and a reader will divide these two
    share = best.speedup.center / best.machine_speedup.center
    return (
        f"{text}: bare processes get {units.factor(best.machine_speedup.center)} out of this machine, and the pool "
        f"delivers {'all' if share > 0.995 else units.percent(share)} of that."
    )


def _dispatch(rows: Sequence[Metrics]) -> str:
    ranked = sorted(rows, key=_per_task)
    cheapest, dearest = ranked[0], ranked[-1]
    text = f"{units.seconds(_per_task(cheapest))} by {_call(cheapest)}"
    if dearest is not cheapest:
        times = _per_task(dearest) / _per_task(cheapest)
        text += (
            f", {units.seconds(_per_task(dearest))} by {_call(dearest)}, which is {units.factor(times)} times as much"
        )
    floor = f"; bare processes take {units.seconds(_floor_per_task(cheapest))} for the former" if cheapest.floor else ""
    return f"A task costs {text}{floor}."


def _per_task(row: Metrics) -> float:
    return row.time.center / row.place.tasks


def _floor_per_task(row: Metrics) -> float:
    return (row.floor or 0) / row.place.tasks


def _call(row: Metrics) -> str:
    return f"{row.place.strategy} in chunks of {row.place.tasks_per_chunk}"


def _startup(rows: Sequence[Metrics]) -> str:
    plain = [row for row in rows if row.place.axes.workload == rows[0].place.axes.workload]
    parts = []
    for row in plain:
        if (row.place.strategy, row.place.axes.workers) != (plain[0].place.strategy, plain[0].place.axes.workers):
            continue
        method = row.place.axes.start_method
        bare = f" (bare processes {units.seconds(row.floor)})" if row.floor else ""
        parts.append(f"{units.seconds(row.time.center)} by {method}{bare}")
    workers = rows[0].place.axes.workers
    name = plain[0].place.strategy.partition(".")[0]
    return f"A {name} of {workers} workers that is made, used once and shut down costs {', '.join(parts)}."


def _article(rows: Sequence[Metrics]) -> str:
    parts = []
    for row in rows:
        if row.speedup is None:
            continue
        gain = row.speedup.center
        said = f"{units.factor(gain)} times as fast" if gain >= 1 else f"{units.factor(1 / gain)} times slower"
        parts.append(f"{said} with {row.place.axes.start_method} at {units.seconds(row.task_length)} a task")
    return (
        f"A script that makes a pool for one map of {rows[0].place.tasks} tasks is {', '.join(parts)}." if parts else ""
    )


def _scaling(rows: Sequence[Metrics]) -> str:
    known = sorted((row for row in rows if row.speedup), key=_workers)
    best = max(known, key=_gain)
    enough = next(row for row in known if _gain(row) > 0.95 * _gain(best))
    text = (
        f"{units.counted(_workers(enough), 'worker')}: {enough.place.tasks} tasks of "
        f"{units.seconds(enough.task_length)} "
        f"run {units.factor(_gain(enough))} times as fast as the loop by {enough.place.strategy}"
    )
    most = known[-1]
    if most is enough:
        return f"{text}, and more were not tried."
    return f"{text}; {units.counted(_workers(most), 'worker')} bring {units.factor(_gain(most))}."


def _workers(row: Metrics) -> int:
    return row.place.axes.workers


def _gain(row: Metrics) -> float:
    return row.speedup.center if row.speedup else 0.0


def _balance(rows: Sequence[Metrics]) -> str:
    """Name the order of tasks in which the chunk size matters most."""
    orders: dict[str, list[Metrics]] = {}
    for row in rows:
        if row.speedup and row.place.strategy == "Pool.map":
            orders.setdefault(row.place.axes.workload, []).append(row)
    several = [sorted(group, key=_gain) for group in orders.values() if len(group) > 1]
    if not several:
        return ""
    worst = max(several, key=lambda group: _gain(group[-1]) / _gain(group[0]))
    low, high = worst[0], worst[-1]
    order = low.place.axes.workload.replace("heavy", "the heavy ones")
    return (
        f"It depends on their order: with {order}, "
        f"{low.place.strategy} in chunks of {low.place.tasks_per_chunk} is {units.factor(_gain(low))} times as fast "
        f"as the loop, in chunks of {high.place.tasks_per_chunk} {units.factor(_gain(high))} times."
    )


def _waiting(rows: Sequence[Metrics]) -> str:
    parts = []
    for workload in dict.fromkeys(row.place.axes.workload for row in rows):
        group = [row for row in rows if row.place.axes.workload == workload and row.speedup]
        if not group:
            continue
        best = max(group, key=_gain)
        threads = next((row for row in group if row.place.strategy.startswith("Thread")), None)
        said = f"tasks that {workload} gain most by {best.place.strategy}, {units.factor(_gain(best))} times"
        if threads is not None and threads is not best:
            said += f" (threads {units.factor(_gain(threads))})"
        parts.append(said)
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _payload(rows: Sequence[Metrics]) -> str:
    moved = [row for row in rows if row.throughput]
    shared = sorted((row for row in rows if not row.throughput), key=lambda row: row.time.center)
    parts = []
    if moved:
        best = max(moved, key=lambda row: row.throughput or 0)
        parts.append(f"at best {units.throughput(best.throughput)} ({_described(best)})")
    if len(shared) > 1:
        parts.append(
            f"a large input that {shared[0].place.tasks} tasks share takes {units.seconds(shared[0].time.center)} by "
            f"{shared[0].place.strategy}, {units.seconds(shared[-1].time.center)} by {shared[-1].place.strategy}"
        )
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _streaming(rows: Sequence[Metrics]) -> str:
    known = [row for row in rows if {"first result", "peak memory"} <= set(row.measures)]
    if not known:
        return ""
    quick = min(known, key=lambda row: row.measures["first result"][0])
    small = min(known, key=lambda row: row.measures["peak memory"][0])
    large = max(known, key=lambda row: row.measures["peak memory"][0])
    return (
        f"The first of {quick.place.tasks} results comes after {units.seconds(quick.measures['first result'][0])} by "
        f"{quick.place.strategy}; at most {units.amount(*large.measures['peak memory'])} are held by "
        f"{large.place.strategy}, {units.amount(*small.measures['peak memory'])} by {small.place.strategy}."
    )


def _failure(rows: Sequence[Metrics]) -> str:
    hanging = [row for row in rows if row.observed.get("caller sees") == "a hang"]
    unsure = [row for row in rows if row not in hanging and "a hang" in row.observed.get("caller sees", "")]
    told = [row for row in rows if row not in hanging and row not in unsure]
    parts = []
    for workload in dict.fromkeys(row.place.axes.workload for row in hanging):
        names = [row.place.strategy for row in hanging if row.place.axes.workload == workload]
        parts.append(f"{' and '.join(names)} hang{'s' if len(names) == 1 else ''} for ever ({workload})")
    parts += [f"{row.place.strategy} did not always answer in time ({row.place.axes.workload})" for row in unsure]
    if told:
        slowest = max(told, key=lambda row: row.time.center)
        parts.append(f"every other failure is seen after {units.seconds(slowest.time.center)} or sooner, by the median")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _described(row: Metrics) -> str:
    return f"{row.place.axes.workload} by {row.place.strategy}"


ANSWERS: dict[str, Answer] = {
    "article": _article,
    "balance": _balance,
    "dispatch": _dispatch,
    "failure": _failure,
    "payload": _payload,
    "scaling": _scaling,
    "speedup": _speedup,
    "startup": _startup,
    "streaming": _streaming,
    "waiting": _waiting,
}
