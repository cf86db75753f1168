"""A first look at a person's own function, by our own clock: how long its tasks are, and what it does beside.

The function runs in an interpreter of its own, once the machine is claimed, under a limit: workers are forked from this
one, and what the function does to a process must not be done to all of them.
"""

from __future__ import annotations

import pickle
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from statistics import fmean, pstdev
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.environment import memory_limit, usable_cpus
from benchmarks.errors import one_line
from benchmarks.measuring.interpreter import FreshError, Interpreter, hand_over
from benchmarks.measuring.looking import LookOrder, Seen, last_place, stored_results
from benchmarks.measuring.processes import descendants
from benchmarks.measuring.target import Target, TargetError
from benchmarks.measuring.watch import LimitError, Watch, WorkerLostError, end_all, how_it_ended
from benchmarks.schema import LEAST_SECONDS

LOOK_SHARE = 0.15
"""The part of the budget that each of two passes may take."""

CHECK_SHARE = 0.05
"""The part that it may take to see whether another interpreter gives the same results."""

MEMORY_FACTOR = 1.5
"""A second pass that is faster by more than this has found something that the first one left."""

REMEMBERED_SECONDS = 1e-4
"""A first call that is shorter is slow by what the processor's own caches lack."""

LONG_IMPORT = 0.1
"""Seconds from which on importing is most of what a worker takes to start."""

LEAST_REMEMBERED = 2
"""Calls that are to be faster the second time: a single one was disturbed, perhaps."""

WAITING_SHARE = 0.5
"""A function that computes for less than this part of its time waits for something."""

BUSY_FACTOR = 1.5
"""One that computes for longer than its time by this keeps several processors busy."""

SEED = 20261125

Calls = Sequence[tuple[float, float]]
"""Of each call its seconds, and those of CPU time in it."""


@dataclass(frozen=True)
class Findings:
    """What a look has found: of each input that was tried, its place, its seconds and its result.

    Seconds are the less of two passes, since workers are warm too when a pool is measured; of a function that
    `remembers` results they are those of the first, which is what a fresh worker takes. Bytes are means of what goes to
    a worker and comes back. `computing` is the part of its time in which it computes, `waits` says that this is less
    than half, `frees` that it gives the interpreter's lock back. `import_seconds` are what a new worker takes to import
    what the function needs, beyond what the suite needs. `task_memory` is what a task takes at most beside what a
    worker has before it, in bytes; `most_workers` is how many fit into memory; both are None where the system does not
    tell. `notes` are for the person.
    """

    places: tuple[int, ...]
    seconds: tuple[float, ...]
    results: tuple[Any, ...]
    bytes_in: float
    bytes_out: float
    waits: bool
    frees: bool
    computing: float
    remembers: bool
    import_seconds: float
    task_memory: int | None
    most_workers: int | None
    notes: tuple[str, ...]

    @property
    def task_time(self) -> float:
        """The mean of a task's length, in seconds."""
        return fmean(self.seconds)

    @property
    def spread(self) -> float:
        """The standard deviation of task lengths, as a share of their mean."""
        return pstdev(self.seconds) / self.task_time if self.task_time else 0.0


def look(target: Target, budget: float) -> Findings:
    """Run the function on inputs drawn at random until a part of the budget is over, twice.

    Raises TargetError if it raises, takes too long, ends its process, needs more memory than there is, or gives other
    results the second time, or in another interpreter. Nothing that it has started is left.
    """
    order = list(range(len(target.inputs)))
    random.Random(SEED).shuffle(order)
    with TemporaryDirectory(prefix="pool-benchmarks-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        seen = _seen(target, LookOrder(target.inputs, target.same, order, LOOK_SHARE * budget), budget, folder)
        _refuse_differing(target, seen, "the second time")
        try:
            results = tuple(stored_results(folder, len(seen.places)))
        except Exception as error:
            raise TargetError(f"--target {target.name}: its results cannot be sent back ({one_line(error)})") from error
        size = (folder / "results").stat().st_size
        remembers = _remembers(seen.first, seen.again)
        some = _as_many(seen, CHECK_SHARE * budget, remembers=remembers)
        again = LookOrder(target.inputs, target.same, some, 0.0, only_again=True)
        other = _seen(target, again, budget, folder)
        _refuse_differing(target, other, "in another interpreter (PYTHONHASHSEED=0 helps)")
        # there the function remembers nothing; if it is as fast, it was the machine that had been slow
        remembers = remembers and _remembers(other.again, seen.again[: len(some)])
    limit, need = memory_limit(), _need(seen)
    most = None if limit is None or need is None else limit // need
    if limit is not None and need is not None and not most:
        raise TargetError(
            f"--target {target.name}: each worker needs {_amount(need)} of memory, {_amount(limit)} are there: raise "
            "the limit, end other programs, or give smaller inputs"
        )
    calls = seen.first if remembers else list(map(min, seen.first, seen.again))
    spent, worked = (max(sum(column), LEAST_SECONDS) for column in zip(*calls, strict=True))
    shorter = 1.0 if remembers or seen.plain is None else min(1.0, seen.plain / spent)
    notes = tuple(_notes(target, seen, worked / spent, remembers=remembers))
    if limit is not None and need is not None and most is not None and most < usable_cpus():
        there = f"{_amount(limit)} are there, for {most} of {usable_cpus()} workers"
        notes = (*notes, f"each worker needs {_amount(need)} of memory: {there}")
    return Findings(
        places=tuple(seen.places),
        # a coarse clock sees nothing of the shortest
        seconds=tuple(max(seconds * shorter, LEAST_SECONDS) for seconds, _ in calls),
        results=results,
        bytes_in=fmean(len(pickle.dumps(target.inputs[place], 4)) for place in seen.places),
        bytes_out=size / len(seen.places),
        waits=worked < WAITING_SHARE * spent,
        frees=seen.frees,
        computing=min(1.0, worked / spent),
        remembers=remembers,
        import_seconds=seen.import_seconds,
        task_memory=seen.taken,
        most_workers=most,
        notes=notes,
    )


def _as_many(seen: Seen, seconds: float, *, remembers: bool) -> list[int]:
    """Return the first inputs that were tried, as many as take no longer than some seconds.

    At least one, or as many as tell whether what looks as if it `remembers` does.
    """
    ends = accumulate(taken for taken, _ in seen.first)
    least = _gains(seen.first, seen.again)[LEAST_REMEMBERED - 1] + 1 if remembers else 1
    return seen.places[: max(least, sum(end <= seconds for end in ends))]


def _refuse_differing(target: Target, seen: Seen, when: str) -> None:
    if seen.differing is not None:
        raise TargetError(
            f"--target {target.name}: gives another result for input {seen.differing} {when}: results cannot be "
            "checked; name what compares them (--same MODULE:FUNCTION), or measure --unchecked"
        )


def _seen(target: Target, order: LookOrder, budget: float, folder: Path) -> Seen:
    """Have the function tried, and end all that it has started."""
    hand_over(folder / "function", target.function, order)
    watch = Watch(budget)
    interpreter = Interpreter("benchmarks.measuring.looking", "look_and_tell", str(folder))
    before = descendants()
    try:
        with watch:
            interpreter.start()
            # its end is noticed even where something that it has started holds its pipes open
            watch.expect({interpreter.pid})
            interpreter.await_ready()
            answer: Seen | str = interpreter.ask()
    except LimitError:
        answer = f"three inputs take longer than the budget of {budget:g} s, twice{_at(folder)}: give --budget more"
    except (FreshError, WorkerLostError, BrokenPipeError):
        code = interpreter.exit_code()
        memory = ", as the system does where memory runs out" if code == -9 else ""
        answer = f"its process {how_it_ended(code)}{memory}{_at(folder)}: a worker would end too"
    finally:
        watch.stop()
        end_all((interpreter,), before)
    if isinstance(answer, str):
        raise TargetError(f"--target {target.name}: {answer}")
    return answer


def _at(folder: Path) -> str:
    place = last_place(folder)
    return " (while it was loaded)" if place is None else f" (at input {place})"


def _need(seen: Seen) -> int | None:
    """Return what a worker that runs a task has in memory, in bytes."""
    return None if seen.idle is None or seen.taken is None else seen.idle + seen.taken


def _amount(size: int) -> str:
    return f"{size / 2**30:.3g} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"


def _gains(first: Calls, second: Calls) -> list[int]:
    """Return which calls were faster the second time; the very first one, which may load more, does not count."""
    pairs = enumerate(zip(first, second, strict=True))
    return [
        number
        for number, ((one, _), (other, _)) in pairs
        if number > 0 and one > max(MEMORY_FACTOR * other, REMEMBERED_SECONDS)
    ]


def _remembers(first: Calls, second: Calls) -> bool:
    """Say whether the second calls found what the first ones left.

    Of repeated inputs the first pass has found most in a cache, so the sums count, of calls that are long enough. What
    disturbs one pass now and then disturbs the other too.
    """
    pairs = [(one, other) for (one, _), (other, _) in zip(first, second, strict=True)][1:]
    gained = sum(one - other for one, other in pairs if max(one, other) > REMEMBERED_SECONDS)
    return len(_gains(first, second)) >= LEAST_REMEMBERED and gained > (MEMORY_FACTOR - 1) * sum(
        other for _, other in pairs
    )


def _notes(target: Target, seen: Seen, busy: float, *, remembers: bool) -> Iterator[str]:
    """Yield what the person should know; `busy` is how many processors it kept busy."""
    number = len(seen.places)
    spent, again = (sum(seconds for seconds, _ in calls) for calls in (seen.first, seen.again))
    processes, threads = seen.left
    yield from (
        note
        for holds, note in (
            (
                seen.changed,
                f"it changes its inputs ({seen.changed} of {number} that were tried): a worker changes a copy",
            ),
            (seen.prints, "it prints, which workers do too, in no order"),
            (seen.moves, "it changes the working directory, of the worker alone"),
            (
                remembers,
                f"a second pass took {again / (spent or 1):.0%} of the first: it remembers results or warms a cache, "
                "in each worker",
            ),
            (
                seen.import_seconds > LONG_IMPORT,
                f"importing it takes {seen.import_seconds:.2g} s, in each worker that is not forked",
            ),
            (
                seen.starts_processes,
                "it starts processes of its own: a worker of a Pool cannot, where they are multiprocessing's",
            ),
            (seen.starts_threads, "it starts threads of its own, in each worker"),
            (
                busy > BUSY_FACTOR and spent > REMEMBERED_SECONDS * number,
                f"it keeps {busy:.1f} CPUs busy by itself: more workers only help where there are more CPUs",
            ),
            (processes or threads, f"it leaves {processes} processes and {threads} threads of its own"),
            (
                number < len(target.inputs),
                f"{number} of {len(target.inputs)} inputs were tried: the longest task may not be among them",
            ),
        )
        if holds
    )
