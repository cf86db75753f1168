"""A pytest plugin that makes one thing really slower: `-p benchmarks.evidence.slower --slower WHAT`.

WHAT is one of

- `task:Pool.map:0.10`     each task of that strategy computes a tenth more (the counting loop only)
- `message:Pool.imap:20e-6` the caller is busy for 20 us more for each message that the strategy sends
- `serial:0.10`            each task of the plain loop computes a tenth more

With runs of both kinds taken in turns, the report can be asked what it finds, and where.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import partial
from time import perf_counter
from typing import Any

import pytest

from benchmarks.strategies import STRATEGIES
from benchmarks.strategies.base import Engine, Job, Strategy
from benchmarks.tasks import count


def count_more(share: float, iterations: int) -> int:
    """Count, and then as much again as `share` says."""
    total = count(iterations)
    count(int(share * iterations))
    return total


class BusyInputs(list[Any]):
    """Inputs whose reader is held up for `seconds` before each chunk."""

    def __init__(self, values: Any, chunk_size: int, seconds: float) -> None:
        """Copy the inputs; so many of them make a message."""
        super().__init__(values)
        self._chunk_size = chunk_size
        self._seconds = seconds

    def __iter__(self) -> Iterator[Any]:
        """Give the inputs one by one."""
        for place, value in enumerate(super().__iter__()):
            if place % self._chunk_size == 0:
                end = perf_counter() + self._seconds
                while perf_counter() < end:
                    pass
            yield value


@dataclass(frozen=True, kw_only=True)
class Slower(Strategy):
    """A strategy with more work in its tasks (`share`) or for each of its messages (`seconds`)."""

    original: Strategy
    share: float = 0.0
    seconds: float = 0.0

    def chunk_size(self, tasks: int, workers: int) -> int:
        """Return that of the original."""
        return self.original.chunk_size(tasks, workers)

    def open(self, job: Job, workers: int, start_method: str) -> Engine:
        """Open the original over the changed job."""
        if self.share and job.function is count:
            job = replace(job, function=partial(count_more, self.share))
        if self.seconds:
            chunk_size = job.chunk_size or self.chunk_size(len(job.inputs), workers)
            job = replace(job, inputs=BusyInputs(job.inputs, chunk_size, self.seconds))
        return self.original.open(job, workers, start_method)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the option."""
    parser.addoption("--slower", metavar="WHAT", help="what to make slower, see benchmarks/evidence/slower.py")


def pytest_configure(config: pytest.Config) -> None:
    """Put the slower strategy in the place of the original."""
    what = config.getoption("slower")
    if not what:
        return
    kind, *rest = what.split(":")
    amount = float(rest[-1])
    name = "serial" if kind == "serial" else rest[0]
    original = STRATEGIES[name]
    more: dict[str, Any] = {"seconds": amount} if kind == "message" else {"share": amount}
    same = {field.name: getattr(original, field.name) for field in fields(Strategy)}
    STRATEGIES[name] = Slower(**same, original=original, **more)
