"""Takes the runs that `alarms` and `power` need, one after the other: `python -m benchmarks.evidence.take FOLDER`.

A turn is ten runs of the speedup and dispatch families: three of the program as it is, saved as `plain`, and one of
each slowdown, in between. Six turns and three more plain runs are 63 runs, about a minute each.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.alternate import ROOT

TURNS = 6
TURN_SECONDS = 600

PLAIN = ("plain", None)
TURN = (
    PLAIN,
    ("task10", "task:Pool.map:0.10"),
    ("message20", "message:Pool.imap:20e-6"),
    PLAIN,
    ("task05", "task:Pool.map:0.05"),
    ("message10", "message:Pool.imap:10e-6"),
    ("task20", "task:Pool.map:0.20"),
    PLAIN,
    ("message05", "message:Pool.imap:5e-6"),
    ("serial10", "serial:0.10"),
)
"""What to save as, and what `benchmarks.evidence.slower` makes slower."""


def take(folder: Path, name: str, slower: str | None) -> None:
    """Take one run."""
    command = [sys.executable, "-m", "pytest", "-q", "--benchmark-only", f"--benchmark-save={name}"]
    command += [f"--benchmark-storage=file://{folder.resolve()}", "-p", "benchmarks.evidence.slower"]
    command += [] if slower is None else ["--slower", slower]
    files = ["benchmarks/bench_speedup.py", "benchmarks/bench_dispatch.py"]
    subprocess.run([*command, *files], cwd=ROOT, check=True, timeout=TURN_SECONDS, stdout=subprocess.DEVNULL)


def main(arguments: Sequence[str]) -> int:
    """Take all runs, and say how far it is."""
    runs = [*TURN * TURNS, PLAIN, PLAIN, PLAIN]
    for number, (name, slower) in enumerate(runs, 1):
        print(f"{number} of {len(runs)}: {name}", flush=True)
        take(Path(arguments[0]), name, slower)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
