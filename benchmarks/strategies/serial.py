"""The plain loop in the calling process: what every speedup is measured against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.strategies.base import Engine, Strategy

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier

    from benchmarks.strategies.base import Job


@dataclass(frozen=True)
class Serial(Strategy):
    """The loop as a strategy: its row is serial against serial, a null row."""

    name: str = "serial"
    parallel: bool = False

    def open(self, job: Job, workers: int, start_method: str, barrier: Barrier | None = None) -> Engine:
        """Return the loop over the job; there are no workers."""
        del workers, start_method, barrier
        function, inputs = job.function, job.inputs

        def loop() -> list[Any]:
            return [function(value) for value in inputs]

        return Engine(loop, lambda values: (function(value) for value in values))
