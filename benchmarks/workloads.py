"""What is computed: tasks with their inputs and the results they must give. Standard library only."""

from __future__ import annotations

import hashlib
import operator
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.tasks import (
    checksum,
    checksum_part,
    count,
    hash_mebibytes,
    import_heavy,
    kill_once,
    load_heavy_modules,
    make_bytes,
    nothing,
    raise_once,
    sleep,
    unpicklable_once,
)

ITERATIONS = "iterations"


@dataclass(frozen=True)
class Workload:
    """A task function with its inputs and its expected results.

    `make_inputs(size, tasks)` and `expected(size, tasks)` return one value a task, in the order of the tasks.
    `size` is a number of `unit`s, or None where tasks have no size: iterations can be selected by option. `ballast`,
    where given, makes what the calling process holds in memory while the cell is measured. `digest`, where given, is
    what results are compared by, `same` compares two of them. A task sends or returns `size` bytes where it `moves`
    them. Of one that `breaks` it is observed what its caller sees, mostly of one task that fails; a worker ends by
    force where it `kills`, before the call where that hits one that is `idle`. Inputs come one by one where they are
    `generated`, and the first entry of each is the same large object where that is `shared`. A `script` imports its
    engine first, by itself, in an interpreter that has loaded nothing else. One that is not of the suite can be
    measured in a new interpreter where a `file` has its function and its inputs.
    """

    name: str
    function: Callable[[Any], Any]
    make_inputs: Callable[[int | None, int], Iterable[Any]]
    expected: Callable[[int | None, int], list[Any]]
    ballast: Callable[[], object] | None = None
    unit: str = ITERATIONS
    digest: Callable[[Any], Any] | None = None
    same: Callable[[Any, Any], bool] = operator.eq
    moves: bool = False
    generated: bool = False
    breaks: bool = False
    kills: bool = False
    idle: bool = False
    shared: bool = False
    script: bool = False
    file: str | None = None


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


def _heavy_first(size: int | None, tasks: int) -> list[int]:
    """Return iterations whose mean is `size` and whose k-th largest is 1 / k of the largest (Zipf's law)."""
    total = _known(size) * tasks
    harmonic = sum(1 / place for place in range(1, tasks + 1))
    return [round(total / harmonic / place) for place in range(1, tasks + 1)]


def _heavy_last(size: int | None, tasks: int) -> list[int]:
    return _heavy_first(size, tasks)[::-1]


def _heavy_clustered(size: int | None, tasks: int) -> list[int]:
    """Return the same with the largest side by side in the middle, as when records of one customer lie together."""
    ordered = _heavy_first(size, tasks)
    half = tasks // 2
    return [*ordered[half:], *ordered[:half]]


def _sums_of(make: Callable[[int | None, int], list[int]]) -> Callable[[int | None, int], list[int]]:
    return lambda size, tasks: [n * (n - 1) // 2 for n in make(size, tasks)]


def _blocks(size: int | None, tasks: int) -> list[bytes]:
    """Return that many bytes a task, of another value for each."""
    return [bytes([task % 256]) * _known(size) for task in range(tasks)]


def _generated(size: int | None, tasks: int) -> Iterator[bytes]:
    for task in range(tasks):
        yield bytes([task % 256]) * _known(size)


def _seeds(size: int | None, tasks: int) -> list[tuple[int, int]]:
    return [(task % 256, _known(size)) for task in range(tasks)]


def _checksums(size: int | None, tasks: int) -> list[int]:
    return [zlib.adler32(block) for block in _blocks(size, tasks)]


def _shared_parts(size: int | None, tasks: int) -> list[tuple[bytes, int, int]]:
    """Return one object of `size` bytes for all tasks, with the bounds of each one's part."""
    shared = _blocks(size, 1)[0]
    bounds = [_known(size) * task // tasks for task in range(tasks + 1)]
    return [(shared, bounds[task], bounds[task + 1]) for task in range(tasks)]


def _part_checksums(size: int | None, tasks: int) -> list[int]:
    return [zlib.adler32(shared[begin:end]) for shared, begin, end in _shared_parts(size, tasks)]


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _digests(size: int | None, tasks: int) -> list[str]:
    return [hashlib.sha256(bytes(_known(size) << 20)).hexdigest()] * tasks


def _known(size: int | None) -> int:
    if size is None:
        message = "this workload needs a size"
        raise ValueError(message)
    return size


WORKLOADS: dict[str, Workload] = {
    workload.name: workload
    for workload in (
        Workload("count", count, _same_size, _sums),
        Workload("heavy first", count, _heavy_first, _sums_of(_heavy_first)),
        Workload("heavy last", count, _heavy_last, _sums_of(_heavy_last)),
        Workload("heavy clustered", count, _heavy_clustered, _sums_of(_heavy_clustered)),
        Workload("sleep", sleep, _same_size, _same_size, unit="ms"),
        Workload("hash", hash_mebibytes, _same_size, _digests, unit="MiB"),
        Workload("bytes in", checksum, _blocks, _checksums, unit="B", moves=True),
        Workload("bytes out", make_bytes, _seeds, _blocks, unit="B", digest=_sha256, moves=True),
        Workload("long input", checksum, _generated, _checksums, unit="B", generated=True),
        Workload("shared input", checksum_part, _shared_parts, _part_checksums, unit="B", shared=True),
        Workload("task raises", raise_once, _numbers, _numbers, breaks=True),
        Workload("worker killed", kill_once, _numbers, _numbers, breaks=True, kills=True),
        Workload("idle worker killed", nothing, _numbers, _numbers, breaks=True, kills=True, idle=True),
        Workload("unpicklable", unpicklable_once, _numbers, _numbers, breaks=True),
        Workload("no failure", nothing, _numbers, _numbers, breaks=True),
        Workload("nothing", nothing, _numbers, _numbers),
        Workload("script", nothing, _numbers, _numbers, script=True),
        Workload("heavy import", import_heavy, _numbers, _numbers, ballast=load_heavy_modules),
        Workload("large heap", nothing, _numbers, _numbers, ballast=make_heap),
    )
}
