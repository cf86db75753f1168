"""Clusters: engines whose workers may be on other machines, started and ended here, or running and found by address.

Their libraries do all the work. What is here is what they have in common: who their workers are, what these must have,
and how tasks are grouped where an engine sends each by itself.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
import threading
import zlib
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from benchmarks.environment import SHARED_FOLDER
from benchmarks.introducing import SOME_CODE, UNIMPORTABLE, Introduction, introduce
from benchmarks.strategies.base import Call, Engine, Job, Strategy
from benchmarks.strategies.library import Library

if TYPE_CHECKING:
    from benchmarks.schema import ClusterInfo

ANSWER_SECONDS = 5.0
"""What a cluster gets to answer before it counts as gone; over one network that takes milliseconds."""

PROVE_SECONDS = 10.0
"""What all workers get to answer at once: they may have to be started first, and another program may use them."""

LINGER_SECONDS = 0.05
"""How long each worker takes to answer: one that was free for two calls would leave another one out."""

HIDDEN = "***"
"""What stands for a secret."""

SHORT_SECRET = 2
"""Letters of one that is hidden where it stands alone."""

LONGEST_SAID = 200
"""Letters of somebody else's error that are shown."""

Calls = Callable[[Job], Call]
"""Jobs to what does each."""

RUNNING: dict[str, ClusterInfo] = {}
"""The running clusters of this run that have been visited, by the name of their library."""


@dataclass(frozen=True)
class Location:
    """Where a running cluster is: the option that says so, what it says, and the library that is asked there."""

    option: str
    address: str
    library: str

    @property
    def where(self) -> str:
        """What messages begin with."""
        return f"{self.option} {without_secrets(self.address)}".strip()


class ClusterError(Exception):
    """A cluster that cannot be measured; the message is one line that says why, and what to do."""


class ClusterEngine(Engine):
    """A cluster, or a client of one, and one job; it can take another one, since starting a cluster takes seconds."""

    def __init__(
        self, calls: Calls, job: Job, introductions: Callable[[], Iterable[Introduction]], held: ExitStack
    ) -> None:
        """Keep what makes calls of jobs, what asks all workers who they are, and what is to be ended."""
        super().__init__(calls(job))
        self._calls = calls
        self._introductions = introductions
        self._held = held

    def take(self, job: Job) -> None:
        """Have `run` do another job from now on."""
        self.run = self._calls(job)

    def prove(self) -> frozenset[int]:
        """Ask all workers who they are."""
        return frozenset(identity(host, pid) for host, pid, _ in self._introductions())

    def close(self) -> None:
        """End what was started."""
        self._held.close()

    def terminate(self) -> None:
        """End it likewise: whoever hosts it can be killed, with all that it has started."""
        self._held.close()


@dataclass(frozen=True, kw_only=True)
class ClusterStrategy(Strategy):
    """One call of a cluster's client.

    The environment `variable` has the address of a running one, like `example`, where the `option` gave it; without,
    the cell starts and ends a cluster of its own on this machine. (A variable, since each hosted interpreter must know;
    not Ray's and Dask's own ones, which are a person's.) `debris` is a pattern, as of `fnmatch`, of shared memory that
    is left where all its processes are killed.
    """

    library: Library
    hosted: bool = True
    cluster: bool = True
    option: str = ""
    variable: str = ""
    example: str = ""
    debris: str = ""

    @property
    def address(self) -> str | None:
        """Where the running cluster is; None where one is started."""
        return os.environ.get(self.variable) or None

    @property
    def running(self) -> bool:
        """Whether its workers were there before."""
        return self.address is not None

    def there(self) -> int | None:
        """Return the workers of the running cluster, once it was visited."""
        info = RUNNING.get(self.library.name)
        return None if info is None else info.workers

    def lacking(self) -> bool:
        """Say whether its library is not here, or too old."""
        return self.library.trouble(()) is not None

    def environment(self) -> Mapping[str, str]:
        """Have processes that its engine starts find the modules that this one finds."""
        root = str(Path(__file__).parents[2])
        return {"PYTHONPATH": os.pathsep.join(dict.fromkeys((root, *filter(None, sys.path))))}

    @property
    def location(self) -> Location:
        """Where the running cluster is."""
        return Location(self.option, self.address or "", self.library.name)

    @abstractmethod
    def visit(self, modules: Sequence[str] = ()) -> ClusterInfo:
        """Look at the running cluster: who its workers are, and whether they have what is needed, some modules too.

        Raises ClusterError for what they lack, or if nobody answers.
        """


def identity(host: str, pid: int) -> int:
    """Return a number for a worker: its process id on this machine, one made of host and id elsewhere."""
    from platform import node  # noqa: PLC0415 - a fresh interpreter need not wait for it

    return pid if host == node() else zlib.crc32(f"{host}:{pid}".encode())


def all_of(ask: Callable[[int], Iterable[Introduction]], workers: int) -> list[Introduction]:
    """Return how each of so many workers introduces itself, where an engine can only be given tasks.

    `ask` spreads that many calls of `introduce`, and is asked again, for 10 s, until all have answered. Raises
    ClusterError if some never do; where calls wait for workers that others use, the cell's limit comes first.
    """
    found: dict[tuple[str, int], Introduction] = {}
    deadline = monotonic() + PROVE_SECONDS
    while len(found) < workers:
        found |= {(one[0], one[1]): one for one in ask(workers)}
        if len(found) < workers and monotonic() > deadline:
            message = (
                f"only {len(found)} of {workers} workers answered within {PROVE_SECONDS:g} s, the others are busy or "
                "gone: measure when nobody else uses the cluster"
            )
            raise ClusterError(message)
    return list(found.values())


def check(place: Location, introductions: Iterable[Introduction], modules: Sequence[str]) -> dict[str, str]:
    """Return what all who have introduced themselves, and this interpreter, have: releases by name.

    Raises ClusterError for the first that has others, or lacks one of the modules. (To find that out by sending a task
    was rejected: Dask's workers end when they cannot read one.)
    """
    _, _, own = introduce(0, [place.library], modules)
    for host, _, found in introductions:
        for name, here in own.items():
            there = found.get(name)
            if there not in {here, SOME_CODE}:
                lack = _lacks_module(host, name, there) if name in modules else _lacks_release(host, name, there, here)
                message = f"{place.where}: {lack}"
                raise ClusterError(message)
    return {name: release for name, release in own.items() if name not in modules}


def cluster_info(
    place: Location, introductions: Sequence[Introduction], modules: Sequence[str], workers: int, threads: int
) -> ClusterInfo:
    """Return a running cluster, of which workers on each host have introduced themselves. Raises like `check`."""
    from benchmarks.schema import ClusterInfo  # noqa: PLC0415 - a fresh interpreter need not wait for it

    versions = check(place, introductions, modules)
    hosts = sorted({host for host, _, _ in introductions})
    return ClusterInfo(workers, threads, hosts, versions, without_secrets(place.address))


def _lacks_release(host: str, name: str, there: str | None, here: str) -> str:
    has = f"no {name}" if there is None else f"{name} {there}"
    return f"{host} has {has}, this machine {here}: install the same there, and start its workers anew"


def _lacks_module(host: str, name: str, there: str | None) -> str:
    if there is None:
        return (
            f"{host} does not find the module {name}: put its folder into PYTHONPATH of the cluster's workers, and of "
            "Dask's scheduler"
        )
    if there.startswith(UNIMPORTABLE):
        said = there.removeprefix(UNIMPORTABLE)[:LONGEST_SAID]
        return f"{host} cannot import the module {name} ({said}): install there what it needs"
    return f"{host} has other code of the module {name} than this machine: start its workers anew, with the same file"


def cannot_answer(place: Location, error: BaseException) -> ClusterError:
    """Return what to say of workers that could not even introduce themselves."""
    if isinstance(error, ClusterError):
        return error
    where, said = place.where, said_by(error, place.address)
    if "'benchmarks" in str(error):
        return ClusterError(
            f"{where}: its workers cannot import the suite ({said}): start them with its folder, "
            f"{Path(__file__).parents[2]}, in PYTHONPATH; Dask's scheduler too"
        )
    return ClusterError(f"{where}: its workers fail ({type(error).__name__}: {said}): start them anew")


def said_by(error: BaseException, address: str | None) -> str:
    """Return what an error says of an address, in one line; whatever the address hides is hidden there too."""
    return discreet(str(error), address)


def discreet(text: str, address: str | None) -> str:
    """Return a text in one line, without what an address hides.

    Word by word, since errors quote parts of what they could not read.
    """
    text = " ".join(text.split())
    hidden = _words(address or "") - _words(without_secrets(address or ""))
    for word in sorted(hidden, key=len, reverse=True):
        for form in (word, repr(word)[1:-1]):
            squeezed = re.escape(" ".join(form.split()))
            # the letters of a short one are in other words too
            text = re.sub(squeezed if len(word) > SHORT_SECRET else rf"\b{squeezed}\b", HIDDEN, text)
    return text[:LONGEST_SAID]


def _words(address: str) -> set[str]:
    """Return all that an address has between its marks, and the whole before the host."""
    return {*re.split("[:@/?#&=]+", address), address.partition("://")[2].rpartition("@")[0]} - {""}


def without_secrets(address: str) -> str:
    """Return an address without user, password and query; it may be none that anybody could read.

    An @ behind a ? or # belongs to a password or to a query: then nothing of it is shown.
    """
    scheme, separator, rest = address.partition("://") if "://" in address else ("", "", address)
    before = re.split("[?#]", rest, maxsplit=1)[0]
    place = HIDDEN if "@" in rest[len(before) :] else before.rpartition("@")[2]
    return f"{scheme}{separator}{place}"


def refusal(host: str, port: int) -> str | None:
    """Return why nobody can be talked to at an address, within 5 s; None if somebody listens.

    In a thread: to look up a name takes as long as a name server that is silent likes, and each of a name's addresses
    would get the whole time.
    """
    found: list[str | None] = []

    def connect() -> None:
        try:
            socket.create_connection((host, port)).close()
        except (OSError, ValueError) as error:  # a name that no address could have is a UnicodeError
            found.append(getattr(error, "strerror", None) or str(error))
        else:
            found.append(None)

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(ANSWER_SECONDS)
    return found[0] if found else f"neither yes nor no within {ANSWER_SECONDS:g} s"


def chunks_of(inputs: Sequence[Any], size: int) -> list[Sequence[Any]]:
    """Return inputs in chunks of a size, the last one perhaps smaller."""
    return [inputs[begin : begin + size] for begin in range(0, len(inputs), size)]


def flattened(chunks: Iterable[Sequence[Any]]) -> list[Any]:
    """Return the results of chunks one by one."""
    return [result for chunk in chunks for result in chunk]


def lacks_memory(need: int) -> str | None:
    """Return why an engine that needs so many bytes of shared memory cannot have them; None if it can."""
    if not SHARED_FOLDER.is_dir() or (free := shutil.disk_usage(SHARED_FOLDER).free) >= need:
        return None
    has = f"{SHARED_FOLDER} has {free >> 20} MiB free, {need >> 20} are needed"
    return f"{has}: give it more (in a container --shm-size={1 + (need >> 30)}g)"
