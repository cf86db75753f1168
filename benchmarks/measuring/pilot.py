"""A first look at a person's own function, by our own clock: how long its tasks are, and what it does beside.

It runs in the measuring process, once the machine is claimed, under a limit.
"""

from __future__ import annotations

import gc
import io
import os
import pickle
import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from statistics import fmean, median, pstdev
from time import perf_counter, process_time
from typing import Any

from benchmarks.measuring.processes import descendants
from benchmarks.measuring.target import Target, TargetError
from benchmarks.measuring.watch import LimitError, Watch

LOOK_SHARE = 0.15
"""The part of the budget that each of two passes may take."""

LEAST_LOOKS = 3
"""Inputs that are tried at least, however long they take."""

MEMORY_FACTOR = 1.5
"""A second pass that is faster by more than this has found something that the first one left."""

REMEMBERED_SECONDS = 1e-4
"""A first call that is shorter is slow by what the processor's own caches lack."""

GIL_FACTOR = 1.4
"""Two threads that are together faster than one after the other by this do not hold the lock all the time."""

SEEN_SECONDS = 0.05
"""What is timed for that: ten times as long as a thread may hold the lock before another one asks for it."""

WAITING_SHARE = 0.5
"""A function that computes for less than this part of its time waits for something."""

SEED = 20261125


@dataclass(frozen=True)
class Findings:
    """What a look has found: of each input that was tried, its place, its seconds and its result.

    Bytes are means of what goes to a worker and comes back. `waits` says that it computes for less than half of its
    time, `frees` that it gives the interpreter's lock back. `notes` are for the person.
    """

    places: tuple[int, ...]
    seconds: tuple[float, ...]
    results: tuple[Any, ...]
    bytes_in: float
    bytes_out: float
    waits: bool
    frees: bool
    computing: float
    notes: tuple[str, ...]
    remembers: bool = False
    most_workers: int | None = None

    @property
    def task_time(self) -> float:
        """The mean of a task's length, in seconds."""
        return fmean(self.seconds)

    @property
    def spread(self) -> float:
        """The standard deviation of task lengths, as a share of their mean."""
        return pstdev(self.seconds) / self.task_time if self.task_time else 0.0


@dataclass
class _Tried:
    """What the first pass has found so far: places of inputs, seconds and results; CPU time; inputs that it changed."""

    places: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    results: list[Any] = field(default_factory=list)
    cpu: float = 0.0
    changed: int = 0
    at: int = -1


def look(target: Target, budget: float) -> Findings:
    """Run the function on inputs drawn at random until a part of the budget is over, twice.

    Raises TargetError if it raises, takes too long, or gives other results the second time.
    """
    watch = Watch(budget)
    quiet = io.StringIO()
    tried = _Tried()
    processes, threads = descendants(), set(threading.enumerate())
    try:
        with watch, redirect_stdout(quiet), redirect_stderr(quiet):
            _first_pass(target, LOOK_SHARE * budget, tried)
            again, differing = _second_pass(target, tried.places, tried.results)
            frees = _frees_the_lock(target, tried.places, again)
    except LimitError:
        message = f"three inputs take longer than the budget of {budget:g} s, twice: give --budget more"
        raise TargetError(f"--target {target.name}: {message}") from None
    except TargetError:
        raise
    except Exception as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise TargetError(f"--target {target.name}: raises {said} for input {tried.at}") from error
    finally:
        watch.stop()
    if differing is not None:
        raise TargetError(
            f"--target {target.name}: gives another result for input {differing} the second time: results cannot be "
            "checked; name what compares them (--same MODULE:FUNCTION), or measure --unchecked"
        )
    gc.collect()
    left = len(descendants() - processes), len(set(threading.enumerate()) - threads)
    return Findings(
        places=tuple(tried.places),
        # the faster of two: workers are warm too when a pool is measured
        seconds=tuple(map(min, tried.seconds, again)),
        results=tuple(tried.results),
        bytes_in=fmean(len(pickle.dumps(target.inputs[place], 4)) for place in tried.places),
        bytes_out=fmean(len(pickle.dumps(result, 4)) for result in tried.results),
        waits=tried.cpu < WAITING_SHARE * sum(tried.seconds),
        frees=frees,
        computing=min(1.0, tried.cpu / sum(tried.seconds)),
        notes=tuple(_notes(target, tried, again, prints=bool(quiet.getvalue()), left=left)),
    )


def _first_pass(target: Target, seconds: float, tried: _Tried) -> None:
    """Try inputs in an order drawn at random until some seconds are over."""
    order = list(range(len(target.inputs)))
    random.Random(SEED).shuffle(order)
    deadline = perf_counter() + seconds
    for number in order:
        tried.at = number
        before = pickle.dumps(target.inputs[number])
        start, worked = perf_counter(), process_time()
        result = target.function(target.inputs[number])
        tried.seconds.append(perf_counter() - start)
        tried.cpu += process_time() - worked
        tried.results.append(_sendable(result, target, number))
        tried.places.append(number)
        tried.changed += pickle.dumps(target.inputs[number]) != before
        if perf_counter() > deadline and len(tried.places) >= LEAST_LOOKS:
            return


def _notes(
    target: Target, tried: _Tried, again: Sequence[float], *, prints: bool, left: tuple[int, int]
) -> Iterator[str]:
    """Yield what the person should know; `left` are processes and threads that are still there."""
    number = len(tried.places)
    if tried.changed:
        yield f"it changes its inputs ({tried.changed} of {number} that were tried): a worker changes a copy"
    if prints:
        yield "it prints, which workers do too, in no order"
    if median(tried.seconds) > max(MEMORY_FACTOR * median(again), REMEMBERED_SECONDS):
        share = median(again) / median(tried.seconds)
        yield f"a second pass took {share:.0%} of the first: it remembers results or warms a cache, in each worker"
    if any(left):
        yield f"it leaves {left[0]} processes and {left[1]} threads of its own"
    if number < len(target.inputs):
        yield f"{number} of {len(target.inputs)} inputs were tried: the longest task may not be among them"


def _sendable(result: Any, target: Target, number: int) -> Any:
    try:
        pickle.dumps(result)
    except Exception as error:  # noqa: BLE001 - a person's own object
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise TargetError(
            f"--target {target.name}: its result for input {number} cannot be sent back ({said})"
        ) from None
    return result


def _second_pass(target: Target, places: Sequence[int], results: Sequence[Any]) -> tuple[list[float], int | None]:
    """Return the seconds of a second pass, and an input whose result differs from the first."""
    seconds, differing = [], None
    for place, former in zip(places, results, strict=True):
        start = perf_counter()
        result = target.function(target.inputs[place])
        seconds.append(perf_counter() - start)
        if differing is None and not target.same(former, result):
            differing = place
    return seconds, differing


def _frees_the_lock(target: Target, places: Sequence[int], seconds: Sequence[float]) -> bool:
    """Say whether two threads do in less time what one does after the other: the longest tasks, often enough to see."""
    if len(places) < 2 or (os.cpu_count() or 1) < 2:
        return False
    pair = sorted(range(len(places)), key=lambda place: -seconds[place])[:2]
    times = max(1, round(SEEN_SECONDS / max(sum(seconds[place] for place in pair), 1e-6)))

    def run(place: int) -> None:
        for _ in range(times):
            target.function(target.inputs[places[place]])

    def gain() -> float:
        start = perf_counter()
        for place in pair:
            run(place)
        alone = perf_counter() - start
        threads = [threading.Thread(target=run, args=(place,)) for place in pair]
        start = perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return alone / (perf_counter() - start)

    # a second try where something else was on the processors
    return gain() > GIL_FACTOR or gain() > GIL_FACTOR
