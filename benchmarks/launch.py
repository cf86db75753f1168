"""`pool-benchmarks MODULE:FUNCTION --inputs ...`: measures a person's own function, from any folder.

It runs pytest with the suite's own settings, whatever that folder has of its own: its pytest settings, or a package
that is called as this one.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT_FOLDER = Path(__file__).parents[1]

USAGE = """\
usage: pool-benchmarks MODULE:FUNCTION --inputs WHAT [option ...]

Measures a function of yours beside a loop, bare processes and several pools, and recommends one of them.

  --inputs WHAT                MODULE:NAME of a callable or an iterable, or a file with one JSON value a line
  --star                       each input is a row of arguments
  --same MODULE:FUNCTION       says whether two results are the same (default: ==, else equal arrays or pickles)
  --initializer MODULE:FUNCTION
                               called once in each worker, and before the loop
  --unchecked                  measure although results differ from call to call
  --budget SECONDS             what it may take (default: 60; a cluster that is named may take more)
  --strategies NAMES           clusters to try beside pools, such as dask.Client.map,ray.remote
  --dask-scheduler ADDRESS, --ray-address ADDRESS
                               where one is running (default: one is started)

Modules are found from this folder. The run is saved in .benchmarks here; python -m benchmarks.report shows it again.
All other options of the suite, and pytest's, work too: pytest --help.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run, and return pytest's exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    if not given or given[0] in {"-h", "--help"}:
        print(USAGE, end="")
        return 0 if given else 2
    if given[0].startswith("-"):
        print(f"error: {given[0]}: the first argument is MODULE:FUNCTION; pool-benchmarks --help", file=sys.stderr)
        return 2
    here = Path.cwd()
    # workers that are not forked find both; the suite first, whatever is called `benchmarks` here
    path = [str(ROOT_FOLDER), *filter(None, [os.environ.get("PYTHONPATH")]), str(here)]
    os.environ["PYTHONPATH"] = os.pathsep.join(path)
    settings = ["-p", "benchmarks.plugin", "-p", "no:cacheprovider", f"--config-file={os.devnull}"]
    settings += [f"--rootdir={ROOT_FOLDER}", "-o", "python_files=bench_*.py", "-o", "python_functions=bench_*"]
    wanted = [
        "--benchmark-only",
        f"--benchmark-storage=file://{here / '.benchmarks'}",
        f"--target={given[0]}",
        *given[1:],
    ]
    return int(pytest.main([*settings, *wanted, str(Path(__file__).parent / "bench_target.py")]))


if __name__ == "__main__":
    sys.exit(main())
