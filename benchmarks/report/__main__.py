"""`python -m benchmarks.report`: what the saved runs say."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from benchmarks.report import runs

if TYPE_CHECKING:
    from benchmarks.report.compare import Comparison
    from benchmarks.report.samples import Reduced

OK, REGRESSED, FAULT, NOT_JUDGED = 0, 1, 2, 3

ACROSS = ("python", "machine", "workers", "start_method")

EXAMPLES = """\
examples:
  python -m benchmarks.report                      the latest run
  python -m benchmarks.report summary 12           run number 12
  python -m benchmarks.report compare before after all runs saved as `before` against all saved as `after`
  python -m benchmarks.report compare before       the same against the latest run
  python -m benchmarks.report noise before         what such runs can find
  python -m benchmarks.report matrix 3.13-bench 3.14-bench    Python versions side by side
  python -m benchmarks.report plot 12 --folder pictures       pictures of run 12 (extra: plots)

RUN is a name, which stands for all the runs saved under it, a number, a path, or a pattern such as '00*_before'.

exit codes: 0 judged and nothing regressed, 1 regressed, 2 wrong usage or data, 3 nothing could be judged
"""


def main(argv: Sequence[str], out: TextIO, err: TextIO) -> int:
    """Run the report on arguments, and return its exit code."""
    try:
        options = _parser().parse_args(argv)
    except SystemExit as end:  # argparse has printed usage or help
        return int(end.code or 0)
    try:
        command: Callable[[argparse.Namespace, TextIO, TextIO], int] = options.command
        return command(options, out, err)
    except runs.DataError as error:
        print(f"error: {error}", file=err)
        return FAULT


def summary_of(output: dict[str, Any], width: int) -> list[str]:
    """Return the lines that sum up a run from the JSON that is saved of it."""
    from benchmarks.report import render  # noqa: PLC0415 - `--help` need not wait for it

    return list(render.summary(runs.parse(output, "this run"), width))


def _summary(options: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    from benchmarks.report import render  # noqa: PLC0415 - as above

    del err
    path = runs.find(options.storage, options.run)[-1]
    run = runs.load(path)
    print(f"{path}, {run.when[:16].replace('T', ' ')}", file=out)
    for line in render.summary(run, _width()):
        print(line, file=out)
    return OK


def _compare(options: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    from benchmarks.report import compare, verdicts  # noqa: PLC0415 - as above

    base_paths = runs.find(options.storage, options.base)
    new_paths = runs.find(options.storage, options.new)
    if options.new is None:
        new_paths = new_paths[-1:]
        if new_paths[0] in base_paths:
            raise runs.DataError(f"the latest run, {new_paths[0]}, is one of {options.base!r}: name the run to compare")
    faults: list[str] = []
    base, new = (list(_reduced(paths, faults, options.only)) for paths in (base_paths, new_paths))
    if "python" not in options.across and new:
        same = [run for run in base if run.environment["python"] == new[0].environment["python"]]
        base = same or base
    for fault in faults:
        print(f"error: {fault}", file=err)
    if not base or not new:
        return FAULT
    rule = compare.Rule(options.margin, options.alpha)
    result = compare.compare(base, new, rule, options.across)
    name = options.new or new_paths[0].stem
    for line in verdicts.comparison_lines(options.base, name, result, options.format, _width()):
        print(line, file=out)
    if options.json:
        _write_json(options.json, result, base, new)
    if faults:
        return FAULT
    return _exit_code(result, lenient=options.lenient)


def _exit_code(result: Comparison, *, lenient: bool) -> int:
    """Return what a gate must know: a regression counts even where planned cells are missing."""
    if result.judged and result.regressed:
        return REGRESSED
    if not result.judged or result.vanished or result.missing:
        return OK if lenient else NOT_JUDGED
    return OK


def _write_json(path: Path, result: Comparison, base: Sequence[Reduced], new: Sequence[Reduced]) -> None:
    data = {"base": [run.source for run in base], "new": [run.source for run in new], **asdict(result)}
    try:
        path.write_text(json.dumps(data, indent=1), encoding="utf-8")
    except OSError as error:
        raise runs.DataError(f"--json {path}: cannot be written ({error.strerror})") from None


def _noise(options: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    from benchmarks.report import compare, verdicts  # noqa: PLC0415 - as above

    faults: list[str] = []
    sample = list(_reduced(runs.find(options.storage, options.run), faults, options.only))
    for fault in faults:
        print(f"error: {fault}", file=err)
    if sample:
        rule = compare.Rule(options.margin, options.alpha)
        for line in verdicts.noise_lines(options.run, sample, rule, options.format):
            print(line, file=out)
    return FAULT if faults or not sample else OK


def _matrix(options: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    from benchmarks.report import compare, verdicts  # noqa: PLC0415 - as above

    faults: list[str] = []
    samples = [list(_reduced(runs.find(options.storage, name), faults, options.only)) for name in options.runs]
    for fault in faults:
        print(f"error: {fault}", file=err)
    if len(samples) < 2 or not all(samples):
        raise runs.DataError("matrix needs two names or more, each with a run that can be read")
    rule = compare.Rule(options.margin, options.alpha)
    for line in verdicts.matrix_lines(options.runs, samples, rule, options.format):
        print(line, file=out)
    return FAULT if faults else OK


def _plot(options: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    del err
    try:
        from benchmarks.report import plots  # noqa: PLC0415 - Matplotlib is an extra, and slow to import
    except ModuleNotFoundError as error:
        raise runs.DataError(f"plot needs {error.name}: pip install -e '.[plots]'") from None
    run = runs.load(runs.find(options.storage, options.run)[-1])
    try:
        for path in plots.draw(run, options.folder):
            print(path, file=out)
    except OSError as error:
        raise runs.DataError(f"--folder {options.folder}: cannot be written ({error.strerror})") from None
    return OK


def _reduced(paths: Sequence[Path], faults: list[str], only: str | None) -> Iterator[Reduced]:
    """Yield the runs one by one, so that no more than one is held with its rounds; note what cannot be read."""
    from benchmarks.report.samples import reduce  # noqa: PLC0415 - as above

    for path in paths:
        try:
            run = runs.load(path)
            run = run if only is None else run.only(only)
        except runs.DataError as error:
            faults.append(str(error))
        else:
            yield reduce(run)


def _width() -> int:
    return shutil.get_terminal_size().columns


def _parser() -> argparse.ArgumentParser:
    # suppressed: a default of each command's own would undo what was given before the command
    storage = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    storage.add_argument("--storage", type=Path, metavar="FOLDER", help="where runs are (.benchmarks)")
    judging = argparse.ArgumentParser(add_help=False, parents=[storage])
    judging.add_argument("--only", metavar="FAMILY", help="only this family, such as speedup or dispatch")
    judging.add_argument("--margin", type=_share, default=0.05, help="smallest change that counts (%(default)s)")
    judging.add_argument("--alpha", type=_share, default=0.01, help="chance of any false alarm (%(default)s)")
    judging.add_argument("--format", type=_table_format, default="plain", help="a format of tabulate (%(default)s)")
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.report",
        description="What the saved runs say.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[storage],
    )
    parser.set_defaults(run=None, command=_summary, storage=Path(".benchmarks"))
    commands = parser.add_subparsers(metavar="COMMAND")
    summary = commands.add_parser("summary", parents=[storage], help="sum up a run (what is done without a command)")
    summary.add_argument("run", nargs="?", metavar="RUN", help="number, name or path of a run (default: the latest)")
    compared = commands.add_parser("compare", parents=[judging], help="judge what changed between two samples of runs")
    compared.set_defaults(command=_compare)
    compared.add_argument("base", metavar="BASE", help="the runs to compare with")
    compared.add_argument("new", nargs="?", metavar="NEW", help="the runs to judge (default: the latest run)")
    compared.add_argument("--across", action="append", default=[], choices=ACROSS, help="a difference that is meant")
    compared.add_argument("--json", type=Path, metavar="FILE", help="write all of it, with each run's values")
    compared.add_argument("--lenient", action="store_true", help="exit with 0 where nothing could be judged")
    matrix = commands.add_parser("matrix", parents=[judging], help="set samples side by side, judged against the first")
    matrix.set_defaults(command=_matrix)
    matrix.add_argument("runs", nargs="+", metavar="RUN", help="the samples, a column each")
    plot = commands.add_parser("plot", parents=[storage], help="draw a run, as SVG and PNG")
    plot.set_defaults(command=_plot)
    plot.add_argument("run", nargs="?", metavar="RUN", help="number, name or path of a run (default: the latest)")
    plot.add_argument("--folder", type=Path, default=Path(), metavar="FOLDER", help="where to (default: here)")
    noise = commands.add_parser("noise", parents=[judging], help="show the spread between the runs of one name")
    noise.set_defaults(command=_noise)
    noise.add_argument("run", metavar="NAME", help="the runs")
    return parser


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        message = f"{text!r} is not a share between 0 and 1, such as 0.05"
        raise argparse.ArgumentTypeError(message)
    return value


def _table_format(text: str) -> str:
    from tabulate import tabulate_formats  # noqa: PLC0415 - as above

    if text not in tabulate_formats:
        message = f"unknown format {text!r}; known: {', '.join(tabulate_formats)}"
        raise argparse.ArgumentTypeError(message)
    return text


def _run() -> int:
    try:
        code = main(sys.argv[1:], sys.stdout, sys.stderr)
        sys.stdout.flush()
    except BrokenPipeError:
        # the reader has seen enough; what is still in the buffer must not raise once more at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    return code


if __name__ == "__main__":
    sys.exit(_run())
