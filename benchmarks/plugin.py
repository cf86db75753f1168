"""The pytest plugin: options, fixtures, what becomes of each cell, the summary after the run.

Nothing is measured unless `--benchmark-only` or `--benchmark-enable` is given; each cell is then called once.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.interrupts import SIGNALS, exit_code
from benchmarks.measuring.cells import Cell, Family, Measurement
from benchmarks.measuring.facts import stable_facts
from benchmarks.measuring.failures import observe
from benchmarks.measuring.measure import Budget, measure
from benchmarks.measuring.options import (
    add_options,
    forget_addresses,
    given_explicitly,
    selection,
    settle_addresses,
    wanted_target,
)
from benchmarks.measuring.recording import Recording
from benchmarks.measuring.refusals import (
    refuse_cells,
    refuse_nothing,
    refuse_options,
    refuse_outputs,
    refuse_unplanned,
    refuse_vain_comparison,
    refuse_vain_options,
    settle_root,
)
from benchmarks.measuring.session import Session, shown
from benchmarks.measuring.watch import CellError, Watch
from benchmarks.report.__main__ import closing_lines, recommended_by, summary_of
from benchmarks.report.propose import Adviser
from benchmarks.schema import FAILED, INTERRUPTED, MEASURED, SKIPPED, Word

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter
    from pytest_benchmark.fixture import BenchmarkFixture

TESTS = Path(__file__).parent / "tests"
OWN = Path(__file__).parent / "bench_target.py"

INTERRUPTED_CODE = pytest.ExitCode.INTERRUPTED

OUTCOMES: Mapping[str, Word] = {"passed": MEASURED, "failed": FAILED, "skipped": SKIPPED}


SESSION = pytest.StashKey[Session]()
MAIN = pytest.StashKey[ModuleType]()


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
    explicit = given_explicitly(config, "--benchmark-max-time")
    budget = float(option.benchmark_max_time) if explicit else None
    recording = Recording(config, budget, name, option.benchmark_json)
    option.benchmark_save = option.benchmark_autosave = option.benchmark_json = None
    settle_addresses(config)
    config.stash[SESSION] = Session(selection(config), measuring, budget, config.getoption("cell_limit"), recording)
    config.stash[MAIN] = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    # A cell that fails before its rounds has not used the fixture; its failure says more.
    config.addinivalue_line("filterwarnings", "ignore:Benchmark fixture was not used at all")


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Look at running clusters, and at a person's own function, before anything is collected: it depends on them."""
    config = session.config
    state, wanted = config.stash[SESSION], wanted_target(config)
    here = str(config.invocation_params.dir)
    if wanted is not None and here not in sys.path:
        sys.path.append(here)  # behind the suite, which a folder of the person's may have the name of
    if not config.option.collectonly:
        state.visit(wanted)
    if wanted is None or config.option.collectonly:
        return
    if not state.measuring:
        message = "--target needs a measurement: add --benchmark-only"
        raise pytest.UsageError(message)
    refuse_outputs(config, state.recording)  # it would be a pity a minute later
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    budget: float = config.getoption("budget")
    tell = reporter.write_line if reporter is not None else print
    state.aim(wanted, Adviser.over(state.recording.storage, stable_facts(), wanted.clusters), tell, budget)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Give back what was taken, but for the signals: nothing may interrupt what is left to do."""
    session = config.stash.get(SESSION, None)
    if session is not None:
        sys.modules["__main__"] = config.stash[MAIN]
        forget_addresses()
        session.end()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the tests alone in a run that only measures: what they need beyond the suite may not be installed.

    And all other questions where one's own function is measured, which without one is none.
    """
    if config.option.benchmark_only and collection_path == TESTS:
        return True
    if config.getoption("target") is None:
        return True if collection_path == OWN else None
    return True if collection_path.name.startswith("bench_") and collection_path != OWN else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that asks for `cell` the cells of its module's family."""
    if "cell" not in metafunc.fixturenames:
        return
    session = metafunc.config.stash[SESSION]
    family = getattr(metafunc.module, "FAMILY", None)
    if not isinstance(family, Family):
        message = (
            f"{metafunc.module.__file__}: has no FAMILY, which says what is measured: see benchmarks/bench_balance.py"
        )
        raise pytest.Collector.CollectError(message)
    try:
        plan = session.plan(family)
    except ValueError as error:
        message = f"{metafunc.module.__file__}: {error}"
        raise pytest.Collector.CollectError(message) from None
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


Method = Callable[[Cell, Family, "BenchmarkFixture", Budget], None]


@pytest.fixture(name="measure")
def measure_fixture(request: pytest.FixtureRequest, benchmark: BenchmarkFixture) -> Measurement:
    """Return a function that measures a cell, or calls it once where nothing is measured."""
    return _bound(measure, request, benchmark)


@pytest.fixture(name="observe")
def observe_fixture(request: pytest.FixtureRequest, benchmark: BenchmarkFixture) -> Measurement:
    """Return a function that takes down what becomes of a cell that breaks."""
    return _bound(observe, request, benchmark)


def _bound(method: Method, request: pytest.FixtureRequest, benchmark: BenchmarkFixture) -> Measurement:
    """Bind a way to measure to its test: its family, its budget, and how it is skipped or fails."""
    session = request.config.stash[SESSION]
    family: Family = request.module.FAMILY

    def run(cell: Cell) -> None:
        budget = session.budget(request.node.nodeid, request.config.getoption("benchmark_min_rounds"))
        with Watch(budget.limit):  # a library is imported to find out, which may take for ever
            reason = cell.unavailable()
        if reason is not None:
            pytest.skip(reason)
        benchmark.group = family.name
        try:
            method(cell, family, benchmark, budget)
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
    # a library that was imported once stays in this process, which others of its cells then fork: the last ones do
    items.sort(key=lambda item: item.nodeid in session.planned and session.uses_libraries(item.module.FAMILY))  # type: ignore[attr-defined]


def pytest_report_collectionfinish(config: pytest.Config, items: list[pytest.Item]) -> list[str]:
    """Say what will be measured and how long it will take."""
    session = config.stash[SESSION]
    cells = [session.planned[item.nodeid] for item in items if item.nodeid in session.planned]
    if not session.measuring or not cells:
        return []
    return list(session.announcement(cells, session.recording.storage))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Find out what would end the run badly, before the first cell."""
    config = session.config
    state = config.stash[SESSION]
    # items that were left out in the meantime (-k, --deselect) are not planned
    state.planned = {item.nodeid: state.planned[item.nodeid] for item in session.items if item.nodeid in state.planned}
    refuse_unplanned(state.unplanned(), state.plans)
    if state.measuring:
        refuse_nothing(state.recording.families.values(), sum(map(len, state.plans.values())))
    if not state.measuring or config.option.collectonly or not state.planned:
        return
    refuse_vain_comparison(config)
    refuse_cells(config, [item.nodeid for item in session.items if item.nodeid in state.planned])
    refuse_outputs(config, state.recording)
    state.begin()


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
    _tell_progress(item.config, state.progress(item.nodeid))
    result = yield
    state.recording.save_cell()
    return result


def _tell_progress(config: pytest.Config, line: str | None) -> None:
    """Print a line before each family; pytest's letters for its cells follow on it, or with -v lines of their own."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if line is None or reporter is None or config.get_verbosity() < 0:
        return
    if config.get_verbosity() > 0:
        reporter.write_line(line)
    else:
        reporter.showfspath = False
        reporter.write(f"\n{line} ", flush=True)


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
        session.recording.note(item.nodeid, OUTCOMES[report.outcome], reason)
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


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> Generator[None, None, None]:
    """Print the digest of this run below all else that is printed, where a person looks; with -v all tables before."""
    yield
    session = config.stash[SESSION]
    recording = session.recording
    if recording.document is None:
        return
    width = shutil.get_terminal_size().columns
    how = {"verbose": config.get_verbosity() > 0, "colour": terminalreporter.hasmarkup}
    terminalreporter.ensure_newline()
    terminalreporter.write_sep("=", "process pools: digest")
    for line in summary_of(recording.document, recording.storage, recording.families, width, **how):
        terminalreporter.write_line(line)
    for trouble in recording.troubles:
        terminalreporter.write_line(f"warning: for a while this run was not saved cell by cell: {trouble}", yellow=True)
    if recording.saved is not None:
        for line in closing_lines(recording.storage, session.measured_families(), saved=shown(recording.saved)):
            terminalreporter.write_line(line)
    for line in recommended_by(recording.document, recording.storage, width) if recording.target else ():
        terminalreporter.write_line(line)
