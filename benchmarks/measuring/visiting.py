"""A running cluster looked at before the first cell: who its workers are, and what they lack."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from benchmarks.measuring.interpreter import Caller, FreshError, Interpreter
from benchmarks.measuring.processes import descendants
from benchmarks.measuring.watch import LimitError, Watch, end_all
from benchmarks.schema import ClusterInfo
from benchmarks.strategies import STRATEGIES
from benchmarks.strategies.clusters import ClusterError, ClusterStrategy, discreet, said_by

VISIT_SECONDS = 20.0
"""What a visit may take in all; where nobody answers, the clients say so after 5 s."""


MODULES_SECONDS = 60.0
"""And where workers import a person's modules, one after the other."""


def visited(strategy: ClusterStrategy, modules: Sequence[str]) -> ClusterInfo:
    """Return what a running cluster is, seen from an interpreter of its own where its client needs one.

    `modules` are those that its workers must have, with the same code. Raises ClusterError, in one line, where it
    cannot be measured.
    """
    if not strategy.hosted:
        return strategy.visit(modules)
    interpreter = Interpreter(
        "benchmarks.measuring.visiting",
        "visit_and_tell",
        json.dumps([strategy.name, list(modules)]),
        environment=strategy.environment(),
        apart=True,
    )
    where = strategy.location.where
    limit = MODULES_SECONDS if modules else VISIT_SECONDS
    watch = Watch(limit)
    before = descendants()
    try:
        with watch:
            interpreter.start()
            interpreter.await_ready()
            found: ClusterInfo | str = interpreter.answer()
    except LimitError:
        found = (
            f"{where}: something answers, but the cluster does not within {limit:g} s: check that the port is "
            "the right one, that all workers run, and that this program has the required token or certificate"
        )
    except FreshError as error:
        said = FreshError(error.how, discreet(error.said, strategy.address))
        found = f"{where}: its client fails ({said}): use the release that the cluster has"
    finally:
        watch.stop()
        end_all((interpreter,), before)
    if isinstance(found, str):
        raise ClusterError(found)
    return found


def visit_and_tell() -> None:
    """Run in the interpreter: visit, and tell what was found, or what is wrong."""
    caller = Caller()
    name, modules = json.loads(sys.argv[1])
    strategy = STRATEGIES[name]
    assert isinstance(strategy, ClusterStrategy)
    try:
        with caller.guarded():
            found: ClusterInfo | str = strategy.visit(modules)
    except ClusterError as error:
        found = str(error)
    except Exception as error:  # noqa: BLE001 - a scheduler that ends just now, or whatever else a client raises
        said = f"{type(error).__name__}: {said_by(error, strategy.address)}".rstrip(": ")
        found = f"{strategy.location.where}: cannot be looked at ({said}): see that it runs, and try again"
    caller.say_ready()
    caller.tell(found)
    caller.wait()
