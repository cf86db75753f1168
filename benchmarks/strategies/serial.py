"""The plain loop in the calling process: what every speedup is measured against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.strategies.base import Engine, Strategy, register

if TYPE_CHECKING:
    from benchmarks.strategies.base import Job


@dataclass(frozen=True)
class Serial(Strategy):
    """The loop as a strategy: its row is serial against serial, a null row."""

    name: str = "serial"
    reference: bool = True
    parallel: bool = False
    processes: bool = False

    @property
    def streams(self) -> bool:
        """A loop takes any inputs."""
        return True

    def open(self, job: Job, workers: int, start_method: str) -> Engine:
        """Return the loop over the job; there are no workers."""
        del workers, start_method
        function, inputs = job.function, job.inputs

        def loop() -> list[Any]:
            return [function(value) for value in inputs]

        return Engine(loop, lambda values: (function(value) for value in values))


register(Serial())
