"""Whether the other processes of a run are still there.

A collective waits for all processes, and may wait for ever for one that has died, is stopped or
cannot be reached. So each process other than 0 keeps a connection to process 0, and both ends say
each second that they are there, in a thread of their own. Whoever is not heard for ``LOST_AFTER``
seconds, or whose connection ends without a farewell, is lost: process 0 tells the others, and all
end within ``GRACE`` seconds with a line that names it. Paddle connects the processes only when all
are known to be ready: its wait for them stops every other thread, and cannot be interrupted.

A message is a line of JSON. That one is there: an empty line.
"""

import contextlib
import ctypes
import json
import os
import queue
import selectors
import socket
import sys
import threading
import time
from collections.abc import Iterable
from typing import NoReturn

from slowfast.errors import UserError
from slowfast.signals import blocked

BEAT = 1.0
"""Seconds between two signs of life."""
GRACE = 10.0
"""Seconds in which a process ends by itself once it knows that another is lost."""
WORD = 3.0
"""Seconds after a broken connection in which the reason is known."""
MEETING = 300.0
"""Seconds in which all processes must have come; each does so as it begins."""


class LostError(UserError):
    """A process of the run has not come, or has gone."""


class Peer:
    """The other end of a connection."""

    def __init__(self, connection: socket.socket, name: str) -> None:
        self.connection, self.name = connection, name
        self.silence = 0.0
        """Seconds without a sign of life, as far as this process itself was running."""
        self._rest = b""

    def send(self, message: dict[str, str] | None = None) -> None:
        """Sends a message, or a sign of life; what cannot be sent now is not worth waiting for."""
        line = json.dumps(message) if message else ""
        try:
            self.connection.send(f"{line}\n".encode())
        except OSError:
            return

    def receive(self) -> list[dict[str, str]]:
        """The messages that have come. Raises an EOFError if no more can come."""
        try:
            data = self.connection.recv(65536)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            raise EOFError
        self.silence = 0.0
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [json.loads(line) for line in lines if line]


class Heartbeat:
    """Watches the peers from now on.

    Args:
        is_hub: this is process 0.
        lost_after: seconds.
    """

    def __init__(self, peers: Iterable[Peer], is_hub: bool, lost_after: float) -> None:
        self._peers, self._is_hub, self._lost_after = [*peers], is_hub, lost_after
        self._others = len(self._peers)
        self._news = queue.SimpleQueue[str]()
        """Empty for a peer that is ready, else why there is no use in waiting."""
        self._reason, self._is_leaving = "", False
        self._has_reason, self._left = threading.Event(), threading.Event()
        for peer in self._peers:
            peer.connection.settimeout(0)
        with blocked():  # signals are for the main thread, see machine.import_paddle
            threading.Thread(target=self._watch, name="heartbeat", daemon=True).start()

    def wait_for_all(self) -> None:
        """Waits until all processes have called it. Raises a LostError if one of them will not."""
        for is_turn_to_wait in (self._is_hub, not self._is_hub):
            for peer in () if is_turn_to_wait else [*self._peers]:
                peer.send({"ready": ""})
            for _ in range(self._others if is_turn_to_wait else 0):
                if reason := self._news.get():
                    raise LostError(reason.removeprefix("error: "))

    def reason(self) -> str:
        """The line of why the run must end, once it is known; empty if there is none."""
        self._has_reason.wait(WORD)
        return self._reason

    def name_before_abort(self) -> None:
        """From now on, where a C++ exception would abort the process, as gloo's does in a thread of
        its own when the connection breaks, the reason is told first, if there is one."""
        try:
            set_terminate = ctypes.CDLL("libstdc++.so.6")._ZSt13set_terminatePFvvE
        except (OSError, AttributeError):
            return  # another C++ library: it aborts as ever
        handler = ctypes.CFUNCTYPE(None)
        set_terminate.restype, set_terminate.argtypes = handler, [handler]

        def end() -> None:
            if reason := self.reason():
                _end(reason)
            before()

        self._handler = handler(end)  # C++ does not keep it alive
        before = set_terminate(self._handler)

    def leave(self, reason: str) -> None:
        """Bids farewell; with the ``reason``, if it is one for which all must end."""
        self._is_leaving = True  # who goes from now on may have heard the farewell
        for peer in [*self._peers]:
            peer.send({"end": reason})
        self._left.set()  # only now the connections may be closed

    def _watch(self) -> None:
        with contextlib.ExitStack() as opened:
            selector = opened.enter_context(selectors.DefaultSelector())
            for peer in self._peers:
                selector.register(peer.connection, selectors.EVENT_READ, peer)
                opened.enter_context(peer.connection)
            while self._peers and not self._reason and not self._left.is_set():
                began = time.monotonic()
                while (left := began + BEAT - time.monotonic()) > 0 and self._peers:
                    for key, _ in selector.select(left):
                        self._hear(key.data, selector)
                for peer in self._peers:
                    peer.send()
                    peer.silence += BEAT  # not more, however long this process itself stood still
                    if peer.silence > self._lost_after:
                        waited = f"{self._lost_after:g} s (stopped? its machine or network down?)"
                        self._lose(f"error: {peer.name} has given no sign of life for {waited}")
        if self._reason and not self._left.wait(GRACE):
            _end(self._reason)

    def _hear(self, peer: Peer, selector: selectors.BaseSelector) -> None:
        """Takes what a peer has sent."""
        try:
            messages = peer.receive()
        except EOFError:
            self._peers.remove(peer)
            selector.unregister(peer.connection)
            self._lose(f"error: {peer.name} ended without a word (killed? out of memory?)")
            return
        for message in messages:
            if reason := message.get("end") or message.get("lost"):
                self._lose(reason)
            elif "ready" in message:
                self._news.put("")
            elif "end" in message:
                self._peers.remove(peer)
                selector.unregister(peer.connection)
                return

    def _lose(self, reason: str) -> None:
        """Notes the first reason, and tells it to the others."""
        if not self._reason and not self._is_leaving:
            self._reason = reason
            for peer in self._peers:
                peer.send({"lost": reason})
            self._has_reason.set()
            self._news.put(reason)


def _end(reason: str) -> NoReturn:
    """Ends this process from any thread, whatever the others do; so sys.stderr may be another."""
    print(reason, file=sys.__stderr__, flush=True)
    os._exit(1)


def meet(rank: int, world: int, address: tuple[str, int], lost_after: float) -> Heartbeat:
    """Waits until all processes have come, and watches them from now on.

    Args:
        address: host and port at which process 0 listens.

    Raises:
        LostError: one has not come, or has gone again.
        OSError: process 0 cannot listen there.
    """
    end = time.monotonic() + MEETING
    own = f"process {rank} (process id {os.getpid()} on {socket.gethostname()})"
    peers = _gather(world, address, end, own) if rank == 0 else [_arrive(address, end, own)]
    return Heartbeat(peers, rank == 0, lost_after)


def _gather(world: int, address: tuple[str, int], end: float, own: str) -> list[Peer]:
    """The other processes, once they are all there."""
    peers: dict[int, Peer] = {}
    with socket.create_server(address, backlog=world) as server:
        while len(peers) < world - 1:
            server.settimeout(max(end - time.monotonic(), 0.001))
            try:
                connection, _ = server.accept()
            except TimeoutError as error:
                for peer in peers.values():
                    peer.connection.close()
                late = [str(number) for number in range(1, world) if number not in peers]
                waited = f"{MEETING:g} s after process 0"
                raise LostError(f"process {', '.join(late)} has not come {waited}") from error
            connection.settimeout(BEAT)
            try:
                number, name = json.loads(_line(connection))
                peers[int(number)] = Peer(connection, str(name))
            except (OSError, TypeError, ValueError):  # not a process of this run
                connection.close()
    for peer in peers.values():
        peer.send({"hub": own})
    return [*peers.values()]


def _arrive(address: tuple[str, int], end: float, own: str) -> Peer:
    """Process 0, once all processes are there."""
    where = f"{address[0]}:{address[1]}"
    while True:
        try:
            connection = socket.create_connection(address, timeout=BEAT)
            break
        except OSError as error:  # it does not listen yet
            if time.monotonic() > end:
                waited = f"at {where} after {MEETING:g} s"
                raise LostError(f"process 0 does not answer {waited}: {error}") from error
            time.sleep(0.1)
    number = int(own.split()[1])
    connection.sendall(f"{json.dumps([number, own])}\n".encode())
    connection.settimeout(max(end - time.monotonic(), BEAT))
    try:
        name = json.loads(_line(connection))["hub"]
    except (OSError, ValueError) as error:
        connection.close()
        waited = "has ended, or waits for others in vain"
        raise LostError(f"process 0 at {where} {waited}") from error
    return Peer(connection, name)


def _line(connection: socket.socket) -> bytes:
    """The first line that comes; what follows stays where it is."""
    return connection.makefile("rb", buffering=0).readline(1000)
