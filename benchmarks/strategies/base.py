"""The protocol: what a strategy of spreading work offers so that it can be measured beside the others.

A strategy is a frozen dataclass in a module of this folder, which calls `register` with an instance; that is all. What
it promises are these rules, through which `tests/test_rules.py` runs every strategy that is registered:

1. Its name is that of the API, in ids, tables and options, and nobody else's.
2. Its module imports no engine, and nothing that a worker would then load: `preload` and `open` do, when they run.
3. `preload` imports `modules`, and starts what outlives every engine: a cost, or a leak, of the first one otherwise.
4. `open` starts the workers, by the start method of the cell. They run `worker.begin` first where the engine has an
   initializer.
5. The engine's `run` does the whole job and returns a result a task, in the order of the inputs if it is `ordered`; as
   often as it is called.
6. `chunk_size` is the number of tasks that are really sent at once where the job does not say.
7. `prove` has all workers answer at the same moment, and says who they are. Those of a strategy with `fixed_workers`
   are as many as were asked for, and still the same ones after the rounds; of others there is at least one.
8. `close` waits until all that `open` started is gone: processes, their children, threads, open files, shared memory.
   What an engine leaves by design is named in `leaves`.
9. `terminate` ends what can be ended at once, whatever state the engine is in, also after `close`.
10. A strategy with a `stream` applies the job's function to whatever inputs come, and gives results one by one, in
    their order if it is `ordered`.
11. `states`, `start_methods`, `shares` and `processes` say which cells it can take; `unavailable` says why one cannot
    be measured here, in words for a reader.
12. A strategy that `keeps_threads` in the caller beyond `close` says so: nobody may fork it any more. One that has
    such threads while it is open is `hosted`: in an interpreter of its own, which its `launcher` starts.
"""

from __future__ import annotations

import multiprocessing
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.strategies.library import Library
from benchmarks.words import STANDARD_METHODS, STATES

Call = Callable[[], list[Any]]
Stream = Callable[[Iterable[Any]], Iterable[Any]]
"""Inputs to results, each as it comes."""


@dataclass(frozen=True)
class Job:
    """Tasks to be done: `function` applied to each of `inputs`.

    `chunk_size` is the number of tasks that are sent to a worker at once, None for the strategy's own default.
    """

    function: Callable[[Any], Any]
    inputs: Sequence[Any]
    chunk_size: int | None = None

    @property
    def chunk_option(self) -> dict[str, int]:
        """The chunk size as the keyword argument of a pool's call, empty unless one was asked for."""
        return {} if self.chunk_size is None else {"chunksize": self.chunk_size}


class Engine:
    """A strategy made ready for one job: its workers, and the call that is timed.

    `run()` does the whole job and returns its results. It is all that the clock sees, so it is the plain call, handed
    in ready-made: a method that forwards to it would add a frame to every time. `stream`, where there is one, applies
    the job's function to whatever inputs it is given. The rest does nothing by default.
    """

    def __init__(self, run: Call, stream: Stream | None = None) -> None:
        """Keep the calls."""
        self.run = run
        self.stream = stream

    def fetch(self, results: list[Any]) -> list[Any]:
        """Return the results of a run, given what `run` has returned: they may have stayed where they were made."""
        return results

    def prepare(self) -> None:
        """Begin what the next `run` needs and the clock must not see; several engines may do so at once."""

    def await_ready(self) -> None:
        """Wait until that is done."""

    def prove(self) -> frozenset[int]:
        """Return the process ids of all workers that outlive a run, once every one of them has answered.

        Of threads, their own numbers.
        """
        return frozenset()

    def close(self) -> None:
        """End the workers in the orderly way, waiting until they are gone."""

    def terminate(self) -> None:
        """End the workers at once. May hang after a worker was killed: call it where that does no harm."""


@dataclass(frozen=True)
class Strategy(ABC):
    """A way to spread the tasks of a job.

    `ordered` says whether results come in the order of the inputs, `parallel` whether there are workers at all,
    `processes` whether those are processes, `fixed_workers` whether the same ones serve from `open` to `close`.
    `states` are those of the cells that it can take; one that `shares` takes inputs alone whose first entries are one
    large object. `start_methods` are those that its workers can be started by: None for those of `multiprocessing`,
    an engine's own, its usual one first, or none for threads. `leaves` has patterns, as of `fnmatch`, of what is left
    when it is closed, by design, such as 'thread tqdm*' or 'shared memory sm_segment.*'; `keeps_threads` says that it
    leaves threads in the caller, so that nothing may be forked from then on, `hosted` that it needs an interpreter of
    its own, `cluster` that its workers are those of a cluster, perhaps of several machines. A `reference` is what
    others are measured against: a family lists it where it wants it as a null row. `library` is the third-party one
    that brings the engine, `modules` what a program imports to use it.
    """

    name: str
    ordered: bool = True
    parallel: bool = True
    processes: bool = True
    fixed_workers: bool = True
    shares: bool = False
    keeps_threads: bool = False
    hosted: bool = False
    cluster: bool = False
    reference: bool = False
    states: tuple[str, ...] = STATES
    start_methods: tuple[str, ...] | None = None
    leaves: tuple[str, ...] = ()
    library: Library | None = None
    modules: tuple[str, ...] = ()

    @property
    def streams(self) -> bool:
        """Whether its engines have a `stream`."""
        return False

    def methods(self, asked: Sequence[str]) -> tuple[str, ...]:
        """Return those of the start methods asked for that its cells can have.

        One of `multiprocessing`'s that this platform, or this strategy, lacks stays: `unavailable` has the reason.
        """
        own = self.start_methods
        standard = own is None or (own and set(own) <= set(STANDARD_METHODS))
        return tuple(method for method in asked if method in (STANDARD_METHODS if standard else own or ()))

    def unavailable(self, start_method: str) -> str | None:
        """Return why this strategy cannot run here, or None if it can."""
        # an import may start threads, which is what a hosted engine must not do here
        trouble = None if self.library is None else self.library.trouble(() if self.hosted else self.modules)
        if trouble is not None:
            return trouble
        known = multiprocessing.get_all_start_methods()
        own = [method for method in self.start_methods or () if method not in STANDARD_METHODS]
        if not self.processes or start_method in (*known, *own):
            return None
        return f"the start method {start_method} does not exist on this platform; it has {', '.join(known)}"

    def no_room(self, workers: int) -> str | None:
        """Return why so many workers cannot run here, although the strategy can, or None if they can."""
        del workers
        return None

    def obstacle(self, start_method: str, workers: int) -> str | None:
        """Return whatever keeps so many workers from running here, or None if nothing does."""
        return self.unavailable(start_method) or self.no_room(workers)

    def beneath(self) -> Mapping[str, str]:
        """Return the releases, by name, of what its library stands on, where that may be one thing or another."""
        return {}

    def there(self) -> int | None:
        """Return how many workers there are, whatever is asked for; None where as many are started."""
        return None

    def launcher(self, workers: int) -> tuple[str, ...]:
        """Return the command that starts the interpreter of a hosted one, to which the code for it is added."""
        del workers
        return ()

    def environment(self) -> Mapping[str, str]:
        """Return the environment variables that this interpreter needs."""
        return {}

    def preload(self) -> None:
        """Import and start what outlives every engine."""
        for module in self.modules:
            import_module(module)

    def chunk_size(self, tasks: int, workers: int) -> int:
        """Return the number of tasks that the strategy sends at once unless told otherwise."""
        del tasks, workers
        return 1

    @abstractmethod
    def open(self, job: Job, workers: int, start_method: str) -> Engine:
        """Start `workers` workers for `job`."""


STRATEGIES: dict[str, Strategy] = {}
"""Every strategy that is registered, by its name."""


def register(*strategies: Strategy) -> None:
    """Add strategies to those that can be measured. Raises ValueError for one that breaks a rule at first sight."""
    for strategy in strategies:
        message = _fault(strategy)
        if message is not None:
            raise ValueError(f"strategy {strategy.name!r}: {message}")
        STRATEGIES[strategy.name] = strategy


def _fault(strategy: Strategy) -> str | None:
    """Return what is wrong with a strategy, as far as can be seen without opening it."""
    if strategy.name in STRATEGIES:
        return "another one has that name"
    if not strategy.name.isprintable() or strategy.name != strategy.name.strip() or "," in strategy.name:
        return "a name is a word or more of one line, without commas, by which an option can select it"
    if not strategy.states or not set(strategy.states) <= set(STATES):
        return f"its states are some of {', '.join(map(repr, STATES))}"
    if strategy.processes and strategy.start_methods == ():
        return "processes are started by some method; name one"
    return None


Meeting = tuple[str, int]
Proof = tuple[int, int]
"""Where workers meet, and how many; the process id of one, and the number of its thread."""


class WrongResultsError(Exception):
    """Results that are not those of the call."""


def meet(spread: Callable[[list[Meeting]], Iterable[Proof]], workers: int) -> list[Proof]:
    """Have all workers of an engine meet, and return who they are.

    `spread` maps `worker.meet` over one place a worker, each in a message of its own. They meet in a folder, in which
    each leaves a file: that needs nothing but a call with an argument. (A barrier was rejected: it must be handed to
    workers when they start, and not every engine can.) Raises WrongResultsError where results of an earlier call are
    among theirs: after a worker was killed, joblib 1.6.0 gives such in most cases.
    """
    with TemporaryDirectory(prefix="meeting-", ignore_cleanup_errors=True) as folder:
        found = list(spread([(folder, workers)] * workers))
    if len(found) != workers or not all(isinstance(one, tuple) for one in found):
        message = f"{len(found)} workers answered of {workers}, or something else did"
        raise WrongResultsError(message)
    return found


def pool_map_chunk_size(tasks: int, workers: int) -> int:
    """Return Pool.map's default chunk size: a quarter of each worker's share, rounded up (CPython's pool.py)."""
    return max(1, -(-tasks // (4 * workers)))
