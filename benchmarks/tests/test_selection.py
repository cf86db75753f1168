"""What options select, what they add, and what is refused because nobody could ever select it."""

from __future__ import annotations

import re
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from benchmarks.questions import families
from benchmarks.report.quantities import QUANTITIES
from benchmarks.words import JUDGED

if TYPE_CHECKING:
    from benchmarks.tests.conftest import Project

USAGE = 4


@pytest.mark.parametrize(
    ("arguments", "labels"),
    [
        (
            [],
            {
                "bench_count[1e2-serial]",
                "bench_count[1e2-Pool.map]",
                "bench_count[1e3-serial]",
                "bench_count[1e3-Pool.map]",
            },
        ),
        (["--strategies=serial"], {"bench_count[1e2-serial]", "bench_count[1e3-serial]"}),
        (["--sizes=2e3,2e3", "--strategies=Pool.map"], {"bench_count[2e3-Pool.map]"}),
        (["-k", "1e3 and serial"], {"bench_count[1e3-serial]"}),
        # a strategy that the family does not list is measured on the axes that are a template
        (["--strategies=Pool.imap"], {"bench_count[1e3-Pool.imap]"}),
        (
            ["--strategies=Pool.imap,serial"],
            {"bench_count[1e2-serial]", "bench_count[1e3-Pool.imap]", "bench_count[1e3-serial]"},
        ),
        (
            ["--strategies=Pool.imap", "--start-methods=fork,spawn"],
            {"bench_count[1e3-Pool.imap]", "bench_count[1e3-spawn-Pool.imap]"},
        ),
        # threads have no start method, whatever others are asked to start by
        (["--strategies=ThreadPoolExecutor.map", "--start-methods=spawn"], {"bench_count[1e3-ThreadPoolExecutor.map]"}),
        # references are measured where a family lists them, and nowhere else
        (["--strategies=serial,floor"], {"bench_count[1e2-serial]", "bench_count[1e3-serial]"}),
        (
            ["--sizes=100", "--strategies=serial", "--tasks=4,8"],
            {"bench_count[1e2-serial]", "bench_count[1e2-serial-tasks=8]"},
        ),
    ],
)
def test_selection(project: Project, arguments: list[str], labels: set[str]) -> None:
    """Options select cells; one that selects none leaves none."""
    project.write(
        "from benchmarks.tasks import count\n"
        'LISTED = ("serial", "Pool.map")\n'
        'axes = [Axes("count", 4, LISTED, 0.2, sizes=(size,), template=size == 1000) for size in (100, 1000)]\n'
        'FAMILY = Family("f", "?", "t", ("speedup",), {"default": tuple(axes)}, say_nothing)\n'
        "bench_count = bench_trouble\ndel bench_trouble\n"
    )
    result = project.run("--collect-only", "-q", "--benchmark-only", *arguments)

    assert set(re.findall(r"::(\S+\])", result.stdout)) == labels


def test_what_the_option_adds_is_announced(project: Project) -> None:
    """Cells that a family does not list are counted before the first cell, with their seconds, and measured."""
    project.write('FAMILY = family("count", strategies=("Pool.map",), template=True)')
    result = project.measure("--strategies=Pool.map,Pool.imap,Pool.imap_unordered")

    assert result.returncode == 0, result.stdout
    assert re.search(
        r"^3 cells, about \d+ s \(of these --strategies added 2 cells, about \d+ s\);", result.stdout, re.MULTILINE
    )
    assert {entry["params"]["strategy"] for entry in project.saved()["benchmarks"]} == {
        "Pool.map",
        "Pool.imap",
        "Pool.imap_unordered",
    }


@pytest.mark.parametrize(
    ("strategies", "refused"),
    [
        ("Pool initializer", "Pool initializer"),
        ("Pool.map,with Pool,floor", "with Pool,floor"),
        ("Pool.imap", "Pool.imap"),
    ],
)
def test_a_strategy_that_fits_nowhere_is_refused(project: Project, strategies: str, refused: str) -> None:
    """What was named and no family can take is refused before the first cell, with the families that were asked."""
    template = refused != "Pool.imap"
    project.write(f'FAMILY = family("count", strategies=("Pool.map",), template={template})')
    result = project.measure(f"--strategies={strategies}")

    assert result.returncode == USAGE
    assert f"ERROR: --strategies {refused}: none of the families that were selected (trouble)" in " ".join(
        result.stdout.split()
    )
    assert not list(project.folder.glob(".benchmarks/*/*.json"))


ENGINE = """
from dataclasses import dataclass
from benchmarks.strategies.base import Engine, Strategy, register

@dataclass(frozen=True)
class Own(Strategy):
    name: str = "own"
    parallel: bool = False
    start_methods: tuple = ("mine", "yours")

    def unavailable(self, start_method):
        return None

    def open(self, job, workers, start_method):
        return Engine(lambda: [job.function(value) for value in job.inputs])

register(Own())
"""


def test_a_strategy_in_one_file(project: Project) -> None:
    """A module that registers a strategy with a start of its own is all that it takes for it to be measured."""
    (project.folder / "engine.py").write_text(ENGINE)
    conftest = project.folder / "conftest.py"
    conftest.write_text("import engine\n" + conftest.read_text())
    project.write('FAMILY = family("count", strategies=("Pool.map",), template=True)')
    listed = project.run("--help").stdout
    result = project.measure("--strategies=own")
    both = project.measure("--strategies=own,Pool.map", "--start-methods=yours,spawn")
    saved = {(entry["params"]["strategy"], entry["params"]["start_method"]) for entry in project.saved()["benchmarks"]}

    assert "fork, forkserver, spawn, dask, loky, mpi, ray, mine, yours" in " ".join(listed.split())
    assert (result.returncode, both.returncode) == (0, 0), result.stdout + both.stdout
    assert "bench_count" not in result.stdout
    assert "1 passed" in result.stdout
    assert saved == {("own", "yours"), ("Pool.map", "spawn")}


@pytest.mark.parametrize(
    ("spoilt", "message"),
    [
        ('family("count", strategies=("Pool.mop",))', "unknown strategy 'Pool.mop'; known: serial, floor, Pool.map"),
        ('family("cuont")', "unknown workload 'cuont'; known: count"),
        ('family("count", state="hot")', "unknown state 'hot'; known: warm, cold, fresh interpreter"),
        (
            'Family("f", "?", "t", ("speedupp",), {}, say_nothing)',
            "unknown quantity of the family 'f': 'speedupp'; known: speedup, efficiency",
        ),
        ('Family("f", "?", "t", (), {"qiuck": ()}, say_nothing)', "unknown preset of the family 'f': 'qiuck'"),
        ('Family("f", "?", "t", (), {}, say_nothing, arms=("flor",))', "unknown arm of the family 'f': 'flor'"),
        ('Family("f", "?", "t", (), {})', "missing 1 required positional argument: 'answer'"),
    ],
)
def test_a_question_that_is_misspelt(project: Project, spoilt: str, message: str) -> None:
    """A name that nobody has, and a sentence that is missing, are errors when the suite is loaded, not silence."""
    project.write(f"FAMILY = {spoilt}")
    result = project.measure()

    assert result.returncode != 0
    assert message in " ".join(result.stdout.split())
    assert not list(project.folder.glob(".benchmarks/*/*.json"))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "bench_other.py: has no FAMILY, which says what is measured"),
        (
            'FAMILY = family("fine", tasks=5)',
            "bench_trouble.py: two questions are called 'trouble'",
        ),
    ],
)
def test_questions_that_are_none_or_two(project: Project, source: str, message: str) -> None:
    """A file without a family, and two families of one name, are errors of one line, and nothing is measured."""
    project.write(source, name="bench_other.py")
    project.write('FAMILY = family("fine")')
    result = project.measure()

    assert result.returncode == 2, result.stdout
    assert message in " ".join(result.stdout.split())
    assert "Traceback" not in result.stdout
    assert not list(project.folder.glob(".benchmarks/*/*.json"))


def test_each_question_of_the_suite() -> None:
    """Thirteen questions have names, sentences and axes of their own; what is drawn is one of them."""
    known = families()

    assert sorted(known) == [
        "article", "balance", "clusters", "dispatch", "engines", "failure", "payload", "scaling", "speedup", "startup",
        "streaming", "target", "waiting",
    ]  # fmt: skip
    assert all("default" in family.presets and "full" in family.presets for family in known.values())
    assert len({family.question for family in known.values()}) == 13
    if find_spec("matplotlib"):
        assert set(import_module("benchmarks.report.plots").PICTURES) <= set(known)


def test_every_quantity_of_the_table_is_whole() -> None:
    """What a family can be judged by has a formula and says for which tasks; values go to what is judged and back."""
    assert [name for name in JUDGED if QUANTITIES[name].judged_for is None] == []
    assert all(name == quantity.name and quantity.formula for name, quantity in QUANTITIES.items())
    for quantity in QUANTITIES.values():
        assert quantity.unjudged(quantity.judged(2.5)) == pytest.approx(2.5)
        better = 1 if quantity.more_is_better else -1
        assert better * (quantity.judged(3.0) - quantity.judged(2.0)) < 0, f"more {quantity.name} is judged wrongly"
