"""Ctrl-C and SIGTERM: they end a command at once, or after the step in progress."""

import contextlib
import ctypes
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Terminated(KeyboardInterrupt):
    """SIGTERM, or SIGHUP of a terminal that is gone: a wish to end, as Ctrl-C is one."""


class Stop:
    """Which signal has asked this process to stop, if one has."""

    def __init__(self) -> None:
        self.signal: int = 0
        self._waits = False

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        """While entered, a signal is noted in ``signal``; a second Ctrl-C counts at once."""
        self._waits = True
        try:
            yield
        finally:
            self._waits = False

    def error(self, message: str) -> KeyboardInterrupt:
        """What is raised for the signal; another process's is taken for a SIGTERM."""
        return KeyboardInterrupt(message) if self.signal == signal.SIGINT else Terminated(message)

    def handle(self, number: int, frame: FrameType | None) -> None:
        """The signals' handler."""
        if self.signal and number != signal.SIGINT:
            return  # Paddle's launcher sends SIGTERM three times, and means one
        again = self.signal == number
        self.signal = number
        if again or not self._waits:
            raise self.error("")
        if number == signal.SIGINT:
            os.write(2, b"\nending after this step (Ctrl-C again: at once)\n")


@contextlib.contextmanager
def handled_signals() -> Iterator[Stop]:
    """The first SIGTERM or SIGHUP, and each Ctrl-C, raise a KeyboardInterrupt, or wait where they
    are deferred."""
    stop = Stop()
    before: dict[signal.Signals, Any] = {}
    for number in INTERRUPTS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup, a shell's background job
            before[number] = signal.signal(number, stop.handle)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def end_with_parent() -> None:
    """Asks Linux for a SIGTERM when the parent is gone; else processes would train on unseen."""
    if sys.platform == "linux":
        set_parent_death_signal = 1  # PR_SET_PDEATHSIG, prctl(2)
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Signals that come while this is entered are handled as it ends: an exception while a process
    forks would be lost, or the new process forgotten."""
    came: list[int] = []
    before: dict[signal.Signals, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in INTERRUPTS:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for each in came:
            signal.raise_signal(each)
