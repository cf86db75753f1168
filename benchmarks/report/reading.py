"""Saved runs read and reduced one by one, so that no more than a few are held with their rounds.

Many are spread over processes: one takes 10 ms or more, several times the task length from which on a pool pays.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from benchmarks.report.runs import DataError, load
from benchmarks.report.samples import Reduced, reduce

WORTH_A_WORKER = 10
"""Files a worker, at least: starting one takes as long as reading two or three."""

CHUNK = 5


def reduced(paths: Sequence[Path], only: str | None) -> Iterator[Reduced | DataError]:
    """Yield each run, in order, or what is wrong with it."""
    one = partial(reduced_one, only)
    workers = min(_cpus(), len(paths) // WORTH_A_WORKER)
    if workers < 2 or not hasattr(os, "fork"):
        yield from map(one, paths)
        return
    # an executor, since a Pool would wait for ever if a worker were killed; fork, since there is no thread here yet,
    # and any other worker would have to import all this again
    import multiprocessing  # noqa: PLC0415 - few reports need it
    from concurrent.futures import ProcessPoolExecutor  # noqa: PLC0415 - the same

    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(workers, context, initializer=_leave_interrupts_to_the_caller) as executor:
        yield from executor.map(one, paths, chunksize=CHUNK)


def reduced_one(only: str | None, path: Path) -> Reduced | DataError:
    """Return a run, or what is wrong with it."""
    try:
        run = load(path)
        return reduce(run if only is None else run.only(only))
    except DataError as error:
        return error


def _leave_interrupts_to_the_caller() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
