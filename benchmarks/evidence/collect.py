"""What collecting the suite costs beyond pytest's own start: `python -m benchmarks.evidence.collect`.

`pytest --collect-only` of everything and of one empty test file take turns; each is a process of its own.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from benchmarks.alternate import ROOT
from benchmarks.report.stats import summarize

TURNS = 10


def seconds(folder: Path) -> float:
    """Return how long a collection in a folder takes."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    start = perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, timeout=60)
    return perf_counter() - start


def main() -> int:
    """Print the medians and the difference, taken turn by turn."""
    with tempfile.TemporaryDirectory() as name:
        empty = Path(name)
        (empty / "test_empty.py").write_text("def test_nothing():\n    pass\n", encoding="utf-8")
        seconds(ROOT)
        pairs = [(seconds(ROOT), seconds(empty)) for _ in range(TURNS)]
    own = summarize([pair[0] for pair in pairs])
    bare = summarize([pair[1] for pair in pairs])
    more = summarize([pair[0] - pair[1] for pair in pairs])
    print(f"everything {own.center:.2f} s, an empty file {bare.center:.2f} s; {TURNS} turns")
    print(f"beyond pytest's own start: {more.center:.2f} s [{more.low:.2f}, {more.high:.2f}]")
    return 0


if __name__ == "__main__":
    sys.exit(main())
