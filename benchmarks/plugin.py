"""The pytest plugin: options, fixtures, what becomes of each cell, the summary after the run.

Nothing is measured unless `--benchmark-only` or `--benchmark-enable` is given; each cell is then called once.
"""

from __future__ import annotations

import gc
import os
import shutil
import sys
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.cells import Cell, Family, Planned, Selection, expected_seconds
from benchmarks.environment import cpu_quota, standard_library_cached, usable_cpus
from benchmarks.failures import ObserveFunction, observe
from benchmarks.interrupts import SIGNALS, exit_code
from benchmarks.lock import LOCK, LockedError, MachineLock, lock_path
from benchmarks.measure import MOST_ROUNDS, Budget, MeasureFunction, measure, timed
from benchmarks.options import DEFAULT_LIMIT, add_options, given_explicitly, selection
from benchmarks.recording import Recording
from benchmarks.refusals import (
    refuse_cells,
    refuse_options,
    refuse_outputs,
    refuse_vain_comparison,
    refuse_vain_options,
    settle_root,
)
from benchmarks.report.__main__ import summary_of
from benchmarks.schema import FAILED, INTERRUPTED, MEASURED, SKIPPED, Word
from benchmarks.tasks import count
from benchmarks.watch import CellError

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter
    from pytest_benchmark.fixture import BenchmarkFixture

TESTS = Path(__file__).parent / "tests"

INTERRUPTED_CODE = pytest.ExitCode.INTERRUPTED

WORDS: Mapping[str, Word] = {"passed": MEASURED, "failed": FAILED, "skipped": SKIPPED}


@dataclass
class Session:
    """What this run is, and what has become of it so far."""

    selection: Selection
    measuring: bool
    budget: float | None
    recording: Recording
    plans: dict[str, dict[Cell, Planned]] = field(default_factory=dict)
    planned: dict[str, Planned] = field(default_factory=dict)
    lock: MachineLock | None = None
    main_module: ModuleType = field(default_factory=lambda: sys.modules["__main__"])


SESSION = pytest.StashKey[Session]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Settle what pytest-benchmark does, before it reads its options: it saves nothing, `recording` does.

    Under the `pytest` script spawned children would import pytest again, as the module `__main__`: 100 ms of each
    start. An empty module in its place prevents that, for as long as anything may be started.
    """
    settle_root(config)
    option = config.option
    measuring = option.benchmark_only or option.benchmark_enable
    name = option.benchmark_save or option.benchmark_autosave or "run"
    if not measuring:
        refuse_vain_options(config)
        option.benchmark_disable = True
    else:
        refuse_options(config)
        if not given_explicitly(config, "--benchmark-storage"):
            # the report looks in the suite's folder, whatever the folder that a run is started in
            option.benchmark_storage = f"file://{config.rootpath / '.benchmarks'}"
        asks_for_table = option.benchmark_compare or option.benchmark_histogram
        option.benchmark_quiet = option.benchmark_quiet or not asks_for_table
    recording = Recording(config, config.getoption("preset"), name, option.benchmark_json)
    option.benchmark_save = option.benchmark_autosave = option.benchmark_json = None
    explicit = given_explicitly(config, "--benchmark-max-time")
    budget = float(option.benchmark_max_time) if explicit else None
    config.stash[SESSION] = Session(selection(config), measuring, budget, recording)
    sys.modules["__main__"] = ModuleType("__main__")
    # A cell that fails before its rounds has not used the fixture; its failure says more.
    config.addinivalue_line("filterwarnings", "ignore:Benchmark fixture was not used at all")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Give back what was taken, but for the signals: nothing may interrupt what is left to do."""
    session = config.stash.get(SESSION, None)
    if session is not None:
        sys.modules["__main__"] = session.main_module
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
    session.recording.families[family.name] = family
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
            SIGNALS.check()  # a signal to the whole group ends workers too, and their end may be noticed first
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
    lines = [f"{counted}, about {seconds:.0f} s; workers: {workers}; runs are saved in {_shown(_storage(config))}"]
    quota = cpu_quota()
    if quota is not None and quota < 1:
        lines.append(
            f"warning: the CPU quota is {quota:g} of a CPU: the system will stop all processes again and again"
        )
    elif usable_cpus() == 1:
        lines.append("warning: one usable CPU: no pool can be faster than the loop here, only its cost can be measured")
    if standard_library_cached() is False:
        lines.append(
            "warning: no bytecode of the standard library is cached: workers by forkserver or spawn compile what they "
            f"import; `{sys.executable} -m compileall -q {Path(os.__file__).parent}` makes it"
        )
    return lines


def _storage(config: pytest.Config) -> Path:
    """Return the folder that runs are saved in."""
    return Path(config.option.benchmark_storage.removeprefix("file://"))


def _shown(path: Path) -> str:
    """Write a path as seen from here, where it is not elsewhere altogether."""
    return os.path.relpath(path) if path.resolve().is_relative_to(Path.cwd().parent) else str(path)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Find out what would end the run badly, before the first cell."""
    config = session.config
    state = config.stash[SESSION]
    # items that were left out in the meantime (-k, --deselect) are not planned
    state.planned = {item.nodeid: state.planned[item.nodeid] for item in session.items if item.nodeid in state.planned}
    if not state.measuring or config.option.collectonly or not state.planned:
        return
    refuse_vain_comparison(config)
    refuse_cells(config, [item.nodeid for item in session.items if item.nodeid in state.planned])
    refuse_outputs(config, state.recording)
    path = lock_path()
    # What exists by now is never garbage: a collection takes 30 ms with it, 0.1 without; a cell has two.
    gc.collect()
    gc.freeze()
    try:
        state.lock = MachineLock(path)
    except LockedError as error:
        raise pytest.UsageError(str(error)) from None
    except OSError as error:
        message = (
            f"{path}: {error.strerror}; set {LOCK} to a file that can be written: two runs exclude each other by it"
        )
        raise pytest.UsageError(message) from None
    try:
        state.recording.begin(state.planned)
    except OSError as error:
        message = f"no process can be started ({error.strerror}): raise the limit (ulimit -u), or end others"
        raise pytest.UsageError(message) from None
    SIGNALS.catch()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Save the run after each cell. Other tests may be interrupted anywhere, cells where their watch says so."""
    state = item.config.stash[SESSION]
    if not state.recording.begun:
        return (yield)
    if item.nodeid not in state.planned:
        try:
            SIGNALS.expose()
            return (yield)
        finally:
            SIGNALS.cover()
    SIGNALS.check()
    result = yield
    state.recording.save_cell()
    return result


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note that a cell has begun: a cell without a report was interrupted."""
    session = item.config.stash[SESSION]
    if item.nodeid in session.planned:
        session.recording.note(item.nodeid, INTERRUPTED)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Take down what became of a cell."""
    report = yield
    session = item.config.stash[SESSION]
    if item.nodeid in session.planned and (report.when == "call" or not report.passed):
        reason = None
        if report.skipped and isinstance(report.longrepr, tuple):
            reason = str(report.longrepr[2]).removeprefix("Skipped: ")
        elif report.failed:
            reason = " ".join(report.longreprtext.split())
        session.recording.note(item.nodeid, WORDS[report.outcome], reason)
    return report


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """Leave out the clock of the moment: it would make each two runs differ."""
    for name in [name for name in machine_info.get("cpu", ()) if name.startswith("hz_")]:
        del machine_info["cpu"][name]


@pytest.hookimpl(wrapper=True)
def pytest_benchmark_compare_machine_info(benchmarksession: Any) -> Generator[None, None, None]:
    """Say what pytest-benchmark means to say of two machines also where its storage is not below this folder."""
    try:
        return (yield)
    except ValueError:
        benchmarksession.logger.warning("Benchmark machine_info is different.")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, object, object]:
    """Save the run before anything else that ends; then nothing can interrupt what is left to do.

    A complete run ends with its own exit code, whatever signal has come; another one with that of the signal.
    """
    recording = session.config.stash[SESSION].recording
    if not recording.begun:
        return (yield)
    try:
        troubles = recording.finish()
    finally:
        SIGNALS.ignore()
    try:
        result = yield
    finally:
        if SIGNALS.received is not None and (not recording.complete or session.exitstatus == INTERRUPTED_CODE):
            session.exitstatus = exit_code(SIGNALS.received)
        elif troubles:
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        for trouble in troubles:
            reporter.write_line(f"error: {trouble}", red=True)
    return result


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    """Print the report's summary of this run."""
    recording = config.stash[SESSION].recording
    if recording.document is None:
        return
    width = shutil.get_terminal_size().columns
    terminalreporter.ensure_newline()
    terminalreporter.write_line("")
    for line in summary_of(recording.document, width):
        terminalreporter.write_line(line)
    for trouble in recording.troubles:
        terminalreporter.write_line(f"warning: for a while this run was not saved cell by cell: {trouble}", yellow=True)
    if recording.saved is not None:
        terminalreporter.write_line(f"saved as {_shown(recording.saved)}")
