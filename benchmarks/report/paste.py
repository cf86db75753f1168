"""The code of each strategy, as a person pastes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from benchmarks.schema import Setting
from benchmarks.words import NO_METHOD

POOL = """\
with multiprocessing.get_context("{method}").Pool({workers}{, initializer}) as pool:
    results = {call}"""

EXECUTOR = """\
context = multiprocessing.get_context("{method}")
with concurrent.futures.ProcessPoolExecutor({workers}, context{, initializer}) as executor:
    results = list(executor.map({function}, {inputs}, chunksize={chunk_size}))"""

TEMPLATES: Mapping[str, str] = {
    "Pool.map": POOL.replace("{call}", "pool.map({function}, {inputs}, chunksize={chunk_size})"),
    "Pool.starmap": POOL.replace("{call}", "pool.starmap({function}, {inputs}, chunksize={chunk_size})"),
    "Pool.imap": POOL.replace("{call}", "list(pool.imap({function}, {inputs}, chunksize={chunk_size}))"),
    "Pool.imap_unordered": POOL.replace(
        "{call}", "list(pool.imap_unordered({function}, {inputs}, chunksize={chunk_size}))"
    ),
    "ProcessPoolExecutor.map": EXECUTOR,
    "ThreadPoolExecutor.map": """\
with concurrent.futures.ThreadPoolExecutor({workers}{, initializer}) as executor:
    results = list(executor.map({function}, {inputs}))""",
    "loky.ProcessPoolExecutor.map": """\
with loky.ProcessPoolExecutor({workers}{, initializer}) as executor:
    results = list(executor.map({function}, {inputs}, chunksize={chunk_size}))""",
    "loky.get_reusable_executor.map": """\
executor = loky.get_reusable_executor({workers}{, initializer})
results = list(executor.map({function}, {inputs}, chunksize={chunk_size}))""",
    "joblib.Parallel loky": """\
parallel = joblib.Parallel({workers}, batch_size={chunk_size})
results = parallel(joblib.delayed({function})(value) for value in {inputs})""",
    "joblib.Parallel threading": """\
parallel = joblib.Parallel({workers}, backend="threading")
results = parallel(joblib.delayed({function})(value) for value in {inputs})""",
    # it calls a function with the parts of a tuple; a tuple of one has the input as its only part
    "mpire.WorkerPool.map": """\
with mpire.WorkerPool({workers}, start_method="{method}") as pool:
    values = [(value,) for value in {inputs}]
    results = pool.map({function}, values, chunk_size={chunk_size}{, worker_init})""",
    "pebble.ProcessPool.map": """\
with pebble.ProcessPool({workers}{, initializer}) as pool:
    results = list(pool.map({function}, {inputs}, chunksize={chunk_size}).result())""",
    "multiprocess.Pool.map": """\
with multiprocess.get_context("{method}").Pool({workers}{, initializer}) as pool:
    results = pool.map({function}, {inputs}, chunksize={chunk_size})""",
}

MODULES = ("concurrent.futures", "joblib", "loky", "mpire", "multiprocess", "multiprocessing", "pebble")

STANDARD_MODULES = ("concurrent.futures", "multiprocessing")

UNGUARDED = ("fork", NO_METHOD)
"""Start methods whose workers do not import the caller's script anew."""

PREPARING = ("initializer", "worker_init")
"""What engines call the argument that says what each worker is to call first."""


@dataclass(frozen=True)
class Pasted:
    """A function as MODULE:NAME, whether its inputs are rows of arguments, and what each worker calls first."""

    function: str
    star: bool = False
    initializer: str | None = None


def code_for(setting: Setting, what: Pasted | None = None) -> list[str]:
    """Return the lines for a setting, its strategy's name where nobody has written them down.

    Without a person's function: the call alone, of something named `function`.
    """
    template = TEMPLATES.get(setting.strategy, setting.strategy)
    lines, call, prepare = [], "function", ""
    if what is not None:
        call = what.function.partition(":")[2]
        lines += [*_imports(template), *_import_of(what.function), ""]
        if what.initializer is not None:
            prepare = what.initializer.partition(":")[2]
            lines[-1:] = [*_import_of(what.initializer), ""]
        if what.star:
            lines += ["def call(arguments):", f"    return {call}(*arguments)", ""]
            call = "call"
        if prepare and not any(f"{{, {word}}}" in template for word in PREPARING):
            lines += _prepared(call, prepare)
            call = "prepared"
        if setting.start_method not in UNGUARDED:
            lines.append('# in a script below: if __name__ == "__main__":')
    for word in PREPARING:
        template = template.replace(f"{{, {word}}}", f", {word}={prepare}" if prepare else "")
    filled = template.format(
        method=setting.start_method,
        workers=setting.workers,
        chunk_size=setting.chunk_size,
        function=call,
        inputs="inputs",
    )
    return [*lines, *filled.splitlines()]


def _prepared(call: str, prepare: str) -> Iterator[str]:
    """Yield a function that prepares its process once: for an engine that has no initializer."""
    yield from (
        "import functools",
        "",
        f"prepare = functools.cache({prepare})  # once in each worker",
        "",
        "def prepared(value):",
        "    prepare()",
        f"    return {call}(value)",
        "",
    )


def _imports(template: str) -> list[str]:
    """Return the imports that the lines of a strategy need."""
    return [f"import {module}" for module in MODULES if f"{module}." in template]


def _import_of(name: str | None) -> Iterator[str]:
    if name:
        module, _, path = name.partition(":")
        yield f"from {module} import {path.partition('.')[0]}"


def needs_a_library(strategy: str) -> bool:
    """Say whether something must be installed for the lines of a strategy."""
    found = _imports(TEMPLATES.get(strategy, ""))
    return any(name.removeprefix("import ") not in STANDARD_MODULES for name in found)
