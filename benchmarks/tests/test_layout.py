"""The house: imports point downwards, workers load little."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from fnmatch import fnmatchcase
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import get_args, get_type_hints

import msgspec
import pytest

from benchmarks import schema

PACKAGE = Path(__file__).parents[1]

LAYERS = (
    # what runs in a worker; what machine and system can do; the saved run, and how it stands on disk
    ("tasks", "worker", "errors", "words", "environment", "interrupts", "measuring", "report"),
    ("schema", "workloads", "introducing", "strategies.library"),
    ("layout", "strategies.base"),
    ("strategies.*", "strategies.clusters"),
    (
        "strategies.sharing",
        "strategies.joblib",
        "strategies.multiprocess",
        "strategies.distributed",
        "strategies.ray",
        "strategies.mpi4py",
    ),
    ("strategies",),
    # measuring: what is measured, what must not happen meanwhile, one cell, the run
    (
        "measuring.cells",
        "measuring.processes",
        "measuring.lock",
        "measuring.facts",
        "measuring.target",
    ),
    ("measuring.interpreter",),
    ("measuring.watch", "measuring.cold", "measuring.saving", "measuring.options", "measuring.looking"),
    ("measuring.leaks", "measuring.hosted", "measuring.visiting", "measuring.recording", "measuring.pilot"),
    ("measuring.arms", "measuring.trying"),
    ("measuring.calibrate",),
    ("measuring.race",),
    ("measuring.measure", "measuring.breaking", "measuring.refusals"),
    ("measuring.failures", "measuring.session"),
    # judging, over saved runs alone
    ("report.stats", "report.units", "report.program", "report.runs", "report.least_squares", "report.paste"),
    ("report.quantities", "report.promote", "report.variances", "report.arguments"),
    ("report.metrics", "report.paint", "report.table"),
    ("report.phrases", "report.samples"),
    ("report.family_table", "report.reading", "report.judge", "report.costs"),
    ("report.stored", "report.forecast"),
    ("report.advice", "report.propose"),
    ("report.recommend",),
    ("report.groups", "report.intervals"),
    ("report.nulls", "report.noise", "report.overview"),
    ("report.causes", "report.changes", "report.details", "report.digest"),
    ("report.compare",),
    ("report.findings", "report.sequential", "report.plots"),
    ("report.matrix", "report.verdicts"),
    # where both come together: what is measured, and the sentence about it; the programs
    ("bench_*",),
    ("questions",),
    ("report.__main__",),
    ("plugin", "alternate", "launch"),
)
"""The house from the ground up, without `benchmarks.`: a module imports those of lower layers alone."""

DOORS = (
    ("bench_*", "report.*"),  # the sentence that answers a question
    ("report.__main__", "questions"),  # the same, found
    ("plugin", "report.__main__"),  # the summary after a run
    ("plugin", "report.propose"),  # what to try of a person's own function
)
"""The imports from one wing into the other."""

WALL = {"benchmarks.schema", "benchmarks.layout", "benchmarks.words"}
"""What both wings import: the saved run stands between them."""


def layer_of(name: str) -> int:
    """Return the layer of a module, counted from the ground: where it is named, else where a pattern stands for it."""
    short = name.removeprefix("benchmarks.")
    named = (place for place, layer in enumerate(LAYERS) if short in layer)
    meant = (place for place, layer in enumerate(LAYERS) if any(fnmatchcase(short, pattern) for pattern in layer))
    return next(chain(named, meant))


def modules() -> Iterator[tuple[str, Path]]:
    """Yield the modules of the suite, its tests and evidence left out."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        if parts[1] in {"tests", "evidence"} or parts == ("benchmarks", "__init__"):
            continue
        yield ".".join(part for part in parts if part != "__init__"), path


def imported(source: str) -> set[str]:
    """Return the modules of the suite that a source imports."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("benchmarks"):
            inside = {f"{node.module}.{alias.name}" for alias in node.names} & {name for name, _ in modules()}
            names |= inside or {node.module}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names if alias.name.startswith("benchmarks")}
    return names


def judges(name: str) -> bool:
    """Say whether a module is of the wing that judges."""
    return name.startswith("benchmarks.report") or name == "benchmarks.alternate"


def faults(name: str, source: str) -> list[str]:
    """Return what is wrong with the imports of a module."""
    found = []
    for other in sorted(imported(source)):
        short = name.removeprefix("benchmarks."), other.removeprefix("benchmarks.")
        door = any(fnmatchcase(short[0], into) and fnmatchcase(short[1], out) for into, out in DOORS)
        if judges(other) != judges(name) and not door and not WALL & {name, other}:
            found.append(f"{name} imports {other} through the wall")
        elif layer_of(other) >= layer_of(name):
            found.append(f"{name} (layer {layer_of(name)}) imports {other} (layer {layer_of(other)})")
    return found


@pytest.mark.parametrize(("name", "path"), [pytest.param(*module, id=module[0]) for module in modules()])
def test_imports_point_downwards(name: str, path: Path) -> None:
    """A module imports only modules of lower layers, and the report nothing that measures."""
    assert faults(name, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("benchmarks.environment", "from benchmarks.measuring.measure import measure"),
        ("benchmarks.strategies.floor", "import benchmarks.plugin"),
        ("benchmarks.report.stats", "from benchmarks.report import details"),
        ("benchmarks.report.metrics", "from benchmarks.environment import usable_cpus"),
        ("benchmarks.measuring.measure", "from benchmarks.report.units import seconds"),
    ],
)
def test_upward_imports_are_found(name: str, source: str) -> None:
    """The walk sees what it must forbid."""
    assert len(faults(name, source)) == 1


def names_defined(source: str) -> set[str]:
    """Return the classes and the public constants that a source defines for all of its module."""
    found = set()
    for node in ast.parse(source).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        found |= {target.id for target in targets if isinstance(target, ast.Name) and target.id.isupper()}
        found |= {node.name} if isinstance(node, ast.ClassDef) else set()
    return {name for name in found if not name.startswith("_")}


def test_each_name_stands_for_one_thing() -> None:
    """No two modules have a class or a constant of one name; questions and programs of evidence have none of theirs."""
    sources = {path: names_defined(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")}
    local = {path for path in sources if path.name.startswith("bench_") or path.parent.name == "evidence"}
    suite = Counter(
        name for path, names in sources.items() if path not in local and path.parent.name != "tests" for name in names
    )

    assert [name for name, count in suite.items() if count > 1] == []
    assert {(path.name, name) for path in local for name in sources[path] & set(suite)} == set()
    assert {"Cell", "Measured", "SPEEDUP", "STRATEGIES", "QUANTITIES"} <= set(suite)


def keys_of(struct: type[msgspec.Struct]) -> set[str]:
    """Return the keys of a part of the saved run, and of the parts that it has."""
    found = set(struct.__struct_fields__)
    for hint in get_type_hints(struct).values():
        parts = [hint, *get_args(hint), *(inner for part in get_args(hint) for inner in get_args(part))]
        for part in parts:
            if isinstance(part, type) and issubclass(part, msgspec.Struct):
                found |= keys_of(part)
    return found


def spelt(source: str) -> set[str]:
    """Return the texts that a source uses as keys: in subscripts, in `get` and `pop`, in the making of a dict."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        keys: list[ast.expr | None] = []
        if isinstance(node, ast.Subscript):
            keys = [node.slice]
        elif isinstance(node, ast.Dict):
            keys = list(node.keys)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in {"get", "pop"}:
            keys = list(node.args[:1])
        found |= {key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}
    return found


WORDS = {*schema.Params.__struct_fields__, "python", "machine", "family", "cells"}
"""Keys that are words of options and tables too; the axes of a cell are found by their names wherever it is set."""


@pytest.mark.parametrize(("name", "path"), [pytest.param(*module, id=module[0]) for module in modules()])
def test_only_the_schema_spells_the_keys_of_a_saved_run(name: str, path: Path) -> None:
    """Whoever writes or reads a saved run does it by the names of the schema, which a type checker knows."""
    if name not in WALL:
        assert spelt(path.read_text(encoding="utf-8")) & (keys_of(schema.Document) - WORDS) == set()


def test_spelt_keys_are_found() -> None:
    """The walk sees what it must forbid, in each of its forms."""
    source = 'a["suite"]; b.get("fullname"); c.pop("params", None); d = {"extra_info": 1}'

    assert spelt(source) == {"suite", "fullname", "params", "extra_info"}
    assert {"suite", "extra_info", "serial_seconds", "stolen_seconds", "chunk_size", "values"} <= keys_of(
        schema.Document
    )


LESSER_PLATFORM = """
import importlib, multiprocessing.synchronize, os, select, signal, subprocess, sys, time
import msgspec, pytest, tabulate
if importlib.util.find_spec("matplotlib"):
    import matplotlib.figure
sys.modules["fcntl"] = None
for module, names in (
    (os, "fork getuid killpg sched_getaffinity getloadavg sysconf register_at_fork"),
    (signal, "SIGKILL SIGALRM SIGHUP ITIMER_REAL setitimer getitimer pthread_sigmask SIG_BLOCK SIG_SETMASK"),
    (select, "poll POLLIN"),
    (time, "clock_gettime"),
):
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
for name in sys.argv[1:]:
    importlib.import_module(name)
from benchmarks.strategies.floor import FLOOR
print(FLOOR.unavailable("spawn"))
"""
"""Takes from Python what Windows has not, as far as the suite's modules know it, and imports them."""


def test_modules_can_be_imported_on_a_lesser_platform() -> None:
    """What a platform lacks is refused when it is asked for, by the cell that asks, never by an import."""
    missing = {"benchmarks.report.plots"} if find_spec("matplotlib") is None else set()
    names = {name for name, _ in modules()} - missing
    result = subprocess.run(
        [sys.executable, "-c", LESSER_PLATFORM, *sorted(names)],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (result.stdout, result.stderr) == ("the floor needs POSIX pipes, which this platform does not have\n", "")


def test_workers_load_little() -> None:
    """What a spawned worker imports of the suite brings neither pytest nor anything that measures."""
    code = (
        "import sys, multiprocessing.spawn, multiprocessing.pool; before = set(sys.modules);"
        "import benchmarks.tasks, benchmarks.worker; print(*sorted(set(sys.modules) - before))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, timeout=60, check=True
    )
    loaded = set(result.stdout.split()) - {"__future__"}

    assert loaded - {"benchmarks", "benchmarks.tasks", "benchmarks.worker"} == set()


def test_measuring_needs_the_base_dependencies_alone() -> None:
    """A run that only measures collects no test: Hypothesis may not be there."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "--benchmark-only", "--collect-only", "-q", "-p", "no:cacheprovider"],
        cwd=PACKAGE.parent,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert "bench_speedup.py::bench_count[1e4-Pool.map]" in result.stdout
    assert "test_" not in result.stdout


def test_top_level_is_as_announced() -> None:
    """Beside hidden entries there are the five names and the licence."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=PACKAGE.parent, capture_output=True, text=True, timeout=60, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    visible = {name.split("/")[0] for name in listed.stdout.splitlines() if not name.startswith(".")}

    assert visible == {"LICENSE", "README.md", "benchmarks", "conftest.py", "pyproject.toml", "tox.ini"}
