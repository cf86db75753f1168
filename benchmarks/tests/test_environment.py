"""What the machine offers, read from files that the tests write."""

from __future__ import annotations

import multiprocessing
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.machinery import ModuleSpec
from pathlib import Path

import msgspec
import pytest

from benchmarks import environment
from benchmarks.measuring.facts import passing_facts, stable_facts
from benchmarks.measuring.lock import LOCK, lock_path
from benchmarks.schema import MACHINE_FACTS, PYTHON_FACTS, Environment, Moment


def write(root: Path, files: dict[str, str]) -> Path:
    """Write files below a root."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({}, None, id="no control groups"),
        pytest.param({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1.5, id="v2"),
        pytest.param({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, None, id="v2 without"),
        pytest.param({"proc/self/cgroup": "0::/a/b\n"}, None, id="v2 without files"),
        pytest.param(
            {"proc/self/cgroup": "0::/kube/cri:a\n", "sys/fs/cgroup/kube/cri:a/cpu.max": "25000 100000\n"},
            0.25,
            id="v2, a name with a colon, as containerd makes them",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/cpu.max": "50000 100000\n",
                "sys/fs/cgroup/a/b/cpu.max": "200000 100000\n",
            },
            0.5,
            id="v2, the parent has less",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "4:cpu,cpuacct:/x\n3:memory:/x\n",
                "sys/fs/cgroup/cpu/x/cpu.cfs_quota_us": "300000\n",
                "sys/fs/cgroup/cpu/x/cpu.cfs_period_us": "100000\n",
            },
            3.0,
            id="v1",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "4:cpu,cpuacct:/x\n",
                "sys/fs/cgroup/cpu/x/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/x/cpu.cfs_period_us": "100000\n",
            },
            None,
            id="v1 without",
        ),
    ],
)
def test_cpu_quota(tmp_path: Path, files: dict[str, str], expected: float | None) -> None:
    """The least quota of the process's groups is found, in both versions."""
    assert environment.cpu_quota(write(tmp_path, files)) == expected


GIBIBYTE = 2**30


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({}, None, id="nothing tells"),
        pytest.param({"proc/meminfo": "MemTotal: 9 kB\nMemAvailable: 4194304 kB\n"}, 4 * GIBIBYTE, id="the machine"),
        pytest.param({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": f"{GIBIBYTE}\n"}, GIBIBYTE, id="v2"),
        pytest.param({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, None, id="v2 without"),
        pytest.param(
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/memory.max": f"{GIBIBYTE}\n",
                "sys/fs/cgroup/a/b/memory.max": f"{2 * GIBIBYTE}\n",
                "proc/self/status": "VmHWM: 1048576 kB\nVmRSS: 524288 kB\n",
                "proc/meminfo": "MemAvailable: 4194304 kB\n",
            },
            GIBIBYTE // 2,
            id="v2, the parent has less, and this process has half of that",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "4:cpu,cpuacct:/x\n3:memory:/x\n",
                "sys/fs/cgroup/memory/x/memory.limit_in_bytes": f"{3 * GIBIBYTE}\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            },
            3 * GIBIBYTE,
            id="v1",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "3:memory:/x\n",
                "sys/fs/cgroup/memory/x/memory.limit_in_bytes": f"{3 * GIBIBYTE}\n",
                "proc/meminfo": "MemAvailable: 1048576 kB\n",
            },
            GIBIBYTE,
            id="v1, the machine has less",
        ),
    ],
)
def test_memory_limit(tmp_path: Path, files: dict[str, str], expected: int | None) -> None:
    """The least of what the groups allow and the machine has is found, in both versions."""
    assert environment.memory_limit(write(tmp_path, files)) == expected


@pytest.mark.parametrize(
    ("cpus", "quota", "expected"), [(8, None, 8), (8, 2.0, 2), (8, 2.9, 2), (2, 16.0, 2), (4, 0.5, 1), (1, None, 1)]
)
def test_usable_cpus(monkeypatch: pytest.MonkeyPatch, cpus: int, quota: float | None, expected: int) -> None:
    """Affinity and quota bound the number of workers, and there is always one."""
    monkeypatch.setattr(environment, "affinity", lambda: cpus)
    monkeypatch.setattr(environment, "cpu_quota", lambda: quota)

    assert environment.usable_cpus() == expected


def test_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPUs that the scheduler may use count, not those of the machine, which count where nobody tells."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {1, 5, 7}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert environment.affinity() == 3

    monkeypatch.delattr(os, "sched_getaffinity")
    assert environment.affinity() == 64

    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert environment.affinity() == 1


@pytest.mark.parametrize(("ask", "expected"), [(None, True), (lambda: True, True), (lambda: False, False)])
def test_gil(monkeypatch: pytest.MonkeyPatch, ask: object, *, expected: bool) -> None:
    """An interpreter says whether it runs under the GIL; one that cannot say always does."""
    if ask is None:
        monkeypatch.delattr(sys, "_is_gil_enabled", raising=False)
    else:
        monkeypatch.setattr(sys, "_is_gil_enabled", ask, raising=False)

    assert environment.gil_enabled() is expected
    assert stable_facts().gil is expected


@pytest.mark.parametrize("off", [True, False])
def test_whether_bytecode_is_cached(monkeypatch: pytest.MonkeyPatch, *, off: bool) -> None:
    """What is imported is cached unless the interpreter was told not to."""
    monkeypatch.setattr(sys, "dont_write_bytecode", off)

    assert stable_facts().caches_bytecode is not off


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_what_proc_tells() -> None:
    """The processor's name, stolen time and the most memory are those that other readers of /proc see."""
    model = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    before = int(Path("/proc/stat").read_text().split()[8])
    stolen = environment.stolen_seconds()
    after = int(Path("/proc/stat").read_text().split()[8])
    held = bytearray(64 << 20)
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    memory, now = environment.peak_memory(), environment.resident_memory()
    assert stolen is not None
    assert memory is not None
    assert now is not None

    assert environment.cpu_model() == model.split(": ")[1]
    assert before <= round(stolen * os.sysconf("SC_CLK_TCK")) <= after
    assert len(held) <= resident <= memory < 100 * resident
    assert len(held) <= now <= memory
    assert environment.load_average() == pytest.approx(os.getloadavg()[0], abs=0.5)


def test_what_no_proc_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no /proc nothing is made up."""
    monkeypatch.setattr(environment, "Path", lambda _path: Path("/no/such/folder"))

    assert environment.stolen_seconds() is None
    assert environment.peak_memory() is None
    assert environment.resident_memory() is None
    assert environment.cpu_model() == platform.processor()


def burn(seconds: float, ready: object) -> None:
    """Use CPU time, then stay."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
    ready.set()  # type: ignore[attr-defined]
    time.sleep(60)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the CPU time of another process")
def test_cpu_seconds_of_another_process() -> None:
    """What a live child burned is counted, agreeing with the system's own account of it."""
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    child = context.Process(target=burn, args=(0.2, ready))
    child.start()
    try:
        assert ready.wait(30)
        assert child.pid is not None
        here = environment.cpu_seconds(())
        both = environment.cpu_seconds((child.pid,))
        assert here is not None
        assert both is not None
        fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
        accounted = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

        assert both - here >= 0.2
        assert both - here == pytest.approx(accounted, abs=0.05)
    finally:
        child.kill()
        child.join(10)
    with pytest.raises(ProcessLookupError, match=f"process {child.pid} has ended"):
        environment.cpu_seconds((child.pid,))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the CPU time of another process")
def test_cpu_seconds_of_children_that_have_ended() -> None:
    """What a child used stays counted when it has ended and was waited for."""
    before = environment.cpu_seconds(())
    code = "import time\nwhile time.process_time() < 0.3: pass"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    after = environment.cpu_seconds(())
    assert before is not None
    assert after is not None

    assert after - before >= 0.3


def test_facts_are_read_as_they_are_saved() -> None:
    """What is saved of the environment passes the schema, and every fact but the quota is known on Linux."""
    facts = stable_facts()

    assert msgspec.json.decode(msgspec.json.encode(facts), type=Environment) == facts
    assert msgspec.json.decode(msgspec.json.encode(passing_facts()), type=Moment)
    if sys.platform == "linux":
        assert [fact for fact in (*PYTHON_FACTS, *MACHINE_FACTS) if not facts.known(fact)] == []
    assert facts.python == ".".join(map(str, sys.version_info[:3])) + (
        ""
        if sys.version_info[3] == "final"
        else sys.version.split()[0].partition(".".join(map(str, sys.version_info[:3])))[2]
    )


def test_bytecode_that_nobody_knows_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interpreter that never caches, and modules that come from no file, have nothing that could be missing."""
    assert environment.standard_library_cached() in {True, False}
    with monkeypatch.context() as patched:
        patched.setattr(environment, "find_spec", lambda name: ModuleSpec(name, None, origin="frozen"))
        assert environment.standard_library_cached() is None
    monkeypatch.setattr(sys.implementation, "cache_tag", None)
    assert environment.standard_library_cached() is None


@pytest.mark.parametrize(
    ("methods", "platform", "expected"),
    [
        (["spawn"], "win32", "spawn"),
        (["fork", "spawn", "forkserver"], "linux", "fork"),
        (["spawn", "fork", "forkserver"], "darwin", "spawn"),
    ],
)
def test_usual_start_method(monkeypatch: pytest.MonkeyPatch, methods: list[str], platform: str, expected: str) -> None:
    """fork where it is safe, spawn elsewhere, whatever the platform's own default is."""
    monkeypatch.setattr(multiprocessing, "get_all_start_methods", lambda: methods)
    monkeypatch.setattr(sys, "platform", platform)

    assert environment.usual_start_method() == expected


def test_all_checkouts_share_one_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs exclude each other whatever revision each is of: the name of their file must never change."""
    monkeypatch.delenv(LOCK, raising=False)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: "/somewhere")

    assert lock_path() == Path("/somewhere/process-pool-benchmarks.lock")
