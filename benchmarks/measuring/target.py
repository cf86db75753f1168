"""A person's own function and its inputs: found by name, and refused in one line where nothing can be measured."""

from __future__ import annotations

import difflib
import hashlib
import inspect
import json
import pickle
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks import worker
from benchmarks.errors import one_line

MOST_INPUTS = 100_000
"""More are refused: they are kept in memory, and a sample of so many tells as much."""

FINGERPRINT_DIGITS = 8
"""Of a fingerprint: of a million sets of inputs two have the same with a chance of one in ten thousand."""


class TargetError(Exception):
    """What cannot be measured; the message is one line that names it."""


@dataclass(frozen=True)
class Target:
    """A function of one input, and its inputs. `same` compares two results; `fingerprint` stands for the inputs."""

    name: str
    function: Callable[[Any], Any]
    inputs: tuple[Any, ...]
    same: Callable[[Any, Any], bool]
    fingerprint: str

    @property
    def label(self) -> str:
        """What a saved run knows it by: another function, or other inputs, are another cell."""
        return f"{self.name} {self.fingerprint}"


@dataclass(frozen=True)
class Wanted:
    """What the options say: names of a function, of its inputs or a file with them, of what compares and prepares.

    `star` says that each input is a row of arguments, `unchecked` that no result is compared with another. `clusters`
    are strategies that are tried beside pools.
    """

    function: str
    inputs: str
    star: bool = False
    same: str | None = None
    initializer: str | None = None
    unchecked: bool = False
    clusters: tuple[str, ...] = ()


def load(wanted: Wanted) -> Target:
    """Find all that was named. Raises TargetError for whatever is wrong with it."""
    function = _callable(wanted.function, "--target")
    _refuse_kind(function, wanted.function)
    one: Callable[[Any], Any] = function
    if wanted.star:
        one = partial(worker.starred, one)
    if wanted.initializer is not None:
        one = partial(worker.initialized, _callable(wanted.initializer, "--initializer"), uuid4().hex, one)
    _refuse_unpicklable(one, f"--target {wanted.function}", "define it at the top of a module that workers can import")
    inputs = _inputs(wanted.inputs)
    same: Callable[[Any, Any], bool] = equal
    if wanted.same is not None:
        same = _callable(wanted.same, "--same")
        _refuse_unpicklable(same, f"--same {wanted.same}", "define it at the top of a module")
    if wanted.unchecked:
        same = whatever
    return Target(wanted.function, one, inputs, same, _fingerprint(inputs, wanted.inputs))


def importable(wanted: Wanted) -> list[str]:
    """Return the modules that a worker must have, as far as the options tell. Raises TargetError like `load`."""
    names = {"--target": wanted.function, "--initializer": wanted.initializer}
    given = {option: name for option, name in names.items() if name is not None}
    modules = []
    for option, name in given.items():
        # also where it is defined: the module that is named may only pass it on
        own = getattr(inspect.unwrap(named(name, option)), "__module__", None)
        modules += [name.partition(":")[0], *([own] if isinstance(own, str) else [])]
    return list(dict.fromkeys(modules))


def named(text: str, option: str) -> Any:
    """Return what MODULE:NAME names. Raises TargetError."""
    module_name, _, path = text.partition(":")
    if not module_name or not path:
        raise TargetError(f"{option} {text}: MODULE:NAME is wanted, such as package.module:function")
    if module_name == "__main__":
        raise TargetError(f"{option} {text}: workers cannot import __main__: name the module by its file's name")
    try:
        found: Any = import_module(module_name)
    except ImportError as error:
        raise TargetError(f"{option} {text}: {module_name} cannot be imported ({one_line(error)})") from None
    except Exception as error:  # noqa: BLE001 - whatever a module raises when it is run
        raise TargetError(f"{option} {text}: importing {module_name} raises {one_line(error)}") from None
    for name in path.split("."):
        if not hasattr(found, name):
            near = difflib.get_close_matches(name, dir(found), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise TargetError(f"{option} {text}: {getattr(found, '__name__', module_name)} has no {name}{hint}")
        found = getattr(found, name)
    return found


def _callable(text: str, option: str) -> Callable[..., Any]:
    found = named(text, option)
    if not callable(found):
        raise TargetError(f"{option} {text}: is no function, but of type {type(found).__name__}")
    result: Callable[..., Any] = found
    return result


def _refuse_kind(function: Callable[..., Any], name: str) -> None:
    """Raise TargetError for what returns before its work is done."""
    for kind, test in (
        ("a generator", inspect.isgeneratorfunction),
        ("a coroutine", inspect.iscoroutinefunction),
        ("an asynchronous generator", inspect.isasyncgenfunction),
    ):
        if test(function):
            raise TargetError(
                f"--target {name}: is {kind}, which does nothing when it is called: name what returns results"
            )


def _refuse_unpicklable(what: Any, name: str, remedy: str) -> None:
    try:
        pickle.loads(pickle.dumps(what))
    except Exception as error:  # noqa: BLE001 - pickling runs whatever code an object brings
        raise TargetError(f"{name}: cannot be sent to a worker ({one_line(error)}): {remedy}") from None


def _inputs(text: str) -> tuple[Any, ...]:
    """Return the inputs: of a file one JSON value a line, of a callable what it returns, else what it names."""
    path = Path(text)
    if path.is_file():
        values = iter(_of_file(path))
    else:
        if ":" not in text:
            raise TargetError(f"--inputs {text}: neither a file nor MODULE:NAME")
        found = named(text, "--inputs")
        try:
            values = iter(found() if callable(found) else found)
        except Exception as error:  # noqa: BLE001 - a person's own code
            raise TargetError(f"--inputs {text}: gives no inputs ({one_line(error)})") from None
    try:
        inputs = tuple(islice(values, MOST_INPUTS + 1))
    except TargetError:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        raise TargetError(f"--inputs {text}: raises {one_line(error)} while it is read") from None
    if not inputs:
        raise TargetError(f"--inputs {text}: gives no input")
    if len(inputs) > MOST_INPUTS:
        raise TargetError(f"--inputs {text}: gives more than {MOST_INPUTS} inputs, or has no end: give fewer of them")
    return inputs


def _of_file(path: Path) -> Iterator[Any]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TargetError(f"--inputs {path}: cannot be read ({one_line(error)})") from None
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield json.loads(line)
            except ValueError as error:
                raise TargetError(f"--inputs {path}: line {number} is not JSON ({error})") from None


def _fingerprint(inputs: Iterable[Any], name: str) -> str:
    digest = hashlib.sha256()
    for number, value in enumerate(inputs):
        try:
            digest.update(pickle.dumps(value, 4))
        except Exception as error:  # noqa: BLE001 - as above
            raise TargetError(
                f"--inputs {name}: input {number} cannot be sent to a worker ({one_line(error)})"
            ) from None
    return digest.hexdigest()[:FINGERPRINT_DIGITS]


def whatever(_one: Any, _other: Any) -> bool:
    """Take any result for the right one."""
    return True


def equal(one: Any, other: Any) -> bool:
    """Say whether two results are the same: by ==, where that tells, else as NumPy's arrays, else by their pickles.

    Two NaN are one result, which == denies.
    """
    try:
        verdict = one == other
        if isinstance(verdict, bool) and verdict:
            return True
    except Exception:  # noqa: BLE001 - a person's own ==
        verdict = False
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(one, numpy.ndarray):
        return bool(numpy.array_equal(one, other))
    try:
        return _settled(one) == _settled(other)
    except Exception:  # noqa: BLE001 - what cannot be pickled has come from a worker by other means
        return bool(verdict)


def _settled(value: Any) -> bytes:
    """Return a pickle of what has been pickled before: from then on it is the same however often it is sent."""
    return pickle.dumps(pickle.loads(pickle.dumps(value)))
