"""What this machine, container and interpreter can do, and what they have spent."""

from __future__ import annotations

import math
import multiprocessing
import os
import platform
import sys
import time
from collections.abc import Iterable, Iterator
from importlib.util import cache_from_source, find_spec
from pathlib import Path

if sys.platform != "win32":
    import resource

SHARED_FOLDER = Path("/dev/shm")
"""Where Linux has shared memory and semaphores, as files."""


def usable_cpus() -> int:
    """Return how many CPUs this process may use: its affinity and the container's quota, whichever is less.

    A quota of 1.5 CPUs counts as 1: a second worker would only be throttled. `os.cpu_count()` counts the machine's
    CPUs, and `os.process_cpu_count()` knows of affinity but not of quotas.
    """
    quota = cpu_quota()
    cpus = affinity()
    return cpus if quota is None else max(1, min(cpus, math.floor(quota)))


def affinity() -> int:
    """Return the number of CPUs that the scheduler may put this process on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpu_quota(root: Path = Path("/")) -> float | None:
    """Return the CPU quota of this process's control group in CPUs, or None where there is none.

    The least of all the groups above counts. Both versions are read, `cpu.max` (v2) and `cpu.cfs_quota_us` with
    `cpu.cfs_period_us` (v1). `root` is the file system to look in.
    """
    quotas = map(_quota_of, _control_groups("cpu", root))
    return min((quota for quota in quotas if quota is not None), default=None)


def memory_limit(root: Path = Path("/")) -> int | None:
    """Return how many bytes this process and those it starts may still take, None where nothing tells.

    That is what its container may have (`memory.max` of version 2 of control groups, `memory.limit_in_bytes` of
    version 1, the least of all the groups above) without what this process has, or what the machine has available
    (`MemAvailable`, see proc(5)), whichever is less. `root` is the file system to look in.
    """
    limits = [limit for limit in map(_limit_of, _control_groups("memory", root)) if limit is not None]
    own = _kibibytes(root / "proc/self/status", "VmRSS:") or 0
    left = [max(0, limit - own) for limit in limits]
    available = _kibibytes(root / "proc/meminfo", "MemAvailable:")
    return min([*left, *([] if available is None else [available])], default=None)


def _control_groups(controller: str, root: Path) -> Iterator[Path]:
    """Yield the folders of this process's control groups that have a controller, and those of the groups above."""
    try:
        groups = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in groups:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            top = root / "sys/fs/cgroup"
        elif controller in controllers.split(","):
            top = root / "sys/fs/cgroup" / controller
        else:
            continue
        group = top / path.lstrip("/")
        yield from (folder for folder in (group, *group.parents) if folder.is_relative_to(top))


def _limit_of(folder: Path) -> int | None:
    for name in ("memory.max", "memory.limit_in_bytes"):
        try:
            text = (folder / name).read_text(encoding="utf-8").strip()
        except OSError:
            continue
        return None if text == "max" else int(text)
    return None


def _quota_of(folder: Path) -> float | None:
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text(encoding="utf-8").split()
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text(encoding="utf-8").strip()
            period = (folder / "cpu.cfs_period_us").read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return None if quota in {"max", "-1"} else int(quota) / int(period)


def start_methods() -> tuple[str, ...]:
    """Return the start methods of this platform, in the order fork, forkserver, spawn."""
    return tuple(sorted(multiprocessing.get_all_start_methods()))


def usual_start_method() -> str:
    """Return the start method of cells that do not ask for one.

    Never the platform's own default, which became forkserver with Python 3.14: numbers of two versions would then
    differ for a reason that no row names. fork where it is safe to use, spawn elsewhere (macOS has fork, but its
    system libraries do not survive it).
    """
    return "fork" if "fork" in start_methods() and sys.platform != "darwin" else "spawn"


def gil_enabled() -> bool:
    """Say whether this process runs under the global interpreter lock (free-threaded builds may run without)."""
    ask = getattr(sys, "_is_gil_enabled", None)
    return True if ask is None else bool(ask())


def standard_library_cached() -> bool | None:
    """Say whether bytecode of the standard library is there, None where its modules do not come from files.

    Slim container images ship none, and where it cannot be written either, each forkserver's or spawned worker compiles
    what it imports. One module stands for all: the one that every worker of a Pool needs.
    """
    found = find_spec("multiprocessing.pool")
    # an interpreter that never caches bytecode has no tag for it
    if found is None or not found.has_location or sys.implementation.cache_tag is None:
        return None
    return Path(cache_from_source(str(found.origin))).exists()


def cpu_model() -> str:
    """Return the processor's name as the system gives it, or an empty text."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def load_average() -> float | None:
    """Return the load average over one minute, None where the system does not tell."""
    try:
        return round(os.getloadavg()[0], 2)
    except (OSError, AttributeError):
        return None


def stolen_seconds() -> float | None:
    """Return the time, summed over CPUs, in which a virtual CPU wanted to run and the host ran another guest.

    The eighth number of the line "cpu" of /proc/stat, in ticks; see proc(5).
    """
    try:
        numbers = Path("/proc/stat").read_text(encoding="utf-8").split("\n", 1)[0].split()
        return int(numbers[8]) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return None


def peak_memory() -> int | None:
    """Return the most memory in bytes that this process has had resident at once, None where the system does not tell.

    VmHWM of /proc/self/status, see proc(5): getrusage's ru_maxrss would not do, since a process that was started by a
    larger one begins with that one's number.
    """
    return _kibibytes(Path("/proc/self/status"), "VmHWM:")


def resident_memory() -> int | None:
    """Return how many bytes of this process are in memory now, None where the system does not tell."""
    return _kibibytes(Path("/proc/self/status"), "VmRSS:")


def _kibibytes(path: Path, name: str) -> int | None:
    """Return in bytes what a file of /proc gives in kibibytes, None where it does not."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    line = next((line for line in lines if line.startswith(name)), None)
    return None if line is None else int(line.split()[1]) * 1024


def cpu_seconds(pids: Iterable[int]) -> float | None:
    """Return the CPU time so far of this process, its ended children and the live processes `pids`, in seconds.

    None where the system does not tell that of another process. On Linux every process has a clock whose number
    follows from its id, as clock_getcpuclockid(3) of the C library computes it; reading it costs 0.7 us, where
    /proc/PID/schedstat costs 16 us and has the first thread only.

    Raises ProcessLookupError if one of `pids` has ended.
    """
    if sys.platform != "linux":
        return None
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = time.process_time() + ended.ru_utime + ended.ru_stime
    for pid in pids:
        try:
            total += time.clock_gettime(~pid << 3 | 2)
        except OSError as error:
            message = f"process {pid} has ended"
            raise ProcessLookupError(message) from error
    return total
