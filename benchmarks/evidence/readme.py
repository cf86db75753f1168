"""Writes what the baselines say into the README and the docs, and draws it: `python -m benchmarks.evidence.readme`.

Needs Matplotlib. No number in those parts is written by hand, so that none can be out of date.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import bench_clusters, bench_engines
from benchmarks.alternate import ROOT
from benchmarks.evidence.regret_table import Entry, aims, load_entries, table
from benchmarks.measuring.cells import Layout
from benchmarks.questions import families
from benchmarks.report import details, matrix, units
from benchmarks.report.compare import compare
from benchmarks.report.digest import digest
from benchmarks.report.judge import Rule
from benchmarks.report.metrics import Metrics, break_even, break_evens, by_strategy
from benchmarks.report.overview import Overview, of_runs
from benchmarks.report.phrases import NO_DIFFERENCE, known, ranked
from benchmarks.report.reading import reduced
from benchmarks.report.runs import BASELINE, DataError, find
from benchmarks.report.samples import ACROSS, Reduced
from benchmarks.report.stats import Summary
from benchmarks.report.stored import Stored, chosen
from benchmarks.report.table import fitted
from benchmarks.words import AFTERWARDS, CALLER_SEES, IMPORT

README = ROOT / "README.md"
DOCS = ROOT / "benchmarks" / "docs"
BASELINES = ROOT / ".benchmarks"

REGRET = ROOT / "benchmarks" / "evidence" / "data" / "regret.jsonl"
"""What `benchmarks.evidence.regret` has found."""

ENGINES, CLUSTERS = "engines-baseline", "clusters-baseline"
"""The names of the runs that tell of the engines of libraries, and of clusters."""

WRITTEN_BY = "python -m benchmarks.evidence.readme"

README_WIDTH = 80


def baselines(storage: Path = BASELINES) -> list[matrix.Sample]:
    """Return the baselines by version of Python, the oldest first. Raises DataError if one cannot be read."""
    runs: list[Reduced] = []
    for run in reduced(find(storage, BASELINE), None):
        if isinstance(run, DataError):
            raise run
        runs.append(run)
    return matrix.columns_of([BASELINE], [runs])


def stored(columns: Sequence[matrix.Sample]) -> Stored:
    """Return what the baselines say of how far runs differ."""
    return chosen([column.runs for column in columns], columns[-1].runs[0])


def beside(name: str, storage: Path = BASELINES) -> Overview:
    """Return what other runs of a name say. Raises DataError if one cannot be read."""
    runs: list[Reduced] = []
    for run in reduced(find(storage, name), None):
        if isinstance(run, DataError):
            raise run
        runs.append(run)
    return of_runs(runs)


def parts(columns: Sequence[matrix.Sample]) -> dict[Path, dict[str, str]]:
    """Return the generated parts by page and name."""
    shown = of_runs(columns[-1].runs, stored(columns))
    engines, clusters = beside(ENGINES), beside(CLUSTERS)
    lines = "\n".join(digest(shown, families(), README_WIDTH))
    return {
        README: {
            "digest": f"```text\n{lines}\n```",
            "advice": "\n".join(f"- {line}" for line in _advice(shown)),
        },
        DOCS / "results.md": {"results": "\n\n".join(_results(shown))},
        DOCS / "versions.md": {"versions": _versions(columns)},
        DOCS / "own.md": {"regret": _regret(load_entries(REGRET))},
        DOCS / "engines.md": {
            "advice": "\n".join(f"- {line}" for line in _which_engine(engines)),
            "engines": "\n\n".join(_set(engines, "engines", bench_engines.tables)),
        },
        DOCS / "clusters.md": {"clusters": "\n\n".join(_set(clusters, "clusters", bench_clusters.tables))},
    }


def _regret(entries: Sequence[Entry]) -> str:
    """Return what recommendations for real functions cost beside the best settings, and how near the model was."""
    return "\n\n".join([table(entries, "github"), "\n".join(f"- {line}" for line in aims(entries))])


def _set(shown: Overview, family: str, tables: Layout) -> list[str]:
    """Return where a family was measured, and its tables."""
    made = tables(_family(shown, family))
    return [shown.heading, *("\n".join(fitted(some, 10_000, "github")) for some in made)]


def _which_engine(shown: Overview) -> list[str]:
    """Return when to take which engine, a line each with the number that speaks for it."""
    rows = _family(shown, "engines")
    counting = by_strategy([row for row in rows if row.place.axes.workload == "count"])
    points = {name: break_even(own) for name, own in counting.items()}

    def cost(strategy: str, chunk_size: int) -> str:
        return known(_row(shown, "engines", strategy, workload="nothing", chunk_size=chunk_size).task_time, "s")

    def cheapest(chunk_size: int) -> tuple[str, str]:
        """Return which of Python's own pools costs least a task, or cannot be told from it, and what they cost."""
        own = [_row(shown, "engines", name, workload="nothing", chunk_size=chunk_size) for name in bench_engines.POOLS]
        tied, _ = ranked(own, lambda row: row.task_time)
        names = " or ".join(f"**`{row.place.strategy}`**" for row in tied)
        doubt = f", {NO_DIFFERENCE}" if len(tied) > 1 else ""
        return names, f"{' or '.join(known(row.task_time, 's') for row in tied)} each in chunks of {chunk_size}{doubt}"

    def pays(strategy: str) -> str:
        point = points[strategy]
        assert point is not None
        assert point.interval is not None
        return f" at {known(point.interval, 's')} a task"

    def killed(strategy: str) -> str:
        row = _row(shown, "engines", strategy, workload=bench_engines.KILLED)
        seen, afterwards = row.observed[CALLER_SEES], row.observed[AFTERWARDS]
        return f"{seen} after {known(row.time, 's')}, and the pool afterwards: {afterwards}"

    def script(strategy: str) -> str:
        row = _row(shown, "engines", strategy, workload="script")
        return units.seconds(row.time.center + row.measures[IMPORT][0])

    def throughput(strategy: str) -> str:
        rate = _row(shown, "engines", strategy, workload="bytes in").throughput
        assert rate is not None
        return known(rate.scaled(1 / units.MEGABYTE), "MB/s")

    chunk = bench_engines.CHUNK_SIZE
    names, costs = cheapest(chunk)
    return [
        f"{names} for many short tasks: {costs}; singly `Pool.map` takes {cost('Pool.map', 1)}, and hangs if a worker "
        "is killed;",
        f"**`ProcessPoolExecutor`** if a worker may die and the work then ends: {killed('ProcessPoolExecutor.map')};",
        f"**loky**'s reusable executor if the work must go on: {killed('loky.get_reusable_executor.map')}; and where "
        f"workers must not be forked from the caller, at {script('loky.ProcessPoolExecutor.map')} from import to "
        f"shutdown, against {script('ProcessPoolExecutor.map')} for `ProcessPoolExecutor`;",
        f"**pebble** if single tasks need time limits: {cost('pebble.ProcessPool.map', 1)} singly, "
        f"{cost('pebble.ProcessPool.map', chunk)} in chunks; a killed worker: {killed('pebble.ProcessPool.map')};",
        f"**mpire** for its progress bars and shared objects: {cost('mpire.WorkerPool.map', 1)} singly, "
        f"{throughput('mpire.WorkerPool.map')} to workers, against {throughput('Pool.map')} for `Pool.map`;",
        f"**multiprocess** if functions or inputs cannot be pickled otherwise, at {cost('multiprocess.Pool.map', 1)} "
        f"a task singly, against {cost('Pool.map', 1)} for `Pool.map`;",
        f"**joblib** where a library uses it anyway, such as scikit-learn, or for its cache and large arrays: it "
        f"breaks even{pays('joblib.Parallel loky')}, `Pool.map`{pays('Pool.map')}.",
    ]


def _results(shown: Overview) -> list[str]:
    """Return a section for each family: its question and answer, a picture where there is one, its table."""
    found = [shown.heading]
    for name in shown.families:
        own = replace(shown, families={name: shown.families[name]}, rows=tuple(_family(shown, name)), missing={})
        question = families()[name].question  # runs have that of their day
        picture = BASELINES / f"{name}.svg"
        drawn = [f"![{question}](../../{picture.relative_to(ROOT).as_posix()})"] if picture.exists() else []
        lines = details.family_lines(own, families(), name, 10_000, "github")
        found += [f"## {name}", f"**{question}**", *drawn, "\n".join(lines)]
    return found


def _family(shown: Overview, name: str) -> list[Metrics]:
    return [row for row in shown.rows if row.place.family == name]


def _row(shown: Overview, family: str, strategy: str, **axes: object) -> Metrics:
    """Return the row of a strategy that has these values of axes."""
    return next(
        row
        for row in _family(shown, family)
        if row.place.strategy == strategy
        and all(getattr(row.place.axes, axis) == value for axis, value in axes.items())
    )


def _advice(shown: Overview) -> list[str]:
    """Return which strategy to take when, each with its numbers; a winner only where intervals tell it."""
    points = [(point, point.interval) for point in break_evens(_family(shown, "speedup"))]
    (point, length), *_ = [(point, length) for point, length in points if length is not None]

    def task(strategy: str, **axes: object) -> Summary:
        return _row(shown, "dispatch", strategy, **axes).task_time

    def gain(strategy: str, workload: str) -> Summary:
        found = _row(shown, "waiting", strategy, workload=workload).speedup
        assert found is not None
        return found

    def first(strategy: str) -> Summary:
        found = _row(shown, "streaming", strategy).first_result
        assert found is not None
        return found

    pools, executor, threads = "Pool.map", "ProcessPoolExecutor.map", "ThreadPoolExecutor.map"
    killed, lost = (_row(shown, "failure", name, workload="worker killed") for name in (executor, pools))
    shared = [row for row in _family(shown, "payload") if row.place.axes.workload == "shared input"]
    tied, rest = ranked(shared, lambda row: row.time)
    best = " or ".join(f"{row.place.strategy} {known(row.time, 's')}" for row in tied)
    others = ", ".join(f"{row.place.strategy} {known(row.time, 's')}" for row in rest)
    return [
        f"**a loop** while a task takes less than {known(length, 's')}, where {point.strategy} breaks even;",
        f"**`Pool.map`** with its own chunk size for many short tasks: "
        f"{known(task(pools, chunk_size=None), 's')} each; "
        f"`Pool.imap` and `ProcessPoolExecutor.map`, which send one at a time unless told otherwise, take "
        f"{known(task('Pool.imap'), 's')} and {known(task(executor, chunk_size=None), 's')};",
        f"**`Pool.imap`** if the first result matters: of many it comes after {known(first('Pool.imap'), 's')}, with "
        f"`Pool.map` after {known(first(pools), 's')}{_doubt(first('Pool.imap'), first(pools))};",
        f"**`ProcessPoolExecutor`** if workers may die: the caller gets {killed.observed['caller sees']} after "
        f"{known(killed.time, 's')}, with `Pool.map` {lost.observed['caller sees']}; give it a `chunksize` "
        f"({known(task(executor, chunk_size=125), 's')} per task);",
        f"**threads** if tasks wait: sleeping ones run {known(gain(threads, 'sleep'))} times as fast with threads, "
        f"{known(gain(pools, 'sleep'))} with `Pool.map`{_doubt(gain(threads, 'sleep'), gain(pools, 'sleep'))}; "
        f"counting ones {known(gain(threads, 'count'))} and {known(gain(pools, 'count'))}"
        f"{_doubt(gain(threads, 'count'), gain(pools, 'count'))};",
        f"for **a large input that all tasks share**: {best}{f', {NO_DIFFERENCE}' if len(tied) > 1 else ''}"
        f"{f'; {others}' if others else ''}.",
    ]


def _doubt(one: Summary, other: Summary) -> str:
    return "" if one.apart(other) else f" ({NO_DIFFERENCE})"


def _versions(columns: Sequence[matrix.Sample]) -> str:
    """Return what differs between the versions of Python for sure."""
    first, *others = columns
    results = [compare(first.runs, other.runs, Rule(), tuple(ACROSS), stored(columns)) for other in others]
    return "\n".join(matrix.definite_lines([column.title for column in columns], results, 10_000, "github")).strip()


def written(text: str, new: dict[str, str]) -> str:
    """Return a page with its generated parts replaced. Raises ValueError if it has no place for one."""
    for name, part in new.items():
        start, end = f"<!-- {name}: {WRITTEN_BY} -->\n", f"<!-- end of {name} -->"
        first = text.index(start) + len(start)
        text = f"{text[:first]}{part}\n{text[text.index(end, first) :]}"
    return text


def draw(columns: Sequence[matrix.Sample], folder: Path) -> list[Path]:
    """Draw the newest version's pictures as SVG into a folder; return their paths."""
    from benchmarks.evidence.regret_plot import draw_predicted  # noqa: PLC0415 - the same
    from benchmarks.report.plots import draw as draw_all  # noqa: PLC0415 - the tests need the rest without Matplotlib

    shown = of_runs(columns[-1].runs, stored(columns))
    predicted = folder / "predicted.svg"
    draw_predicted(load_entries(REGRET), predicted)
    with tempfile.TemporaryDirectory() as scratch:
        drawn = [path for path in draw_all(shown, Path(scratch)) if path.suffix == ".svg"]
        return [predicted, *(Path(shutil.copy(path, folder)) for path in drawn)]


def main() -> int:
    """Write all."""
    columns = baselines()
    draw(columns, BASELINES)
    for page, own in parts(columns).items():
        page.write_text(written(page.read_text(encoding="utf-8"), own), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
