"""What the calls of a strategy cost: the terms of a model, fitted to cells that were measured.

    seconds = call + chunk x chunks + task x tasks + byte in x bytes sent + byte out x bytes returned + work / speedup

A sum, as in Hagerup's account of overhead (1997, doi 10.1006/jpdc.1997.1411): work, costs of chunks, idle time. `work`
is what the loop takes, `speedup` what these processors make of it. The terms are fitted to relative errors, since times
span five decades. How far it is off for jobs that it has not seen is known from the cells themselves: each is predicted
from all the others.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from benchmarks.report.least_squares import nonnegative
from benchmarks.report.metrics import NULLS
from benchmarks.report.quantities import SERIAL_TIME, TIME
from benchmarks.report.runs import Place
from benchmarks.report.samples import Reduced, in_all
from benchmarks.words import COLD, WARM

WORKLOADS_OF_MODEL = ("count", "nothing", "bytes in", "bytes out")
"""Tasks that are alike: of uneven ones, or of those that wait, the model knows nothing."""

Key = tuple[str, str | None, int]
"""A strategy, its start method and its number of workers."""

LEAST_POINTS = 5
"""Cells that are needed to fit a strategy: fewer would be hit whatever they say."""

WEIGHTY = 0.2
"""The share of a cell's time from which on the cell tells what a term costs."""

NORMAL_MAD = 1.4826
"""The standard deviation of normal values over the median of their sizes."""

UNKNOWN_ERROR = 0.25
"""Where each call alone tells of a term: about what the model is off by for the worst strategies."""

LEAST_ERROR = 0.05
"""No model is believed to be nearer than this, as a share, however well it hits a few cells."""


@dataclass(frozen=True)
class Load:
    """What is to be done in a call: `work` is what a loop takes in seconds; bytes are those of all tasks."""

    tasks: int
    chunks: int
    work: float
    bytes_in: float = 0.0
    bytes_out: float = 0.0

    def terms(self) -> tuple[float, ...]:
        """Return what the costs are multiplied by, in the order of `Costs`."""
        return 1.0, float(self.chunks), float(self.tasks), self.bytes_in, self.bytes_out, self.work


@dataclass(frozen=True)
class Costs:
    """What a strategy costs by one start method on some workers: seconds a call, chunk, task, byte sent and returned.

    `share` of the loop's time is what the work takes, one over the speedup that these processors give. `start` is what
    making and ending it takes, None where nobody measured it, and `moves` whether cells tell of bytes. `error` is the
    standard deviation of the log of what is predicted over what was measured, of `points` cells.
    """

    strategy: str
    start_method: str | None
    workers: int
    call: float
    chunk: float
    task: float
    byte_in: float
    byte_out: float
    share: float
    start: float | None
    moves: bool
    error: float
    points: int

    @property
    def factors(self) -> tuple[float, ...]:
        """The fitted numbers, in the order of `Load.terms`."""
        return self.call, self.chunk, self.task, self.byte_in, self.byte_out, self.share

    def seconds(self, load: Load) -> float:
        """Return what a call takes."""
        return _sum(self.factors, load.terms())


def _sum(factors: Sequence[float], terms: Sequence[float]) -> float:
    return sum(factor * term for factor, term in zip(factors, terms, strict=True))


Points = dict[Key, list[tuple[Load, float]]]
"""Calls that were timed: what was to be done, and the seconds that it took."""


def costs_of(runs: Sequence[Reduced]) -> list[Costs]:
    """Return the costs of each strategy, start method and number of workers that enough cells tell of."""
    points, starts = points_of(runs)
    return [
        fitted(key, own, starts.get(key)) for key, own in points.items() if len(own) >= LEAST_POINTS and _has_work(own)
    ]


def points_of(runs: Sequence[Reduced]) -> tuple[Points, dict[Key, float]]:
    """Return what cells that all runs share tell of calls, and the seconds of a pool's whole life."""
    points: Points = {}
    starts: dict[Key, float] = {}
    for name in in_all(runs):
        place = runs[0].views[name].place
        key = place.strategy, place.start_method, place.workers
        if place.strategy in NULLS:
            continue
        seconds = _middle(runs, name, TIME)
        if seconds is None:
            continue
        if place.axes.state == COLD and place.axes.workload == "nothing":
            starts[key] = seconds
        load = _load(place, _middle(runs, name, SERIAL_TIME))
        if load is not None:
            points.setdefault(key, []).append((load, seconds))
    return points, starts


def _middle(runs: Sequence[Reduced], name: str, quantity: str) -> float | None:
    """Return the geometric mean over runs of a quantity of a cell."""
    values = [run.views[name].values.get(quantity) for run in runs]
    known = [value for value in values if value is not None]
    return math.exp(fmean(known)) if len(known) == len(runs) else None


def _load(place: Place, work: float | None) -> Load | None:
    """Return what a cell does, None for one that the model does not know."""
    if place.axes.workload not in WORKLOADS_OF_MODEL or place.axes.state != WARM or work is None:
        return None
    moved = float(place.bytes_moved or 0)
    sent = moved if place.axes.workload == "bytes in" else 0.0
    return Load(place.tasks, -(-place.tasks // place.tasks_per_chunk), work, sent, moved - sent)


def _has_work(points: Iterable[tuple[Load, float]]) -> bool:
    """Say whether cells tell what the work takes: in one of them it must be half of the time at least."""
    return any(load.work > seconds / 2 for load, seconds in points)


def fitted(key: Key, points: Sequence[tuple[Load, float]], start: float | None) -> Costs:
    """Return the costs that come nearest to the times of some calls."""
    strategy, start_method, workers = key
    call, chunk, task, byte_in, byte_out, share = _factors(points)
    errors = list(_predicted(points))
    # robust: a cell without which two terms cannot be told apart is predicted from far away, and says nothing of others
    error = NORMAL_MAD * median(map(abs, errors)) if errors else UNKNOWN_ERROR
    return Costs(
        strategy=strategy,
        start_method=start_method,
        workers=workers,
        call=call,
        chunk=chunk,
        task=task,
        byte_in=byte_in,
        byte_out=byte_out,
        share=share,
        start=start,
        moves=any(load.bytes_in for load, _ in points) and any(load.bytes_out for load, _ in points),
        error=max(LEAST_ERROR, error),
        points=len(points),
    )


def _factors(points: Sequence[tuple[Load, float]]) -> list[float]:
    rows = [[term / seconds for term in load.terms()] for load, seconds in points]
    return nonnegative(rows, [1.0] * len(rows))


def _predicted(points: Sequence[tuple[Load, float]]) -> Iterator[float]:
    """Yield for each cell the log of what all others, if there are any, predict over what was measured.

    Not for one that alone tells of a term, such as the only cell with bytes: the others cannot know.
    """
    factors = _factors(points)
    weighty = [
        {
            place
            for place, (factor, term) in enumerate(zip(factors, load.terms(), strict=True))
            if factor * term > WEIGHTY * seconds
        }
        for load, seconds in points
    ]
    for place, (load, seconds) in enumerate(points):
        others = [*points[:place], *points[place + 1 :]]
        told = set().union(*weighty[:place], *weighty[place + 1 :])
        guess = _sum(_factors(others), load.terms()) if others else 0.0
        if weighty[place] <= told and guess > 0:
            yield math.log(guess / seconds)
