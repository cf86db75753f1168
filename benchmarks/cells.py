"""What is measured: cells, the axes that they are made from, and the families that ask one question each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from msgspec.structs import astuple

from benchmarks.environment import usable_cpus, usual_start_method
from benchmarks.schema import Params
from benchmarks.strategies import STRATEGIES
from benchmarks.workloads import ITERATIONS, WORKLOADS

PRESETS = ("default", "quick", "full", "article")

WARM = "warm"
COLD = "cold"
FRESH = "fresh interpreter"
"""States of a cell: pool and workers exist; each run makes them; each run makes them in an interpreter of its own."""


class Cell(Params, frozen=True):
    """One thing to measure. Its axes are saved with the result, by their names; `state` is one of WARM, COLD, FRESH."""

    @classmethod
    def axes(cls) -> tuple[str, ...]:
        """Return the names of the axes, in order."""
        return cls.__struct_fields__

    def values(self) -> tuple[str | int | None, ...]:
        """Return the values of the axes, in order."""
        return astuple(self)

    def effective_chunk_size(self) -> int:
        """Return the number of tasks that are really sent at once."""
        return self.chunk_size or STRATEGIES[self.strategy].chunk_size(self.tasks, self.workers)

    def unavailable(self) -> str | None:
        """Return why this cell cannot be measured here, or None."""
        return STRATEGIES[self.strategy].unavailable(self.start_method)


@dataclass(frozen=True)
class Axes:
    """A cross product of cells that share a workload and a budget.

    `seconds` is the time that a cell may take, all arms and pools included, unless an option says otherwise.
    `start_methods` is None for the usual one, `workers` for as many as there are usable CPUs.
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
    """A cell with its name in test ids and its budget in seconds."""

    cell: Cell
    label: str
    seconds: float


@dataclass(frozen=True)
class Family:
    """A question, and the cells that answer it.

    `timed` says in words what the clock sees. `judged_by` names the quantities that a comparison looks at, in the
    words of the report. `arms` are those that a round has beside the strategy. `per_task` asks the report to show
    times per task. `presets` maps a preset's name to its axes; a family without one has no cells in that preset.
    """

    name: str
    question: str
    timed: str
    judged_by: tuple[str, ...]
    presets: Mapping[str, tuple[Axes, ...]]
    arms: tuple[str, ...] = ("serial", "floor")
    per_task: bool = False
    label_axes: tuple[str, ...] = ("size", "strategy")

    def plan(self, selection: Selection) -> list[Planned]:
        """Return the cells that the selection asks of this family, each once, in the order of the axes."""
        planned: dict[Cell, Planned] = {}
        cpus = usable_cpus()
        for axes in self.presets.get(selection.preset, ()):
            for cell in _cross(axes, selection, cpus):
                planned.setdefault(cell, Planned(cell, self._label(cell, axes, cpus), axes.seconds))
        return list(planned.values())

    def _label(self, cell: Cell, axes: Axes, cpus: int) -> str:
        """Name a cell by the axes of the family, and by every other that is not at its usual value.

        What else was selected has no influence: a cell has the same name in each run.
        """
        usual = {
            "size": None,
            "tasks": axes.tasks,
            "workers": cpus,
            "start_method": usual_start_method(),
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


def _cross(axes: Axes, selection: Selection, cpus: int) -> Iterator[Cell]:
    selectable = axes.sizes != (None,) and WORKLOADS[axes.workload].unit == ITERATIONS
    sizes = (selection.sizes if selectable else None) or axes.sizes
    for start_method, size, tasks, workers, chunk_size, strategy in product(
        selection.start_methods or axes.start_methods or (usual_start_method(),),
        sizes,
        selection.tasks or (axes.tasks,),
        selection.workers or axes.workers or (cpus,),
        axes.chunk_sizes,
        axes.strategies,
    ):
        if selection.strategies is None or strategy in selection.strategies:
            yield Cell(axes.workload, size, tasks, strategy, workers, start_method, chunk_size, axes.state)


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


def expected_seconds(planned: Planned, budget: float | None, iteration_seconds: float, most_rounds: int) -> float:
    """Estimate how long a cell takes: its budget, unless all its rounds fit, or the fewest do not.

    `iteration_seconds` is what one iteration of the counting loop takes on this machine. Before the rounds there is one
    pass for checking; pools are guessed at 2 ms a round and 0.1 s a cell, from the measurements that the report shows.
    """
    cell = planned.cell
    seconds = planned.seconds if budget is None else budget
    if cell.workload != "count":
        return seconds
    serial = (cell.size or 0) * cell.tasks * iteration_seconds
    round_seconds = serial * (1 + 2 / min(cell.workers, cell.tasks)) + 0.002
    if cell.state != WARM:
        return max(7 * round_seconds, seconds)
    return 0.1 + max(7 * round_seconds, min(seconds, most_rounds * round_seconds))
