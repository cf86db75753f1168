"""The command line of the suite: what to select, checked and turned into a `Selection`."""

from __future__ import annotations

import argparse
import difflib
import os
import shlex
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.environment import affinity, start_methods
from benchmarks.measuring.cells import PRESETS, Selection
from benchmarks.measuring.target import Wanted
from benchmarks.strategies import STRATEGIES
from benchmarks.strategies.clusters import ClusterStrategy
from benchmarks.words import STANDARD_METHODS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MOST_SIZE = 10**10
MOST_TASKS = 10**6
WORKERS_PER_CPU = 32
"""Beyond this many workers a CPU, starting them is all that would be measured, and a small machine may not survive."""

DEFAULT_LIMIT = 60.0
LIMIT_BUDGETS = 10
"""Seconds, and budgets, that a cell may take, whichever is more: a busy host makes one several times as long."""


def add_options(parser: pytest.Parser) -> None:
    """Declare the options; their values are checked here, as they are read."""
    group = parser.getgroup("process pools", "benchmarks of process pools")
    add = group.addoption
    add(
        "--preset",
        type=_choice("preset", PRESETS),
        default="default",
        metavar="NAME",
        help=f"how much to measure: {', '.join(PRESETS)} (default: default)",
    )
    add(
        "--strategies",
        type=_choices("strategy", tuple(STRATEGIES)),
        metavar="NAMES",
        help="only these, separated by commas, and in each family that can take them: " + ", ".join(STRATEGIES),
    )
    add("--sizes", type=_numbers("size", MOST_SIZE), metavar="N,...", help="iterations of a task, such as 1e4,1e5")
    add("--tasks", type=_numbers("number of tasks", MOST_TASKS), metavar="N,...", help="tasks per round")
    add(
        "--workers",
        type=_numbers("number of workers", WORKERS_PER_CPU * affinity()),
        metavar="N,...",
        help="worker processes (default: the CPUs that this process may use)",
    )
    add(
        "--start-methods",
        type=_choices("start method", _known_methods()),
        metavar="NAMES",
        help=f"how processes are started: {', '.join(_known_methods())}",
    )
    for option, (_, example) in cluster_options().items():
        add(
            option,
            metavar="ADDRESS",
            help=f"a running cluster for the strategies named, such as {example} (default: each cell starts its own)",
        )
    add(
        "--target",
        metavar="MODULE:FUNCTION",
        help="measure this function of yours instead, and recommend how to run it",
    )
    add(
        "--inputs",
        metavar="WHAT",
        help="its inputs: MODULE:NAME of a callable or an iterable, or a file, one JSON value a line",
    )
    add("--star", action="store_true", help="each input is a row of arguments")
    add(
        "--same",
        metavar="MODULE:FUNCTION",
        help="function that says whether two results are the same (default: ==, else equal NumPy arrays or pickles)",
    )
    add("--initializer", metavar="MODULE:FUNCTION", help="function to call once in each worker, and before the loop")
    add("--unchecked", action="store_true", help="measure although results differ from call to call")
    add(
        "--budget",
        type=_seconds,
        default=60.0,
        metavar="SECONDS",
        help="what measuring --target may take (default: 60; a cluster that is named may take more)",
    )
    add(
        "--cell-limit",
        type=_seconds,
        default=None,
        metavar="SECONDS",
        help=f"give up a cell after this time (default: {DEFAULT_LIMIT:g}, or {LIMIT_BUDGETS} times what measuring it "
        "takes if that is more)",
    )


def cluster_options() -> dict[str, tuple[str, str]]:
    """Return the options that give addresses of running clusters, each with its variable and an example."""
    return {
        strategy.option: (strategy.variable, strategy.example)
        for strategy in STRATEGIES.values()
        if isinstance(strategy, ClusterStrategy) and strategy.option
    }


def settle_addresses(config: pytest.Config) -> None:
    """Put the addresses of running clusters where their strategies look, and nothing else there.

    Raises UsageError for one on which nothing is to be measured.
    """
    forget_addresses()
    named = config.getoption("strategies") or ()
    for option, (variable, _) in cluster_options().items():
        address = config.getoption(option)
        if address is None:
            continue
        if not address.strip():
            message = f"{option}: is empty; give the address of a running cluster, or leave it out"
            raise pytest.UsageError(message)
        own = [name for name, one in STRATEGIES.items() if isinstance(one, ClusterStrategy) and one.option == option]
        if not set(own) & set(named):
            message = f"{option}: name what is to be measured there: --strategies {','.join(own)}"
            raise pytest.UsageError(message)
        os.environ[variable] = address


def forget_addresses() -> None:
    """Take them away: they are none of the next run's."""
    for variable, _ in cluster_options().values():
        os.environ.pop(variable, None)


def _known_methods() -> tuple[str, ...]:
    """Return the start methods of this platform, and those that strategies bring."""
    own = (method for strategy in STRATEGIES.values() for method in strategy.start_methods or ())
    return tuple(dict.fromkeys((*start_methods(), *(method for method in own if method not in STANDARD_METHODS))))


def selection(config: pytest.Config) -> Selection:
    """Return what the options select."""
    return Selection(
        preset=config.getoption("preset"),
        strategies=config.getoption("strategies"),
        sizes=config.getoption("sizes"),
        tasks=config.getoption("tasks"),
        workers=config.getoption("workers"),
        start_methods=config.getoption("start_methods"),
    )


def wanted_target(config: pytest.Config) -> Wanted | None:
    """Return what the options say of a person's own function. Raises UsageError where they do not belong together."""
    function, inputs = config.getoption("target"), config.getoption("inputs")
    if function is None:
        for option in ("inputs", "same", "initializer", "star", "unchecked"):
            if config.getoption(option):
                message = f"--{option} is about a function of yours: add --target MODULE:FUNCTION"
                raise pytest.UsageError(message)
        return None
    if inputs is None:
        message = f"--target {function}: add --inputs, a file or MODULE:NAME of what gives the inputs"
        raise pytest.UsageError(message)
    clusters = all(STRATEGIES[name].cluster for name in config.getoption("strategies") or ())
    for option in ("strategies", "sizes", "tasks", "workers", "start_methods"):
        if config.getoption(option) and not (option == "strategies" and clusters):
            message = f"--{option.replace('_', '-')}: with --target settings are chosen by trying them; leave it out"
            if option == "strategies":
                message = (
                    "--strategies: with --target settings are chosen by trying them; name clusters, or leave it out"
                )
            raise pytest.UsageError(message)
    more = {option: config.getoption(option) for option in ("star", "same", "initializer", "unchecked")}
    return Wanted(function, inputs, clusters=config.getoption("strategies") or (), **more)


def given_explicitly(config: pytest.Config, option: str) -> bool:
    """Say whether an option was written anywhere: a value that equals the default may still be meant.

    pytest does not tell, so the places that it reads arguments from are read again.
    """
    written = [
        *config.invocation_params.args,
        *shlex.split(os.environ.get("PYTEST_ADDOPTS", "")),
        *config.getini("addopts"),
    ]
    return any(str(argument) == option or str(argument).startswith(f"{option}=") for argument in written)


def _choice(what: str, known: tuple[str, ...]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text in known:
            return text
        near = difflib.get_close_matches(text.lower(), [name.lower() for name in known], n=1)
        meant = next((name for name in known if near and name.lower() == near[0]), None)
        hint = f" (did you mean {meant}?)" if meant else ""
        message = f"unknown {what} {text!r}{hint}; known: {', '.join(known)}"
        raise argparse.ArgumentTypeError(message)

    return parse


def _choices(what: str, known: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    parse = _choice(what, known)
    return lambda text: _unique(parse(part) for part in _parts(what, text))


def _numbers(what: str, most: int) -> Callable[[str], tuple[int, ...]]:
    def parse(text: str) -> int:
        try:
            number = float(text)
        except ValueError:
            number = 0.5
        if not 1 <= number <= most or number != int(number):
            message = f"{text!r} is not a {what}: a whole number from 1 to {most} is wanted"
            raise argparse.ArgumentTypeError(message)
        return int(number)

    return lambda text: _unique(parse(part) for part in _parts(what, text))


def _parts(what: str, text: str) -> list[str]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        message = f"names no {what}"
        raise argparse.ArgumentTypeError(message)
    return parts


def _unique(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(values))


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        message = f"{text!r} is not a time limit: a number of seconds above 0 is wanted"
        raise argparse.ArgumentTypeError(message)
    return seconds
