"""The pytest plugin: options, fixtures, what a saved run says of itself, the summary after the run.

Nothing is measured unless `--benchmark-only` or `--benchmark-enable` is given; each cell is then called once.
"""

from __future__ import annotations

import gc
import shutil
import signal
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.cells import Cell, Family, Planned, Selection, expected_seconds
from benchmarks.environment import cpu_quota, passing_facts, stable_facts, usable_cpus
from benchmarks.failures import ObserveFunction, observe
from benchmarks.lock import LockedError, MachineLock
from benchmarks.measure import MOST_ROUNDS, Budget, MeasureFunction, measure, timed
from benchmarks.options import DEFAULT_LIMIT, add_options, given_explicitly, selection
from benchmarks.report.__main__ import summary_of
from benchmarks.tasks import count
from benchmarks.watch import CellError

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter
    from pytest_benchmark.fixture import BenchmarkFixture

SCHEMA = 2
"""Goes up whenever runs saved before stop being comparable with runs saved after."""

TESTS = Path(__file__).parent / "tests"

PROBE_BYTES = 1 << 20
"""What is written to the storage before the first cell: about a saved run."""


@dataclass
class Session:
    """What this run is, and what has become of it so far."""

    selection: Selection
    measuring: bool
    budget: float | None
    start: float = field(default_factory=perf_counter)
    families: dict[str, Family] = field(default_factory=dict)
    plans: dict[str, dict[Cell, Planned]] = field(default_factory=dict)
    planned: dict[str, Planned] = field(default_factory=dict)
    outcomes: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    facts_at_start: dict[str, Any] = field(default_factory=passing_facts)
    complete: bool = False
    interrupted: bool = False
    lock: MachineLock | None = None
    output: dict[str, Any] | None = None
    main_module: ModuleType = field(default_factory=lambda: sys.modules["__main__"])


SESSION = pytest.StashKey[Session]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Settle what pytest-benchmark does, before it reads its options.

    Under the `pytest` script spawned children would import pytest again, as the module `__main__`: 100 ms of each
    start. An empty module in its place prevents that, for as long as anything may be started.
    """
    option = config.option
    measuring = option.benchmark_only or option.benchmark_enable
    if not measuring:
        _refuse_vain_options(config)
        option.benchmark_disable = True
    else:
        if given_explicitly(config, "--benchmark-timer"):
            message = "--benchmark-timer: the three arms of a round are timed with time.perf_counter; leave it out"
            raise pytest.UsageError(message)
        if option.benchmark_cprofile:
            message = "--benchmark-cprofile runs a cell once more, in one arm only: profile without measuring instead"
            raise pytest.UsageError(message)
        if config.getoption("numprocesses", None) or config.getoption("dist", "no") != "no":
            message = "-n and --dist run cells at once, which would measure each other: leave them out to measure"
            raise pytest.UsageError(message)
        option.benchmark_save_data = True
        option.benchmark_autosave = option.benchmark_autosave or "run"
        asks_for_table = option.benchmark_compare or option.benchmark_histogram
        option.benchmark_quiet = option.benchmark_quiet or not asks_for_table
    explicit = given_explicitly(config, "--benchmark-max-time")
    budget = float(option.benchmark_max_time) if explicit else None
    session = Session(selection(config), measuring, budget)
    config.stash[SESSION] = session
    sys.modules["__main__"] = ModuleType("__main__")
    if measuring and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, partial(_interrupt, session))
    # A cell that fails before its rounds has not used the fixture; its failure says more.
    config.addinivalue_line("filterwarnings", "ignore:Benchmark fixture was not used at all")


def _interrupt(session: Session, number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, and note it: where it is raised inside a hook of `os.fork` Python drops it."""
    session.interrupted = True
    signal.default_int_handler(number, frame)


def _refuse_vain_options(config: pytest.Config) -> None:
    """Raise if an option asks for the results of a measurement that will not take place."""
    if config.option.benchmark_skip:
        return
    for name in ("save", "json", "compare", "compare_fail", "histogram"):
        if config.getoption(f"benchmark_{name}"):
            message = f"--benchmark-{name.replace('_', '-')} needs a measurement: add --benchmark-only"
            raise pytest.UsageError(message)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Give back what was taken."""
    session = config.stash.get(SESSION, None)
    if session is not None:
        sys.modules["__main__"] = session.main_module
        if isinstance(signal.getsignal(signal.SIGINT), partial):
            signal.signal(signal.SIGINT, signal.default_int_handler)
        gc.unfreeze()
        if session.lock is not None:
            session.lock.release()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the tests alone in a run that only measures: what they need beyond the suite may not be installed."""
    return True if config.option.benchmark_only and collection_path == TESTS else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that asks for `cell` the cells of its module's family."""
    if "cell" not in metafunc.fixturenames:
        return
    session = metafunc.config.stash[SESSION]
    family: Family = metafunc.module.FAMILY
    session.families[family.name] = family
    plan = family.plan(session.selection)
    session.plans[family.name] = {planned.cell: planned for planned in plan}
    metafunc.parametrize(
        Cell.axes(), [planned.cell.values() for planned in plan], ids=[planned.label for planned in plan]
    )


@pytest.fixture
def cell(  # noqa: PLR0913, PLR0917 - the axes are parameters one by one, so that they are saved one by one
    workload: str,
    size: int | None,
    tasks: int,
    strategy: str,
    workers: int,
    start_method: str,
    chunk_size: int | None,
    state: str,
) -> Cell:
    """Return the cell of a test."""
    return Cell(workload, size, tasks, strategy, workers, start_method, chunk_size, state)


Measurement = Callable[[Cell, Family, "BenchmarkFixture", Budget], None]


@pytest.fixture(name="measure")
def measure_fixture(request: pytest.FixtureRequest, benchmark: BenchmarkFixture) -> MeasureFunction:
    """Return a function that measures a cell, or calls it once where nothing is measured."""
    return _bound(measure, request, benchmark)


@pytest.fixture(name="observe")
def observe_fixture(request: pytest.FixtureRequest, benchmark: BenchmarkFixture) -> ObserveFunction:
    """Return a function that takes down what becomes of a cell that breaks."""
    return _bound(observe, request, benchmark)


def _bound(
    measurement: Measurement, request: pytest.FixtureRequest, benchmark: BenchmarkFixture
) -> Callable[[Cell], None]:
    """Bind a measurement to its test: its family, its budget, and how it is skipped or fails."""
    session = request.config.stash[SESSION]
    family: Family = request.module.FAMILY

    def run(cell: Cell) -> None:
        reason = cell.unavailable()
        if reason is not None:
            pytest.skip(reason)
        planned = session.planned[request.node.nodeid]
        seconds = planned.seconds if session.budget is None else session.budget
        limit = request.config.getoption("cell_limit") or max(DEFAULT_LIMIT, 10 * seconds)
        budget = Budget(seconds, request.config.getoption("benchmark_min_rounds"), limit)
        benchmark.group = family.name
        try:
            measurement(cell, family, benchmark, budget)
        except CellError as error:
            failure = str(error)
        else:
            return
        pytest.fail(failure, pytrace=False)

    return run


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what does not take part: other tests in a measuring run, families without a selected cell."""
    session = config.stash[SESSION]
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        callspec = getattr(item, "callspec", None)
        empty = "cell" in fixtures and (callspec is None or not isinstance(callspec.params.get("workload"), str))
        foreign = config.option.benchmark_only and "benchmark" not in fixtures
        (left_out if empty or foreign else kept).append(item)
        if "cell" in fixtures and not empty and callspec is not None:
            family: Family = item.module.FAMILY  # type: ignore[attr-defined]
            cell = Cell(**{axis: callspec.params[axis] for axis in Cell.axes()})
            session.planned[item.nodeid] = session.plans[family.name][cell]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    """Say what will be measured and how long it will take."""
    session = config.stash[SESSION]
    cells = [session.planned[item.nodeid] for item in items if item.nodeid in session.planned]
    if not session.measuring or not cells:
        return []
    iteration = min(timed(lambda: [count(20_000)]) for _ in range(3)) / 20_000
    seconds = sum(expected_seconds(planned, session.budget, iteration, MOST_ROUNDS) for planned in cells)
    counted = "1 cell" if len(cells) == 1 else f"{len(cells)} cells"
    workers = ", ".join(map(str, sorted({planned.cell.workers for planned in cells})))
    storage = config.getoption("benchmark_storage").removeprefix("file://")
    lines = [f"{counted}, about {seconds:.0f} s; workers: {workers}; runs are saved in {storage}"]
    quota = cpu_quota()
    if quota is not None and quota < 1:
        lines.append(
            f"warning: the CPU quota is {quota:g} of a CPU: the system will stop all processes again and again"
        )
    elif usable_cpus() == 1:
        lines.append("warning: one usable CPU: no pool can be faster than the loop here, only its cost can be measured")
    return lines


def pytest_collection_finish(session: pytest.Session) -> None:
    """Find out what would end the run badly, before the first cell."""
    config = session.config
    state = config.stash[SESSION]
    # items that were left out in the meantime (-k, --deselect) are not planned
    state.planned = {item.nodeid: state.planned[item.nodeid] for item in session.items if item.nodeid in state.planned}
    if not state.measuring or config.option.collectonly or not state.planned:
        return
    storage = config.getoption("benchmark_storage")
    if "://" not in storage or storage.startswith("file://"):
        _probe(Path(storage.removeprefix("file://")), "--benchmark-storage")
    if config.option.benchmark_json:
        _probe(Path(config.option.benchmark_json).parent, "--benchmark-json")
    path = config.getoption("measuring_lock")
    # What exists by now is never garbage: a collection takes 30 ms with it, 0.1 without; a cell has two.
    gc.collect()
    gc.freeze()
    try:
        state.lock = MachineLock(path)
    except LockedError as error:
        raise pytest.UsageError(str(error)) from None
    except OSError as error:
        message = f"--measuring-lock {path}: {error.strerror}; name a file that can be written"
        raise pytest.UsageError(message) from None


def _probe(folder: Path, option: str) -> None:
    """Write about a saved run into a folder, and remove it again."""
    probe = folder / f".probe-{perf_counter()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            probe.write_bytes(bytes(PROBE_BYTES))
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        message = f"{option}: runs cannot be saved in {folder} ({error.strerror}); name a folder that can be written"
        raise pytest.UsageError(message) from None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note that a cell has begun: a cell without a report was interrupted."""
    session = item.config.stash[SESSION]
    if session.interrupted:
        raise KeyboardInterrupt
    if item.nodeid in session.planned:
        session.outcomes[item.nodeid] = ("interrupted", None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Take down what became of a cell."""
    report = yield
    session = item.config.stash[SESSION]
    if item.nodeid in session.planned and (report.when == "call" or not report.passed):
        words = {"passed": "measured", "failed": "failed", "skipped": "skipped"}
        reason = None
        if report.skipped and isinstance(report.longrepr, tuple):
            reason = str(report.longrepr[2]).removeprefix("Skipped: ")
        elif report.failed:
            reason = " ".join(report.longreprtext.split())
        interrupted = session.interrupted and report.failed
        session.outcomes[item.nodeid] = ("interrupted", None) if interrupted else (words[report.outcome], reason)
    return report


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """Leave out the clock of the moment: it would make each two runs differ."""
    for name in [name for name in machine_info.get("cpu", ()) if name.startswith("hz_")]:
        del machine_info["cpu"][name]


def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    """Add what the run says of itself. Called once for each place that the run is saved to."""
    session = config.stash[SESSION]
    for benchmark in output_json["benchmarks"]:
        stats = benchmark["stats"]
        stats["data"] = [round(seconds, 9) for seconds in stats["data"]]
    spent = [benchmark["extra_info"].get("spent", {}) for benchmark in output_json["benchmarks"]]
    output_json["suite"] = {
        "schema": SCHEMA,
        "preset": session.selection.preset,
        "complete": session.complete,
        "cells": [
            {"id": node, "outcome": outcome, "reason": reason}
            for node in session.planned
            for outcome, reason in [session.outcomes.get(node, ("not reached", None))]
        ],
        "families": {
            name: {
                "question": family.question,
                "timed": family.timed,
                "judged_by": list(family.judged_by),
                "arms": list(family.arms),
                "per_task": family.per_task,
            }
            for name, family in session.families.items()
        },
        "environment": stable_facts(),
        "start": session.facts_at_start,
        "end": passing_facts(),
        "seconds": {
            "wall": round(perf_counter() - session.start, 3),
            "arms": round(sum(part.get("arms", 0) for part in spent), 3),
            "pools": round(sum(part.get("pools", 0) for part in spent), 3),
        },
    }
    session.output = output_json


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Generator[None, object, object]:
    """Mark a run that was interrupted, before pytest-benchmark saves it from its own hook."""
    state = session.config.stash[SESSION]
    ended = exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED} and not state.interrupted
    state.complete = ended and len(state.outcomes) == len(state.planned)
    try:
        return (yield)
    except OSError as error:
        if state.output is None:
            raise
        # pytest's own end, which prints the summary, was not reached: the numbers must not be lost with the file
        session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            pytest_terminal_summary(reporter, session.config)
            reporter.write_line(f"error: this run was not saved: {error}; make room or name another storage", red=True)
        return None


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    """Print the report's summary of this run."""
    session = config.stash[SESSION]
    if session.output is None:
        return
    width = shutil.get_terminal_size().columns
    terminalreporter.ensure_newline()
    terminalreporter.write_line("")
    for line in summary_of(session.output, width):
        terminalreporter.write_line(line)
