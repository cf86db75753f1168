"""Parts of saved runs that tests make up."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from benchmarks.schema import Environment, Params

PARAMS = Params("count", 100, 4, "Pool.map", 2, "fork", None, "warm")

ENVIRONMENT = Environment(
    python="3.13.0",
    implementation="CPython",
    build="main",
    compiler="GCC 12.2.0",
    free_threaded=False,
    gil=True,
    system="Linux",
    release="6.1",
    machine="x86_64",
    node="here",
    cpu_model="a CPU",
    cpus=2,
    affinity=2,
    quota=None,
    usable_cpus=2,
    start_methods="fork, forkserver, spawn",
    default_start_method="fork",
    caches_bytecode=True,
    standard_library_cached=True,
)


def params(**axes: Any) -> Params:
    """Return axes of a cell that differ from `PARAMS` in some."""
    return replace(PARAMS, **axes)


def environment(**facts: Any) -> Environment:
    """Return facts that differ from `ENVIRONMENT` in some."""
    return replace(ENVIRONMENT, **facts)
