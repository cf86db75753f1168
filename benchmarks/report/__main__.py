"""`python -m benchmarks.report`: what the saved runs say."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from benchmarks.report import render, runs

EXIT_DATA = 2


def main(argv: Sequence[str], out: TextIO, err: TextIO) -> int:
    """Run the report on arguments; return 0, or 2 if they or the data are at fault."""
    try:
        options = _parser().parse_args(argv)
    except SystemExit as end:  # argparse has printed usage or help
        return int(end.code or 0)
    try:
        path = runs.find(options.storage, options.run)[-1]
        run = runs.load(path)
    except runs.DataError as error:
        print(f"error: {error}", file=err)
        return EXIT_DATA
    print(f"{path}, {run.when[:16].replace('T', ' ')}", file=out)
    for line in render.summary(run, shutil.get_terminal_size().columns):
        print(line, file=out)
    return 0


def summary_of(output: dict[str, Any], width: int) -> list[str]:
    """Return the lines that sum up a run from the JSON that is saved of it."""
    return list(render.summary(runs.parse(output, "this run"), width))


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--storage", type=Path, default=Path(".benchmarks"), metavar="FOLDER", help="where runs are (%(default)s)"
    )
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.report", description="What the saved runs say.", parents=[common]
    )
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(metavar="COMMAND")
    summary = commands.add_parser("summary", parents=[common], help="sum up a run (what is done without a command)")
    summary.add_argument("run", nargs="?", metavar="RUN", help="number, name or path of a run (default: the latest)")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdout, sys.stderr))
