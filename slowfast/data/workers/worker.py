"""A reader process: keys in, items out; if it dies at a file, another one replaces it."""

import contextlib
import gc
import math
import mmap
import multiprocessing
import os
import secrets
import signal
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import Any

import cv2

from slowfast.data.video.reader import Pulse, VideoError
from slowfast.data.workers.shared_memory import claimed, put_shared, remove_shared, take_shared
from slowfast.errors import UserError, one_line
from slowfast.signals import end_with_parent, held_back

DEATHS = 3
"""How often a reader process may die between two files, as when somebody kills it."""
FATAL = (
    signal.SIGALRM, signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT,
)  # fmt: skip


class ReaderDiedError(UserError):
    """Reader processes died again and again, and not at a video that could be left out."""


class KilledError(VideoError):
    """A video whose reader process crashed, or was ended as it took too long."""


class ReadError(RuntimeError):
    """An exception of a reader process, as ``Type: message``: itself it may not be picklable."""


class Worker:
    """A reader process, those that replace it if it dies, and the connection to them."""

    def __init__(
        self, read: Callable[..., Any], fatal: dict[str, str], seconds: float, limit: str
    ) -> None:
        self._read, self._fatal, self._seconds, self._limit = read, fatal, seconds, limit
        self._sent: deque[Sequence[Any]] = deque()  # what has not been answered
        self._deaths = 0  # since the last answer, and not at a file
        self._start()

    def send(self, keys: Sequence[Any]) -> None:
        """Asks for the items of ``keys``; ``receive`` returns the answers in the same order."""
        self._sent.append(keys)
        # A reader that has died is noticed, with its reason, when its answer is missing.
        with contextlib.suppress(OSError):
            self._connection.send(keys)

    def receive(self) -> Any:
        """The next answer, from another process if this one dies. Raises ReaderDiedError if
        processes die again and again while they read no file."""
        while True:
            try:
                answer = self._answer()
                break
            except EOFError:
                self._bury()
                self._start()
                with contextlib.suppress(OSError):  # it may have died, too
                    for keys in self._sent:
                        self._connection.send(keys)
        self._sent.popleft()
        self._deaths = 0
        return answer

    @property
    def watched(self) -> list[Connection | int]:
        """What ``multiprocessing.connection.wait`` waits for: an answer, or the process's end."""
        return [self._connection, self._process.sentinel]

    def close(self) -> None:
        """Ends the process, and removes what it has put into the shared memory."""
        self._connection.close()
        self._process.kill()
        self._process.join(timeout=5)  # one in a system call that never returns is left behind
        remove_shared(self._prefix)

    def _start(self) -> None:
        context = multiprocessing.get_context("fork")
        self._connection, theirs = context.Pipe()
        self._prefix = f"slowfast-{secrets.token_hex(8)}-"
        self._place = _Place(self._seconds)
        self._is_late = False
        args = self._read, self._place, theirs, self._connection, os.getpid(), self._prefix
        self._process = context.Process(target=_serve, args=args, daemon=True)
        with held_back():
            self._process.start()
        theirs.close()

    def _answer(self) -> Any:
        """The process's next answer; EOFError if it has ended."""
        last = None
        while not (ready := wait(self.watched, self.patience)):
            now = self._place.file(), self._place.beats()
            if now[0] and now == last:  # stopped, or in a system call: it never gets its own alarm
                self._is_late = True
                self._process.kill()
                self._process.join(timeout=5)
                raise EOFError
            last = now
        if self._connection not in ready:
            raise EOFError
        try:
            header, sizes, name = self._connection.recv()
            return take_shared(header, sizes, name)
        except (EOFError, OSError) as error:  # it died while it sent, or took back what it had put
            raise EOFError from error
        except Exception as error:  # an answer that cannot be unpickled is an answer
            return _as_sent(error)

    def _bury(self) -> None:
        """Records the file at which the process died."""
        self._process.join(timeout=5)
        code = -signal.SIGALRM if self._is_late else self._process.exitcode
        fate = fate_of(code, f"no progress for {self._seconds:g} s ({self._limit})")
        self.close()
        if (file := self._place.file()) and file not in self._fatal:  # else it is not known again
            self._fatal[file] = f"{file}: {fate}"
            return
        self._deaths += 1
        if self._deaths > DEATHS:
            raise ReaderDiedError(f"reader processes die again and again, and at no file: {fate}")

    @property
    def patience(self) -> float | None:
        """Seconds to wait for an answer before checking whether the process is stuck."""
        return self._seconds + 5 if math.isfinite(self._seconds) else None


def ready(workers: Collection[Worker]) -> list[Worker]:
    """The workers, at least one, whose ``receive`` need not wait for long.

    All of them if none answers for as long as one file may take: ``receive`` then finds out which
    process is stuck.
    """
    patience = next(iter(workers)).patience
    found = wait([end for worker in workers for end in worker.watched], patience)
    return [worker for worker in workers if not found or {*worker.watched} & {*found}]


def fate_of(code: int | None, late: str) -> str:
    """What ended a process that was at a file, by its exit code; ``late`` if it was its alarm."""
    if code == -signal.SIGALRM:
        return late
    if code is not None and code < 0:
        hint = "; out of memory?" if code == -signal.SIGKILL else ""
        return f"its reader process was killed by {signal.Signals(-code).name}{hint}"
    return f"its reader process ended with status {code}"


class _Place:
    """The file that a reader process is reading, and how often it has got on, in memory that
    outlives it; and its alarm, SIGALRM, which ends it whatever it is in."""

    SIZE = 16384  # for the longest path, 4096 bytes, whatever they are
    COUNT = struct.Struct("q")

    def __init__(self, seconds: float) -> None:
        self._seconds, self._beaten = seconds, 0.0
        self._memory = mmap.mmap(-1, self.COUNT.size + self.SIZE)

    def announce(self, file: str) -> None:
        """Called by the reader: it begins ``file``, or has finished it if empty."""
        if not file:
            self._set_alarm(0)
        text = file[: self.SIZE // 4].encode(errors="surrogatepass")  # comes back the same
        self._memory[self.COUNT.size :] = text.ljust(self.SIZE, b"\0")
        if file:
            self._set_alarm(self._seconds)

    def beat(self) -> None:
        """Called by the reader: it gets on with its file. Often, so little is done mostly."""
        now = time.monotonic()
        if now - self._beaten > self._seconds / 10:
            self._beaten = now
            self.COUNT.pack_into(self._memory, 0, self.beats() + 1)
            self._set_alarm(self._seconds)

    def beats(self) -> int:
        """How often it was seen to get on."""
        return int(self.COUNT.unpack_from(self._memory)[0])

    def _set_alarm(self, seconds: float) -> None:
        if math.isfinite(self._seconds):
            signal.setitimer(signal.ITIMER_REAL, seconds)

    def file(self) -> str:
        """Called by the main process when the reader has died."""
        return self._memory[self.COUNT.size :].rstrip(b"\0").decode(errors="surrogatepass")


def _serve(
    read: Callable[..., Any], place: _Place, theirs: Connection, ours: Connection, parent: int,
    prefix: str,
) -> None:  # fmt: skip
    """The life of a reader process: keys in, items out, until the main process is gone."""
    ours.close()
    leaving: list[int] = []
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the main process's to handle

    def leave(number: int, frame: FrameType | None) -> None:
        """SIGTERM, too: the main process, if it still runs, may need what it has asked for."""
        leaving.append(number)
        if os.getppid() != parent:
            remove_shared(prefix)
            os._exit(1)

    signal.signal(signal.SIGTERM, leave)
    end_with_parent()
    threading.Thread(target=_end_after, args=(parent, prefix), daemon=True).start()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for number in FATAL:  # without the reports that Paddle makes of them
        signal.signal(number, signal.SIG_DFL)
    cv2.setNumThreads(0)
    Pulse.beat = place.beat
    gc.freeze()  # what came with the fork, GPU tensors too, is not this process's to free
    try:
        with contextlib.suppress(EOFError, OSError), claimed(prefix):
            while os.getppid() == parent:
                if not theirs.poll(0 if leaving else 1.0):
                    if leaving:
                        break
                    continue
                keys = theirs.recv()
                try:
                    answer: Any = [read(key, place.announce) for key in keys]
                    message = put_shared(answer, prefix)
                except Exception as error:
                    message = put_shared(_as_sent(error), prefix)
                theirs.send(message)
    finally:  # the main process may have been killed: then nobody else removes the files
        remove_shared(prefix)


def _as_sent(error: Exception) -> Exception:
    if isinstance(error, (UserError, OSError, MemoryError)):
        return error
    return ReadError(f"{type(error).__name__}: {one_line(error)}")


def _end_after(parent: int, prefix: str) -> None:
    """Ends this process soon after its parent: in a thread of its own, since a decoder that hangs
    keeps Python from handling signals."""
    while os.getppid() == parent:
        time.sleep(0.5)
    time.sleep(0.5)  # else the signal's handler does it
    remove_shared(prefix)
    os._exit(1)
