"""The command line: what it takes, and how it says no."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from benchmarks.environment import start_methods, usable_cpus

if TYPE_CHECKING:
    from benchmarks.tests.conftest import Project

USAGE = 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--strategies=imap"], "unknown strategy 'imap' (did you mean Pool.imap?); known: serial, floor, Pool.map"),
        (["--strategies=pool.map"], "unknown strategy 'pool.map' (did you mean Pool.map?)"),
        (["--strategies=,"], "names no strategy"),
        (["--preset=quik"], "unknown preset 'quik' (did you mean quick?); known: default, quick, full, article"),
        (["--start-methods=fork,teleport"], "unknown start method 'teleport'"),
        (["--sizes=0"], "'0' is not a size: a whole number from 1 to"),
        (["--sizes=1.5"], "'1.5' is not a size"),
        (["--sizes=inf"], "'inf' is not a size"),
        (["--sizes=nan"], "'nan' is not a size"),
        (["--sizes=1e99"], "'1e99' is not a size"),
        (["--sizes=ten"], "'ten' is not a size"),
        (["--tasks=-1"], "'-1' is not a number of tasks"),
        (["--workers=0"], "'0' is not a number of workers: a whole number from 1 to"),
        (["--workers=1e6"], "'1e6' is not a number of workers"),
        (["--cell-limit=0"], "'0' is not a time limit"),
        (["--cell-limit=nan"], "'nan' is not a time limit"),
        (["-n2", "--benchmark-only"], "-n and --dist run cells at once, which would measure each other"),
        (["--benchmark-only", "--benchmark-timer=time.time"], "timed with time.perf_counter"),
        (["--benchmark-only", "--benchmark-cprofile=tottime"], "profile without measuring"),
        (["--benchmark-save=before"], "--benchmark-save needs a measurement: add --benchmark-only"),
        (["--benchmark-compare-fail=mean:5%"], "--benchmark-compare-fail needs a measurement"),
    ],
)
def test_bad_options(project: Project, arguments: list[str], message: str) -> None:
    """A value that makes no sense is refused before anything runs, in a line that says what would be right."""
    project.write('FAMILY = family("fine")')
    result = project.run(*arguments)

    assert result.returncode == USAGE
    assert message in " ".join(result.stdout.split())
    assert "Traceback" not in result.stdout
    assert not list(project.folder.glob(".benchmarks/*/*.json"))


def test_plain_pytest_measures_nothing(project: Project) -> None:
    """Without an option to measure each cell is called once, and nothing is saved."""
    project.write('FAMILY = family("fine", strategies=("serial", "floor", "Pool.map"))')
    result = project.run("-v")

    assert result.returncode == 0, result.stdout
    assert "3 passed" in result.stdout
    assert not list(project.folder.glob(".benchmarks/*/*.json"))


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
        (["--strategies=Pool.imap"], set()),
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
        'FAMILY = Family("f", "?", "t", ("speedup",),'
        ' {"default": (Axes("count", 4, ("serial", "Pool.map"), 0.2, sizes=(100, 1000)),)})\n'
        "bench_count = bench_trouble\ndel bench_trouble\n"
    )
    result = project.run("--collect-only", "-q", "--benchmark-only", *arguments)

    assert set(re.findall(r"::(\S+\])", result.stdout)) == labels


def test_start_methods_and_help(project: Project) -> None:
    """--help shows the suite's options with what they take."""
    result = project.run("--help")

    assert result.returncode == 0
    for text in (
        "--preset",
        "--strategies",
        "Pool.imap_unordered",
        "--workers",
        "--cell-limit",
        ", ".join(start_methods()),
    ):
        assert text in " ".join(result.stdout.split())


def test_workers_default_to_usable_cpus(project: Project) -> None:
    """The announcement before the first cell names cells, seconds and workers."""
    project.write('FAMILY = family("fine", strategies=("serial",))')
    result = project.measure()

    assert result.returncode == 0, result.stdout
    assert re.search(
        rf"^1 cell, about \d+ s; workers: {usable_cpus()}; runs are saved in \.benchmarks$",
        result.stdout,
        re.MULTILINE,
    )
