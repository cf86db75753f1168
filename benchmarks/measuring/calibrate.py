"""What calls of the strategies cost here and now: tasks that do nothing, or move bytes, timed for a moment.

Enough for a model to rank settings before any of them has run a person's function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from statistics import median
from time import perf_counter
from typing import Any

from msgspec.structs import replace

from benchmarks.measuring.trying import Trial, try_each
from benchmarks.measuring.watch import CellError
from benchmarks.schema import Setting, TimedCall
from benchmarks.strategies import STRATEGIES
from benchmarks.strategies.base import Job
from benchmarks.tasks import checksum, make_bytes, nothing

PASSES = 5
"""The first is slow; the median of five is off by a slow pass or two no more than by their neighbours."""

SINGLE, IN_CHUNKS = 200, 4000
"""Tasks that do nothing: sent one by one, and in one chunk a worker."""

MOVED_TASKS, LEAST_BYTES, MOST_BYTES = 16, 1 << 14, 1 << 20
"""Tasks that move bytes; fewer bytes cost no more than none, and more take no other time each."""

TRY_SECONDS = 10.0
"""No pool needs so long for tasks that do nothing."""

CLUSTER_SECONDS = 30.0
"""Ray takes four seconds to start, on a busy machine ten."""


def timed_calls(
    settings: Sequence[Setting], bytes_in: float, bytes_out: float, deadline: float, tell: Callable[[str], None]
) -> Iterator[TimedCall]:
    """Yield what calls by these settings take, whatever their chunk sizes; none of them is begun after the deadline.

    Bytes are those that a task of the person's moves: where they are few, what they cost is not asked. A setting that
    fails is left out, which is told.
    """
    if not settings:
        return
    jobs = list(_jobs(max(setting.workers for setting in settings), bytes_in, bytes_out))
    loops = [_loop(job) for job, _, _ in jobs]
    for place, setting in enumerate(settings):
        if place and perf_counter() > deadline:
            tell(f"no time was left for {', '.join(one.strategy for one in settings[place:])}: give --budget more")
            return
        try:
            timed = try_each([job for job, _, _ in jobs], Trial(setting, PASSES, _limit(setting)))
        except CellError as error:
            tell(f"{setting.strategy} failed, and is left out: {error}")
            continue
        for (job, sent, returned), work, passes in zip(jobs, loops, timed, strict=True):
            own = replace(setting, chunk_size=job.chunk_size)
            yield TimedCall(own, len(job.inputs), work, sent, returned, median(passes.seconds))


def _limit(setting: Setting) -> float:
    """Return what passes of tasks that do nothing may take, in seconds; a cluster must be started first."""
    return CLUSTER_SECONDS if STRATEGIES[setting.strategy].cluster else TRY_SECONDS


def _jobs(workers: int, bytes_in: float, bytes_out: float) -> Iterator[tuple[Job, float, float]]:
    """Yield jobs that tell what a call, a task and a chunk cost, with the bytes that they send and return."""
    yield Job(nothing, range(1), 1), 0.0, 0.0
    yield Job(nothing, range(SINGLE), 1), 0.0, 0.0
    yield Job(nothing, range(IN_CHUNKS), -(-IN_CHUNKS // workers)), 0.0, 0.0
    if bytes_in >= LEAST_BYTES:
        size = min(MOST_BYTES, round(bytes_in))
        blocks: list[Any] = [bytes([task]) * size for task in range(MOVED_TASKS)]
        yield Job(checksum, blocks, 1), float(size * MOVED_TASKS), 0.0
    if bytes_out >= LEAST_BYTES:
        size = min(MOST_BYTES, round(bytes_out))
        yield Job(make_bytes, [(task, size) for task in range(MOVED_TASKS)], 1), 0.0, float(size * MOVED_TASKS)


def _loop(job: Job) -> float:
    """Return the seconds of a plain loop over a job."""
    start = perf_counter()
    for value in job.inputs:
        job.function(value)
    return perf_counter() - start
