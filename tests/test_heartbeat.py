"""Processes that watch each other, as threads of this one: ends, farewells, silence."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.processes import free_ports
from support.tiny_run import environment

from slowfast import heartbeat
from slowfast.heartbeat import Heartbeat, LostError, meet

LONG = 600.0


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "BEAT", 0.1)


@pytest.fixture
def three() -> Iterator[list[Heartbeat]]:
    """The processes of a run of three."""
    address = "127.0.0.1", free_ports(1)[0]
    with ThreadPoolExecutor(3) as threads:
        beats = [*threads.map(lambda rank: meet(rank, 3, address, LONG), range(3))]
    yield beats
    for each in beats:
        each.leave("")
    wait_until_over()


def wait_until_over() -> None:
    """The threads close the connections."""
    for thread in threading.enumerate():
        if thread.name == "heartbeat":
            thread.join(timeout=10)


def test_all_get_the_first_reason(three: list[Heartbeat]) -> None:
    three[2].leave("error: a.mp4: empty")
    assert [each.reason() for each in three[:2]] == ["error: a.mp4: empty"] * 2


def test_whose_connection_ends_without_a_farewell_is_named(three: list[Heartbeat]) -> None:
    three[1]._peers[0].connection.shutdown(socket.SHUT_RDWR)
    name = f"process 1 (process id {os.getpid()} on {socket.gethostname()})"
    assert three[2].reason() == f"error: {name} ended without a word (killed? out of memory?)"


def test_a_farewell_is_no_loss(three: list[Heartbeat], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "WORD", 0.5)
    three[0].leave("")
    three[1].leave("")
    assert three[2].reason() == ""


def test_one_that_goes_once_it_hears_the_farewell_is_not_lost(
    three: list[Heartbeat], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of the two is gone before the other hears the farewell, too."""
    monkeypatch.setattr(heartbeat, "WORD", 0.5)
    last = three[0]._peers[-1]  # to whom the farewell is said last
    send = last.send

    def late(message: dict[str, str] | None = None) -> None:
        if message and "end" in message:
            time.sleep(1)
        send(message)

    monkeypatch.setattr(last, "send", late)
    three[0].leave("")
    assert [each.reason() for each in three] == [""] * 3


def test_all_wait_for_the_last(three: list[Heartbeat]) -> None:
    came = []

    def wait(number: int) -> None:
        three[number].wait_for_all()
        came.append(number)

    threads = [threading.Thread(target=wait, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    assert not came
    three[2].wait_for_all()
    for thread in threads:
        thread.join()
    assert sorted(came) == [0, 1]


@pytest.mark.parametrize("waiting", [0, 1])
def test_nobody_waits_for_one_that_has_failed(three: list[Heartbeat], waiting: int) -> None:
    three[2].leave("error: a.mp4: empty")
    with pytest.raises(LostError, match=r"^a\.mp4: empty$"):
        three[waiting].wait_for_all()


def test_who_is_silent_for_too_long_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    """A process that accepts what is sent, and sends nothing: as one that is stopped."""
    ours, theirs = socket.socketpair()
    with theirs:
        beat = Heartbeat([heartbeat.Peer(ours, "process 1 (on x)")], True, 0.3)
        said = "error: process 1 (on x) has given no sign of life for 0.3 s"
        assert beat.reason().startswith(said)
        beat.leave("")  # else it would end this process
        wait_until_over()


def test_who_does_not_come_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "MEETING", 0.3)
    address = "127.0.0.1", free_ports(1)[0]
    with pytest.raises(LostError, match=r"^process 1, 2 has not come 0\.3 s after process 0$"):
        meet(0, 3, address, LONG)
    with pytest.raises(LostError, match=r"^process 0 does not answer at .* after 0\.3 s: "):
        meet(1, 3, address, LONG)


def test_a_stranger_is_turned_away() -> None:
    address = "127.0.0.1", free_ports(1)[0]
    with ThreadPoolExecutor(2) as threads:
        hub = threads.submit(meet, 0, 2, address, LONG)
        while True:
            try:
                stranger = socket.create_connection(address)
                break
            except ConnectionRefusedError:
                time.sleep(0.01)
        with stranger:
            stranger.sendall(b"GET / HTTP/1.1\n")
            beats = [threads.submit(meet, 1, 2, address, LONG).result(), hub.result()]
    for each in beats:
        each.leave("")
    wait_until_over()


ENDS = """
import ctypes, socket, sys, time
from slowfast import heartbeat

heartbeat.BEAT, heartbeat.GRACE = 0.1, 0.2
ours, theirs = socket.socketpair()
beat = heartbeat.Heartbeat([heartbeat.Peer(ours, "process 1")], True, 600)
beat.name_before_abort()
if "lost" in sys.argv:
    theirs.close()
if "abort" in sys.argv:
    heartbeat.WORD = 0.5
    ctypes.CDLL("libstdc++.so.6")._ZSt9terminatev()
time.sleep(100)
"""


@pytest.mark.parametrize(("flags", "status", "said"), [
    (["lost"], 1, "error: process 1 ended without a word (killed? out of memory?)\n"),
    (["lost", "abort"], 1, "error: process 1 ended without a word (killed? out of memory?)\n"),
    (["abort"], -6, "terminate called without an active exception\n"),
])  # fmt: skip
def test_a_process_that_waits_for_ever_or_is_aborted_says_why(
    flags: list[str], status: int, said: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENDS, *flags],
        env=environment(), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (status, said)
