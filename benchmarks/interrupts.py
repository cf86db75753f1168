"""Signals that end a run: noted whenever they come, obeyed only where that does no harm.

Python runs a signal's handler between any two steps of the main thread. An exception from there is welcome while a cell
waits for its workers; in the midst of a pool's constructor it leaves threads that start workers for ever, in the midst
of saving a run it loses it. (Blocking the signals there was rejected: workers inherit the mask, and `Pool.terminate`
then waits for ever for a worker that does not hear SIGTERM.) So a handler only notes the signal, unless the main thread
has said that it may be interrupted; whoever runs cells asks between them.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from math import inf
from time import monotonic
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")

DROPPED_SECONDS = 1.0
"""Whoever catches all exceptions may have caught a signal's: after this time it is raised again."""

DESCRIPTORS = 256
"""Files that are looked through for a terminal: pytest keeps one of its own while it captures what tests write."""

CONSTRUCTOR_SECONDS = 5.0
"""A constructor may take this long to its end; one that takes longer hangs, and is interrupted after all."""


class Interrupted(KeyboardInterrupt):
    """A signal that ends the run; the message is its name."""


def exit_code(number: signal.Signals) -> int:
    """Return the exit code of a run that a signal has ended: pytest's own for Ctrl-C, for others that of a shell."""
    return 2 if number is signal.SIGINT else 128 + number


def start_tracker() -> None:
    """Start the resource tracker of multiprocessing, which outlives all else; one that is running stays."""
    from multiprocessing import resource_tracker  # noqa: PLC0415 - not every interpreter that starts needs it

    with deaf_to_hangup():
        resource_tracker.ensure_running()


@contextmanager
def deaf_to_hangup() -> Iterator[None]:
    """Have what is started inside never hear of SIGHUP.

    Python shields its resource tracker from Ctrl-C and SIGTERM, which go to the whole group now and then, but not from
    SIGHUP, which a closed terminal sends there: what it tracked would be lost, and cleaning up would end in its
    tracebacks.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


class Signals:
    """The signals that end a run, and whether one has come. There is one object, `SIGNALS`, as there is one process."""

    def __init__(self) -> None:
        """Catch nothing yet."""
        self.received: signal.Signals | None = None
        self._caught: dict[signal.Signals, object] = {}
        self._pid = os.getpid()
        self._may_raise = False
        self._constructing = False
        self._forking = False
        self._hooked = False
        self._when = 0.0
        self._terminals: list[int] = []

    def catch(self) -> None:
        """Note the signals from now on, but for those that somebody else handles or has this process ignore."""
        if threading.current_thread() is not threading.main_thread():
            return
        self.received, self._pid = None, os.getpid()
        for number in (signal.Signals[name] for name in NAMES if hasattr(signal, name)):
            if signal.getsignal(number) in {signal.default_int_handler, signal.SIG_DFL}:
                self._caught[number] = signal.signal(number, self._arrived)
        sys.unraisablehook = partial(self._dropped, sys.unraisablehook)
        threading.excepthook = partial(self._ended, threading.excepthook)
        self._terminals = [descriptor for descriptor in range(DESCRIPTORS) if os.isatty(descriptor)]
        if self._caught and not self._hooked and hasattr(os, "register_at_fork"):
            self._hooked = True
            os.register_at_fork(before=self._fork, after_in_parent=self._forked, after_in_child=self._give_back)

    def ignore(self) -> None:
        """Ignore from now on, until this process ends, what `catch` has caught.

        By the system, not by a handler: the interpreter takes its handlers down before it ends.
        """
        for number in self._caught:
            signal.signal(number, signal.SIG_IGN)

    def reclaim(self) -> list[str]:
        """Catch again what somebody else has put a handler of his own on; return the names of those signals."""
        lost = [number for number in self._caught if signal.getsignal(number) != self._arrived]
        for number in lost:
            signal.signal(number, self._arrived)
        return [number.name for number in lost]

    def check(self) -> None:
        """Raise Interrupted if a signal has come."""
        if self.received is not None:
            raise Interrupted(self.received.name)

    def expose(self) -> None:
        """Let a signal raise Interrupted from now on, wherever the main thread is; one that has come does it now."""
        self._may_raise = True
        self.check()

    def cover(self) -> None:
        """Only note signals from now on."""
        self._may_raise = False

    @property
    def constructing(self) -> bool:
        """Whether something is being made that could not be ended if its maker were interrupted."""
        return self._constructing

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Keep a signal until what is made inside is made, and can be ended."""
        before, self._constructing = self._constructing, True
        try:
            yield
        finally:
            self._constructing = before
        if self._may_raise and not before:
            self.check()

    def insist(self) -> None:
        """Raise Interrupted for a signal that came some time ago and has not ended what runs: call it now and then."""
        patience = CONSTRUCTOR_SECONDS if self._constructing else DROPPED_SECONDS
        if self.received is not None and self._may_raise and monotonic() - self._when > patience:
            self._when = monotonic()
            self.check()

    def _arrived(self, number: int, _frame: FrameType | None) -> None:
        if os.getpid() != self._pid:  # a worker that was forked a moment ago, and has not given the handlers back
            self._give_back()
            os.kill(os.getpid(), number)
        elif self.received is None:
            self.received, self._when = signal.Signals(number), monotonic()
            if self.received.name == "SIGHUP":
                self._leave_terminal()
            if self._forking:
                self._when = -inf
            elif self._may_raise and not self._constructing:
                self.check()

    def _dropped(self, former: Callable[[UnraisableHookArgs], object], dropped: UnraisableHookArgs) -> None:
        """Raise again soon what Python drops where it runs a finalizer.

        Of the run's end by force nothing is said here, nor of what it does to the threads of a pool.
        """
        if isinstance(dropped.exc_value, Interrupted):
            self._when = -inf
        elif self.received is None:
            former(dropped)

    def _ended(self, former: Callable[[threading.ExceptHookArgs], object], ended: threading.ExceptHookArgs) -> None:
        if self.received is None:
            former(ended)

    def _leave_terminal(self) -> None:
        """Write to nowhere from now on where a terminal was that has been closed: to write there is an error."""
        for descriptor in self._terminals:
            if not os.isatty(descriptor):
                nowhere = os.open(os.devnull, os.O_RDWR)
                os.dup2(nowhere, descriptor)
                os.close(nowhere)

    def _fork(self) -> None:
        self._forking = True

    def _forked(self) -> None:
        self._forking = False

    def _give_back(self) -> None:
        """Have signals do in a forked worker what they do in any."""
        self._forking = False
        for number, former in self._caught.items():
            signal.signal(number, former)  # type: ignore[arg-type] # what `signal.signal` returned


SIGNALS = Signals()
