"""Settings for a person's own function, by what calls cost: those of this run, and of earlier ones on this machine.

The model proposes, the clock decides: whoever measures asks here what to try, and in which order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.report.costs import Costs, Load, Points, fitted, points_of
from benchmarks.report.forecast import COMPUTES, best_chunks, predict
from benchmarks.report.metrics import NULLS
from benchmarks.report.runs import DataError, Run, parse, stored_paths
from benchmarks.report.samples import reduce
from benchmarks.schema import MACHINE_FACTS, PYTHON_FACTS, Environment, Setting, TargetInfo, TimedCall, Tried
from benchmarks.words import NO_METHOD

MOST_EARLIER = 3
"""Runs that are asked besides this one: costs drift from day to day."""

MOST_LOOKED_AT = 30
"""Saved runs that are opened to find them."""

MORE_WORKERS = (1, 4, 16, 64)
"""Times the usual number, for tasks that wait; ThreadPoolExecutor's own default is some more than the CPUs."""

MOST_PROCESSES = 4
"""Times the usual number: processes take memory, and seconds to start."""


@dataclass(frozen=True)
class Adviser:
    """Earlier runs of this machine and this Python, newest first.

    `clusters` are strategies that have the workers that they have, and of which earlier runs tell nothing: they may
    have been on another cluster.
    """

    runs: tuple[Run, ...]
    clusters: tuple[str, ...] = ()

    @classmethod
    def over(cls, storage: Path, here: Environment, clusters: tuple[str, ...] = ()) -> Adviser:
        """Read the newest runs of a storage that can be compared with one that is about to be taken."""
        try:
            paths = stored_paths(storage)[: -MOST_LOOKED_AT - 1 : -1]
        except DataError:  # a storage that cannot be read tells nothing; saving there says why
            return cls((), clusters)
        found = (run for run in map(_run, paths) if run is not None)
        return cls(tuple(run for run in found if run.complete and _alike(run.environment, here)), clusters)

    def earlier(self, name: str, fingerprint: str) -> tuple[int, tuple[Setting, ...]]:
        """Return how many tasks the last run of a function had in a pass, and settings; 0 if there was none.

        First the settings that most runs have measured, so that all of them can be compared by one.
        """
        own = [run for run in self.runs if run.target is not None and run.cells]
        own = [run for run in own if run.target and (run.target.name, run.target.fingerprint) == (name, fingerprint)]
        if not own:
            return 0, ()
        axes = [cell.place.axes for run in own for cell in run.cells if cell.place.strategy not in NULLS]
        if not axes:  # each of its cells has failed
            return 0, ()
        tasks = axes[0].tasks
        alike = [one for one in axes if one.tasks == tasks]
        settings = Counter(Setting(one.strategy, one.chunk_size, one.workers, one.start_method) for one in alike)
        return tasks, tuple(setting for setting, _ in settings.most_common())

    def propose(self, info: TargetInfo, most_workers: int | None = None) -> list[Tried]:
        """Return settings with what is predicted of each, the fastest first: of each pool that was asked the best one.

        No more workers than `most_workers`, where memory sets a bound.
        """
        known = costs_for(info, self.runs, self.clusters)
        found = []
        for costs in known:
            fixed = costs.strategy in self.clusters
            for setting in [_own(costs)] if fixed else _pools(info, costs, most_workers):
                if setting.start_method == NO_METHOD:
                    forecast = predict(info, costs, setting)
                else:
                    setting, forecast = best_chunks(info, costs, setting)  # noqa: PLW2901 - the same, made definite
                found.append(Tried(setting, forecast.seconds, forecast.error))
        return sorted(found, key=lambda one: one.predicted or 0.0)

    def predicted(self, info: TargetInfo, setting: Setting) -> Tried:
        """Return a setting with what is predicted of it; nothing where no call of its strategy was asked."""
        costs = costs_of_setting(costs_for(info, self.runs, self.clusters), setting)
        if costs is None:
            return Tried(setting)
        forecast = predict(info, costs, setting)
        return Tried(setting, forecast.seconds, forecast.error)


def costs_of_setting(known: Sequence[Costs], setting: Setting) -> Costs | None:
    """Return the costs of a setting's strategy, by its start method where that was asked; None where none was."""
    own = [one for one in known if one.strategy == setting.strategy]
    alike = [one for one in own if (one.start_method or NO_METHOD) == setting.start_method]
    return next(iter((*alike, *own)), None)


def _run(path: Path) -> Run | None:
    try:
        return parse(path.read_bytes(), str(path))
    except (DataError, OSError):  # whoever asks for it is told
        return None


def _alike(one: Environment, other: Environment) -> bool:
    return all(getattr(one, fact) == getattr(other, fact) for fact in (*MACHINE_FACTS, *PYTHON_FACTS))


def costs_for(info: TargetInfo, runs: Sequence[Run] = (), alone: Collection[str] = ()) -> list[Costs]:
    """Return the costs of the pools that this run's calls tell of, earlier runs' cells and calls of the same with them.

    An earlier run of a person's function tells by its calls, another one by its cells. Of some strategies this run
    `alone` tells.
    """
    points: Points = {}
    for call in info.calls:
        points.setdefault(_key(call.setting), []).append(_point(call))
    own = set(points)
    for run in runs[:MOST_EARLIER]:
        if run.target is None:
            cells, _ = points_of([reduce(run)])
            more = [(key, point) for key, some in cells.items() for point in some]
        else:
            more = [(_key(call.setting), _point(call)) for call in run.target.calls]
        for key, point in more:
            if key in own and key[0] not in alone:
                points[key].append(point)
    return [fitted(key, some, None) for key, some in points.items() if key[0] not in NULLS]


def _key(setting: Setting) -> tuple[str, str | None, int]:
    method = None if setting.start_method == NO_METHOD else setting.start_method
    return setting.strategy, method, setting.workers


def _point(call: TimedCall) -> tuple[Load, float]:
    chunks = -(-call.tasks // (call.setting.chunk_size or 1))
    return Load(call.tasks, chunks, call.work, call.bytes_in, call.bytes_out), call.seconds


def _own(costs: Costs) -> Setting:
    """Return the setting that was asked for its costs."""
    return Setting(costs.strategy, None, costs.workers, costs.start_method or NO_METHOD)


def _pools(info: TargetInfo, costs: Costs, most: int | None) -> Iterator[Setting]:
    """Yield the pools of a strategy: with more workers than processors where tasks wait."""
    usual = costs.workers
    threads = costs.start_method is None
    times = MORE_WORKERS if info.computing < COMPUTES else (1,)
    counts = {min(usual * time, info.measured) for time in times if threads or time <= MOST_PROCESSES}
    for workers in sorted({max(1, count if threads or most is None else min(count, most)) for count in counts}):
        yield Setting(costs.strategy, None, workers, costs.start_method or NO_METHOD)
