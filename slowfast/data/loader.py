"""Batches from reader processes, in order, in advance of their use.

The main process hands out keys, one batch to one reader, round robin; readers send back the arrays
through shared memory. The processes live as long as the loader, over all epochs.
"""

import contextlib
import gc
import itertools
import mmap
import multiprocessing
import os
import pickle
import secrets
import shutil
import signal
import tempfile
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import FrameType
from typing import Any, Generic, TypeVar

import cv2

from slowfast.data.decode import VideoError

SHARED_MEMORY = "/dev/shm"
BATCHES_AHEAD = 2
"""Batches that each reader prepares in advance."""
ALIGNMENT = 64
"""Arrays begin at multiples of so many bytes in the shared memory."""

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")


class ReaderDiedError(RuntimeError):
    """A reader process ended by itself; the message names the keys it was at."""


class Loader(Generic[Key, Item]):
    """Reads batches with ``num_workers`` processes, or in this one if 0.

    Args:
        read: turns a key into an item; called in the reader processes.
        num_workers: reader processes.
        describe: how a key is named in messages (its file).

    ``run`` may be called again and again; ``close`` ends the processes. A ``VideoError`` that
    ``read`` raises is yielded in the item's place: what to do about it is the caller's decision.
    """

    def __init__(
        self,
        read: Callable[[Key], Item],
        *,
        num_workers: int,
        describe: Callable[[Key], str] = str,
    ) -> None:
        self._read, self._describe = read, describe
        self._workers = [_Worker(self._read_one) for _ in range(num_workers)]

    def run(self, batches: Iterable[Sequence[Key]]) -> Iterator[list[Item | VideoError]]:
        """The items of each batch of keys, in order."""
        if not self._workers:
            for keys in batches:
                yield [self._read_one(key) for key in keys]
            return
        waiting: deque[tuple[_Worker, Sequence[Key]]] = deque()
        try:
            for number, keys in enumerate(batches):
                worker = self._workers[number % len(self._workers)]
                if len(waiting) == BATCHES_AHEAD * len(self._workers):
                    yield self._receive(*waiting.popleft())
                worker.send(keys)
                waiting.append((worker, keys))
            while waiting:
                yield self._receive(*waiting.popleft())
        finally:
            for worker, _ in waiting:  # left early: what is under way is of no use to the next run
                with contextlib.suppress(EOFError, OSError):
                    worker.receive()

    def close(self) -> None:
        """Ends the reader processes."""
        for worker in self._workers:
            worker.close()
        self._workers = []

    def __enter__(self) -> "Loader[Key, Item]":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _read_one(self, key: Key) -> Item | VideoError:
        try:
            return self._read(key)
        except VideoError as error:
            return error
        except cv2.error as error:
            return VideoError(f"{self._describe(key)}: OpenCV fails on it: {error.err}")

    def _receive(self, worker: "_Worker", keys: Sequence[Key]) -> list[Item | VideoError]:
        try:
            result: list[Item | VideoError] = worker.receive()
        except EOFError:
            names = ", ".join(self._describe(key) for key in keys)
            raise ReaderDiedError(
                f"a reader process died ({worker.fate()}) at one of: {names}"
            ) from None
        if isinstance(result, BaseException):
            raise result
        return result


def workers_that_fit(num_workers: int, batch_bytes: int, processes: int) -> tuple[int, str]:
    """How many readers the shared memory has room for, and why if fewer than wanted.

    Each of the readers of each of the run's ``processes`` on this machine may have
    ``BATCHES_AHEAD`` batches of ``batch_bytes`` under way. Returns ``(0, reason)`` where they do
    not fit: then the training process reads by itself, slowly but surely.
    """
    if num_workers == 0:
        return 0, ""
    readers = num_workers * processes
    needed = readers * BATCHES_AHEAD * batch_bytes
    try:
        free = shutil.disk_usage(SHARED_MEMORY).free
    except OSError:
        return 0, f"there is no {SHARED_MEMORY} here: videos are read without reader processes"
    if free < needed:
        return 0, (
            f"{SHARED_MEMORY} has {free / 2**20:.0f} MiB free and {readers} readers need "
            f"{needed / 2**20:.0f}: videos are read without reader processes (in Docker use "
            f"--shm-size={-(-needed // 2**30) * 2}g, or lower data.num_workers)"
        )
    return num_workers, ""


class _Worker:
    """One reader process and the connection to it."""

    def __init__(self, read: Callable[[Any], Any]) -> None:
        context = multiprocessing.get_context("fork")
        self._connection, theirs = context.Pipe()
        self._prefix = f"slowfast-{secrets.token_hex(8)}-"
        self._process = context.Process(
            target=_serve,
            args=(read, theirs, self._connection, os.getpid(), self._prefix),
            daemon=True,
        )
        self._process.start()
        theirs.close()

    def send(self, keys: Sequence[Any]) -> None:
        # A reader that has died is noticed, with its reason, when its answer is missing.
        with contextlib.suppress(OSError):
            self._connection.send(keys)

    def receive(self) -> Any:
        """The next answer.

        Raises:
            EOFError: the process has ended.
        """
        if self._connection not in wait([self._connection, self._process.sentinel]):
            raise EOFError
        try:
            header, sizes, name = self._connection.recv()
        except ConnectionResetError as error:
            raise EOFError from error
        return _take_shared(header, sizes, name)

    def fate(self) -> str:
        self._process.join(timeout=5)
        code = self._process.exitcode
        if code is not None and code < 0:
            return f"killed by {signal.Signals(-code).name}; out of memory?"
        return f"exit status {code}"

    def close(self) -> None:
        self._connection.close()
        self._process.kill()
        self._process.join()
        _remove_shared(self._prefix)


def _serve(
    read: Callable[[Any], Any], theirs: Connection, ours: Connection, parent: int, prefix: str
) -> None:
    """The life of a reader process: keys in, items out, until the main process is gone."""
    ours.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the main process's to handle
    signal.signal(signal.SIGTERM, _leave)
    cv2.setNumThreads(0)
    gc.freeze()  # what came with the fork, GPU tensors too, is not this process's to free
    try:
        with contextlib.suppress(EOFError, OSError):
            while os.getppid() == parent:
                if not theirs.poll(1.0):
                    continue
                keys = theirs.recv()
                try:
                    answer: Any = [read(key) for key in keys]
                    message = _put_shared(answer, prefix)
                except Exception as error:
                    message = _put_shared(error, prefix)
                theirs.send(message)
    finally:  # the main process may have been killed: then nobody else removes the files
        _remove_shared(prefix)


def _leave(signum: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + signum)


def _put_shared(answer: Any, prefix: str) -> tuple[bytes, list[int], str]:
    """Pickles ``answer`` with its arrays' bytes in a file of the shared memory."""
    buffers: list[pickle.PickleBuffer] = []
    header = pickle.dumps(answer, protocol=5, buffer_callback=buffers.append)
    raws = [buffer.raw() for buffer in buffers]
    sizes = [raw.nbytes for raw in raws]
    if not any(sizes):
        return header, sizes, ""
    handle, name = tempfile.mkstemp(prefix=prefix, dir=SHARED_MEMORY)
    try:
        with open(handle, "wb") as file:
            for raw, offset in zip(raws, _offsets(sizes), strict=True):
                file.seek(offset)
                file.write(raw)
    except OSError as error:
        os.unlink(name)
        reason = f"{error.strerror} (lower data.num_workers)"
        raise OSError(error.errno, reason, SHARED_MEMORY) from error
    return header, sizes, name


def _take_shared(header: bytes, sizes: list[int], name: str) -> Any:
    """What ``_put_shared`` was given; its arrays lie in the shared memory as long as they live."""
    if not name:
        return pickle.loads(header, buffers=[bytearray() for _ in sizes])
    with open(name, "r+b") as file:
        os.unlink(name)
        view = memoryview(mmap.mmap(file.fileno(), 0))
    places = zip(_offsets(sizes), sizes, strict=True)
    return pickle.loads(header, buffers=[view[start : start + size] for start, size in places])


def _offsets(sizes: list[int]) -> list[int]:
    """Where each buffer begins in the file."""
    padded = (-(-size // ALIGNMENT) * ALIGNMENT for size in sizes)
    return list(itertools.accumulate(padded, initial=0))[:-1]


def _remove_shared(prefix: str) -> None:
    """Removes what one reader has put into the shared memory and nobody has taken."""
    for path in Path(SHARED_MEMORY).glob(f"{prefix}*"):
        path.unlink(missing_ok=True)
