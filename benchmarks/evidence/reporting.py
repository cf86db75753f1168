"""What the report takes, against reading the same files: `python -m benchmarks.evidence.reporting RUN`.

A hundred copies of a saved run, shaken so that they differ, are read with `json.load`, summed up and compared on one
CPU, in processes of their own that take turns; then ten copies, to see whether memory grows with the number of runs.
"""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from benchmarks.alternate import ROOT
from benchmarks.report.stats import Summary, summarize

TURNS = 9

READ = "import json, pathlib, sys\nfor path in pathlib.Path(sys.argv[1]).glob('*/*.json'):\n    json.load(path.open())"
REPORT = """\
from benchmarks.report.__main__ import main
from benchmarks.report.program import run_program
storage = sys.argv.pop(1)
sys.argv += ['--storage', storage]
answer, sys.stdout = sys.stdout, open(os.devnull, 'w')
run_program(main)
sys.stdout = answer"""
TIMED = """\
import os, resource, sys, time
start = time.perf_counter()
{code}
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def copies(run: Path, folder: Path, number: int) -> None:
    """Save copies of a run, half of them as `before` and half as `after`."""
    document = json.loads(run.read_bytes())
    machine = folder / "machine"
    machine.mkdir(parents=True)
    source = random.Random(1)
    for place in range(number):
        for benchmark in document["benchmarks"]:
            factor = math.exp(source.gauss(0, 0.05))
            benchmark["stats"]["data"] = [round(seconds * factor, 9) for seconds in benchmark["stats"]["data"]]
        name = f"{place + 1:04}_{'after' if place % 2 else 'before'}.json"
        (machine / name).write_text(json.dumps(document), encoding="utf-8")


def taken(code: str, *arguments: str) -> tuple[float, float]:
    """Return the seconds that code takes in a process of its own, its imports included, and its most memory in MiB."""
    command = [sys.executable, "-c", TIMED.format(code=code), *arguments]
    out = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=120).stdout.split()
    return float(out[0]), float(out[1])


def shown(summary: Summary) -> str:
    """Write a median with its interval."""
    return f"{summary.center:.3f} s [{summary.low:.3f}, {summary.high:.3f}]"


def main(arguments: Sequence[str]) -> int:
    """Print what each takes."""
    run = Path(arguments[0])
    if sys.platform == "linux":
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as name:
        many, few = Path(name) / "many", Path(name) / "few"
        copies(run, many, 100)
        copies(run, few, 10)
        commands = {
            "json.load": (READ,),
            "summary": (REPORT, "summary", "*_*"),
            "compare": (REPORT, "compare", "before", "after"),
        }
        seconds: dict[str, list[float]] = {title: [] for title in commands}
        memory: dict[str, dict[str, float]] = {}
        for _ in range(TURNS):
            for title, (code, *more) in commands.items():
                for folder in (many, few):
                    time, most = taken(code, str(folder), *more)
                    memory.setdefault(title, {})[folder.name] = most
                    if folder is many:
                        seconds[title].append(time)
        reading = summarize(seconds["json.load"])
        print(f"100 runs of {run.stat().st_size / 1e6:.2f} MB, {TURNS} turns")
        print(f"json.load: {shown(reading)}")
        for title in ("summary", "compare"):
            own = summarize(seconds[title])
            beyond = summarize([a - 0.8 * b for a, b in zip(seconds[title], seconds["json.load"], strict=True)])
            print(f"{title}: {shown(own)}; beyond 0.8 x json.load: {shown(beyond)} (goal 0.3 s)")
            print(f"  memory {memory[title]['many']:.0f} MiB, with 10 runs {memory[title]['few']:.0f} MiB")
        start = summarize([_process("pass") for _ in range(TURNS)])
        helped = summarize([_process("-m", "benchmarks.report", "--help") for _ in range(TURNS)])
        print(f"--help: {shown(helped)}, an interpreter that does nothing {shown(start)} (goal 0.15 s more)")
    return 0


def _process(*arguments: str) -> float:
    """Return the seconds of a whole interpreter."""
    command = [sys.executable, *(arguments if arguments[0] == "-m" else ("-c", arguments[0]))]
    start = perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, timeout=60)
    return perf_counter() - start


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
