"""A run of the suite: what was selected, what is planned, and what is said and settled before the first cell."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import pytest
from msgspec.structs import replace

from benchmarks.environment import cpu_quota, standard_library_cached, usable_cpus
from benchmarks.errors import one_line
from benchmarks.interrupts import SIGNALS
from benchmarks.measuring.cells import Cell, Family, Planned, Selection, expected_seconds
from benchmarks.measuring.lock import LOCK, LockedError, MachineLock, lock_path
from benchmarks.measuring.measure import MOST_ROUNDS, Budget, timed
from benchmarks.measuring.options import DEFAULT_LIMIT, LIMIT_BUDGETS
from benchmarks.measuring.pilot import look
from benchmarks.measuring.race import PASSES_OF_A_CELL, Model, prepare
from benchmarks.measuring.recording import Recording, libraries_of
from benchmarks.measuring.target import TargetError, Wanted, importable, load
from benchmarks.measuring.visiting import visited
from benchmarks.strategies import LIBRARIES, STRATEGIES
from benchmarks.strategies.clusters import RUNNING, ClusterError, ClusterStrategy
from benchmarks.strategies.mpi4py import lost_in_mpi
from benchmarks.tasks import count

CALIBRATION = 20_000
"""Iterations of the counting loop, about a millisecond, by which the length of a run is estimated."""


@dataclass
class Session:
    """What this run is, and what is planned; `plans` has the cells of each family, `planned` those that take part."""

    selection: Selection
    measuring: bool
    seconds: float | None
    limit: float | None
    recording: Recording
    plans: dict[str, dict[Cell, Planned]] = field(default_factory=dict)
    planned: dict[str, Planned] = field(default_factory=dict)
    _lock: MachineLock | None = None
    _iteration: float | None = None
    _hears: bool = False
    _folder: TemporaryDirectory[str] | None = None

    def plan(self, family: Family) -> list[Planned]:
        """Return the cells of a family that were selected. Raises ValueError if there is another of its name."""
        if self.recording.families.get(family.name, family) != family:
            message = f"two questions are called {family.name!r}: give one another name"
            raise ValueError(message)
        plan = family.plan(self.selection)
        self.recording.families[family.name] = family
        self.plans[family.name] = {planned.cell: planned for planned in plan}
        return plan

    def visit(self, wanted: Wanted | None) -> None:
        """Look at the running clusters that are to be measured. Raises UsageError for what would fail there.

        Their workers must have the modules of a person's own function, where one is `wanted`. Nobody is looked at while
        another run measures.
        """
        if self.measuring and lost_in_mpi():
            message = (
                "mpiexec has started several processes, of which each would measure: start them by "
                "mpiexec -n N python -m mpi4py.futures -m pytest ..."
            )
            raise pytest.UsageError(message)
        for strategy in (STRATEGIES[name] for name in self.selection.strategies or ()):
            if not isinstance(strategy, ClusterStrategy) or not strategy.running or strategy.lacking():
                continue
            library = strategy.library.name
            if library not in RUNNING:
                if self.measuring:
                    self._claim()
                try:
                    RUNNING[library] = visited(strategy, [] if wanted is None else importable(wanted))
                except (ClusterError, TargetError) as error:
                    raise pytest.UsageError(str(error)) from None
            self.recording.clusters[library] = RUNNING[library]

    def unplanned(self) -> list[str]:
        """Return the strategies that were named and that no family has taken; a race drops what is too slow."""
        if self.recording.target is not None:
            return []
        taken = {cell.strategy for plan in self.plans.values() for cell in plan}
        return [name for name in self.selection.strategies or () if self.plans and name not in taken]

    def measured_families(self) -> list[str]:
        """Return the families of which a cell takes part."""
        taking_part = {id(planned) for planned in self.planned.values()}
        return [name for name, plan in self.plans.items() if any(id(one) in taking_part for one in plan.values())]

    def uses_libraries(self, family: Family) -> bool:
        """Say whether a planned cell of a family needs a third-party library."""
        return any(STRATEGIES[cell.strategy].library is not None for cell in self.plans[family.name])

    def budget(self, name: str, least_rounds: int) -> Budget:
        """Return what a planned cell may take."""
        seconds = self.planned[name].seconds_of(self.seconds)
        return Budget(seconds, least_rounds, self.limit or max(DEFAULT_LIMIT, LIMIT_BUDGETS * seconds))

    def announcement(self, cells: Sequence[Planned], storage: Path) -> Iterator[str]:
        """Yield the lines that say what will be measured, how long it will take, and what may make it worth less."""

        def told(some: Sequence[Planned]) -> str:
            return f"{len(some)} cell{'s' if len(some) > 1 else ''}, about {self._expected(some):.0f} s"

        added = [planned for planned in cells if planned.added]
        more = f" (of these --strategies added {told(added)})" if added else ""
        workers = ", ".join(map(str, sorted({planned.cell.workers for planned in cells})))
        yield f"{told(cells)}{more}; workers: {workers}; runs are saved in {shown(storage)}"
        yield from self._libraries(cells, told)
        quota = cpu_quota()
        if quota is not None and quota < 1:
            yield f"warning: the CPU quota is {quota:g} of a CPU: the system will stop all processes again and again"
        elif usable_cpus() == 1:
            yield "warning: one usable CPU: no pool can be faster than the loop here, only its cost can be measured"
        if standard_library_cached() is False:
            yield (
                "warning: no bytecode of the standard library is cached: workers by forkserver or spawn compile what "
                f"they import; `{sys.executable} -m compileall -q {Path(os.__file__).parent}` makes it"
            )

    def _libraries(self, cells: Sequence[Planned], told: Callable[[Sequence[Planned]], str]) -> Iterator[str]:
        """Yield a line that says which libraries' engines are measured, and what they add; or that there are none."""
        families = self.recording.families.items()
        about = [name for name, family in families if family.about_libraries or family.about_clusters]
        versions = libraries_of(cells)
        if versions:
            own = {id(planned) for name in about for planned in self.plans[name].values()}
            added = [planned for planned in cells if id(planned) in own]
            share = f" ({told(added)}, Python's own pools beside them)" if added else ""
            yield f"engines: {', '.join(f'{name} {version}' for name, version in versions.items())}{share}"
        elif self.selection.strategies is None and any(family.about_libraries for _, family in families):
            yield f"engines: none but Python's own; pip install -e '.[engines]' adds {', '.join(LIBRARIES)}"

    def progress(self, name: str) -> str | None:
        """Return a line that says which file's cells begin with a planned one, and what is left; None if none do."""
        names = list(self.planned)
        left = names[names.index(name) :]
        file = name.partition("::")[0]
        own = [other for other in left if other.partition("::")[0] == file]
        if len(own) < sum(other.partition("::")[0] == file for other in names):
            return None
        minutes, seconds = divmod(round(self._expected([self.planned[other] for other in left])), 60)
        cells = "cells," if len(own) > 1 else "cell, "
        return f"{Path(file).stem:<16} {len(own):3} {cells} about {minutes}:{seconds:02} left"

    def _expected(self, cells: Sequence[Planned]) -> float:
        """Return the seconds that some cells will take, more or less."""
        if self._iteration is None:
            self._iteration = min(timed(lambda: [count(CALIBRATION)]) for _ in range(3)) / CALIBRATION
        return sum(expected_seconds(planned, self.seconds, self._iteration, MOST_ROUNDS) for planned in cells)

    def aim(self, wanted: Wanted, model: Model, tell: Callable[[str], None], budget: float) -> None:
        """Look at a person's own function, and race settings for it. Raises UsageError where it cannot be measured.

        `model` proposes the settings.
        """
        self._claim()
        begun = perf_counter()
        try:
            target = load(wanted)
            self._hear_signals()  # from here on something is made that must be ended
            self._folder = TemporaryDirectory(prefix="pool-benchmarks-", ignore_cleanup_errors=True)
            findings = look(target, budget)
            tell(
                f"{target.name}: {len(target.inputs)} inputs, {1e3 * findings.task_time:.3g} ms a task "
                f"(standard deviation {findings.spread:.0%})"
            )
            for note in findings.notes:
                tell(f"note: {note}")
            info = prepare(target, findings, model, budget, begun, Path(self._folder.name), tell, wanted.clusters)
            self.recording.target = replace(info, star=wanted.star, prepared_by=wanted.initializer)
            # a pass of a few long tasks, seven times, may take longer than any usual cell
            whole = LIMIT_BUDGETS * PASSES_OF_A_CELL * info.task_time * info.measured
            self.limit = self.limit or max(DEFAULT_LIMIT, whole)
            SIGNALS.check()
        except TargetError as error:
            raise pytest.UsageError(str(error)) from None
        except OSError as error:
            message = f"--target {wanted.function}: {one_line(error)}: what it takes to measure it cannot be had"
            raise pytest.UsageError(message) from None

    def begin(self) -> None:
        """Claim the machine, ask for the facts, and hear signals. Raises UsageError where that cannot be done."""
        # What exists by now is never garbage: a collection takes 30 ms with it, 0.1 without; a cell has two.
        gc.collect()
        gc.freeze()
        self._claim()
        try:
            self.recording.begin(self.planned)
        except OSError as error:
            message = f"no process can be started ({error.strerror}): raise the limit (ulimit -u), or end others"
            raise pytest.UsageError(message) from None
        self._hear_signals()

    def _hear_signals(self) -> None:
        """Hear signals from now on, if that has not begun: to begin anew would forget one."""
        if not self._hears:
            SIGNALS.catch()
        self._hears = True

    def _claim(self) -> None:
        """Claim the machine, if that has not been done."""
        if self._lock is not None:
            return
        path = lock_path()
        try:
            self._lock = MachineLock(path)
        except LockedError as error:
            raise pytest.UsageError(str(error)) from None
        except OSError as error:
            message = (
                f"{path}: {error.strerror}; set {LOCK} to a file that can be written: two runs exclude each other by it"
            )
            raise pytest.UsageError(message) from None

    def end(self) -> None:
        """Give back what was claimed."""
        gc.unfreeze()
        RUNNING.clear()
        if self._folder is not None:
            self._folder.cleanup()
        if self._lock is not None:
            self._lock.release()


def shown(path: Path) -> str:
    """Write a path as seen from here, where it is not elsewhere altogether."""
    return os.path.relpath(path) if path.resolve().is_relative_to(Path.cwd().parent) else str(path)
