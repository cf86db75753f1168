"""What is computed: tasks with their inputs and the results they must give. Standard library only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.tasks import count, import_heavy, load_heavy_modules, nothing


@dataclass(frozen=True)
class Workload:
    """A task function with its inputs and its expected results.

    `make_inputs(size, tasks)` and `expected(size, tasks)` return one value a task, in the order of the tasks.
    `size` is a number of iterations, or None where tasks have no size. `ballast`, where given, makes what the
    calling process holds in memory while the cell is measured.
    """

    name: str
    function: Callable[[Any], Any]
    make_inputs: Callable[[int | None, int], Sequence[Any]]
    expected: Callable[[int | None, int], list[Any]]
    description: str
    ballast: Callable[[], object] | None = None


def make_heap() -> list[bytes]:
    """Return 256 MiB of live small objects, each of its own memory: what fork must map into every child."""
    return [bytes(1000) for _ in range(256 * 1024 * 1024 // 1033)]


def _same_size(size: int | None, tasks: int) -> list[int]:
    return [_known(size)] * tasks


def _sums(size: int | None, tasks: int) -> list[int]:
    iterations = _known(size)
    return [iterations * (iterations - 1) // 2] * tasks


def _numbers(_size: int | None, tasks: int) -> list[int]:
    return list(range(tasks))


def _known(size: int | None) -> int:
    if size is None:
        message = "the counting loop needs a size: its number of iterations"
        raise ValueError(message)
    return size


WORKLOADS: dict[str, Workload] = {
    workload.name: workload
    for workload in (
        Workload("count", count, _same_size, _sums, "a counting loop"),
        Workload("nothing", nothing, _numbers, _numbers, "a call that returns its argument"),
        Workload(
            "heavy import", import_heavy, _numbers, _numbers, "a task that needs many modules", load_heavy_modules
        ),
        Workload("large heap", nothing, _numbers, _numbers, "a caller that holds 256 MiB", make_heap),
    )
}
