"""The code of each strategy, as a person pastes it."""

from __future__ import annotations

from collections.abc import Mapping

POOL = """\
with multiprocessing.get_context("{method}").Pool({workers}) as pool:
    results = {call}"""

EXECUTOR = """\
context = multiprocessing.get_context("{method}")
with concurrent.futures.ProcessPoolExecutor({workers}, context) as executor:
    results = list(executor.map(function, inputs, chunksize={chunk_size}))"""

TEMPLATES: Mapping[str, str] = {
    "Pool.map": POOL.replace("{call}", "pool.map(function, inputs, chunksize={chunk_size})"),
    "Pool.starmap": POOL.replace("{call}", "pool.starmap(function, inputs, chunksize={chunk_size})"),
    "Pool.imap": POOL.replace("{call}", "list(pool.imap(function, inputs, chunksize={chunk_size}))"),
    "Pool.imap_unordered": POOL.replace(
        "{call}", "list(pool.imap_unordered(function, inputs, chunksize={chunk_size}))"
    ),
    "ProcessPoolExecutor.map": EXECUTOR,
    "ThreadPoolExecutor.map": """\
with concurrent.futures.ThreadPoolExecutor({workers}) as executor:
    results = list(executor.map(function, inputs))""",
    "loky.ProcessPoolExecutor.map": """\
with loky.ProcessPoolExecutor({workers}) as executor:
    results = list(executor.map(function, inputs, chunksize={chunk_size}))""",
    "loky.get_reusable_executor.map": """\
executor = loky.get_reusable_executor({workers})
results = list(executor.map(function, inputs, chunksize={chunk_size}))""",
    "joblib.Parallel loky": """\
parallel = joblib.Parallel({workers}, batch_size={chunk_size})
results = parallel(joblib.delayed(function)(value) for value in inputs)""",
    "joblib.Parallel threading": """\
parallel = joblib.Parallel({workers}, backend="threading")
results = parallel(joblib.delayed(function)(value) for value in inputs)""",
    "mpire.WorkerPool.map": """\
with mpire.WorkerPool({workers}, start_method="{method}") as pool:
    results = pool.map(function, inputs, chunk_size={chunk_size})""",
    "pebble.ProcessPool.map": """\
with pebble.ProcessPool({workers}) as pool:
    results = list(pool.map(function, inputs, chunksize={chunk_size}).result())""",
    "multiprocess.Pool.map": """\
with multiprocess.get_context("{method}").Pool({workers}) as pool:
    results = pool.map(function, inputs, chunksize={chunk_size})""",
}


MODULES = ("concurrent.futures", "joblib", "loky", "mpire", "multiprocess", "multiprocessing", "pebble")


STANDARD_MODULES = ("concurrent.futures", "multiprocessing")


def code_for(strategy: str, start_method: str | None, workers: int, chunk_size: int) -> list[str]:
    """Return the lines for a strategy, its name where nobody has written them down."""
    template = TEMPLATES.get(strategy, strategy)
    return template.format(method=start_method, workers=workers, chunk_size=chunk_size).splitlines()


def names_for(strategy: str) -> list[str]:
    """Return the imports that the lines of a strategy need."""
    text = TEMPLATES.get(strategy, "")
    return [f"import {module}" for module in MODULES if f"{module}." in text]


def needs_a_library(strategy: str) -> bool:
    """Say whether something must be installed for the lines of a strategy."""
    return any(name.removeprefix("import ") not in STANDARD_MODULES for name in names_for(strategy))
