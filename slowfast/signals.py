"""Handles Ctrl-C and SIGTERM: they end a command at once, or after the current step."""

import contextlib
import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Terminated(KeyboardInterrupt):
    """SIGTERM, or SIGHUP from a closed terminal; ends a run as Ctrl-C does."""


class Stop:
    """Holds the signal that asked this process to stop; 0 if none has."""

    def __init__(self) -> None:
        self.signal: int = 0
        self._waits = False

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """A context that only notes a signal in ``signal``; a second Ctrl-C raises at once."""
        self._waits = True
        try:
            yield
        finally:
            self._waits = False

    def error(self, message: str) -> KeyboardInterrupt:
        """The exception for the signal; a signal to another process counts as SIGTERM."""
        return KeyboardInterrupt(message) if self.signal == signal.SIGINT else Terminated(message)

    def handle(self, number: int, frame: FrameType | None) -> None:
        """The signal handler."""
        if self.signal and number != signal.SIGINT:
            return  # Paddle's launcher sends SIGTERM three times
        again = self.signal == number
        self.signal = number
        if again or not self._waits:
            raise self.error("")
        if number == signal.SIGINT:
            os.write(2, b"\nending after this step (Ctrl-C again: at once)\n")


@contextlib.contextmanager
def handled_by(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """A context in which ``handler`` gets the ``INTERRUPTS``, except those that are ignored (nohup,
    a shell's background job) or handled outside Python."""
    before = {number: signal.getsignal(number) for number in INTERRUPTS}
    before = {n: earlier for n, earlier in before.items() if earlier not in (signal.SIG_IGN, None)}
    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


@contextlib.contextmanager
def handled_signals() -> Iterator[Stop]:
    """A context in which the first SIGTERM or SIGHUP, and each Ctrl-C, raises a KeyboardInterrupt,
    or waits if signals are ``deferred``."""
    stop = Stop()
    with handled_by(stop.handle):
        yield stop


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """A context in which a signal ends the process at once. For calls outside Python that wait for
    minutes, where Python's own handlers get no turn."""
    before = {number: signal.getsignal(number) for number in INTERRUPTS}
    before = {n: earlier for n, earlier in before.items() if callable(earlier)}
    for number in before:
        signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def end_with_parent() -> None:
    """Asks Linux for a SIGTERM when the parent ends; else this process would train on unnoticed."""
    if sys.platform == "linux":
        set_parent_death_signal = 1  # PR_SET_PDEATHSIG, prctl(2)
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM)


@contextlib.contextmanager
def blocked() -> Iterator[None]:
    """A context at whose end signals come that were sent to this thread meanwhile, also those that
    are handled outside Python. Not for a fork: the new process would block them for ever."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """A context that delays signals to its end: an exception during a fork could be lost, or the
    new process forgotten."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread handles signals
        return
    came: list[int] = []
    try:
        with handled_by(lambda number, frame: came.append(number)):
            yield
    finally:
        for number in came:
            signal.raise_signal(number)
