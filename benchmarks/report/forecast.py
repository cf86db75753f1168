"""What a setting is predicted to take for a person's own tasks, whose lengths are known.

    seconds = call + chunk x chunks + task x tasks + byte in x bytes sent + byte out x bytes returned + makespan

The costs are those of `costs`. The makespan is that of chunks which are handed out in their order, each to the worker
that is free first (list scheduling, Graham 1969, doi 10.1137/0117039), with tasks as long as this machine makes them
when all workers compute at once: bare processes have told that. Tasks that wait leave the processors to the caller: it
then hands out beside them, and each can begin when it has been handed out.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

from benchmarks.report.costs import LEAST_ERROR, Costs, Load
from benchmarks.report.metrics import NULLS
from benchmarks.schema import Setting, TargetInfo
from benchmarks.words import NO_METHOD

COMPUTES = 0.5
"""The share of their time from which on tasks keep processors busy."""

MOST_CHUNK_SIZES = 14
"""Powers of two are tried up to a worker's share."""

NEARLY = 1.01
"""How much longer than the fastest chunk size a smaller one may take: larger ones risk an idle worker for nothing."""


@dataclass(frozen=True)
class Forecast:
    """Seconds of one pass, the pool already there, and what they are made of; they add up to `seconds`.

    `work` is an ideal share of the loop, `machine` what these processors lack of that, `imbalance` what workers are
    idle for, `dispatch` and `data` what handing out takes. `error` is the standard deviation of the log.
    """

    work: float
    machine: float
    imbalance: float
    dispatch: float
    data: float
    error: float

    @property
    def seconds(self) -> float:
        """The whole."""
        return self.work + self.machine + self.imbalance + self.dispatch + self.data


def makespan(lengths: Sequence[float], chunk_size: int, workers: int, pause: float = 0.0) -> float:
    """Return when the last worker is done, if chunks go in their order, one each `pause`, to whoever is free first."""
    if not lengths:
        return 0.0
    free = [0.0] * min(workers, -(-len(lengths) // chunk_size))
    for number, begin in enumerate(range(0, len(lengths), chunk_size), 1):
        start = max(free[0], number * pause)
        heapq.heapreplace(free, start + math.fsum(lengths[begin : begin + chunk_size]))
    return max(free)


def slowdown(info: TargetInfo) -> float:
    """Return how many times as long a task takes where all processors work, as bare processes have shown.

    1 where there were none. A pass that came faster than tasks alone allow has met a faster moment of the machine.
    """
    known = [call for call in info.calls if call.setting.strategy in NULLS and call.tasks == info.measured]
    if not known or info.computing < COMPUTES:
        return 1.0
    call = known[-1]
    lengths = lengths_of(info, info.measured)
    return call.seconds / makespan(lengths, call.setting.chunk_size or 1, call.setting.workers)


def lengths_of(info: TargetInfo, tasks: int) -> list[float]:
    """Return the lengths of so many tasks, in order: those that are known, drawn out or over and over again."""
    known = info.lengths
    if len(known) < tasks <= info.measured:
        return [known[number * len(known) // tasks] for number in range(tasks)]
    whole = known if len(known) == info.measured else lengths_of(info, info.measured)
    return list(islice(cycle(whole), tasks))


def predict(info: TargetInfo, costs: Costs, setting: Setting, tasks: int | None = None) -> Forecast:
    """Return what a pass over so many tasks takes, by default over those that are measured."""
    lengths = lengths_of(info, info.measured if tasks is None else tasks)
    number, chunk_size = len(lengths), setting.chunk_size or 1
    chunks = -(-number // chunk_size)
    load = Load(number, chunks, 0.0, info.bytes_in * number, info.bytes_out * number)
    data = costs.byte_in * load.bytes_in + costs.byte_out * load.bytes_out
    if setting.start_method == NO_METHOD:
        data = 0.0  # threads share the objects
    dispatch = costs.call + costs.chunk * chunks + costs.task * number
    slow = slowdown(info)
    whole = math.fsum(lengths)
    ideal = whole / setting.workers
    shared = slow * ideal
    if setting.workers > info_workers(info) and info.computing < COMPUTES:
        # those that wait need no processor of their own, but what they compute does
        shared = max(ideal, info.computing * whole / info_workers(info))
    span = max(shared, slow * makespan(lengths, chunk_size, setting.workers))
    if info.computing < COMPUTES:
        pause = (dispatch - costs.call + data) / chunks
        done = costs.call + max(span, makespan(lengths, chunk_size, setting.workers, pause))
        dispatch, data = done - span, 0.0
    total = span + dispatch + data
    return Forecast(
        work=ideal,
        machine=max(0.0, shared - ideal),
        imbalance=span - max(shared, ideal),
        dispatch=dispatch,
        data=data,
        error=math.hypot(LEAST_ERROR, costs.error * (dispatch + data) / total),
    )


def info_workers(info: TargetInfo) -> int:
    """Return the usual number of workers of this machine: that of bare processes, else of the pools that were asked."""
    bare = [call.setting.workers for call in info.calls if call.setting.strategy in NULLS]
    return min(bare or [call.setting.workers for call in info.calls], default=1)


def best_chunks(info: TargetInfo, costs: Costs, setting: Setting) -> tuple[Setting, Forecast]:
    """Return a setting with the smallest chunks that are all but the fastest."""
    found = [
        (own, predict(info, costs, own))
        for size in chunk_sizes(info.measured, setting.workers)
        for own in [Setting(setting.strategy, size, setting.workers, setting.start_method)]
    ]
    least = min(forecast.seconds for _, forecast in found)
    return next(pair for pair in found if pair[1].seconds <= NEARLY * least)


def chunk_sizes(tasks: int, workers: int) -> Iterator[int]:
    """Yield the chunk sizes that are looked at, the smallest first: powers of two, and a worker's share."""
    share = max(1, -(-tasks // workers))
    yield from (1 << power for power in range(MOST_CHUNK_SIZES) if 1 << power < share)
    yield share
