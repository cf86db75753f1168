"""The code of each strategy, as a person pastes it."""

from __future__ import annotations

import re
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

NO_ADDRESSES: Mapping[str, str] = {}

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
parallel = joblib.Parallel({workers}, batch_size={chunk_size}{, initializer})
results = parallel(joblib.delayed({function})(value) for value in {inputs})""",
    "joblib.Parallel threading": """\
{begin}parallel = joblib.Parallel({workers}, backend="threading")
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
    # a key of its own for each task: two that are alike are not one
    "dask.Client.map": """\
with {distributed.cluster} as client:{register}
    results = client.gather(client.map({function}, {inputs}, pure=False))""",
    "dask.Client.submit": """\
with {distributed.cluster} as client:{register}
    futures = [client.submit({function}, value, pure=False) for value in {inputs}]
    results = client.gather(futures)""",
    # it takes plain functions only: no class, no builtin, no partial
    "ray.remote": """\
{ray.cluster}{, hook})
remote = ray.remote(lambda value: {function}(value))
results = ray.get([remote.remote(value) for value in {inputs}])""",
    "ray.util.multiprocessing.Pool.map": """\
{ray.cluster})
with ray.util.multiprocessing.Pool({workers}{, initializer}) as pool:
    results = pool.map({function}, {inputs}, chunksize={chunk_size})""",
    "mpi4py.MPIPoolExecutor.map": """\
# started by: mpiexec -n {processes} python -m mpi4py.futures SCRIPT
with mpi4py.futures.MPIPoolExecutor({workers}{, initializer}) as executor:
    results = list(executor.map({function}, {inputs}, chunksize={chunk_size}))""",
}

GROUPED_BY_HAND = ("dask.Client.map", "dask.Client.submit", "ray.remote")
"""Strategies that send single tasks: a chunk is a task that has several inputs."""

STARTED = {
    "distributed": (
        "distributed.LocalCluster(n_workers={workers}, threads_per_worker=1) as cluster, distributed.Client(cluster)"
    ),
    "ray": 'ray.init("local", num_cpus={workers}',
}
"""How a cluster of one's own is started, by its library: said so, since both look for a running one otherwise, and fail
when their environment variables, or Ray's own files, name one. Ray's call is open: it may have one more argument."""

JOINED = {"distributed": 'distributed.Client("{address}")', "ray": 'ray.init("{address}"'}
"""How a running one is joined, by its address."""

MODULES = (
    "concurrent.futures",
    "distributed",
    "joblib",
    "loky",
    "mpi4py.futures",
    "mpire",
    "multiprocess",
    "multiprocessing",
    "pebble",
    "ray",
)

TAKEN = {
    *("call", "chunk", "chunks", "client", "cluster", "context", "executor", "futures", "inputs", "parallel"),
    *("pool", "remote", "results", "value", "values"),
    *(module.partition(".")[0] for module in MODULES),
}
"""Names that the code has for something else."""

STANDARD_MODULES = ("concurrent.futures", "multiprocessing")

UNGUARDED = ("fork", "ray", NO_METHOD)
"""Start methods whose workers do not import the caller's script anew."""

PREPARING: Mapping[str, str] = {
    "{, initializer}": ", initializer={}",
    "{, worker_init}": ", worker_init={}",
    "{, hook}": ', runtime_env={{"worker_process_setup_hook": "{dotted}"}}',
    "{register}": "\n    client.run({})",
    "{begin}": "{}()\n",
}
"""How each worker is told what to call first, by what stands for it in a template; threads share what is called once.

(A function that calls it when it is first called itself was rejected: where functions of a script are sent as code, as
by joblib, Dask and Ray, what it remembers cannot be sent.)
"""


@dataclass(frozen=True)
class Pasted:
    """A function as MODULE:NAME, whether its inputs are rows of arguments, and what each worker calls first."""

    function: str
    star: bool = False
    initializer: str | None = None


def code_for(setting: Setting, what: Pasted | None = None, addresses: Mapping[str, str] = NO_ADDRESSES) -> list[str]:
    """Return the lines for a setting, its strategy's name where nobody has written them down.

    Without a person's function: the call alone, of something named `function`. `addresses` are those of running
    clusters, by library.
    """
    template = TEMPLATES.get(setting.strategy, setting.strategy)
    for library, start in STARTED.items():
        address = addresses.get(library)
        joined = start if address is None else JOINED[library].replace("{address}", address)
        template = template.replace(f"{{{library}.cluster}}", joined)
    lines, call, prepare, dotted = [], "function", "", ""
    if what is not None:
        line, call = _imported(what.function, "function")
        lines += [*_imports(template), line, ""]
        if what.initializer is not None:
            line, prepare = _imported(what.initializer, "begin")
            lines[-1:] = [line, ""]
            dotted = what.initializer.replace(":", ".")  # Ray's client, elsewhere, can send its name alone
        if what.star:
            lines += ["def call(arguments):", f"    return {call}(*arguments)", ""]
            call = "call"
        if setting.start_method not in UNGUARDED:
            lines.append('# in a script below: if __name__ == "__main__":')
    values = "inputs"
    if setting.strategy in GROUPED_BY_HAND and (setting.chunk_size or 1) > 1:
        lines += _grouped(call, setting.chunk_size or 1)
        call, values = "chunk", "chunks"
        before, _, gathered = template.rpartition("results = ")
        template = f"{before}results = [result for results in {gathered} for result in results]"
    for place, form in PREPARING.items():
        told = form.replace("{}", prepare).replace("{dotted}", dotted) if prepare else ""
        template = template.replace(place, told)
    filled = template.format(
        method=setting.start_method,
        workers=setting.workers,
        chunk_size=setting.chunk_size,
        function=call,
        inputs=values,
        processes=setting.workers + 1,
    )
    return [*lines, *filled.splitlines()]


def _grouped(call: str, chunk_size: int) -> Iterator[str]:
    """Yield a function of several inputs, and the inputs in chunks."""
    yield from (
        "def chunk(values):",
        f"    return [{call}(value) for value in values]",
        "",
        f"chunks = [inputs[start : start + {chunk_size}] for start in range(0, len(inputs), {chunk_size})]",
    )


def _imports(template: str) -> list[str]:
    """Return the imports that the lines of a strategy need."""
    found = [f"import {module}" for module in MODULES if re.search(rf"\b{re.escape(module)}\.", template)]
    if "ray.util.multiprocessing" in template:
        found = ["import ray", "import ray.util.multiprocessing"]
    return found


def _imported(name: str, alias: str) -> tuple[str, str]:
    """Return the line that imports what is named, and what that is then called: by an alias where its name is taken."""
    module, _, path = name.partition(":")
    first, dot, rest = path.partition(".")
    if first not in TAKEN:
        return f"from {module} import {first}", path
    return f"from {module} import {first} as {alias}", f"{alias}{dot}{rest}"


def needs_a_library(strategy: str) -> bool:
    """Say whether something must be installed for the lines of a strategy."""
    found = _imports(TEMPLATES.get(strategy, ""))
    return any(name.removeprefix("import ") not in STANDARD_MODULES for name in found)
