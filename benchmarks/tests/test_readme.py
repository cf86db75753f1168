"""The README and the docs: their results are those of the baselines, and their commands are taken."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path

import pytest

from benchmarks import alternate
from benchmarks.evidence import readme
from benchmarks.report import __main__ as report
from benchmarks.report import matrix
from benchmarks.report.arguments import parser_for
from benchmarks.report.compare import compare
from benchmarks.report.judge import Rule
from benchmarks.report.runs import BASELINE, find
from benchmarks.strategies import LIBRARIES
from benchmarks.tests import saved

PAGES = (readme.README, *sorted(readme.DOCS.glob("*.md")))
TEXTS = {page: page.read_text(encoding="utf-8") for page in PAGES}

COMMANDS = sorted(
    {
        command.strip()
        for text in TEXTS.values()
        for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
        for line in block.splitlines()
        for command in line.partition(" #")[0].split(" && ")
        if command.strip()
    }
)
"""Every command on every page, as a person would paste it after the README's two."""

LINKS = [
    (page, target)
    for page, text in TEXTS.items()
    for target in re.findall(r"\]\(([^)#]+)", text)
    if "://" not in target
]

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
    for page, parts in readme.parts(columns).items():
        for name, part in parts.items():
            assert f"<!-- {name}: {readme.WRITTEN_BY} -->\n{part}\n<!-- end of {name} -->" in TEXTS[page]


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="pictures need Matplotlib: pip install -e '.[plots]'")
def test_pictures_are_those_of_the_baselines(columns: list[matrix.Sample], tmp_path: Path) -> None:
    """The pictures, drawn anew, are those that are kept, but for the names of their parts."""
    import matplotlib as mpl  # noqa: PLC0415 - not in each environment

    drawn = readme.draw(columns, tmp_path)

    assert {path.name for path in drawn} == {path.name for path in readme.BASELINES.glob("*.svg")}
    for path in drawn:
        kept = (readme.BASELINES / path.name).read_text(encoding="utf-8")
        if f"Matplotlib v{mpl.__version__}," not in kept:
            pytest.skip(f"the pictures were drawn by another Matplotlib than {mpl.__version__}: letters may differ")
        assert _without_ids(path.read_text(encoding="utf-8")) == _without_ids(kept)


def _without_ids(picture: str) -> str:
    """Leave out names that are hashes of coordinates: their last digits are those of the processor."""
    return re.sub(r"\bp[0-9a-f]{10}\b", "clip", picture)


def test_old_results_are_replaced() -> None:
    """What stands between the marks of a part is replaced, and nothing else."""
    start, end = f"<!-- results: {readme.WRITTEN_BY} -->\n", "<!-- end of results -->"

    assert readme.written(f"a\n{start}old\n{end}\nb", {"results": "new"}) == f"a\n{start}new\n{end}\nb"
    assert readme.written(f"a\n{start}{end}\nb", {"results": "new"}) == f"a\n{start}new\n{end}\nb"


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_taken(command: str, tmp_path: Path) -> None:
    """Each command on a page is one that the program understands which it is given to."""
    program, *words = shlex.split(command)
    if words[:2] == ["-m", "benchmarks.report"]:
        assert program == ".venv/bin/python"
        parser_for(report.COMMANDS).parse_args(words[2:])
    elif words[:2] == ["-m", "benchmarks.alternate"]:
        words = words[2 : words.index("--")] if "--" in words else words[2:]
        names = [re.sub(r"python:\S+", "python:python3", word) for word in words]
        assert len(alternate._parser().parse_args(names).sides) > 1
    elif program == ".venv/bin/pytest":
        if not any(library.version for library in LIBRARIES.values()) and re.search("bench_engines|killed", command):
            pytest.skip("no engine is installed: pip install -e '.[engines]'")
        # from the options on nothing is run, but all of them are read, and cells are selected by them
        arguments = [*words, "--collect-only", "-qq", f"--benchmark-storage={tmp_path}"]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        result = subprocess.run(
            [sys.executable, "-m", "pytest", *arguments],
            env=clean, cwd=alternate.ROOT, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert result.returncode == 0, result.stdout + result.stderr
    else:
        assert command in OTHERS


OTHERS = {
    "python3 -m venv .venv-old",
    "python3 -m venv .venv-new",
    ".venv-old/bin/pip install -q -e . 'loky==3.4.1'",
    ".venv-new/bin/pip install -q -e . 'loky==3.7.0'",
    ".venv/bin/pip install -q -e '.[engines]'",
    "python3 -m venv .venv",
    ".venv/bin/pip install -q -e .",
    ".venv/bin/pip install -q -e '.[tests]'",
    ".venv/bin/python -m pytest -n auto",
    ".venv/bin/pip install tox",
    ".venv/bin/tox run",
    ".venv/bin/tox run -m bench",
    ".venv/bin/python -m benchmarks.evidence.readme",
}
"""Commands of other programs, and those that `.ci/run` runs."""


READING = [
    command
    for command in COMMANDS
    if command.startswith(".venv/bin/python -m benchmarks.report") and "base head" not in command
    and not re.search(r"before|now|bench|plot|promote", command.partition("report")[2])
]  # fmt: skip


@pytest.mark.parametrize("command", READING)
def test_commands_that_read_runs_work_as_they_stand(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a run was measured, and with the baselines of the checkout, they end without an error."""
    saved.storage(tmp_path / ".benchmarks", [("run", {})])
    monkeypatch.chdir(alternate.ROOT if "baseline" in command else tmp_path)
    code, out, err = saved.report(*shlex.split(command)[3:])

    assert (code, err) == (0, "")
    assert out


@pytest.mark.parametrize(("page", "target"), LINKS, ids=[f"{page.stem}-{target}" for page, target in LINKS])
def test_links_lead_somewhere(page: Path, target: str) -> None:
    """What a page links to is there."""
    assert (page.parent / target).exists()


def test_the_readme_is_short() -> None:
    """A person reads it to its end."""
    assert len(TEXTS[readme.README].splitlines()) <= README_LINES


README_LINES = 150
