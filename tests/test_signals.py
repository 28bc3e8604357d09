"""Signals: at once, or after the step in progress; and none is lost while a process forks."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from support.tiny_run import environment
from support.video_tools import is_running

from slowfast.signals import (
    INTERRUPTS,
    Terminated,
    blocked,
    ended_by_signals,
    handled_signals,
    held_back,
)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """As in a program of its own; a shell's background jobs ignore Ctrl-C."""
    before = [signal.signal(each, signal.default_int_handler) for each in INTERRUPTS]
    yield
    for each, handler in zip(INTERRUPTS, before, strict=True):
        signal.signal(each, handler)


def test_signals_wait_while_deferred_and_count_at_once_elsewhere() -> None:
    with handled_signals() as stop:
        with stop.deferred():
            for _ in range(3):  # as Paddle's launcher does
                os.kill(os.getpid(), signal.SIGTERM)
            assert stop.signal == signal.SIGTERM
        assert isinstance(stop.error("saved"), Terminated)
        os.kill(os.getpid(), signal.SIGTERM)  # not to end what ends already
    with handled_signals(), pytest.raises(Terminated):
        os.kill(os.getpid(), signal.SIGTERM)
    with handled_signals() as stop, stop.deferred():
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.signal == signal.SIGINT
        assert type(stop.error("saved")) is KeyboardInterrupt
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_an_ignored_signal_stays_ignored(number: signal.Signals) -> None:
    """A shell's background job ignores Ctrl-C; nohup ignores SIGHUP."""
    signal.signal(number, signal.SIG_IGN)
    with handled_signals() as stop, held_back():
        os.kill(os.getpid(), number)
        assert stop.signal == 0
    assert signal.getsignal(number) == signal.SIG_IGN


def test_a_signal_that_is_held_back_is_handled_at_the_end() -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), held_back():
        os.kill(os.getpid(), signal.SIGINT)
        done.append("all of it")
    assert done == ["all of it"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with handled_signals() as stop, stop.deferred():
        with held_back():
            os.kill(os.getpid(), signal.SIGTERM)
            assert stop.signal == 0
        assert stop.signal == signal.SIGTERM


def test_a_thread_holds_nothing_back_and_takes_no_harm() -> None:
    """Python lets only the main thread set handlers."""
    done = []

    def work() -> None:
        with held_back():
            done.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [signal.default_int_handler]


PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=subprocess.PIPE, text=True)
child.stdout.readline()
print(child.pid, flush=True)
input()
"""
CHILD = """
import time
from slowfast.signals import end_with_parent
end_with_parent()
print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells a process that its parent is gone")
@pytest.mark.usefixtures("no_hang")
def test_a_process_ends_with_its_parent() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, CHILD], env=environment(),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as parent:  # fmt: skip
        assert parent.stdout
        child = int(parent.stdout.readline())
        assert is_running(child)
        parent.kill()
    while is_running(child):
        pass


def test_signals_end_a_process_at_once_outside_python() -> None:
    with handled_signals():
        handlers = [signal.getsignal(each) for each in INTERRUPTS]
        with ended_by_signals():
            assert [signal.getsignal(each) for each in INTERRUPTS] == [signal.SIG_DFL] * 3
        assert [signal.getsignal(each) for each in INTERRUPTS] == handlers
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with ended_by_signals():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_a_signal_that_is_blocked_comes_at_the_end_to_whoever_handles_it_by_then() -> None:
    """As Paddle's import takes SIGTERM for itself, outside Python."""
    done = []
    with pytest.raises(KeyboardInterrupt), blocked():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        done.append("all of it")
    assert done == ["all of it"]
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()
