"""What breaks, in an interpreter of its own, which may hang or be wrecked by it.

A caller that has seen a failure is asked whether its pool still works, and what is left when it has closed it. A wait
that has no end is cut short by a limit, and is a result like any other. What a killed worker had begun, an engine may
try again in silence: each start of a task is written down, so that this is seen.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import Any, NoReturn

from benchmarks import worker
from benchmarks.measuring.cold import Order
from benchmarks.measuring.interpreter import Caller
from benchmarks.measuring.leaks import shared_memory, unused_memory
from benchmarks.measuring.processes import Process, descendants, in_session
from benchmarks.measuring.watch import start_helpers
from benchmarks.strategies import STRATEGIES
from benchmarks.strategies.base import Job
from benchmarks.words import HANGS
from benchmarks.workloads import WORKLOADS

HANG_SECONDS = 1.0
"""Seconds after which a wait counts as one without end.

The slowest answer in 25 runs took 100 ms. While a host took 34 % of the CPUs away, rounds of all kinds lasted up to
0.8 s longer than usual, and a limit of 0.3 s took an exception for a hang.
"""

ENDING_SHARE = 0.2
"""The part of such a limit, but no less than `HANG_SECONDS`, that a proof of workers gets afterwards, and closing."""

KNOWN_HANG_SECONDS = 0.3
"""The same where a hang was seen before, and need not be proved once more."""

END_SECONDS = 0.2
"""What processes get to end after their pool was closed: one that ends at all did so within 20 ms."""

NOTICED_SECONDS = 0.2
"""What an engine gets to notice that an idle worker is gone, before it is called."""

ALL_RESULTS = "all results"

WORKS = "works"


class TooLongError(Exception):
    """A wait that was cut short."""


def break_and_tell() -> None:
    """Run in the fresh interpreter: call, tell what was seen, and when asked again what is left."""
    caller = Caller()
    what, limit = json.loads(sys.argv[1])
    order = Order(**what)
    work = WORKLOADS[order.workload]
    strategy = STRATEGIES[order.strategy]
    start_helpers(order.start_method)
    strategy.preload()
    processes, memory = descendants(), shared_memory()
    with TemporaryDirectory(prefix="breaking-", ignore_cleanup_errors=True) as folder:
        record = Path(folder) / "begun"
        function = partial(worker.recorded, str(record), work.function) if work.kills else work.function
        job = Job(function, list(work.make_inputs(order.size, order.tasks)), order.chunk_size)
        engine = strategy.open(job, order.workers, order.start_method)
        workers = engine.prove()
        if work.idle:
            os.kill(min(workers), signal.SIGKILL)
            sleep(NOTICED_SECONDS)
        signal.signal(signal.SIGALRM, too_long)
        if not caller.ready():
            return
        with caller.guarded():
            seen = within(limit, engine.run, ALL_RESULTS)
        caller.tell(seen + tried_again(record))
        caller.wait()
        with caller.guarded():
            ending = max(min(limit, HANG_SECONDS), ENDING_SHARE * limit)
            pool = within(ending, engine.prove, WORKS)
            left = _left(within(ending, engine.close, ""), processes, memory)
    caller.tell((pool, left))
    caller.wait()


def within(limit: float, wait: Callable[[], Any], done: str) -> str:
    """Return `done` if a wait ends by itself, the error it raises, or that it hangs, in words."""
    start = perf_counter()  # before the alarm is set: none may seem to come too early
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        wait()
    except TooLongError:
        return HANGS
    except Exception as error:  # noqa: BLE001 - whatever the caller sees is the result
        # extensions turn what an alarm raises in the midst of them into errors of their own
        return HANGS if perf_counter() - start >= limit else type(error).__name__
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return done


def too_long(*_: object) -> NoReturn:
    """End the wait that the alarm has interrupted."""
    raise TooLongError


def tried_again(record: Path) -> str:
    """Say how many tasks were begun once more than they had to be."""
    begun = Counter(record.read_text(encoding="utf-8").split()) if record.exists() else Counter()
    again = begun.total() - len(begun)
    return f" after {again} re-run{'s' if again > 1 else ''}" if again else ""


def _left(closing: str, processes: frozenset[Process], memory: frozenset[str]) -> str:
    """Say what is left after closing: processes get a moment to end."""
    end = perf_counter() + END_SECONDS
    while descendants() - processes and perf_counter() < end:
        sleep(0.01)
    left = len(descendants() - processes)
    said = [closing]
    said.append(f"{left} process{'es' if left > 1 else ''}" if left else "")
    # workers whose parent has gone are nobody's descendants
    own = {process.pid for process in (*descendants(), *in_session(os.getpid()))}
    said.append(pieces(len(unused_memory(memory, own))))
    return ", ".join(filter(None, said)) or "nothing"


def pieces(held: int) -> str:
    """Say how many pieces of shared memory there are, nothing where there are none."""
    return f"{held} piece{'s' if held > 1 else ''} of shared memory" if held else ""
