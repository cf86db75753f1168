"""The look's own interpreter: a person's function is tried here, where it may hang, end or wreck what it likes.

Results are written to a file: they would count as memory that a task takes.
"""

from __future__ import annotations

import gc
import os
import pickle
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from time import perf_counter, process_time
from typing import Any

from benchmarks.environment import peak_memory, resident_memory
from benchmarks.errors import one_line
from benchmarks.measuring.interpreter import Caller, handed_over
from benchmarks.measuring.processes import descendants

LEAST_LOOKS = 3
"""Inputs that are tried at least, however long they take."""

GIL_FACTOR = 1.4
"""Two threads that are together faster than one after the other by this do not hold the lock all the time."""

SEEN_SECONDS = 0.05
"""What is timed for that: ten times as long as a thread may hold the lock before another one asks for it."""

SHORT_SECONDS = 5e-4
"""Tasks that are shorter are timed together too."""

PLACE = struct.Struct("<q")
"""How the number of the input that is being tried is written to a file: it is there when the function is not."""

STARTING = frozenset({"os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "subprocess.Popen"})
"""The events by which Python tells that a process is started, see `sys.addaudithook`."""


@dataclass(frozen=True)
class LookOrder:
    """What is tried: `places` of inputs, in their order; the first pass ends after some `seconds`.

    `only_again` has the results compared with those that another interpreter has written, and nothing else done.
    """

    inputs: Sequence[Any]
    same: Callable[[Any, Any], bool]
    places: Sequence[int]
    seconds: float
    only_again: bool = False


@dataclass
class Seen:
    """What was found: places of inputs, and of both passes the seconds of each call with those of CPU time in it.

    `idle` is what the interpreter held in memory before the inputs came, `taken` what its peak was beyond what it held
    before the first task; both in bytes. `changed` counts inputs that the function has changed, `differing` is one
    whose result was another the second time. `left` are processes and threads that are still there. `plain` is what a
    plain loop over all of them took, None where tasks are long.
    """

    import_seconds: float
    idle: int | None
    places: list[int] = field(default_factory=list)
    first: list[tuple[float, float]] = field(default_factory=list)
    again: list[tuple[float, float]] = field(default_factory=list)
    taken: int | None = None
    changed: int = 0
    differing: int | None = None
    frees: bool = False
    prints: bool = False
    moves: bool = False
    starts_threads: bool = False
    starts_processes: bool = False
    left: tuple[int, int] = (0, 0)
    plain: float | None = None


class RefusedError(Exception):
    """What makes the function unfit to be measured; the message is one line, and goes back as it is."""


class Screen:
    """Where all goes that the function writes to the screen: a file, which is emptied after each task."""

    def __init__(self) -> None:
        """Take standard output and error away."""
        self._file = TemporaryFile(buffering=0)  # noqa: SIM115 - open until this interpreter ends
        for descriptor in (1, 2):
            os.dup2(self._file.fileno(), descriptor)

    def written(self) -> bool:
        """Say whether something was written since the last time."""
        with suppress(AttributeError, ValueError):  # the function has put something else in their place, or closed them
            sys.stdout.flush()
            sys.stderr.flush()
        size = os.fstat(self._file.fileno()).st_size
        if size:
            self._file.seek(0)
            self._file.truncate()
        return bool(size)


class LookInside:
    """The function with what it is tried on, in a folder that the caller reads too."""

    def __init__(
        self, folder: Path, function: Callable[[Any], Any], order: LookOrder, seen: Seen, screen: Screen
    ) -> None:
        """Open the files; call nothing yet."""
        self._function = function
        self._order = order
        self._screen = screen
        self._results = folder / "results"
        self._at = (folder / "at").open("wb", buffering=0)
        self.seen = seen

    def run(self) -> Seen:
        """Call the function on as many inputs as there is time for, twice, and look at what it has done."""
        seen = self.seen
        if self._order.only_again:
            seen.places = list(self._order.places)
            self._second_pass()
            return seen
        self._screen.written()  # by its module, which was imported
        sys.addaudithook(self._hear_process)
        threading.setprofile(self._hear_thread)
        before, folder = resident_memory(), _working_folder()
        threads, native = set(threading.enumerate()), _native_threads()
        self._first_pass()
        most = peak_memory()
        if before is not None and most is not None:
            seen.taken = max(0, most - before)
        self._second_pass()
        seen.moves = _working_folder() != folder
        gc.collect()
        seen.left = len(descendants()), len(set(threading.enumerate()) - threads)
        seen.starts_threads |= _native_threads() > native
        threading.setprofile(None)
        seen.frees = self._frees_the_lock()
        seen.plain = self._plain_pass()
        return seen

    def _call(self, place: int) -> tuple[Any, tuple[float, float]]:
        """Return the result for an input, the seconds that it took, and those of CPU time."""
        self._at.seek(0)
        self._at.write(PLACE.pack(place))
        value = self._order.inputs[place]
        try:
            worked, start = process_time(), perf_counter()
            result = self._function(value)
            seconds, worked = perf_counter() - start, process_time() - worked
        except BaseException as error:  # SystemExit too: a worker would end
            raise RefusedError(f"raises {one_line(error)} for input {place}") from error
        self.seen.prints |= self._screen.written()
        return result, (seconds, worked)

    def _hear_process(self, event: str, _arguments: object) -> None:
        self.seen.starts_processes |= event in STARTING

    def _hear_thread(self, *_event: object) -> None:
        """Run in a thread that Python has started, before all else there."""
        self.seen.starts_threads = True
        sys.setprofile(None)

    def _first_pass(self) -> None:
        seen = self.seen
        deadline = perf_counter() + self._order.seconds
        with self._results.open("wb") as file:
            for place in self._order.places:
                before = pickle.dumps(self._order.inputs[place])
                result, taken = self._call(place)
                seen.first.append(taken)
                seen.places.append(place)
                try:
                    file.write(pickle.dumps(result))
                except Exception as error:  # noqa: BLE001 - a person's own object
                    raise RefusedError(
                        f"its result for input {place} cannot be sent back ({one_line(error)})"
                    ) from None
                seen.changed += pickle.dumps(self._order.inputs[place]) != before
                if perf_counter() > deadline and len(seen.places) >= LEAST_LOOKS:
                    return

    def _second_pass(self) -> None:
        seen = self.seen
        with self._results.open("rb") as file:
            for place in seen.places:
                result, taken = self._call(place)
                seen.again.append(taken)
                if seen.differing is not None:
                    continue
                try:
                    former = pickle.load(file)
                except Exception as error:
                    raise RefusedError(
                        f"its result for input {place} cannot be sent back ({one_line(error)})"
                    ) from error
                try:
                    same = self._order.same(former, result)
                except Exception as error:
                    message = f"two results for input {place} cannot be compared ({one_line(error)})"
                    raise RefusedError(f"{message}: name what compares them (--same MODULE:FUNCTION)") from error
                if not same:
                    seen.differing = place

    def _plain_pass(self) -> float | None:
        """Return the seconds of a plain loop over short tasks, by one clock; None where they are long.

        A clock around each of them, and what is noted of it, costs them the processor's caches: a function of 11 us
        read 14.
        """
        taken = sum(seconds for seconds, _ in self.seen.again)
        if taken > SHORT_SECONDS * len(self.seen.places):
            return None
        values = [self._order.inputs[place] for place in self.seen.places]
        start = perf_counter()
        for value in values:
            self._function(value)
        return perf_counter() - start

    def _frees_the_lock(self) -> bool:
        """Say whether two threads do in less time what one does after the other: the longest tasks, often enough."""
        longest = sorted(zip(self.seen.again, self.seen.places, strict=True), reverse=True)[:2]
        together = sum(seconds for (seconds, _), _ in longest)
        if len(longest) < 2 or (os.cpu_count() or 1) < 2 or together > self._order.seconds:
            return False
        times = max(1, round(SEEN_SECONDS / max(together, 1e-6)))

        def run(place: int) -> None:
            for _ in range(times):
                self._function(self._order.inputs[place])

        def in_turn() -> float:
            start = perf_counter()
            for _, place in longest:
                run(place)
            return perf_counter() - start

        def at_once() -> float:
            threads = [threading.Thread(target=run, args=(place,)) for _, place in longest]
            start = perf_counter()
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return perf_counter() - start

        # twice each: something else may be on the processors
        first, second = (in_turn(), at_once()), (in_turn(), at_once())
        alone, both = map(min, first, second)
        return alone / both > GIL_FACTOR


def look_and_tell() -> None:
    """Run in the fresh interpreter: load the function, try it, and answer with what was seen, or why not."""
    caller = Caller()
    screen = Screen()
    folder = Path(sys.argv[1])
    with caller.guarded():
        loaded = _loaded(folder / "function")
    if not caller.ready():
        return
    with caller.guarded():
        try:
            answer: Seen | str = LookInside(folder, *loaded, screen).run() if isinstance(loaded, tuple) else loaded
        except RefusedError as error:
            answer = str(error)
    caller.tell(answer)
    caller.wait()


def _loaded(path: Path) -> tuple[Callable[[Any], Any], LookOrder, Seen] | str:
    """Return what the caller has written, and how long the import took that came with the function; or why not."""
    try:
        parts = handed_over(path)
        start = perf_counter()
        function = next(parts)
        seen = Seen(perf_counter() - start, resident_memory())
        return function, next(parts), seen
    except BaseException as error:  # noqa: BLE001 - a person's own module
        return f"cannot be loaded in a new interpreter ({one_line(error)})"


def _working_folder() -> Path | None:
    try:
        return Path.cwd()
    except OSError:  # it has been removed
        return None


def _native_threads() -> int:
    """Return the number of threads that the system knows of this process, 0 where it does not tell."""
    folder = Path("/proc/self/task")
    return sum(1 for _ in folder.iterdir()) if folder.is_dir() else 0


def stored_results(folder: Path, number: int) -> Iterator[Any]:
    """Yield the results that a look has written."""
    with (folder / "results").open("rb") as file:
        for _ in range(number):
            yield pickle.load(file)


def last_place(folder: Path) -> int | None:
    """Return the input that was tried last, None if there was none yet."""
    try:
        return int(PLACE.unpack((folder / "at").read_bytes())[0])
    except (OSError, struct.error):
        return None
