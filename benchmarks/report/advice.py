"""Which strategy to take for a job that nobody has measured: what the costs of a saved run predict.

Estimates, each with the error that the model has on cells it was not fitted to. Where two cannot be told apart by it,
both are named; where the loop can be the fastest, that is said first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.report import units
from benchmarks.report.costs import Costs, Load, costs_of
from benchmarks.report.forecast import NEARLY, chunk_sizes
from benchmarks.report.paste import code_for
from benchmarks.report.phrases import NO_DIFFERENCE, known, shares
from benchmarks.report.runs import DataError
from benchmarks.report.samples import Reduced
from benchmarks.report.stats import Summary, student_quantile
from benchmarks.report.units import counted, wrapped
from benchmarks.schema import Setting
from benchmarks.words import NO_METHOD

MOST_RIVALS = 4
"""Strategies that are named where they cannot be told from the best."""


@dataclass(frozen=True)
class Demand:
    """What a person has to do: so many tasks of so many seconds each, with the bytes of each in and out.

    `spread` is the standard deviation of task lengths, as a share of their mean. What `waits` takes no processor.
    """

    task_time: float
    tasks: int
    bytes_in: int = 0
    bytes_out: int = 0
    spread: float = 0.0
    waits: bool = False

    @property
    def work(self) -> float:
        """What a loop takes, in seconds."""
        return self.task_time * self.tasks


@dataclass(frozen=True)
class Proposal:
    """A setting, and what is predicted of it in seconds: `shares` of the time go into what its names say."""

    costs: Costs
    chunk_size: int
    workers: int
    seconds: Summary
    shares: tuple[tuple[str, float], ...]

    def gain(self, job: Demand) -> Summary:
        """Return how many times as fast as the loop it is."""
        return self.seconds.inverse().scaled(job.work)


def proposals(costs: Sequence[Costs], job: Demand, workers: int | None = None) -> list[Proposal]:
    """Return each strategy with the chunk size that suits it best, the fastest first.

    `workers` may be more than were measured: these then share the work as the measured ones did.
    """
    found = [_best(list(_settings(one, job, workers))) for one in costs]
    return sorted(found, key=lambda setting: setting.seconds.center)


def _best(settings: Sequence[Proposal]) -> Proposal:
    """Return the smallest chunks that are all but the fastest: what larger ones save is not worth an idle worker."""
    least = min(setting.seconds.center for setting in settings)
    return next(setting for setting in settings if setting.seconds.center <= NEARLY * least)


def _settings(costs: Costs, job: Demand, workers: int | None) -> Iterator[Proposal]:
    for chunk_size in chunk_sizes(job.tasks, costs.workers):
        yield proposal(costs, job, chunk_size, workers or costs.workers)


def proposal(costs: Costs, job: Demand, chunk_size: int, workers: int) -> Proposal:
    """Return what is predicted of one setting.

    The busiest worker has the last chunk too, and where tasks differ, more than its share: sigma x sqrt(2 k ln P) with
    P workers and chunks of k tasks (Kruskal & Weiss 1985, doi 10.1109/TSE.1985.231547). What the caller hands out goes
    on beside the work, unless it takes longer than the work itself.
    """
    chunks = -(-job.tasks // chunk_size)
    own = Load(job.tasks, chunks, 0.0, float(job.bytes_in * job.tasks), float(job.bytes_out * job.tasks))
    data = costs.byte_in * own.bytes_in + costs.byte_out * own.bytes_out
    dispatch = costs.seconds(own) - data
    # more workers than were measured share the work at the speed that these had, each on a processor of its own
    share = 1 / workers if job.waits else costs.share * costs.workers / workers
    work = job.work * share
    ideal = job.work / workers
    busiest = -(-chunks // workers) * min(chunk_size, job.tasks) * job.task_time * share * workers
    uneven = job.spread * job.task_time * math.sqrt(2 * chunk_size * math.log(workers)) if workers > 1 else 0.0
    imbalance = max(0.0, busiest - work) + uneven
    total = dispatch + data + work + imbalance
    reach = math.exp(student_quantile(0.975, max(1, costs.points - 1)) * costs.error)
    parts = (
        ("work", min(work, ideal)),
        ("machine", max(0.0, work - ideal)),
        ("dispatch", dispatch),
        ("data", data),
        ("imbalance", imbalance),
    )
    portions = tuple((name, part / total) for name, part in parts)
    return Proposal(costs, chunk_size, workers, Summary(costs.points, total, total / reach, total * reach), portions)


def pays_from(costs: Costs, job: Demand, chunk_size: int) -> int | None:
    """Return the number of tasks from which on it is faster than the loop with its start, None where none is.

    Without the costs of a start, from which on it is without.
    """
    load = Load(chunk_size, 1, chunk_size * job.task_time, chunk_size * job.bytes_in, chunk_size * job.bytes_out)
    each = (costs.seconds(load) - costs.call) / chunk_size
    gain = job.task_time - each
    if gain <= 0:
        return None
    return max(1, math.ceil(((costs.start or 0.0) + costs.call) / gain))


def saturation(costs: Costs, job: Demand, chunk_size: int) -> float:
    """Return the number of workers that the caller can keep busy: work of a chunk over what handing it out takes."""
    own = Load(chunk_size, 1, 0.0, float(chunk_size * job.bytes_in), float(chunk_size * job.bytes_out))
    handing = costs.seconds(own) - costs.call
    return math.inf if handing <= 0 else chunk_size * job.task_time / handing


def advice_lines(runs: Sequence[Reduced], job: Demand, width: int, workers: int | None = None) -> Iterator[str]:
    """Yield what to take, its gain, what cannot be told from it, from when on it pays, and where its time goes.

    Raises DataError where the runs do not tell what is needed for that.
    """
    best, *others = proposals(usable(runs, job), job, workers)
    gain = best.gain(job)
    loop = units.seconds(job.work)
    yield from wrapped(f"{counted(job.tasks, 'task')} of {units.seconds(job.task_time)}: a loop takes {loop}.", width)
    yield ""
    if gain.center <= 1 or gain.meets(1, 1):
        doubt = "may be" if gain.center > 1 else "is"
        yield from wrapped(
            f"A loop {doubt} the fastest: the best pool is predicted to be {known(gain)} times as fast.", width
        )
        yield ""
    yield from wrapped(f"{_named(best)}: {known(best.seconds, 's')}, {known(gain)} times as fast as the loop.", width)
    yield ""
    costs = best.costs
    setting = Setting(costs.strategy, best.chunk_size, best.workers, costs.start_method or NO_METHOD)
    addresses = {name: info.address for name, info in runs[-1].clusters.items()}
    yield from (f"    {line}" for line in code_for(setting, addresses=addresses))
    yield ""
    rivals = [other for other in others if not other.seconds.apart(best.seconds)]
    if rivals:
        named = "; ".join(f"{_named(one)} {known(one.seconds, 's')}" for one in rivals[:MOST_RIVALS])
        more = f"; {len(rivals) - MOST_RIVALS} more" if len(rivals) > MOST_RIVALS else ""
        yield from wrapped(f"{NO_DIFFERENCE.capitalize()} from it: {named}{more}.", width)
    tasks = pays_from(best.costs, job, best.chunk_size)
    if tasks is not None:
        start = "making the pool included" if best.costs.start is not None else "the pool being there"
        yield from wrapped(f"It pays from about {counted(tasks, 'task')} on, {start}.", width)
    yield from wrapped(shares(best.shares), width)
    most = saturation(best.costs, job, best.chunk_size)
    if workers is not None and math.isfinite(most):
        verdict = "more would wait for it" if workers > most else "which these do not reach"
        yield from wrapped(
            f"The caller can feed about {most:.0f} workers in chunks of {best.chunk_size}: {verdict}.", width
        )
    facts = runs[0].environment
    yield from wrapped(
        f"Estimated from {counted(len(runs), 'run')} of {facts.implementation} {facts.python} on "
        f"{counted(facts.usable_cpus, 'CPU')}; the model is off by {units.percent(math.exp(best.costs.error) - 1)} for "
        f"cells that it was not fitted to ({counted(best.costs.points, 'cell')} of {best.costs.strategy}).",
        width,
    )


def usable(runs: Sequence[Reduced], job: Demand) -> list[Costs]:
    """Return the costs of the usual number of workers, of those that tell of bytes where there are some."""
    found = costs_of(runs)
    counts = [one.workers for one in found]
    usual = [one for one in found if counts.count(one.workers) == max(map(counts.count, counts))]
    known_costs = [one for one in usual if one.moves or not job.bytes_in + job.bytes_out]
    if known_costs:
        return known_costs
    wanted = "how much bytes cost" if usual else "what tasks and chunks cost"
    raise DataError(f"{runs[-1].source}: does not tell {wanted}: measure with the default preset, and name that run")


def _named(setting: Proposal) -> str:
    method = f", {setting.costs.start_method}" if setting.costs.start_method else ""
    workers = counted(setting.workers, "worker")
    return f"{setting.costs.strategy} in chunks of {setting.chunk_size} ({workers}{method})"
