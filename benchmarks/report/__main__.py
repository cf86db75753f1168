"""`python -m benchmarks.report`: what the saved runs say."""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from benchmarks.report import runs
from benchmarks.report.arguments import Command, nearest_storage, parsed
from benchmarks.report.paint import paint_for, with_colour, without_colour
from benchmarks.report.program import FAULT, OK, python, run_program
from benchmarks.report.runs import DataError
from benchmarks.words import TARGET_FAMILY

if TYPE_CHECKING:
    from benchmarks.report.compare import Comparison
    from benchmarks.report.judge import Rule
    from benchmarks.report.overview import Overview
    from benchmarks.report.phrases import Questions
    from benchmarks.report.samples import Reduced
    from benchmarks.report.stored import Stored

# Everything that a command needs is imported when it runs: `--help` need not wait for it.
# ruff: noqa: PLC0415

REGRESSED, NOT_JUDGED = 1, 3


def main(argv: Sequence[str], out: TextIO, err: TextIO) -> int:
    """Run the report on arguments, and return its exit code."""
    try:
        options = parsed(COMMANDS, argv)
    except SystemExit as end:  # argparse has printed usage or help
        return int(end.code or 0)
    try:
        command: Callable[[argparse.Namespace, TextIO, TextIO], int] = options.command
        return command(options, out, err)
    except DataError as error:
        print(f"error: {error}", file=err)
        return FAULT


def summary_of(  # noqa: PLR0913 - what is known of a run that has just ended, and how it is to be shown
    data: bytes, storage: Path, questions: Questions, width: int, *, verbose: bool, colour: bool
) -> list[str]:
    """Return the lines that sum up a run from what is saved of it, or the one that says why that cannot be read.

    All tables come before the digest if it shall be `verbose`. Runs that are stored in `storage` tell how far such runs
    differ.
    """
    from benchmarks.report import details, digest, overview, samples, stored

    try:
        run = runs.parse(data, "this run")
        shown = overview.of_run(run, stored.replicates(storage, samples.reduce(run), (), None))
        tables = [*details.details(shown, questions, width), ""] if verbose else []
        return [*tables, *digest.digest(shown, questions, width, with_colour if colour else without_colour)]
    except DataError as error:
        return [f"error: {error}"]


def recommended(shown: Overview, width: int) -> list[str]:
    """Return the lines that say what to do with a person's own function; none where none was measured."""
    from benchmarks.report.recommend import recommendation

    return [] if shown.target is None else ["", *recommendation(shown.target, shown.rows, width, shown.addresses)]


def recommended_by(data: bytes, storage: Path, width: int) -> list[str]:
    """Return the same from what is saved of a run."""
    from benchmarks.report import overview, samples, stored

    try:
        run = runs.parse(data, "this run")
        return recommended(overview.of_run(run, stored.replicates(storage, samples.reduce(run), (), None)), width)
    except DataError:  # the summary has said it
        return []


def closing_lines(
    storage: Path, families: Collection[str], *, run: str | None = None, saved: str | None = None
) -> list[str]:
    """Return the lines that end a digest: where the run was `saved`, if just now, and the commands that come next.

    `families` are those that it has measured, `run` is what it was asked for by, None for the latest.
    """
    from benchmarks.report.digest import titled

    elsewhere = storage.resolve() != nearest_storage().resolve()
    program = f"{python()} -m benchmarks.report" + (f" --storage {shlex.quote(str(storage))}" if elsewhere else "")
    named = "" if run is None else f" summary {shlex.quote(run)}"
    # of a person's own function there is no baseline
    base = "BEFORE AFTER" if TARGET_FAMILY in families else runs.to_compare_with(storage, families)
    return [
        *([] if saved is None else [titled("saved", saved)]),
        titled("all tables", f"{program}{named} --all"),
        titled("slower now?", f"{program} compare {base}"),
    ]


def _summary(options: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    from benchmarks.questions import families
    from benchmarks.report import details, digest

    faults: list[str] = []
    shown = _overview(options, faults, err)
    print(shown.source, file=out)
    if options.all or options.only or options.format:
        lines = details.details(shown, families(), terminal_width(), options.format)
    else:
        lines = chain(
            digest.digest(shown, families(), terminal_width(), paint_for(out)),
            closing_lines(options.storage, shown.families, run=options.run),
        )
    for line in chain(lines, recommended(shown, terminal_width())):
        print(line, file=out)
    _write_json(options.json, {"rows": shown.rows})
    return FAULT if faults else OK


def _overview(options: argparse.Namespace, faults: list[str], err: TextIO) -> Overview:
    """Look over the run that was asked for, or several of one name; tell and note those that cannot be read."""
    from benchmarks.report import overview, samples

    paths = [runs.latest(options.storage)] if options.run is None else runs.find(options.storage, options.run)
    if len(paths) == 1:
        run = runs.load(paths[0])
        run = run if options.only is None else run.only(options.only)
        return overview.of_run(run, _stored(options, paths, samples.reduce(run)))
    sample = list(_reduced(paths, faults, options.only))
    _told(faults, err)
    if len(sample) < 2:
        raise DataError(f"{options.run}: of {len(paths)} runs no two can be read")
    return overview.of_runs(sample, _stored(options, paths, sample[0]))


def _stored(options: argparse.Namespace, leave_out: Sequence[Path], like: Reduced) -> Stored:
    """Read what other stored runs tell of how far runs differ by themselves."""
    from benchmarks.report.stored import replicates

    return replicates(options.storage, like, leave_out, options.only)


def _compare(options: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    from benchmarks.report import compare, samples, verdicts

    plots = None if options.picture is None else _plots()
    base_paths = runs.find(options.storage, options.base)
    new_paths = [runs.latest(options.storage)] if options.new is None else runs.find(options.storage, options.new)
    if options.new is None and new_paths[0] in base_paths:
        raise DataError(f"the latest run, {new_paths[0]}, is one of {options.base!r}: name the run to compare")
    faults: list[str] = []
    base, new = (sample_of(paths, faults, options.only, err) for paths in (base_paths, new_paths))
    _told(faults, err)
    if not base or not new:
        return FAULT
    if "python" not in options.across:
        base = samples.of_python(base, new[0])
    new = samples.aligned(base, new, options.across)
    names = _called(options.base, base_paths), _called(options.new, new_paths)
    for name, side in zip(names, (base, new), strict=True):
        commits = {(run.commit.id, run.commit.dirty) for run in side}
        if len(commits) > 1:
            print(f"warning: {name} stands for runs of {len(commits)} different commits, judged as one", file=err)
    # the baselines of other Pythons are not under judgement, and tell as much as any
    known = _stored(options, [Path(run.source) for run in (*base, *new)], new[0])
    result = compare.compare(base, new, _rule(options), options.across, known)
    for line in verdicts.comparison_lines(names, result, terminal_width(), options.format, all_cells=options.cells):
        print(line, file=out)
    if plots is not None and result.groups and not result.differences:
        try:
            plots.draw_changes(names, result, options.picture)
        except (OSError, ValueError) as error:
            faults.append(f"--picture {options.picture}: cannot be written ({error})")
            _told(faults[-1:], err)
    sources = {"base": [run.source for run in base], "new": [run.source for run in new]}
    _write_json(options.json, {**sources, **msgspec.to_builtins(result)})
    if faults:
        return FAULT
    return exit_code(result, lenient=options.lenient)


def _called(wanted: str | None, paths: Sequence[Path]) -> str:
    """Return what a sample is called: as it was asked for, or, where that was a number or nothing, as its file."""
    return paths[0].stem if wanted is None or (wanted.isdigit() and len(paths) == 1) else wanted


def exit_code(result: Comparison, *, lenient: bool = False) -> int:
    """Return what a gate must know: a regression counts even where planned cells are missing."""
    if result.judged and result.regressed:
        return REGRESSED
    return OK if result.whole or lenient else NOT_JUDGED


def _noise(options: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    from benchmarks.report import noise, verdicts
    from benchmarks.report.units import counted

    faults: list[str] = []
    paths = runs.find(options.storage, options.run)
    sample = sample_of(paths, faults, options.only, err)
    _told(faults, err)
    if not sample:
        return FAULT
    spreads = noise.spreads_of(sample, _stored(options, paths, sample[0]))
    title = f"{options.run} ({counted(len(sample), 'run')})"
    for line in verdicts.noise_lines(title, spreads, _rule(options), terminal_width(), options.format):
        print(line, file=out)
    _write_json(options.json, {"runs": [run.source for run in sample], "spreads": spreads})
    return FAULT if faults else OK


def _matrix(options: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    from benchmarks.report import compare, matrix, samples

    faults: list[str] = []
    found = [sample_of(runs.find(options.storage, name), faults, options.only, err) for name in options.runs]
    _told(faults, err)
    columns = matrix.columns_of(options.runs, found)
    if len(columns) < 2:
        raise DataError("matrix needs two samples or more: names, or a name with runs of several Pythons")
    first, *others = columns
    others = [replace(other, runs=samples.aligned(first.runs, other.runs, samples.MACHINE_AXES)) for other in others]
    across = (*samples.ACROSS, *samples.MACHINE_AXES, samples.CLUSTER)
    known = _stored(options, (), first.runs[0])
    results = [compare.compare(first.runs, other.runs, _rule(options), across, known) for other in others]
    for line in matrix.matrix_lines([first, *others], results, terminal_width(), options.format):
        print(line, file=out)
    _write_json(options.json, {other.title: result for other, result in zip(others, results, strict=True)})
    return FAULT if faults else OK


def _plot(options: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    plots = _plots()
    faults: list[str] = []
    shown = _overview(options, faults, err)
    try:
        for path in plots.draw(shown, options.folder):
            print(path, file=out)
    except OSError as error:
        raise DataError(f"--folder {options.folder}: cannot be written ({error.strerror})") from None
    return FAULT if faults else OK


def _plots() -> ModuleType:
    """Load what draws. Raises DataError if Matplotlib is not installed."""
    try:
        from benchmarks.report import plots
    except ModuleNotFoundError as error:
        raise DataError(f"pictures need {error.name}: {python()} -m pip install -e '.[plots]'") from None
    return plots


def _promote(options: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    from benchmarks.report.promote import promote

    del err
    paths = [path for name in options.runs for path in runs.find(options.storage, name)]
    for path in promote(paths, options.storage, options.name):
        print(f"{path}: {path.stat().st_size} bytes", file=out)
    return OK


def _rule(options: argparse.Namespace) -> Rule:
    from benchmarks.report.judge import Rule

    return Rule(options.margin, options.alpha)


def _reduced(paths: Sequence[Path], faults: list[str], only: str | None) -> Iterator[Reduced]:
    """Yield the runs that can be read; note what is wrong with the others."""
    from benchmarks.report.reading import reduced

    for run in reduced(paths, only):
        if isinstance(run, DataError):
            faults.append(str(run))
        else:
            yield run


def sample_of(paths: Sequence[Path], faults: list[str], only: str | None, err: TextIO) -> list[Reduced]:
    """Return the runs that are judged together: one that was interrupted would take the cells of all the others."""
    found = list(_reduced(paths, faults, only))
    complete = [run for run in found if run.complete]
    if not complete:
        return found
    for run in found:
        if not run.complete:
            print(f"warning: {run.source} did not complete, and is left out", file=err)
    return complete


def _told(faults: Sequence[str], err: TextIO) -> bool:
    """Tell what could not be read; the rest counts all the same."""
    for fault in faults:
        print(f"error: {fault}", file=err)
    return bool(faults)


def _write_json(path: Path | None, data: dict[str, Any]) -> None:
    """Write numbers where they are wanted; what is infinite, which JSON does not know, as null."""
    if path is None:
        return
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(data), indent=1))
    except OSError as error:
        raise DataError(f"--json {path}: cannot be written ({error.strerror})") from None


def terminal_width() -> int:
    """Return the columns of the terminal, 80 where there is none."""
    return shutil.get_terminal_size().columns


def _advise(options: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    from benchmarks.report import advice, samples

    faults: list[str] = []
    paths = [runs.latest(options.storage)] if options.run is None else runs.find(options.storage, options.run)
    sample = sample_of(paths, faults, options.only, err)
    _told(faults, err)
    if not sample:
        return FAULT
    sample = samples.of_python(sample, sample[-1])
    job = advice.Demand(
        options.task_time, options.tasks, options.bytes_in, options.bytes_out, options.spread, options.waiting
    )
    for line in advice.advice_lines(sample, job, terminal_width(), options.workers):
        print(line, file=out)
    return FAULT if faults else OK


COMMANDS: dict[str, Command] = {
    "summary": _summary,
    "compare": _compare,
    "noise": _noise,
    "matrix": _matrix,
    "advise": _advise,
    "plot": _plot,
    "promote": _promote,
}


if __name__ == "__main__":
    sys.exit(run_program(main))
