"""What is refused before the first cell: options that make no sense here, and outputs that cannot be written.

pytest-benchmark notices most of it after measuring, some of it never.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.measuring.cells import Cell, Family
from benchmarks.measuring.options import given_explicitly
from benchmarks.measuring.recording import Recording
from benchmarks.measuring.saving import LONGEST_NAME, MOST_RUNS, highest_number, probe_file, probe_folder

MOST_SECONDS = 86_400
MOST_MIN_ROUNDS = 10_000
"""Of a cell: a day, and what keeps a saved run of a hundred cells in tens of megabytes."""

GROUPINGS = ("group", "name", "func", "fullname", "fullfunc", "param")
SETTINGS = ("pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")


def settle_root(config: pytest.Config) -> None:
    """Start pytest once more, with its own settings, where it has taken the value of an option for its root folder.

    pytest looks for its settings before it knows the options of plugins. Of `--benchmark-json FILE` it then takes FILE,
    if there is one, for something to test, and measures nothing. Raises UsageError where this process is not pytest's.
    """
    here, given = config.invocation_params.dir, list(map(str, config.invocation_params.args))
    folders = (here, *here.parents)
    settings = next((folder / name for folder in folders for name in SETTINGS if (folder / name).is_file()), None)
    fitting = config.inipath is not None and config.inipath.parent in folders
    if fitting or settings is None or config.args_source is config.ArgsSource.ARGS:
        return
    if not any(os.path.exists(here / value) for value in given if not value.startswith("-")):  # noqa: PTH110 - no error
        return
    if os.name != "posix" or sys.orig_argv[-len(given) :] != given:
        message = f"pytest took {config.rootpath} for its root: write options with '=', as in --benchmark-json=FILE"
        raise pytest.UsageError(message)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:], "-c", str(settings)])  # noqa: S606


def refuse_vain_options(config: pytest.Config) -> None:
    """Raise UsageError if an option asks for the results of a measurement that will not take place."""
    if config.option.benchmark_skip:
        return
    for name in ("save", "json", "compare", "compare_fail", "histogram"):
        if config.getoption(f"benchmark_{name}"):
            message = f"--benchmark-{name.replace('_', '-')} needs a measurement: add --benchmark-only"
            raise pytest.UsageError(message)


def refuse_options(config: pytest.Config) -> None:
    """Raise UsageError for an option that a measurement cannot follow."""
    for message in (*_of_measuring(config), *_of_saving(config.option), *_of_comparing(config.option)):
        raise pytest.UsageError(message)


def _of_measuring(config: pytest.Config) -> Iterator[str]:
    """Yield what is wrong with options that say how to measure."""
    option = config.option
    if given_explicitly(config, "--benchmark-timer"):
        yield "--benchmark-timer: the three arms of a round are timed with time.perf_counter; leave it out"
    if option.benchmark_cprofile:
        yield "--benchmark-cprofile runs a cell once more, in one arm only: profile without measuring instead"
    if config.getoption("numprocesses", None) or config.getoption("dist", "no") != "no":
        yield "-n and --dist run cells at once, which would disturb each other: leave them out to measure"
    if not 0 < float(option.benchmark_max_time) <= MOST_SECONDS:
        yield f"--benchmark-max-time: a number of seconds above 0 is wanted, at most {MOST_SECONDS}"
    if option.benchmark_min_rounds > MOST_MIN_ROUNDS:
        yield f"--benchmark-min-rounds: at most {MOST_MIN_ROUNDS} rounds of a cell are taken"


def _of_saving(option: argparse.Namespace) -> Iterator[str]:
    """Yield what is wrong with options that say where to."""
    if "://" in option.benchmark_storage.removeprefix("file://"):
        yield "--benchmark-storage: runs are saved in a folder, where the report finds them: name one"
    name = option.benchmark_save or ""
    if not name.isprintable() or name != name.strip():
        yield f"--benchmark-save: {name!r} has characters that cannot be seen; a word will do"
    if len(f"{MOST_RUNS}_{name}.json".encode(errors="replace")) > LONGEST_NAME:
        yield f"--benchmark-save: a name of {len(name)} characters is too long for a file; a word will do"


def _of_comparing(option: argparse.Namespace) -> Iterator[str]:
    """Yield what is wrong with options that ask for tables and pictures of pytest-benchmark's."""
    for group in option.benchmark_group_by.split(","):
        if group not in {*GROUPINGS, *(f"param:{axis}" for axis in Cell.axes())}:
            known = ", ".join((*GROUPINGS, *(f"param:{axis}" for axis in Cell.axes())))
            yield f"--benchmark-group-by: unknown {group!r}; known: {known}"
    if option.benchmark_compare_fail and not option.benchmark_compare:
        yield "--benchmark-compare-fail needs something to compare with: add --benchmark-compare"
    if option.benchmark_histogram:
        try:
            importlib.import_module("pytest_benchmark.histogram")
        except ImportError:
            yield "--benchmark-histogram needs pygal: pip install 'pytest-benchmark[histogram]'"


def refuse_outputs(config: pytest.Config, recording: Recording) -> None:
    """Raise UsageError for a storage or an output that cannot be written."""
    folder = recording.folder
    try:
        probe_folder(folder)
    except OSError as error:
        message = (
            f"--benchmark-storage: runs cannot be saved in {folder} ({error.strerror}); "
            "name a folder that can be written"
        )
        raise pytest.UsageError(message) from None
    if highest_number(folder) >= MOST_RUNS:
        message = f"--benchmark-storage: {folder} has number {MOST_RUNS}, the last that there is: move old runs away"
        raise pytest.UsageError(message)
    histogram = next(iter(config.option.benchmark_histogram), None)
    outputs = {"--benchmark-json": recording.json, "--benchmark-histogram": histogram and Path(f"{histogram}.svg")}
    for option, path in outputs.items():
        try:
            if path is not None:
                probe_file(path)
        except OSError as error:
            message = f"{option}: {path} cannot be written ({error.strerror}); name a file that can"
            raise pytest.UsageError(message) from None


def refuse_unplanned(strategies: Sequence[str], families: Iterable[str]) -> None:
    """Raise UsageError for strategies that were named, and that no family can take."""
    if strategies:
        message = (
            f"--strategies {','.join(strategies)}: none of the families that were selected ({', '.join(families)}) can "
            "take it so: name other strategies, start methods, files or presets"
        )
        raise pytest.UsageError(message)


def refuse_nothing(families: Iterable[Family], planned: int) -> None:
    """Raise UsageError if all that was selected is about engines of which none is here, or clusters, none named."""
    selected = list(families)
    if selected and not planned and all(family.about_clusters for family in selected):
        message = (
            "no cluster was named: add one or more, as by "
            "--strategies dask.Client.map,ray.remote,mpi4py.MPIPoolExecutor.map"
        )
        raise pytest.UsageError(message)
    if selected and not planned and all(family.about_libraries for family in selected):
        message = "no engine of a library is installed: pip install -e '.[engines]', or one of them, such as '.[loky]'"
        raise pytest.UsageError(message)


def refuse_cells(config: pytest.Config, names: Sequence[str]) -> None:
    """Raise UsageError if cells could not be measured, or a name would stand for two of them."""
    session: Any = config.pluginmanager.get_plugin("pytest-benchmark")
    if session.disabled:
        message = "benchmarks are disabled here: unset PYTEST_XDIST_WORKER, or measure outside of a test"
        raise pytest.UsageError(message)
    if len(set(names)) < len(names):
        message = "a cell was named twice: leave out --keep-duplicates, or one of the files"
        raise pytest.UsageError(message)


def refuse_vain_comparison(config: pytest.Config) -> None:
    """Raise UsageError if pytest-benchmark has found nothing to compare with, and is to fail by comparison."""
    session: Any = config.pluginmanager.get_plugin("pytest-benchmark")
    if config.option.benchmark_compare_fail and not session.compared_mapping:
        message = "--benchmark-compare-fail: no saved run to compare with was found; `pytest-benchmark list` shows them"
        raise pytest.UsageError(message)
