"""What is measured: cells, the axes that they are made from, and the families that ask one question each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from msgspec.structs import astuple

from benchmarks.environment import usable_cpus, usual_start_method
from benchmarks.schema import Params, Part
from benchmarks.words import ALL, JUDGED, LONG, NO_METHOD, SHORT, STANDARD_METHODS, STATES, WARM
from benchmarks.workloads import ITERATIONS, WORKLOADS

if TYPE_CHECKING:
    from benchmarks.strategies.base import Strategy

LEAST_PASSES = 7
"""Six rounds at least, so that each order of the arms is there, and the pass before them."""

PRESETS = ("default", "quick", "full", "article")


def strategies() -> dict[str, Strategy]:
    """Return every strategy by its name; the report, which wants a family's sentence alone, does without."""
    from benchmarks.strategies import STRATEGIES  # noqa: PLC0415 - to load them takes as long as to read three runs

    return STRATEGIES


class Cell(Params, frozen=True):
    """One thing to measure. Its axes are saved with the result, by their names; `state` is one of `STATES`."""

    @classmethod
    def axes(cls) -> tuple[str, ...]:
        """Return the names of the axes, in order."""
        return cls.__struct_fields__

    def values(self) -> tuple[str | int | None, ...]:
        """Return the values of the axes, in order."""
        return astuple(self)

    def effective_chunk_size(self) -> int:
        """Return the number of tasks that are really sent at once."""
        return self.chunk_size or strategies()[self.strategy].chunk_size(self.tasks, self.workers)

    def standard_method(self) -> str:
        """Return the start method of what is multiprocessing's own in this cell, beside an engine that has another."""
        if strategies()[self.strategy].keeps_threads:
            return "spawn"
        return self.start_method if self.start_method in STANDARD_METHODS else usual_start_method()

    def unavailable(self) -> str | None:
        """Return why this cell cannot be measured here, or None."""
        strategy = strategies()[self.strategy]
        if strategy.there() is not None and WORKLOADS[self.workload].breaks:
            return "the cluster was running before: its workers are not ours to end"
        if strategy.there() is not None and self.state != WARM:
            return "the cluster was running before: its start was not seen"
        return strategy.obstacle(self.start_method, self.workers)


def refuse_unknown(what: str, names: Iterable[str], known: Collection[str]) -> None:
    """Raise ValueError for the first name that is not known, with those that are."""
    for name in names:
        if name not in known:
            message = f"unknown {what} {name!r}; known: {', '.join(known)}"
            raise ValueError(message)


@dataclass(frozen=True)
class Axes:
    """A cross product of cells that share a workload and a budget.

    `seconds` is the time that a cell may take, all arms and pools included, unless an option says otherwise.
    `start_methods` is None for the usual one, `workers` for as many as there are usable CPUs. A strategy that an option
    names, and the family does not, is measured on the axes that are a `template`. Raises ValueError for a workload
    or a state that nobody has; strategies are looked at by `Family.plan`.
    """

    workload: str
    tasks: int
    strategies: tuple[str, ...]
    seconds: float
    sizes: tuple[int | None, ...] = (None,)
    start_methods: tuple[str, ...] | None = None
    chunk_sizes: tuple[int | None, ...] = (None,)
    workers: tuple[int, ...] | None = None
    state: str = WARM
    template: bool = False

    def __post_init__(self) -> None:
        """Refuse names that are misspelt, but for strategies, which are looked at when cells are planned."""
        for what, names, known in (
            ("workload", (self.workload,), WORKLOADS),
            ("state", (self.state,), STATES),
        ):
            refuse_unknown(what, names, known)

    def takes(self, strategy: Strategy) -> bool:
        """Say whether a strategy can do what is measured here."""
        work = WORKLOADS[self.workload]
        return (
            self.state in strategy.states
            and (strategy.streams or not work.generated)
            and (WARM in strategy.states or not work.breaks)
            and (strategy.processes or not work.kills)
            and (not strategy.shares or work.shared)
        )


Answer = Callable[[Sequence[Any]], str]
"""Rows of `report.metrics.Metrics`, one or more, null rows left out, to a sentence."""

Layout = Callable[[Sequence[Any]], Sequence[Iterable[Any]]]
"""The same rows to tables of `report.table.Table`, of each several, from the widest to the narrowest."""

Measurement = Callable[[Cell], None]
"""What measures a cell: the fixtures `measure` and `observe`."""


@dataclass(frozen=True)
class Selection:
    """What the options ask for; None is whatever the family has."""

    preset: str = "default"
    strategies: tuple[str, ...] | None = None
    sizes: tuple[int, ...] | None = None
    tasks: tuple[int, ...] | None = None
    workers: tuple[int, ...] | None = None
    start_methods: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Planned:
    """A cell with its name in test ids and its budget in seconds; an option, not the family, `added` it."""

    cell: Cell
    label: str
    seconds: float
    added: bool = False

    def seconds_of(self, budget: float | None) -> float:
        """Return what it may take where a run has a budget for each cell.

        What breaks has no less than planned: an answer that was not waited for would be taken for a hang.
        """
        if budget is None:
            return self.seconds
        return max(budget, self.seconds) if WORKLOADS[self.cell.workload].breaks else budget


@dataclass(frozen=True)
class Family:
    """A question, and the cells that answer it.

    `timed` says in words what the clock sees. `judged_by` names the quantities that a comparison looks at, some of
    `words.JUDGED`. `presets` maps a preset's name to its axes; a family without one has no cells in that preset.
    `arms` are those that a round has beside the strategy. `shows_speedup` asks the report for tables of speedups, not
    of times and what they are made of, `per_task` for times per task. `label_axes` are always in a cell's name.
    `short_tasks` says of a cell's axes whether what the call costs is most of its time; a family without it does not
    tell long tasks from short ones. `answer` puts the answer into a phrase; an empty one says that there is nothing
    to say. `topic` is what the digest calls the question, by default the name; `tables` sets the rows in tables of its
    own, beside the usual one. One that is `about_libraries` has no cells where no third-party library takes part; one
    that `takes_clusters` takes those that are named, beside all else that it lists, and has no cells without any where
    it is `about_clusters`.
    Its `settings_vary` where each run looks for the best ones. `observations` is how often a run looks at what breaks.
    Raises ValueError for a name that nobody has.
    """

    name: str
    question: str
    timed: str
    judged_by: tuple[str, ...]
    presets: Mapping[str, tuple[Axes, ...]]
    answer: Answer
    short_tasks: Callable[[Params], bool] | None = None
    arms: tuple[str, ...] = ("serial", "floor")
    per_task: bool = False
    shows_speedup: bool = False
    label_axes: tuple[str, ...] = ("size", "strategy")
    topic: str = ""
    tables: Layout | None = None
    about_libraries: bool = False
    takes_clusters: bool = False
    about_clusters: bool = False
    settings_vary: bool = False
    observations: int = 3

    def __post_init__(self) -> None:
        """Refuse names that are misspelt: they would silently judge nothing."""
        for what, names, known in (
            ("quantity", self.judged_by, JUDGED),
            ("preset", self.presets, PRESETS),
            ("arm", self.arms, ("serial", "floor")),
            ("axis", self.label_axes, Cell.axes()),
        ):
            refuse_unknown(f"{what} of the family {self.name!r}:", names, known)

    def part(self, cell: Params) -> Part:
        """Return which of the family's tasks a cell has."""
        if self.short_tasks is None:
            return ALL
        return SHORT if self.short_tasks(cell) else LONG

    def plan(self, selection: Selection) -> list[Planned]:
        """Return the cells that the selection asks of this family, each once, in the order of the axes.

        Strategies of a library that is not installed take part where they are named, to be told why they are missing.
        Raises ValueError if a preset names a strategy that nobody has.
        """
        for axes in (axes for preset in self.presets.values() for axes in preset):
            refuse_unknown("strategy", axes.strategies, strategies())
        planned: dict[Cell, Planned] = {}
        cpus = usable_cpus()
        preset = self.presets.get(selection.preset, ())
        listed = {name for axes in preset for name in axes.strategies}
        named = [
            name
            for name in selection.strategies or ()
            if name not in listed and not strategies()[name].reference and not strategies()[name].cluster
        ]
        for axes in preset:
            own = [name for name in axes.strategies if self._takes_part(name, selection)]
            more = [name for name in named if axes.template and axes.takes(strategies()[name])]
            for cell in _cross(axes, (*own, *more), selection, cpus, grows=self.about_clusters):
                label = self._label(cell, axes, cpus)
                planned.setdefault(cell, Planned(cell, label, axes.seconds, added=cell.strategy in more))
        some = [strategies()[cell.strategy] for cell in planned]
        if self.about_libraries and all(strategy.library is None for strategy in some):
            return []
        if self.about_clusters and not any(strategy.cluster for strategy in some):
            return []
        return list(planned.values())

    def _takes_part(self, name: str, selection: Selection) -> bool:
        """Say whether a strategy that this family lists is measured."""
        strategy = strategies()[name]
        if selection.strategies is not None and (strategy.cluster or not self.takes_clusters):
            return name in selection.strategies
        return not strategy.cluster and (strategy.library is None or strategy.library.version is not None)

    def _label(self, cell: Cell, axes: Axes, cpus: int) -> str:
        """Name a cell by the axes of the family, and by every other that is not at its usual value.

        What else was selected has no influence: a cell has the same name in each run. That a running cluster needs more
        tasks has none either: a comparison finds that they differ.
        """
        usual = {
            "size": None,
            "tasks": _tasks(axes, axes.tasks, cell.chunk_size, grows=self.about_clusters),
            "workers": strategies()[cell.strategy].there() or cpus,
            "start_method": _methods(strategies()[cell.strategy], (usual_start_method(),), strict=False)[0],
            "chunk_size": None,
        }
        words = {
            "workload": cell.workload.replace(" ", "_"),
            "size": short_size(cell.size or 0, WORKLOADS[cell.workload].unit),
            "start_method": cell.start_method,
            "strategy": cell.strategy.replace(" ", "_"),
            "chunk_size": f"chunk={cell.chunk_size}",
            "tasks": f"tasks={short_number(cell.tasks)}",
            "workers": f"workers={cell.workers}",
        }
        return "-".join(
            word
            for axis, word in words.items()
            if (axis in self.label_axes or getattr(cell, axis) != usual.get(axis, getattr(cell, axis)))
            and getattr(cell, axis) is not None
        )


def _cross(axes: Axes, names: Sequence[str], selection: Selection, cpus: int, *, grows: bool) -> Iterator[Cell]:
    """Yield the cells of axes; where no number of tasks is asked for, the work `grows` with running clusters."""
    selectable = axes.sizes != (None,) and WORKLOADS[axes.workload].unit == ITERATIONS
    sizes = (selection.sizes if selectable else None) or axes.sizes
    for start_method, size, tasks, workers, chunk_size, strategy in product(
        selection.start_methods or axes.start_methods or (usual_start_method(),),
        sizes,
        selection.tasks or (axes.tasks,),
        selection.workers or axes.workers or (cpus,),
        axes.chunk_sizes,
        names,
    ):
        for own in _methods(strategies()[strategy], (start_method,), strict=selection.start_methods is not None):
            number = _tasks(axes, tasks, chunk_size, grows=grows and selection.tasks is None)
            there = strategies()[strategy].there() or workers
            yield Cell(axes.workload, size, number, strategy, there, own, chunk_size, axes.state)


def _tasks(axes: Axes, tasks: int, chunk_size: int | None, *, grows: bool) -> int:
    """Return the tasks of a cell; where they grow, two for each worker of the largest running cluster, or two chunks.

    So that its last workers do not count as idle. All strategies have as many, or a pool beside it would be timed with
    other passes. A person's own function has the inputs that it has.
    """
    if not grows or axes.state != WARM:
        return tasks
    most = max(strategy.there() or 0 for strategy in strategies().values())
    return max(tasks, 2 * most * (chunk_size or 1))


def _methods(strategy: Strategy, asked: Sequence[str], *, strict: bool) -> Sequence[str]:
    """Return start methods for a strategy: its own usual one where it has none that was asked for, unless `strict`."""
    if strategy.start_methods == ():
        return (NO_METHOD,)
    return strategy.methods(asked) or (() if strict else (strategy.start_methods or ())[:1])


def short_size(size: int, unit: str) -> str:
    """Write a size in words of a test id: 1e4 iterations, 2ms, 64KiB."""
    if unit == ITERATIONS:
        return short_number(size)
    for power, name in ((20, "MiB"), (10, "KiB")):
        if unit == "B" and size and size % (1 << power) == 0:
            return f"{size >> power}{name}"
    return f"{size}{unit}"


def short_number(number: int) -> str:
    """Write a number as 1e4 or 3e5 where one digit tells it all and the plain digits are longer."""
    mantissa, _, exponent = f"{number:e}".partition("e")
    short = f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    return short if len(short) < len(str(number)) or (number >= 100 and len(short) == 3) else str(number)


SCRIPT_STARTS, SCRIPT_SECONDS = 4, 0.4
"""A script is begun at least so often, and takes so long with what starts it, more or less."""


def expected_seconds(planned: Planned, budget: float | None, iteration_seconds: float, most_rounds: int) -> float:
    """Estimate how long a cell takes: its budget, unless all its rounds fit, or the fewest do not.

    `iteration_seconds` is what one iteration of the counting loop takes on this machine. Before the rounds there is one
    pass for checking; pools are guessed at 2 ms a round and 0.1 s a cell, from the measurements that the report shows.
    """
    cell = planned.cell
    seconds = planned.seconds_of(budget)
    if WORKLOADS[cell.workload].script:
        return max(seconds, SCRIPT_STARTS * SCRIPT_SECONDS)
    if cell.workload != "count":
        return seconds
    serial = (cell.size or 0) * cell.tasks * iteration_seconds
    round_seconds = serial * (1 + 2 / min(cell.workers, cell.tasks)) + 0.002
    if cell.state != WARM:
        return max(LEAST_PASSES * round_seconds, seconds)
    return 0.1 + max(LEAST_PASSES * round_seconds, min(seconds, most_rounds * round_seconds))
