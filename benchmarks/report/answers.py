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
    varying = [axis for axis in ("start_method", "workers", "tasks", "chunk_size") if len({*_values(rows, axis)}) > 1]
    for row in rows:
        if row.place.strategy not in NULLS:
            name = [row.place.strategy, *(f"{axis.replace('_', ' ')} {row.place.axes[axis]}" for axis in varying)]
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
    return [row.place.axes.get(axis) for row in rows]


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
        f"fast on {place.axes['workers']} workers by {place.strategy}"
    )
    if best.machine_speedup is None or best.efficiency is None:
        return f"{text}."
    return (
        f"{text}: bare processes get {units.factor(best.machine_speedup.center)} out of this machine, and the pool "
        f"delivers {'all' if best.efficiency.center > 0.995 else units.percent(best.efficiency.center)} of that."
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
    plain = [row for row in rows if row.place.axes["workload"] == rows[0].place.axes["workload"]]
    parts = []
    for row in plain:
        if (row.place.strategy, row.place.axes["workers"]) != (plain[0].place.strategy, plain[0].place.axes["workers"]):
            continue
        method = row.place.axes["start_method"]
        bare = f" (bare processes {units.seconds(row.floor)})" if row.floor else ""
        parts.append(f"{units.seconds(row.time.center)} by {method}{bare}")
    workers = rows[0].place.axes["workers"]
    name = plain[0].place.strategy.partition(".")[0]
    return f"A {name} of {workers} workers that is made, used once and shut down costs {', '.join(parts)}."


def _article(rows: Sequence[Metrics]) -> str:
    parts = []
    for row in rows:
        if row.speedup is None:
            continue
        gain = row.speedup.center
        said = f"{units.factor(gain)} times as fast" if gain >= 1 else f"{units.factor(1 / gain)} times slower"
        parts.append(f"{said} with {row.place.axes['start_method']} at {units.seconds(row.task_length)} a task")
    return (
        f"A script that makes a pool for one map of {rows[0].place.tasks} tasks is {', '.join(parts)}." if parts else ""
    )


ANSWERS: dict[str, Answer] = {
    "article": _article,
    "dispatch": _dispatch,
    "speedup": _speedup,
    "startup": _startup,
}
