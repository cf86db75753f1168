"""Writes what the baselines say into the README, and draws its picture: `python -m benchmarks.evidence.readme`.

Needs Matplotlib. No number in those parts of the README is written by hand, so that none can be out of date.
"""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

from tabulate import tabulate

from benchmarks.alternate import ROOT
from benchmarks.questions import answers
from benchmarks.report import matrix, units
from benchmarks.report.compare import compare
from benchmarks.report.judge import Rule
from benchmarks.report.metrics import NULLS, Metrics, break_evens, by_strategy
from benchmarks.report.overview import Overview, of_runs
from benchmarks.report.reading import reduced
from benchmarks.report.render import answer
from benchmarks.report.runs import BASELINE, DataError, find
from benchmarks.report.samples import ACROSS, Reduced
from benchmarks.report.stats import Summary
from benchmarks.report.stored import Stored, chosen

README = ROOT / "README.md"
BASELINES = ROOT / ".benchmarks"
PICTURE = BASELINES / "speedup.svg"

WRITTEN_BY = "python -m benchmarks.evidence.readme"


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


def parts(columns: Sequence[matrix.Sample]) -> dict[str, str]:
    """Return the generated parts of the README by name."""
    shown = of_runs(columns[-1].runs, stored(columns))
    return {"results": "\n\n".join(_results(shown, columns[-1].runs)), "versions": _versions(columns)}


def _results(shown: Overview, runs: Sequence[Reduced]) -> list[str]:
    """Return paragraphs: the finding, a picture, a table with how to read it, an answer a question, what to take."""
    speedup = _family(shown, "speedup")
    known = answers()
    said = {name: answer(known, name, _family(shown, name)) for name in shown.families}
    stolen = [units.percent(run.stolen) for run in runs if run.stolen is not None]
    return [
        f"**{shown.families['speedup'].question}** {said['speedup']}",
        f"![speedup against task length]({PICTURE.relative_to(ROOT).as_posix()})",
        f"Speedup of four tasks over the plain loop:\n\n{_table(speedup)}",
        f"{shown.heading} The host took {', '.join(stolen)} of the CPU time away for other guests.",
        _reading(speedup),
        "\n".join(
            f"- **{shown.families[name].question}** {sentence}" for name, sentence in said.items() if name != "speedup"
        ),
        "Which to take:\n\n" + "\n".join(f"- {line}" for line in _advice(shown)),
    ]


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


def _table(rows: Sequence[Metrics]) -> str:
    """Return the speedups with their intervals: a line a task length, a column a pool."""
    pools = by_strategy([row for row in rows if row.place.strategy not in NULLS])
    lines = []
    for same in zip(*pools.values(), strict=True):
        length = _length(rows, same[0])
        machine = median(row.machine_speedup.center for row in same if row.machine_speedup)
        lines.append([units.seconds(length), *(_factor(row.speedup) for row in same), units.factor(machine)])
    return tabulate(lines, ["task length (median)", *pools, "bare processes (median)"], "github", disable_numparse=True)


def _length(rows: Sequence[Metrics], row: Metrics) -> float:
    """Return the task length of a line of the table: each pool has its own, which differs by the machine's luck."""
    size = row.place.axes.size
    return median(
        other.task_length or 0 for other in rows if other.place.axes.size == size and other.place.strategy not in NULLS
    )


def _factor(value: Summary | None) -> str:
    assert value is not None
    return f"{units.factor(value.center)} [{units.factor(value.low)}, {units.factor(value.high)}]"


def _reading(rows: Sequence[Metrics]) -> str:
    """Tell how to read a number that is sure, and one that is not, if there is one."""
    pools = [row for row in rows if row.place.strategy not in NULLS and row.speedup]
    sure = next(row for row in pools if row.speedup and not row.speedup.meets(1, 1) and row.speedup.center > 1)
    text = (
        f"Read it so: tasks of {units.seconds(_length(rows, sure))} run {_factor(sure.speedup)} times as fast by "
        f"{sure.place.strategy}, a gain for sure, since the whole interval is above 1."
    )
    unsure = next((row for row in pools if row.speedup and row.speedup.meets(1, 1)), None)
    if unsure is not None:
        return (
            f"{text} Tasks of {units.seconds(_length(rows, unsure))} by {unsure.place.strategy}, "
            f"{_factor(unsure.speedup)}, are inconclusive: the interval has 1 in it, and these runs cannot tell a gain "
            "from a loss."
        )
    one, other = sorted(pools, key=lambda row: row.task_length or 0)[-2:]
    assert one.speedup is not None
    assert other.speedup is not None
    if not one.speedup.meets(other.speedup.low or 0, other.speedup.high or math.inf):
        return f"{text} An interval that has 1 in it is inconclusive; today there is none."
    return (
        f"{text} Whether the longest run faster by {one.place.strategy} or by {other.place.strategy} is inconclusive: "
        f"{_factor(one.speedup)} and {_factor(other.speedup)} overlap."
    )


def _advice(shown: Overview) -> list[str]:
    """Return which strategy to take when, each with its number."""
    point = next(point for point in break_evens(_family(shown, "speedup")) if point.strategy == "Pool.map")

    def task(strategy: str, **axes: object) -> str:
        row = _row(shown, "dispatch", strategy, **axes)
        return units.seconds(row.time.center / row.place.tasks)

    def gain(strategy: str, **axes: object) -> str:
        row = _row(shown, "waiting", strategy, **axes)
        return units.factor(row.speedup.center if row.speedup else None)

    def shared(strategy: str) -> str:
        return units.seconds(_row(shown, "payload", strategy, workload="shared input").time.center)

    def first(strategy: str) -> str:
        return units.seconds(_row(shown, "streaming", strategy).measures["first result"][0])

    killed, lost = (
        _row(shown, "failure", name, workload="worker killed") for name in ("ProcessPoolExecutor.map", "Pool.map")
    )
    pools, sleeping, counting = "Pool.map", {"workload": "sleep"}, {"workload": "count"}
    executor, threads = "ProcessPoolExecutor.map", "ThreadPoolExecutor.map"
    return [
        f"**a loop** while a task takes less than {units.seconds(point.task_length)}, where `Pool.map` breaks even;",
        f"**`Pool.map`** with its own chunk size for many small tasks: {task(pools, chunk_size=None)} a task; "
        f"`Pool.imap` and `ProcessPoolExecutor.map`, which send one at a time unless told otherwise, take "
        f"{task('Pool.imap')} and {task(executor, chunk_size=None)};",
        f"**`Pool.imap`** if the first result matters: of a long input it comes after {first('Pool.imap')}, by "
        f"`Pool.map` after {first(pools)};",
        f"**`ProcessPoolExecutor`** if workers may die: its caller sees {killed.observed['caller sees']} after "
        f"{units.seconds(killed.time.center)}, that of `Pool.map` {lost.observed['caller sees']}; give it a "
        f"`chunksize` ({task(executor, chunk_size=125)} a task);",
        f"**threads** if tasks wait: sleeping ones run {gain(threads, **sleeping)} times as fast by threads, "
        f"{gain(pools, **sleeping)} by `Pool.map`; counting ones {gain(threads, **counting)} and "
        f"{gain(pools, **counting)};",
        f"**an initializer** for a large input that all tasks share: {shared('Pool initializer')} in all, sent with "
        f"each task {shared(pools)}.",
    ]


def _versions(columns: Sequence[matrix.Sample]) -> str:
    """Return what differs between the versions of Python for sure."""
    first, *others = columns
    results = [compare(first.runs, other.runs, Rule(), tuple(ACROSS), stored(columns)) for other in others]
    return "\n".join(matrix.definite_lines([column.title for column in columns], results, 10_000, "github")).strip()


def written(text: str, new: dict[str, str]) -> str:
    """Return a README with its generated parts replaced. Raises ValueError if it has no place for one."""
    for name, part in new.items():
        start, end = f"<!-- {name}: {WRITTEN_BY} -->\n", f"\n<!-- end of {name} -->"
        first = text.index(start) + len(start)
        text = f"{text[:first]}{part}{text[text.index(end, first) :]}"
    return text


def draw(columns: Sequence[matrix.Sample], picture: Path) -> None:
    """Draw the newest version's speedup."""
    from benchmarks.report.plots import draw as draw_all  # noqa: PLC0415 - the tests need the rest without Matplotlib

    shown = of_runs(columns[-1].runs, stored(columns))
    speedup = replace(shown, rows=tuple(_family(shown, "speedup")))
    with tempfile.TemporaryDirectory() as folder:
        drawn = next(path for path in draw_all(speedup, Path(folder)) if path.suffix == ".svg")
        picture.write_bytes(drawn.read_bytes())


def main() -> int:
    """Write both."""
    columns = baselines()
    README.write_text(written(README.read_text(encoding="utf-8"), parts(columns)), encoding="utf-8")
    draw(columns, PICTURE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
