"""Which engine?

The same few things of each engine that a library brings, where it is installed, and of Python's own pools beside them:
what a task costs, from which task length on it pays, what it takes to import, to make and to end, how fast it moves
bytes, and what its caller sees of a worker that is killed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from benchmarks.measuring.cells import Axes, Cell, Family, Measurement
from benchmarks.report import units
from benchmarks.report.metrics import NULLS, Metrics, break_even, by_setting, task_lengths
from benchmarks.report.phrases import NO_DIFFERENCE, either, known, ranked
from benchmarks.report.stats import Summary
from benchmarks.report.table import Table
from benchmarks.schema import Params
from benchmarks.words import AFTERWARDS, CALLER_SEES, CREATE, FIRST_RESULT, FRESH, HANGS, IMPORT, LEFT_BEHIND, SHUTDOWN
from benchmarks.workloads import WORKLOADS

POOLS = ("Pool.map", "ProcessPoolExecutor.map")
ENGINES = (
    "loky.ProcessPoolExecutor.map",
    "joblib.Parallel loky",
    "mpire.WorkerPool.map",
    "pebble.ProcessPool.map",
)
COPIES = ("multiprocess.Pool.map",)
THREADS = ("joblib.Parallel threading",)
MORE_ENGINES = (
    "loky.get_reusable_executor.map",
    "mpire.WorkerPool.imap_unordered",
    "multiprocess.Pool.imap",
)
SIZES = (10_000, 100_000, 300_000)
BUDGET = 0.3
CHUNK_SIZE = 125
MIB = 1 << 20
MOST_ALIKE = 2
"""Strategies that are named as no different from the best."""

KILLED, IDLE, ORDERLY = "worker killed", "idle worker killed", "no failure"


def _axes(names: tuple[str, ...], seconds: float, patience: float, observed: tuple[str, ...]) -> Iterator[Axes]:
    """Yield what is measured of some strategies; an answer after a failure may take `patience`, in seconds."""
    template = names is ENGINES
    yield Axes("nothing", 100, names, seconds, chunk_sizes=(1,), template=template)
    yield Axes("nothing", 1000, names, seconds, chunk_sizes=(CHUNK_SIZE,), template=template)
    yield Axes("count", 4, names, seconds, sizes=SIZES, template=template)
    yield Axes("bytes in", 8, names, seconds, sizes=(MIB,), template=template)
    yield Axes("script", 1, names, seconds, state=FRESH, template=template)
    for workload in observed:
        yield Axes(workload, 8, names, patience, state=FRESH, template=template)


def _default() -> Iterator[Axes]:
    """Yield what takes each engine some seconds.

    Pools, and their copy, answer within 0.1 s of a failure or never. mpire takes a second or two.
    """
    yield Axes("count", 4, NULLS, BUDGET, sizes=SIZES[1:2])
    yield from _axes(POOLS, BUDGET, 1, (KILLED,))
    yield from _axes(ENGINES, BUDGET, 3, (KILLED,))
    yield from _axes(COPIES, BUDGET, 1, (KILLED,))


def _full() -> Iterator[Axes]:
    yield Axes("count", 4, NULLS, 1, sizes=SIZES[1:2])
    for names in (POOLS, ENGINES, COPIES, MORE_ENGINES):
        yield from _axes(names, 1, 30, (KILLED, IDLE, ORDERLY))
    yield from _axes(THREADS, 1, 30, (ORDERLY,))


def _is_short(cell: Params) -> bool:
    return cell.workload != "count" or cell.size == SIZES[0]


def _of(rows: Sequence[Metrics], workload: str, chunk_size: int | None = None) -> list[Metrics]:
    """Return the rows of a workload, in a chunk size where that is given."""
    return [
        row
        for row in rows
        if row.place.axes.workload == workload and (chunk_size is None or chunk_size == row.place.axes.chunk_size)
    ]


def answer(rows: Sequence[Metrics]) -> str:
    """Answer the question from its rows, null rows left out."""
    costs = [
        f"{what} {_cheapest(own)}"
        for what, chunk_size in (("singly", 1), (f"in chunks of {CHUNK_SIZE}", CHUNK_SIZE))
        if (own := _of(rows, "nothing", chunk_size))
    ]
    said = [f"cheapest per task {', '.join(costs)}"] if costs else []
    seen = {row.place.strategy: row.observed.get(CALLER_SEES, "") for row in _of(rows, KILLED)}
    always = [name for name, what in seen.items() if what == HANGS]
    sometimes = [name for name, what in seen.items() if HANGS in what and name not in always]
    if always:
        said.append(f"{either(always, 'and')} hang{'s' if len(always) == 1 else ''} when a worker is killed")
    if sometimes:
        said.append(f"{either(sometimes, 'and')} may hang when a worker is killed")
    if seen and not always + sometimes:
        said.append("all report a killed worker")
    return "; ".join(said)


def _cheapest(rows: Sequence[Metrics]) -> str:
    tied, _ = ranked(rows, lambda row: row.task_time)
    best, *alike = tied
    cost = f"{best.place.strategy} {known(best.task_time, 's')}"
    if not alike:
        return cost
    names = [row.place.strategy for row in alike]
    named = either(names, "and") if len(names) <= MOST_ALIKE else units.counted(len(names), "other")
    return f"{cost} ({NO_DIFFERENCE} from {named})"


Form = Callable[[Summary | None, str], str]
"""Writes a value in a unit."""

Line = Callable[[Sequence[Metrics], Form], list[str]]
"""The rows of one strategy to a line of a table."""


def _whole(value: Summary | None, unit: str) -> str:
    return units.MISSING if value is None else known(value, unit)


def _center(value: Summary | None, unit: str) -> str:
    return units.MISSING if value is None else units.amount(value.center, unit)


FORMS: tuple[tuple[Form, bool], ...] = ((_whole, False), (_whole, True), (_center, False), (_center, True))
"""With intervals or without, the names of the strategies beside their rows or above them."""


def tables(rows: Sequence[Metrics]) -> list[list[Table]]:
    """Return what each engine costs, what it gains, and what its caller sees when a worker is killed."""
    own_rows = [row for row in rows if row.place.strategy not in NULLS]
    strategies, lengths = by_setting(own_rows), task_lengths(_of(own_rows, "count"))
    made: tuple[tuple[Sequence[str], Line], ...] = (
        (COST_TITLES, _costs),
        (["break-even", *(f"speedup,\n{units.seconds(length)}" for length in lengths.values())],
         partial(_gains, sizes=list(lengths))),
        (FAILURE_TITLES, _failures),
    )  # fmt: skip
    found = []
    for titles, make in made:
        forms = []
        for form, above in FORMS:
            made_of = {name: make(own, form) for name, own in strategies.items()}
            lines = {name: line for name, line in made_of.items() if any(map(_told, line))}
            forms.append(_table(titles, lines, above=above))
        if forms[0].rows:
            found.append(forms)
    return found


def _told(text: str) -> bool:
    return text != units.MISSING


def _table(titles: Sequence[str], lines: dict[str, list[str]], *, above: bool) -> Table:
    """Set a line for each strategy, without the columns in which nobody has anything."""
    shown = [place for place in range(len(titles)) if any(_told(line[place]) for line in lines.values())]
    names = list(lines)
    body = [[line[place] for place in shown] for line in lines.values()]
    heads = [titles[place] for place in shown]
    if above:
        return Table(["", *heads], [["", *line] for line in body], above=names)
    return Table(["strategy", *heads], [[name, *line] for name, line in zip(names, body, strict=True)])


COST_TITLES = (
    "per task,\nsingly",
    f"per task,\nin chunks\nof {CHUNK_SIZE}",
    "throughput",
    "import",
    "create",
    "first\nresult",
    "shutdown",
)


def _costs(rows: Sequence[Metrics], form: Form) -> list[str]:
    """Return what a task costs, how fast bytes are sent, and the stages of a script, of one strategy."""

    def first(found: Sequence[Metrics]) -> Metrics | None:
        return found[0] if found else None

    single, chunked = first(_of(rows, "nothing", 1)), first(_of(rows, "nothing", CHUNK_SIZE))
    moved, script = first(_of(rows, "bytes in")), first(_of(rows, "script"))
    rate = None if moved is None or moved.throughput is None else moved.throughput.scaled(1 / units.MEGABYTE)
    stages = script.measures if script is not None else {}
    return [
        form(None if single is None else single.task_time, "s"),
        form(None if chunked is None else chunked.task_time, "s"),
        form(rate, "MB/s"),
        *(units.amount(*stages[name]) if name in stages else units.MISSING
          for name in (IMPORT, CREATE, FIRST_RESULT, SHUTDOWN)),
    ]  # fmt: skip


def _gains(rows: Sequence[Metrics], form: Form, *, sizes: Sequence[int | None]) -> list[str]:
    """Return from which task length on one strategy pays, and its speedup for tasks of each size."""
    counted = _of(rows, "count")
    point = break_even(counted) if len(counted) > 1 else None
    pays = units.MISSING
    if point is not None and point.interval is None:
        length, _ = point.shortest if point.always else point.longest
        pays = f"{'below' if point.always else 'above'} {units.seconds(length)}"
    elif point is not None:
        pays = form(point.interval, "s")
    gains = {row.place.axes.size: row.speedup for row in counted}
    return [pays, *(form(gains.get(size), units.FACTOR) for size in sizes)]


FAILURE_TITLES = (
    "worker killed:\ncaller sees",
    "after",
    "pool\nafterwards",
    "left\nbehind",
    "idle one killed:\ncaller sees",
    "left by an\norderly end",
)


def _failures(rows: Sequence[Metrics], form: Form) -> list[str]:
    """Return what the caller of one strategy sees of failures."""
    found = {row.place.axes.workload: row for row in rows}
    killed, idle, orderly = (found.get(what) for what in (KILLED, IDLE, ORDERLY))

    def seen(row: Metrics | None, what: str) -> str:
        return units.MISSING if row is None else row.observed.get(what, units.MISSING)

    hangs = HANGS in seen(killed, CALLER_SEES)
    return [
        seen(killed, CALLER_SEES),
        form(None if killed is None or hangs else killed.time, "s"),
        seen(killed, AFTERWARDS),
        seen(killed, LEFT_BEHIND),
        seen(idle, CALLER_SEES),
        seen(orderly, LEFT_BEHIND),
    ]


FAMILY = Family(
    name="engines",
    topic="which engine",
    question="Which engine?",
    timed=(
        "one pass over all tasks, pool already running; of a script, all from the pool to its end, in an interpreter "
        "that has loaded nothing else; of what breaks, until the caller knows"
    ),
    judged_by=("speedup", "efficiency", "overhead", "CPU time", FIRST_RESULT),
    presets={
        "default": tuple(_default()),
        "full": tuple(_full()),
    },
    short_tasks=_is_short,
    label_axes=("workload", "size", "strategy"),
    answer=answer,
    tables=tables,
    about_libraries=True,
    observations=1,
)


def bench_engine(cell: Cell, measure: Measurement, observe: Measurement) -> None:
    """Time a few things of an engine, or take down what becomes of it."""
    (observe if WORKLOADS[cell.workload].breaks else measure)(cell)
