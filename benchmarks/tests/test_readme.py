"""The README: its results are those of the baselines, and its commands are taken."""

from __future__ import annotations

import re
import shlex
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path

import pytest

from benchmarks import alternate
from benchmarks.evidence import readme
from benchmarks.report import __main__ as report
from benchmarks.report import matrix
from benchmarks.report.compare import compare
from benchmarks.report.judge import Rule
from benchmarks.report.runs import BASELINE, find

COMMAND = re.compile(r"python -m benchmarks\.(report|alternate) ([^`#\n]+)")
TEXT = readme.README.read_text(encoding="utf-8")

HALF_A_MEGABYTE = 500_000


@pytest.fixture(scope="module")
def columns() -> list[matrix.Sample]:
    """Return the baselines by version of Python."""
    return readme.baselines()


def test_baselines_are_complete(columns: list[matrix.Sample]) -> None:
    """There are six complete default runs of each version, all of one machine, small enough to be kept."""
    runs = [run for column in columns for run in column.runs]

    assert [column.title.rpartition(".")[0] for column in columns] == ["3.11", "3.12", "3.13", "3.14", "3.15"]
    assert [len(column.runs) for column in columns] == [6] * 5
    assert {(run.complete, run.preset) for run in runs} == {(True, "default")}
    assert len({(run.environment.cpu_model, run.environment.usable_cpus) for run in runs}) == 1
    assert max(path.stat().st_size for path in find(readme.BASELINES, BASELINE)) <= HALF_A_MEGABYTE


def test_nothing_changed_from_one_half_of_the_baselines_to_the_other(columns: list[matrix.Sample]) -> None:
    """In the ten ways to halve a Python's six runs nothing REGRESSED by a strategy's doing, for nothing changed."""
    known = readme.stored(columns)
    for column in columns:
        first, *others = column.runs
        for rest in combinations(others, 2):
            base = [first, *rest]
            new = [run for run in others if run not in rest]
            result = compare(base, new, Rule(), (), known)

            assert result.judged
            assert [group.key for group in result.regressed] == []


def test_results_are_those_of_the_baselines(columns: list[matrix.Sample]) -> None:
    """The generated parts say what the baselines say today; `python -m benchmarks.evidence.readme` writes them anew."""
    for name, part in readme.parts(columns).items():
        assert f"<!-- {name}: {readme.WRITTEN_BY} -->\n{part}\n<!-- end of {name} -->" in TEXT


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="pictures need Matplotlib: pip install -e '.[plots]'")
def test_picture_is_that_of_the_baselines(columns: list[matrix.Sample], tmp_path: Path) -> None:
    """The picture, drawn anew, is the one that is kept, but for the names of its parts."""
    import matplotlib as mpl  # noqa: PLC0415 - not in each environment

    kept = readme.PICTURE.read_text(encoding="utf-8")
    if f"Matplotlib v{mpl.__version__}," not in kept:
        pytest.skip(f"the picture was drawn by another Matplotlib than {mpl.__version__}, whose letters may differ")
    readme.draw(columns, tmp_path / "drawn.svg")

    assert _without_ids((tmp_path / "drawn.svg").read_text(encoding="utf-8")) == _without_ids(kept)


def _without_ids(picture: str) -> str:
    """Leave out names that are hashes of coordinates: their last digits are those of the processor."""
    return re.sub(r"\bp[0-9a-f]{10}\b", "clip", picture)


def test_old_results_are_replaced() -> None:
    """What stands between the marks of a part is replaced, and nothing else."""
    start, end = f"<!-- results: {readme.WRITTEN_BY} -->\n", "\n<!-- end of results -->"

    assert readme.written(f"a\n{start}old{end}\nb", {"results": "new"}) == f"a\n{start}new{end}\nb"


@pytest.mark.parametrize(("program", "arguments"), sorted({*COMMAND.findall(TEXT)} - {("report", "--help")}))
def test_commands_are_taken(program: str, arguments: str) -> None:
    """Each command of the README that the programs of the suite are given is one that they understand."""
    words = shlex.split(arguments.replace("RUN", "12"))
    if program == "report":
        report._parser().parse_args(words)
        return
    words = words[: words.index("--")] if "--" in words else words
    names = [re.sub(r"python:\S+", "python:python3", word) for word in words]

    assert len(alternate._parser().parse_args(names).sides) > 1
