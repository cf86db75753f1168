"""The command line of the report: its commands, their options, and what is wrong with one."""

from __future__ import annotations

import argparse
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.report import runs, units

Command = Callable[..., int]
"""Takes the options and two streams, for what it says and for errors; returns the exit code."""

MOST_AMOUNT = 1e15

MEANT = ("python", "machine", "workers", "start_method", "cluster")

PROGRAM = "python -m benchmarks.report"

STORAGE = ".benchmarks"

ALL_TABLES = "all tables instead of the digest (so do --only and --format)"

RUN = (
    "RUN is a name, which stands for all the runs saved under it, a number, a path, a folder, or a pattern: '*before*'."
)

EXAMPLES = f"""\
examples:
  {PROGRAM}                                the latest run on one screen; --all: all its tables
  {PROGRAM} summary before                 all runs saved as `before`, as one
  {PROGRAM} compare before after           those against all saved as `after`
  {PROGRAM} noise before                   what such runs can find
  {PROGRAM} compare baseline               the latest run against the baseline of its Python
  {PROGRAM} matrix 3.13-bench 3.14-bench   Python versions side by side
  {PROGRAM} advise --task-time 2ms --tasks 1e4   which strategy, from the costs of the latest run
  {PROGRAM} plot 12 --folder pictures      pictures of run 12 (extra: plots)

{RUN}
COMMAND --help shows more of each.

exit codes: 0 success, 2 wrong usage or data; compare also 1 regressed, 3 not everything could be judged: not
comparable, too few runs, a biased family, an unclear cause, cells that failed, vanished or are missing
"""


def parsed(commands: Mapping[str, Command], arguments: Sequence[str]) -> argparse.Namespace:
    """Return what the arguments say; `commands` has what runs each, by its name."""
    options = argparse.Namespace(storage=nearest_storage(), only=None, format=None, json=None)
    return parser_for(commands).parse_args(arguments, options)


def parser_for(commands: Mapping[str, Command]) -> argparse.ArgumentParser:
    """Return the parser. Options that several commands have are left out of what it returns where nobody gave them."""
    # a default of each command's own would undo what was given before the command; so would one of the whole parser,
    # which its arguments are given, and they are those of each command too
    storing = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    storing.add_argument(
        "--storage", type=Path, metavar="FOLDER", help=f"where runs are saved (default: the nearest {STORAGE})"
    )
    reading = argparse.ArgumentParser(add_help=False, parents=[storing], argument_default=argparse.SUPPRESS)
    reading.add_argument("--only", metavar="FAMILY", help="only this family, such as speedup or dispatch")
    telling = argparse.ArgumentParser(add_help=False, parents=[reading], argument_default=argparse.SUPPRESS)
    telling.add_argument("--format", type=_table_format, help="a tabulate format (default: fit the terminal)")
    telling.add_argument("--json", type=Path, metavar="FILE", help="write the numbers (compare, matrix: of every run)")
    judging = argparse.ArgumentParser(add_help=False, parents=[telling])
    judging.add_argument("--margin", type=_margin, default=0.05, help="smallest change that counts (%(default)s)")
    judging.add_argument(
        "--alpha", type=_alpha, default=0.01, help="chance of any false alarm between two samples (%(default)s)"
    )
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="What the saved runs say.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[telling],
    )
    parser.add_argument("--all", action="store_true", help=ALL_TABLES)
    parser.set_defaults(run=None, command=commands["summary"])
    subparsers = parser.add_subparsers(metavar="COMMAND")

    def command(
        name: str, parent: argparse.ArgumentParser, help_: str, function: Command, *examples: str
    ) -> argparse.ArgumentParser:
        lines = "".join(f"  {PROGRAM} {name} {example}\n" for example in examples)
        added = subparsers.add_parser(
            name,
            parents=[parent],
            help=help_,
            description=f"{help_[0].upper()}{help_[1:]}.",
            epilog=f"for example:\n{lines}\n{RUN}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        added.set_defaults(command=function)
        return added

    summary = command(
        "summary", telling, "sum up a run, or several as one", commands["summary"],
        "12", "before --only speedup --format github",
    )  # fmt: skip
    summary.add_argument("run", nargs="?", metavar="RUN", help="default: the latest run")
    summary.add_argument("--all", action="store_true", default=argparse.SUPPRESS, help=ALL_TABLES)
    compared = command(
        "compare", judging, "judge what changed between two samples of runs", commands["compare"],
        "before after", "baseline", "3.13-bench 3.14-bench --across python --json changes.json",
    )  # fmt: skip
    compared.add_argument("base", metavar="BASE", help="the runs to compare with")
    compared.add_argument("new", nargs="?", metavar="NEW", help="the runs to judge (default: the latest run)")
    compared.add_argument("--across", action="append", default=[], choices=MEANT, help="allow this difference")
    compared.add_argument("--cells", action="store_true", help="show all cells, not only where something changed")
    compared.add_argument(
        "--lenient", action="store_true", help="exit with 0 where nothing could be judged or cells are missing"
    )
    compared.add_argument(
        "--picture", type=Path, metavar="FILE", help="draw the changes, as .svg, .png or .pdf (extra: plots)"
    )
    noise = command(
        "noise", judging, "show the spread between the runs of one name, and what it hides", commands["noise"], "before"
    )
    noise.add_argument("run", metavar="RUN", help="the runs")
    matrix = command(
        "matrix", judging, "set samples side by side, each judged against the first", commands["matrix"],
        "3.11-bench 3.13-bench 3.14-bench", "baseline --only startup",
    )  # fmt: skip
    matrix.add_argument("runs", nargs="+", metavar="RUN", help="the samples, one column per sample and Python version")
    plot = command(
        "plot",
        reading,
        "draw a run, or several, as SVG and PNG (extra: plots)",
        commands["plot"],
        "before --folder pictures",
    )
    plot.add_argument("run", nargs="?", metavar="RUN", help="default: the latest run")
    plot.add_argument("--folder", type=Path, default=Path(), metavar="FOLDER", help="output folder (default: this one)")
    advised = command(
        "advise", reading, "say which strategy to take for a job, from the costs in a saved run, without measuring",
        commands["advise"], "--task-time 2ms --tasks 10000 --bytes-in 1KiB --bytes-out 8B",
        "before --task-time 50us --tasks 1e6 --workers 64",
    )  # fmt: skip
    advised.add_argument("run", nargs="?", metavar="RUN", help="default: the latest run")
    advised.add_argument(
        "--task-time", type=_seconds, required=True, metavar="TIME", help="what a task takes, such as 2ms"
    )
    advised.add_argument("--tasks", type=_whole, required=True, metavar="N", help="how many there are, such as 1e4")
    advised.add_argument("--bytes-in", type=_bytes, default=0, metavar="SIZE", help="sent to each task, such as 1KiB")
    advised.add_argument(
        "--bytes-out", type=_bytes, default=0, metavar="SIZE", help="returned by each task, such as 8B"
    )
    advised.add_argument(
        "--spread", type=_spread, default=0.0, metavar="SHARE",
        help="standard deviation of task lengths, as a share of their mean (%(default)s)",
    )  # fmt: skip
    advised.add_argument(
        "--waiting", action="store_true", help="tasks wait, for a disk or another machine, and compute little"
    )
    advised.add_argument(
        "--workers", type=_whole, metavar="N", help="workers, also more than this machine has (default: as measured)"
    )
    promoted = command(
        "promote", storing, "keep runs as a baseline, in compact copies that git does not ignore", commands["promote"],
        "3.13-bench 3.14-bench",
    )  # fmt: skip
    promoted.add_argument("runs", nargs="+", metavar="RUN", help="the runs")
    promoted.add_argument(
        "--name", type=_baseline_name, default=runs.BASELINE, help="what to save them as (default: %(default)s)"
    )
    return parser


def nearest_storage() -> Path:
    """Return where runs are: in this folder, or in the nearest above it that has a storage."""
    here = Path.cwd()
    found = (folder for folder in (here, *here.parents) if (folder / STORAGE).is_dir())
    return Path(os.path.relpath(next(found, here) / STORAGE))


def _baseline_name(text: str) -> str:
    if runs.BASELINE not in text or not re.fullmatch(r"[\w.-]+", text):
        message = (
            f"{text!r} is not a baseline name: use letters, digits, '.', '_' and '-', with {runs.BASELINE!r} in it"
        )
        raise argparse.ArgumentTypeError(message)
    return text


def _seconds(text: str) -> float:
    return _measure(text, units.SECONDS, "a time", "2ms")


def _bytes(text: str) -> int:
    return round(_measure(text, units.BYTES, "a number of bytes", "1KiB", least=0.0))


def _measure(text: str, multiples: Sequence[tuple[str, float]], what: str, example: str, least: float = 1e-12) -> float:
    """Read a number with a unit. Raises ArgumentTypeError, saying what it should look like."""
    found = re.fullmatch(r"([\d.]+(?:e[+-]?\d+)?) *([A-Za-z]+)", text.strip())
    scale = dict(multiples).get(found[2]) if found else None
    try:
        value = float(found[1]) * scale if found and scale is not None else math.nan
    except ValueError:
        value = math.nan
    if not least <= value < MOST_AMOUNT:
        names = ", ".join(name for name, _ in multiples)
        message = f"{text!r} is not {what}: use a number and one of {names}, such as {example}"
        raise argparse.ArgumentTypeError(message)
    return value


def _whole(text: str) -> int:
    try:
        number = float(text)
    except ValueError:
        number = 0.5
    if not 1 <= number <= MOST_AMOUNT or number != int(number):
        message = f"{text!r} is not a whole number from 1 on, such as 1000 or 1e4"
        raise argparse.ArgumentTypeError(message)
    return int(number)


def _spread(text: str) -> float:
    return _between(text, 0.0, 100.0, "spread")


def _margin(text: str) -> float:
    return _between(text, 0.001, 0.999, "margin")


def _alpha(text: str) -> float:
    return _between(text, 1e-6, 0.5, "chance of a false alarm")


def _between(text: str, least: float, most: float, what: str) -> float:
    """Read a share. Raises ArgumentTypeError for what is none, or too little or too much to reckon with."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        message = f"{text!r} is not a valid {what}: use a number from {least:g} to {most:g}, such as 0.05"
        raise argparse.ArgumentTypeError(message)
    return value


def _table_format(text: str) -> str:
    from tabulate import tabulate_formats  # noqa: PLC0415 - `--help` need not wait for it

    if text not in tabulate_formats:
        message = f"unknown format {text!r}; known: {', '.join(tabulate_formats)}"
        raise argparse.ArgumentTypeError(message)
    return text
