"""Hosted engines: opened in an interpreter of their own, since they put threads into it, or need a launcher.

What the clock sees beside the run is one byte there and a short answer back, some 20 us around an empty run; results
stay there until no clock sees them fetched.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.measuring.cold import Order, workload_of
from benchmarks.measuring.interpreter import Caller, FreshError, Interpreter, hand_over, handed_over
from benchmarks.measuring.processes import below
from benchmarks.measuring.watch import CellError
from benchmarks.schema import Setting
from benchmarks.strategies import STRATEGIES
from benchmarks.strategies.base import Engine, Job
from benchmarks.strategies.clusters import ClusterEngine, ClusterError, ClusterStrategy, discreet, said_by

PROVE, RUN, FETCH, TAKE, CLOSE = b"p", b"r", b"f", b"t", b"c"


class Hosted(Engine):
    """The caller's end. Its interpreter starts at once, and opens the engine when somebody waits for it."""

    def __init__(self, order: Order, *, opened: bool = False) -> None:
        """Start the interpreter, and wait until its engine is `opened` where that is asked for."""
        super().__init__(lambda: self._ask(RUN))
        strategy = STRATEGIES[order.strategy]
        assert isinstance(strategy, ClusterStrategy)
        self._address = strategy.address
        self._interpreter = Interpreter(
            "benchmarks.measuring.hosted",
            "host",
            json.dumps(asdict(order)),
            launcher=strategy.launcher(order.workers),
            environment=strategy.environment(),
            apart=True,
        )
        self._opened = False
        self._order = order
        self._interpreter.start()
        if opened:
            with ExitStack() as failing:
                failing.callback(self.terminate)
                self.await_open()
                failing.pop_all()

    def await_open(self) -> None:
        """Wait until the engine is open. Raises CellError for what went wrong."""
        if not self._opened:
            self._opened = True
            with self._discreet():
                self._interpreter.await_ready()
            self._told()

    def prove(self) -> frozenset[int]:
        """Have the engine's workers prove that they are up."""
        workers: frozenset[int] = self._ask(PROVE)
        return workers

    def take(self, job: Job) -> None:
        """Have the same cluster do another job from now on, handed over where its first one was."""
        self.await_open()  # until then it may read what was handed over before
        assert self._order.file is not None
        hand_over(Path(self._order.file), job.function, list(job.inputs), job.chunk_size)
        self._ask(TAKE)

    def fetch(self, results: list[Any]) -> list[Any]:
        """Bring the results of the last run here."""
        del results
        found: list[Any] = self._ask(FETCH)
        return found

    def close(self) -> None:
        """End the engine in the orderly way, and its interpreter."""
        self._ask(CLOSE)
        self._interpreter.close()

    def terminate(self) -> None:
        """Kill the interpreter, and all that it has started."""
        self._interpreter.terminate()

    def _ask(self, word: bytes) -> Any:
        self.await_open()
        with self._discreet():
            self._interpreter.say(word)
        return self._told()

    @contextmanager
    def _discreet(self) -> Iterator[None]:
        """Hide what an address hides also in what an interpreter has printed before it ended."""
        try:
            yield
        except FreshError as error:
            raise FreshError(error.how, discreet(error.said, self._address)) from None

    def _told(self) -> Any:
        with self._discreet():
            answer, failure = self._interpreter.answer()
        if failure is not None:
            raise CellError(failure)
        return answer


def hosted(job: Job, setting: Setting, folder: Path) -> Hosted:
    """Return a hosted engine for a job that is no workload of the suite's; a folder is for what is handed over."""
    path = folder / "job"
    hand_over(path, job.function, list(job.inputs))
    one = setting
    order = Order(
        one.strategy, "handed over", None, len(job.inputs), one.chunk_size, one.workers, one.start_method, str(path)
    )
    return Hosted(order)


def host() -> None:
    """Run in the interpreter: open the engine, then do what each word says, until the caller is gone."""
    caller = Caller()
    order = Order(**json.loads(sys.argv[1]))
    engines: list[Engine] = []
    results: list[Any] = []
    strategy = STRATEGIES[order.strategy]
    assert isinstance(strategy, ClusterStrategy)

    def open_it() -> None:
        work = workload_of(order)
        strategy.preload()
        job = Job(work.function, list(work.make_inputs(order.size, order.tasks)), order.chunk_size)
        engines.append(strategy.open(job, order.workers, order.start_method))

    def take() -> None:
        assert order.file is not None
        assert isinstance(engines[0], ClusterEngine)
        engines[0].take(Job(*handed_over(Path(order.file))))

    def run() -> None:
        results[:] = engines[0].run()

    do = partial(_done, caller, strategy.address)
    opened = do(open_it, alone=False)
    # what watches over shared memory must outlive this interpreter; where there is such, workers end by themselves
    alone = any(process.tracks for process in below(os.getpid()))
    caller.say_ready()
    caller.tell(opened)
    if not engines:
        return
    (engine,) = engines
    acts: dict[bytes, Callable[[], Any]] = {
        PROVE: engine.prove,
        RUN: run,
        FETCH: lambda: results,
        TAKE: take,
        CLOSE: engine.close,
    }
    while word := caller.word():
        caller.tell(do(acts[word], alone=alone))


def _done(caller: Caller, address: str | None, act: Callable[[], Any], *, alone: bool) -> tuple[Any, str | None]:
    """Do something while the caller lives; return what it gave, and how it failed, which may be about an address."""
    try:
        with caller.guarded(alone=alone):
            return act(), None
    except ClusterError as error:
        return None, str(error)
    except Exception as error:  # noqa: BLE001 - whatever a cluster raises is the caller's to report
        said = said_by(error, address)
        return None, f"{type(error).__name__}: {said}" if said else type(error).__name__
