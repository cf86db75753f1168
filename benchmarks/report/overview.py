"""What a summary shows: of one run with its rounds, or of several runs of one name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.report import units
from benchmarks.report.intervals import between_runs, of_one_run, reaches
from benchmarks.report.metrics import Metrics, metrics
from benchmarks.report.runs import Run
from benchmarks.report.samples import Reduced, one_sample, reduce, unknown_facts
from benchmarks.report.stored import NOTHING_STORED, Stored
from benchmarks.schema import MEASURED, ClusterInfo, Environment, FamilyInfo, TargetInfo

LEADING = "speedup"
"""The family whose question is the first."""

BUSY = 0.02
"""The share of the CPU time that other guests of the host may take before it is worth a warning."""

NO_BYTECODE = (
    "the standard library's bytecode is not cached: workers started by forkserver or spawn compile what they import"
)


@dataclass(frozen=True)
class Overview:
    """What a summary shows. `missing` has the labels of the cells without numbers by what became of them.

    `source` says which run it is, or runs, `headline` what was measured where in few words, `heading` in more, and
    `caption` stands below a picture. Families come in the order of the questions that people have: speedup first.
    `target` is a person's own function, where one was measured; `addresses` are those of running clusters, by library.
    """

    source: str
    headline: str
    heading: str
    caption: str
    warnings: tuple[str, ...]
    families: Mapping[str, FamilyInfo]
    rows: tuple[Metrics, ...]
    planned: int
    missing: Mapping[str, tuple[str, ...]]
    target: TargetInfo | None = None
    addresses: Mapping[str, str] = field(default_factory=dict)


def of_run(run: Run, stored: Stored = NOTHING_STORED) -> Overview:
    """Look over one run; `stored` runs tell how far such runs differ."""
    stored = stored.without([one := reduce(run)])
    known = reaches([one], list(one.views), stored.sets)
    missing: dict[str, list[str]] = {}
    for outcome in run.outcomes:
        if outcome.outcome != MEASURED:
            said = f"{outcome.outcome}: {outcome.reason}" if outcome.reason else outcome.outcome
            missing.setdefault(said, []).append(outcome.id.rpartition("/")[2])
    running = {name: version for name, version in run.libraries.items() if name in run.clusters}
    seconds = run.seconds
    share = (seconds.arms + seconds.pools) / seconds.wall
    return Overview(
        source=f"{run.source}, {_minute(run.when)}",
        headline=(
            f"{_short_facts(run.environment)}{_engines(running, run.clusters)}; {run.preset} preset, "
            f"{len(run.cells)} of {len(run.outcomes)} cells in {seconds.wall:.0f} s"
        ),
        caption=f"{_short_facts(run.environment)}; {run.when[:10]}; bars with caps are 95% intervals for further runs",
        heading=(
            f"{_facts(run.environment)}{_engines(run.libraries, run.clusters)}; preset {run.preset}, "
            f"{units.counted(len(run.cells), 'cell')} in {seconds.wall:.0f} s, {units.percent(share)} of it inside the "
            "arms or making and ending pools. "
            f"Intervals are 95% for the mean of further runs; {stored.note}."
        ),
        warnings=tuple(_warnings(run)),
        families=_ordered(run.families),
        rows=tuple(of_one_run(metrics(cell), known) for cell in run.cells),
        planned=len(run.outcomes),
        missing={said: tuple(names) for said, names in missing.items()},
        target=run.target,
        addresses={name: info.address for name, info in run.clusters.items()},
    )


def of_runs(runs: Sequence[Reduced], stored: Stored = NOTHING_STORED) -> Overview:
    """Look over two runs or more of one name. Raises DataError if they are not one sample."""
    stored = stored.without(runs)
    shared = one_sample(runs)
    planned = dict.fromkeys(name for run in runs for name in run.outcomes)
    missing: dict[str, list[str]] = {}
    for name in planned:
        if name not in shared:
            lacking = sum(run.outcomes.get(name) != MEASURED for run in runs)
            missing.setdefault(f"missing from {lacking} of {len(runs)} runs", []).append(name.rpartition("/")[2])
    incomplete = sum(not run.complete for run in runs)
    stolen = [run.stolen for run in runs if run.stolen is not None and run.stolen > BUSY]
    warnings = unknown_facts(runs[:1], runs[1:], ())
    if incomplete:
        warnings.append(f"{incomplete} of {len(runs)} runs did not complete")
    if stolen:
        warnings.append(
            f"the host took up to {units.percent(max(stolen))} of the CPU time away for other guests, "
            f"in {units.counted(len(stolen), 'run')}"
        )
    return Overview(
        source=f"{len(runs)} runs, {runs[-1].source} the latest",
        headline=(
            f"{_short_facts(runs[0].environment)}; {runs[0].preset} preset, "
            f"{len(shared)} of {len(planned)} cells in {len(runs)} runs"
        ),
        caption=(
            f"{_short_facts(runs[0].environment)}; {len(runs)} runs, {runs[-1].when[:10]}; "
            "bars with caps are 95% intervals for further ones"
        ),
        heading=(
            f"{len(runs)} runs, {_minute(runs[0].when)} to {_minute(runs[-1].when)}; {_facts(runs[0].environment)}"
            f"{_engines(runs[0].libraries, runs[0].clusters)}; preset {runs[0].preset}, "
            f"{units.counted(len(shared), 'cell')}. "
            f"Intervals are 95% for the mean of further runs; {stored.note}."
        ),
        warnings=tuple(warnings),
        families=_ordered(runs[0].families),
        rows=tuple(between_runs(runs, shared, stored.sets)),
        planned=len(planned),
        missing={said: tuple(names) for said, names in missing.items()},
    )


def _ordered(families: Mapping[str, FamilyInfo]) -> dict[str, FamilyInfo]:
    """Put the question whether a pool pays at all first; files come by their names."""
    return dict(sorted(families.items(), key=lambda item: item[0] != LEADING))


def _minute(when: str) -> str:
    return when[:16].replace("T", " ")


def _facts(facts: Environment) -> str:
    build = " free-threaded" if facts.free_threaded else ""
    return (
        f"{facts.implementation} {facts.python}{build}, {facts.usable_cpus} usable CPUs, "
        f"{facts.cpu_model}, {facts.system} {facts.release}"
    )


def _engines(libraries: Mapping[str, str], clusters: Mapping[str, ClusterInfo]) -> str:
    """Return the libraries that brought engines, those of running clusters with their address and what is there."""

    def where(name: str) -> str:
        info = clusters.get(name)
        if info is None:
            return ""
        sizes = (units.counted(info.workers, "worker"), units.counted(len(info.hosts), "host"))
        return f" at {info.address} ({' on '.join(sizes)})"

    return "".join(f", {name} {version}{where(name)}" for name, version in libraries.items())


def _short_facts(facts: Environment) -> str:
    return f"{facts.implementation} {facts.python}, {facts.usable_cpus} CPUs, {facts.cpu_model}"


def _warnings(run: Run) -> Iterator[str]:
    if not run.complete:
        yield "this run did not complete"
    if run.environment.standard_library_cached is False:
        yield NO_BYTECODE
    yield from dict.fromkeys(warning for cell in run.cells for warning in cell.warnings)
    for name, info in run.clusters.items():
        if info.threads > info.workers:
            yield (
                f"{name}: {units.counted(info.workers, 'worker')} had {info.threads} threads; each counts as one, as "
                "is right for tasks that do not release the GIL"
            )
    load, cpus = run.start.load_average, run.environment.usable_cpus
    if load is not None and load > 0.5 * cpus:
        yield f"the machine was busy when the run began (load average {load:g} on {cpus} CPUs)"
    if run.stolen is not None and run.stolen > BUSY:
        yield f"the host took {units.percent(run.stolen)} of the CPU time away for other guests"
    quota = run.environment.quota
    if quota is not None and quota < run.environment.affinity:
        yield f"the container's quota is {quota:g} CPUs, although {run.environment.affinity} are visible"
