"""Cold engines: each run makes its workers and ends them, here or in an interpreter of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from benchmarks.environment import cpu_seconds, peak_memory
from benchmarks.interrupts import SIGNALS
from benchmarks.measuring.interpreter import Caller, Interpreter, hand_over, handed_over
from benchmarks.strategies import STRATEGIES
from benchmarks.strategies.base import Engine, Job
from benchmarks.words import IMPORT, PEAK_MEMORY, STAGES
from benchmarks.workloads import WORKLOADS, Workload

if TYPE_CHECKING:
    from benchmarks.strategies.base import Strategy

CONSUMER_SECONDS = 20e-6
"""What the consumer of a stream does with each result: a little less than a pool takes to bring the next."""


@dataclass(frozen=True)
class Order:
    """A cell as plain values, to be handed to another interpreter; a `file` has a workload that is not of the suite."""

    strategy: str
    workload: str
    size: int | None
    tasks: int
    chunk_size: int | None
    workers: int
    start_method: str
    file: str | None = None


Measures = dict[str, tuple[float, str]]
"""Secondary numbers of a run with their units, by name."""


class Cold(Engine):
    """A run is a pool's whole life. `measures` has the seconds of its `STAGES` after each run."""

    def __init__(self, opening: Callable[[], Engine]) -> None:
        """Say what each run opens; nothing is opened yet."""
        super().__init__(self._live)
        self._open = opening
        self._engine: Engine | None = None
        self.measures: Measures = {}

    def _live(self) -> list[Any]:
        start = perf_counter()
        with SIGNALS.held_back():
            self._engine = engine = self._open()
        created = perf_counter()
        results, first = self._use(engine)
        results = engine.fetch(results)
        answered = perf_counter()
        engine.close()
        ended = perf_counter()
        self._engine = None
        seconds = (created - start, first - created, ended - answered)
        self.measures = {name: (taken, "s") for name, taken in zip(STAGES, seconds, strict=True)}
        return results

    def _use(self, engine: Engine) -> tuple[list[Any], float]:
        """Return the results, and the time at which the first was there."""
        return engine.run(), perf_counter()

    def terminate(self) -> None:
        """End what a failed run left."""
        if self._engine is not None:
            self._engine.terminate()


class Streaming(Cold):
    """A cold run over a generator of inputs, whose results are consumed one by one, slowly."""

    def __init__(self, strategy: Strategy, work: Workload, order: Order) -> None:
        """Say what each run opens, and where its inputs come from."""
        job = Job(work.function, (), order.chunk_size)
        super().__init__(partial(strategy.open, job, order.workers, order.start_method))
        self._inputs = partial(work.make_inputs, order.size, order.tasks)

    def _use(self, engine: Engine) -> tuple[list[Any], float]:
        assert engine.stream is not None
        results = []
        first = 0.0
        for result in engine.stream(self._inputs()):
            arrived = perf_counter()
            first = first or arrived
            results.append(result)
            while perf_counter() - arrived < CONSUMER_SECONDS:
                pass
        return results, first


class Fresh(Engine):
    """A run is a cold run in an interpreter that has just started and has imported its modules.

    What the clock sees beside the run is one byte there and the answer back: 0.2 ms around an empty run.
    """

    def __init__(self, order: Order) -> None:
        """Say what each interpreter runs; none is started yet."""
        super().__init__(self._ask)
        work, strategy = WORKLOADS[order.workload], STRATEGIES[order.strategy]
        whole = json.dumps(asdict(replace(order, file=work.file)))
        self._interpreter = Interpreter(
            "benchmarks.measuring.cold",
            "answer",
            whole,
            strategy.modules if work.script else (),
            launcher=strategy.launcher(order.workers),
            environment=strategy.environment(),
            apart=strategy.cluster,
        )
        self.measures: Measures = {}
        self.cpu_seconds: float | None = None

    def prepare(self) -> None:
        """Start an interpreter; the previous one ends meanwhile."""
        self._interpreter.renew()

    def await_ready(self) -> None:
        """Wait until the interpreter has imported everything and says so."""
        self._interpreter.await_ready()

    def _ask(self) -> list[Any]:
        results: list[Any]
        results, self.measures, self.cpu_seconds = self._interpreter.ask()
        return results

    def close(self) -> None:
        """End the interpreter and wait for it."""
        self._interpreter.close()

    def terminate(self) -> None:
        """Kill the interpreter and its workers."""
        self._interpreter.terminate()


def answer(import_seconds: float | None = None) -> None:
    """Run in the fresh interpreter: make the engine, say ready, wait for the word, run, answer.

    `import_seconds` is what importing the modules took that came before this one.
    """
    caller = Caller()
    engine = cold_engine(Order(**json.loads(sys.argv[1])))
    if not caller.ready():
        return
    with caller.guarded():
        before, memory = cpu_seconds(()), peak_memory()
        results = engine.run()
        after, most = cpu_seconds(()), peak_memory()
    # beyond what it held before; that of its workers is not counted
    if memory is not None and most is not None:
        engine.measures[PEAK_MEMORY] = (most - memory, "B")
    if import_seconds is not None:
        engine.measures = {IMPORT: (import_seconds, "s"), **engine.measures}
    caller.tell((results, engine.measures, None if before is None or after is None else after - before))
    caller.wait()  # end when told to: an interpreter that ends at once does so inside the next arm's clock


def cold_engine(order: Order) -> Cold:
    """Return the engine of a cold run."""
    work = workload_of(order)
    strategy = STRATEGIES[order.strategy]
    if not work.script:  # a script's clock sees all that is started on its way to the first result
        strategy.preload()
    if work.generated:
        return Streaming(strategy, work, order)
    job = Job(work.function, list(work.make_inputs(order.size, order.tasks)), order.chunk_size)
    return Cold(partial(strategy.open, job, order.workers, order.start_method))


def workload_of(order: Order) -> Workload:
    """Return the workload of an order, in the interpreter that has it."""
    return WORKLOADS[order.workload] if order.file is None else _handed_over(order.workload, order.file)


def with_file(work: Workload, folder: Path) -> Workload:
    """Return a workload that is not of the suite as one that new interpreters can load, from a file in a folder."""
    path = folder / "workload"
    hand_over(path, work.function, work.make_inputs(None, 0))
    return replace(work, file=str(path))


def _handed_over(name: str, file: str) -> Workload:
    function, inputs = handed_over(Path(file))
    # results are checked by the caller
    return Workload(name, function, lambda _size, _tasks: inputs, lambda _size, _tasks: [])
