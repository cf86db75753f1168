"""Takes the runs that `verdicts` needs, one after the other: `python -m benchmarks.evidence.take FOLDER`.

Whole default runs, about two minutes each: twenty of the program as it is, saved as `plain`, then ten turns of one more
of these, as `fresh`, and one of each slowdown. What is there already is not taken again, so that it can be interrupted.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.alternate import ROOT

PLAIN = 20
TURNS = 10
RUN_SECONDS = 600

TURN = (
    ("fresh", None),
    ("task10", "task:ProcessPoolExecutor.map:0.10"),
    ("message20", "message:Pool.map:20e-6"),
)
"""What to save as, and what `benchmarks.evidence.slower` makes slower."""


def take(folder: Path, name: str, slower: str | None) -> None:
    """Take one run."""
    command = [sys.executable, "-m", "pytest", "-q", "--benchmark-only", f"--benchmark-save={name}"]
    command += [f"--benchmark-storage=file://{folder.resolve()}", "-p", "benchmarks.evidence.slower"]
    command += [] if slower is None else ["--slower", slower]
    subprocess.run(command, cwd=ROOT, check=True, timeout=RUN_SECONDS, stdout=subprocess.DEVNULL)


def main(arguments: Sequence[str]) -> int:
    """Take the runs that are not there yet, and say how far it is."""
    folder = Path(arguments[0])
    wanted = [("plain", None)] * PLAIN + list(TURN) * TURNS
    there = Counter(path.stem[5:] for path in folder.glob("*/*.json"))
    for number, (name, slower) in enumerate(wanted, 1):
        if there[name]:
            there[name] -= 1
            continue
        print(f"{number} of {len(wanted)}: {name}", flush=True)
        take(folder, name, slower)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
