"""What several tests do with saved runs: a small real one, copies of it that differ, and the report over them."""

from __future__ import annotations

import io
import json
import math
import os
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.report.__main__ import main

DATA = Path(__file__).parent / "data" / "0001_small.json"
NULLS = ("serial", "floor")


def report(*arguments: str) -> tuple[int, str, str]:
    """Run the report; return its exit code and what it wrote."""
    out, err = io.StringIO(), io.StringIO()
    return main(arguments, out, err), out.getvalue(), err.getvalue()


def document() -> Any:
    """Return the JSON of the small saved run, to be changed."""
    return json.loads(DATA.read_bytes())


def storage(folder: Path, runs: Iterable[tuple[str, dict[str, float]]]) -> Path:
    """Save copies of the small run, a minute apart: the name of each, and factors on the times of some strategies.

    The factor of "" is that of all others. Each cell is besides shaken by 1 %, seeded. Null rows are as they should be.
    """
    machine = folder / "Linux-CPython-3.13-64bit"
    machine.mkdir(parents=True)
    for number, (name, factors) in enumerate(runs, 1):
        changed = document()
        changed["datetime"] = f"2026-11-22T12:{number:02}:00.000000+00:00"
        source = random.Random(number)
        for benchmark in changed["benchmarks"]:
            strategy = benchmark["params"]["strategy"]
            factor = math.exp(source.gauss(0, 0.01))
            extra = benchmark["extra_info"]
            if strategy not in NULLS:
                factor *= factors.get(strategy, factors.get("", 1.0))
            elif extra[f"{strategy}_seconds"]:
                benchmark["stats"]["data"] = extra[f"{strategy}_seconds"]
            benchmark["stats"]["data"] = [seconds * factor for seconds in benchmark["stats"]["data"]]
            if extra["cpu_seconds"]:
                extra["cpu_seconds"] = [seconds * factor for seconds in extra["cpu_seconds"]]
        path = machine / f"{number:04}_{name}.json"
        path.write_text(json.dumps(changed), encoding="utf-8")
        os.utime(path, (number, number))
    return folder


def five(name: str, **factors: float) -> list[tuple[str, dict[str, float]]]:
    """Return five runs of a name for `storage`; underscores in strategies' names stand for dots."""
    return [(name, {key.replace("_", "."): factor for key, factor in factors.items()})] * 5


def changed_runs(folder: Path, pattern: str, **environment: object) -> None:
    """Change what saved runs say of where they were taken."""
    for path in folder.glob(pattern):
        text = json.loads(path.read_bytes())
        text["suite"]["environment"].update(environment)
        time = path.stat()
        path.write_text(json.dumps(text), encoding="utf-8")
        os.utime(path, (time.st_atime, time.st_mtime))
