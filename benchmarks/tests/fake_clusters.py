"""Clusters that are none: as much of Dask, Ray and MPI as strategies call, and of an interpreter that hosts them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any, Self

from benchmarks.introducing import Introduction
from benchmarks.measuring.interpreter import Caller


def fake_module(name: str, **members: Any) -> ModuleType:
    """Return a module that has these members, to be put where the real one would be."""
    module = ModuleType(name)
    vars(module).update(members)
    return module


class FakeClient:
    """Dask's client. It runs everything at once; equal tasks are one to it, unless they are said not to be `pure`.

    `sent` has the input of each task that was run, `called` the names of the calls that were used.
    """

    def __init__(self) -> None:
        """Begin with no task."""
        self.sent: list[Any] = []
        self.called: set[str] = set()
        self._known: dict[str, Any] = {}

    def _result(self, function: Callable[[Any], Any], value: Any, *, pure: bool) -> Any:
        key = repr(value)
        if not pure or key not in self._known:
            self.sent.append(value)
            self._known[key] = function(value)
        return self._known[key]

    def map(self, function: Callable[[Any], Any], inputs: Iterable[Any], *, pure: bool = True) -> list[Any]:
        """Run a task for each input."""
        self.called.add("map")
        return [self._result(function, value, pure=pure) for value in inputs]

    def submit(self, function: Callable[[Any], Any], value: Any, *, pure: bool = True) -> Any:
        """Run one task."""
        self.called.add("submit")
        return self._result(function, value, pure=pure)

    @staticmethod
    def gather(futures: Iterable[Any]) -> list[Any]:
        """Return the results, which are there already."""
        return list(futures)


class FakeConnection:
    """Dask's client, connected to a scheduler on `head`, which has two idle workers of two threads each.

    The scheduler `lacks` some of what it is asked for; `asked` gets the options with which it is called.
    """

    def __init__(
        self, lacks: Sequence[str], asked: list[Mapping[str, Any]], *_address: object, **_options: object
    ) -> None:
        """Connect at once."""
        self._lacks = lacks
        self._asked = asked

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Disconnect."""

    @staticmethod
    def nthreads() -> dict[str, int]:
        """Return the threads of each worker."""
        return {"a": 2, "b": 2}

    @staticmethod
    def processing() -> dict[str, tuple[str, ...]]:
        """Return the tasks of each worker."""
        return {"a": (), "b": ()}

    def run_on_scheduler(self, function: Callable[..., Introduction], *arguments: Any, **options: Any) -> Introduction:
        """Call something in the scheduler."""
        self._asked.append(options)
        _, pid, found = function(*arguments, **options)
        return "head", pid, {name: release for name, release in found.items() if name not in self._lacks}

    @staticmethod
    def run(function: Callable[..., Introduction], *arguments: Any) -> dict[str, Introduction]:
        """Call something in each worker."""
        return {worker: function(*arguments) for worker in "ab"}


class FakeRemote:
    """What Ray makes of a function, to be run in a worker; like Ray it refuses whatever else can be called."""

    def __init__(self, sent: list[tuple[Any, ...]], function: Callable[..., Any]) -> None:
        """Keep the function, and where to note with what it is called."""
        if not inspect.isfunction(function):
            raise TypeError("a function or a class is wanted")
        self._sent = sent
        self._function = function

    def remote(self, *arguments: Any) -> Any:
        """Run it."""
        self._sent.append(arguments)
        return self._function(*arguments)

    def options(self, **_options: Any) -> Self:
        """Return itself: where it runs does not matter."""
        return self


class FakeRay(ModuleType):
    """Ray with some CPUs, of which some are free. It runs everything at once.

    `sent` has the arguments of each task, `log` when it was joined and left.
    """

    def __init__(self, cpus: int = 2, free: int = 2, nodes: Sequence[Mapping[str, Any]] = ()) -> None:
        """Say what there is."""
        super().__init__("ray")
        self.sent: list[tuple[Any, ...]] = []
        self.log: list[str] = []
        self._cpus, self._free, self._nodes = cpus, free, nodes

    def init(self, *_address: object, **_options: object) -> None:
        """Join it."""
        self.log.append("init")

    def shutdown(self) -> None:
        """Leave it."""
        self.log.append("shutdown")

    def remote(self, function: Callable[..., Any]) -> FakeRemote:
        """Return a function to be run in a worker."""
        return FakeRemote(self.sent, function)

    @staticmethod
    def get(found: Iterable[Any], timeout: float | None = None) -> list[Any]:
        """Return the results, which are there already."""
        del timeout
        return list(found)

    def cluster_resources(self) -> dict[str, float]:
        """Return what all nodes have."""
        return {"CPU": float(self._cpus)}

    def available_resources(self) -> dict[str, float]:
        """Return what nobody uses."""
        return {"CPU": float(self._free)}

    def nodes(self) -> list[Mapping[str, Any]]:
        """Return the nodes, those that are gone too."""
        return list(self._nodes)


class FakeExecutor:
    """mpi4py's executor. It runs everything at once; `asked` gets the chunk size of each call."""

    def __init__(self, asked: list[int], **_options: object) -> None:
        """Keep where to note what is asked for."""
        self._asked = asked

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """End its workers."""

    def bootup(self, *, wait: bool) -> None:
        """Wait for its workers, which are there already."""

    def map(self, function: Callable[[Any], Any], inputs: Iterable[Any], chunksize: int = 1) -> Iterator[Any]:
        """Run a task for each input."""
        self._asked.append(chunksize)
        return map(function, inputs)


class FakeInterpreter:
    """The caller's end of an interpreter that does nothing, but gives `answers`, or raises those that are errors.

    `log` gets what is asked of it.
    """

    def __init__(self, log: list[Any], answers: Iterator[Any], *_what: object, **_options: object) -> None:
        """Keep its answers, and where to note what is asked."""
        self._log = log
        self._answers = answers

    def start(self) -> None:
        """Start it."""
        self._log.append("start")

    def await_ready(self) -> None:
        """Wait until it is ready."""
        self._log.append("ready")

    def say(self, word: bytes) -> None:
        """Give it a word."""
        self._log.append(word)

    def answer(self) -> Any:
        """Return its next answer."""
        found = next(self._answers)
        if isinstance(found, Exception):
            raise found
        return found

    def terminate(self) -> None:
        """End it."""
        self._log.append("terminate")


def hear_words() -> None:
    """Run in an interpreter of its own: say to each word that it was heard, until the caller is gone."""
    caller = Caller()
    caller.say_ready()
    while caller.word():
        caller.tell("heard")
