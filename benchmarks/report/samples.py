"""Runs without their rounds: what a comparison needs of each, and whether they are alike."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean, median
from textwrap import shorten

from msgspec import Struct
from msgspec.structs import asdict

from benchmarks.report.metrics import NULLS
from benchmarks.report.quantities import OF_ARMS, QUANTITIES, SERIAL_TIME
from benchmarks.report.runs import DataError, Measured, Place, Run
from benchmarks.report.units import counted
from benchmarks.schema import MACHINE_FACTS, PYTHON_FACTS, ClusterInfo, Commit, Environment, FamilyInfo
from benchmarks.words import FUNCTION_TIME, NO_METHOD, OR, SUITE

ACROSS: Mapping[str, tuple[str, ...]] = {"python": PYTHON_FACTS, "machine": MACHINE_FACTS}
"""Facts that two samples must share, by what one asks about where their difference is meant."""

CLUSTER = "cluster"
"""What one asks about where another cluster is meant, with other numbers of workers and so of tasks."""

OF_A_CLUSTER = ("workers", "tasks")

MACHINES = "machines"
"""The fact of a cluster that may differ between runs of one name: where machines come and go, each run has others."""

LONGEST_FACT = 80
"""Letters of a fact that are shown; a damaged file may have a million."""

MACHINE_AXES = ("workers", "start_method")
"""Axes whose usual value depends on the machine, so that cells of one name may differ in them."""


class View(Struct, frozen=True):
    """A cell of one run without its rounds: the middle of each quantity over them, by name.

    `values` are as they are judged, see `Quantity.judged`. `measures` are what an engine measures beside its arms, with
    their units.
    """

    place: Place
    values: Mapping[str, float]
    measures: Mapping[str, tuple[float, str]]
    observed: Mapping[str, str]


@dataclass(frozen=True)
class Reduced:
    """A run without its rounds."""

    source: str
    when: str
    commit: Commit
    version: str
    preset: str
    budget: float | None
    least_rounds: int
    complete: bool
    stolen: float | None
    environment: Environment
    families: Mapping[str, FamilyInfo]
    views: Mapping[str, View]
    outcomes: Mapping[str, str]
    libraries: Mapping[str, str] = field(default_factory=dict)
    clusters: Mapping[str, ClusterInfo] = field(default_factory=dict)


def reduce(run: Run) -> Reduced:
    """Return what a comparison needs of a run; its rounds can then be forgotten."""
    views = {cell.place.id: _view(cell) for cell in run.cells}
    return Reduced(
        source=run.source,
        when=run.when,
        commit=run.commit,
        version=run.version,
        preset=run.preset,
        budget=run.budget,
        least_rounds=run.least_rounds,
        complete=run.complete,
        stolen=run.stolen,
        environment=run.environment,
        families=run.families,
        views=views | _against_reference(run, views),
        outcomes={outcome.id: outcome.outcome for outcome in run.outcomes},
        libraries=run.libraries,
        clusters=run.clusters,
    )


def _against_reference(run: Run, views: Mapping[str, View]) -> dict[str, View]:
    """Return the views of families that are judged by the time of a function, with it.

    That is the loop's, measured by a loop that never changes, the null rows': days differ by how fast the machine is.
    """
    found = {}
    for name, view in views.items():
        if FUNCTION_TIME not in run.families[view.place.family].judged_by or view.place.strategy in NULLS:
            continue
        nulls = [one for one in views.values() if one.place.strategy in NULLS and one.place.family == view.place.family]
        reference = [one.values[SERIAL_TIME] for one in nulls if SERIAL_TIME in one.values]
        if reference and SERIAL_TIME in view.values:
            own = view.values[SERIAL_TIME] - fmean(reference)
            found[name] = View(view.place, {FUNCTION_TIME: own, **view.values}, view.measures, view.observed)
    return found


def _view(cell: Measured) -> View:
    """Take the middles. A report may read a hundred runs: these lines take most of its time beyond reading JSON."""
    values = {}
    for name, quantity in QUANTITIES.items() if cell.measures else OF_ARMS.items():
        value = quantity.of(cell)
        if value is not None and (value > 0 or quantity.signed):
            values[name] = quantity.judged(value)
    measures = {name: (median(measure.values), measure.unit) for name, measure in cell.measures.items()}
    return View(cell.place, values, measures, cell.observed)


def in_all(runs: Sequence[Reduced]) -> list[str]:
    """Return the cells that each of some runs has measured, in the order of the first."""
    return [name for name in runs[0].views if all(name in run.views for run in runs)]


def python_of(run: Reduced) -> str:
    """Return the version of Python that a run was taken with, with a t behind it where it is free-threaded."""
    return f"{run.environment.python}{'t' if run.environment.free_threaded else ''}"


def of_python(runs: Sequence[Reduced], like: Reduced) -> list[Reduced]:
    """Return the runs with the Python of another; if there are none those of another release, if none all.

    3.13.1 is another release of 3.13.0; of several the last one is taken, since they are no sample together.
    """

    def version(run: Reduced) -> tuple[str, bool]:
        return run.environment.python.rpartition(".")[0], python_of(run).endswith("t")

    near = [run for run in runs if version(run) == version(like)]
    if not near:
        return list(runs)
    release = python_of(like) if any(python_of(run) == python_of(like) for run in near) else python_of(near[-1])
    return [run for run in near if python_of(run) == release]


def aligned(base: Sequence[Reduced], new: Sequence[Reduced], axes: Iterable[str]) -> list[Reduced]:
    """Return the new runs with their cells named as in the base where they differ in nothing but `axes`.

    A cell of 4 workers is then the one of 2, if no run has both: those of a family that is about workers stay apart.
    """
    meant = _meant(axes)
    if not meant:
        return list(new)

    def names(runs: Sequence[Reduced]) -> dict[tuple[object, ...], set[str]]:
        found: dict[tuple[object, ...], set[str]] = {}
        for run in runs:
            for name, view in run.views.items():
                rest = sorted(
                    (axis, str(value)) for axis, value in asdict(view.place.axes).items() if axis not in meant
                )
                found.setdefault((view.place.family, *rest), set()).add(name)
        return found

    wanted, own = names(base), names(new)
    known = {
        min(own[key]): min(wanted[key])
        for key in own.keys() & wanted.keys()
        if len(own[key]) == 1 and len(wanted[key]) == 1
    }
    return [
        replace(
            run,
            views={known.get(name, name): view for name, view in run.views.items()},
            outcomes={known.get(name, name): outcome for name, outcome in run.outcomes.items()},
        )
        for run in new
    ]


def one_sample(runs: Sequence[Reduced]) -> list[str]:
    """Return the cells that runs of one name share.

    Raises DataError if there are none, or if the runs differ in what one sample must share.
    """
    shared = in_all(runs)
    for run in runs[1:]:
        different = [*differences(runs[:1], [run], (MACHINES,), shared), *library_changes(runs[:1], [run])]
        if different:
            raise DataError(
                f"{runs[0].source} and {run.source} differ ({different[0]}): they are not one sample; "
                "a pattern such as '*3.13*/*_NAME.json' stands for fewer"
            )
    if not shared:
        raise DataError(nothing_in_common(runs))
    return shared


def nothing_in_common(runs: Sequence[Reduced]) -> str:
    """Say which run it is after which no cell is left that all have measured."""
    left = set(runs[0].views)
    empty = next(run for run in runs if not (left := left & set(run.views)))
    return f"{empty.source} has no measured cell in common with {runs[0].source} and those between: leave it out"


def observed(views: Iterable[View], what: str) -> dict[str, int]:
    """Return what was observed in a cell, and in how many of its runs: a run whose rounds differ names several."""
    counts: dict[str, int] = {}
    for view in views:
        for said in view.observed.get(what, "").split(OR):
            counts[said] = counts.get(said, 0) + 1
    return counts


def differences(
    base: Sequence[Reduced], new: Sequence[Reduced], across: Iterable[str], shared: Sequence[str]
) -> list[str]:
    """Say in which facts the runs differ that they should share, and in which axes cells of one name do."""
    meant = _meant(across)
    found = []
    for axis in MACHINE_AXES:
        sides = [{name: _on_axis(side, name, axis) for name in shared} for side in (base, new)]
        apart = [name for name in shared if len(sides[0][name] | sides[1][name]) > 1]
        old, now = ({value for name in apart for value in side[name]} for side in sides)
        if axis not in meant and apart:
            found.append(f"{axis}: {_listed(old)} against {_listed(now)}")
    for name in shared:
        parts = {run.views[name].place.part for run in (*base, *new)}
        if len(parts) > 1:
            found.append(f"what {name.rpartition('::')[2]} counts as: {' against '.join(sorted(parts))}")
    for facts in ACROSS.values():
        for fact in facts:
            old, now = (_told(side, fact) for side in (base, new))
            if fact not in meant and len(old | now) > 1:
                found.append(f"{fact}: {_listed(old)} against {_listed(now)}")
    return [*found, *(_cluster_differences(base, new, meant) if CLUSTER not in meant else [])]


def _meant(across: Iterable[str]) -> set[str]:
    """Return the facts and axes that may differ."""
    groups = {**ACROSS, CLUSTER: (CLUSTER, *OF_A_CLUSTER)}
    return {fact for group in across for fact in groups.get(group, (group,))}


def _cluster_differences(base: Sequence[Reduced], new: Sequence[Reduced], meant: Collection[str]) -> Iterator[str]:
    """Say in what the clusters differ on which the runs have measured one library."""
    for name in dict.fromkeys(name for run in (*base, *new) for name in run.clusters):
        users = ([run for run in side if name in run.libraries] for side in (base, new))
        old, now = ([cluster_facts(run.clusters.get(name)) for run in side] for side in users)
        for fact in dict.fromkeys(fact for facts in (*old, *now) for fact in facts):
            values = [{facts[fact] for facts in side if fact in facts} for side in (old, now)]
            if fact not in meant and all(values) and len(values[0] | values[1]) > 1:
                yield f"cluster of {name}, {fact}: {_listed(values[0])} against {_listed(values[1])}"


def cluster_facts(info: ClusterInfo | None) -> dict[str, str]:
    """Return what runs on a cluster must share, whatever its address; None is one that the run has started itself."""
    if info is None:
        return {"started": "by the run"}
    return {
        "started": "before the run",
        "size": f"{counted(info.workers, 'worker')}, {counted(info.threads, 'thread')}",
        MACHINES: ", ".join(sorted(info.hosts)),
        # the suite's own code is what a comparison may be about
        **{name: version for name, version in info.versions.items() if name != SUITE},
    }


def _on_axis(runs: Sequence[Reduced], name: str, axis: str) -> set[str]:
    """Return the values that a cell has on an axis; that it has no start method differs from none."""
    return {str(getattr(run.views[name].place.axes, axis)) for run in runs} - {NO_METHOD}


def unknown_facts(base: Sequence[Reduced], new: Sequence[Reduced], across: Iterable[str]) -> list[str]:
    """Say which facts that the runs should share are known of some of them only: those may differ, unseen."""
    meant = _meant(across)
    runs = (*base, *new)
    found = []
    for fact in (fact for facts in ACROSS.values() for fact in facts if fact not in meant):
        silent = sum(not run.environment.known(fact) for run in runs)
        if 0 < silent < len(runs):
            known = _listed(_told(runs, fact))
            found.append(f"{fact} is not known of {silent} of {len(runs)} runs, of the others {known}")
    return found


def library_changes(base: Sequence[Reduced], new: Sequence[Reduced]) -> list[str]:
    """Say which libraries have another version in the new runs than in the base, where both have them.

    That is no reason not to compare: it is what a library is measured for.
    """
    found = []
    for name in dict.fromkeys(name for run in base for name in run.libraries):
        old, now = ({run.libraries[name] for run in side if name in run.libraries} for side in (base, new))
        if now and old != now:
            found.append(f"{name} {_listed(old)} against {_listed(now)}")
    return found


def _told(runs: Iterable[Reduced], fact: str) -> set[str]:
    """Return what runs say of a fact."""
    return {str(getattr(run.environment, fact)) for run in runs if run.environment.known(fact)}


def _listed(values: Iterable[str]) -> str:
    return ", ".join(shorten(value, LONGEST_FACT) for value in sorted(values))
