"""Reads files in reader processes: batches in order and in advance, or items as they are ready.

The main process hands out keys; the readers send back the items, with arrays in shared memory. The
processes live as long as the loader, over all epochs. Whatever reads a list of files uses this
module: a file that crashes a decoder, or hangs it, costs that file alone.
"""

import contextlib
import functools
import math
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import cv2

from slowfast.data.video.reader import VideoError
from slowfast.data.workers import shared_memory
from slowfast.data.workers.shared_memory import SharedMemoryError
from slowfast.data.workers.worker import KilledError, ReaderDiedError, ReadError, Worker, ready
from slowfast.errors import UserError, one_line
from slowfast.log import logger

BATCHES_AHEAD = 2
"""Batches that each reader prepares in advance."""
ATTEMPTS = 10
"""Items tried in place of one that cannot be read."""

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")


@dataclass(frozen=True)
class _Substituted:
    """An item read in place of another, and what could not be read before it."""

    item: Any
    errors: list[tuple[Any, VideoError]]


class Loader(Generic[Key, Item]):
    """Reads batches with ``num_workers`` processes, or in this one if 0.

    Args:
        read: turns a key into an item; called in the reader processes.
        num_workers: reader processes.
        describe: how a key is named in messages (its file).
        seconds: a reader process that does not get on for longer with one item is ended.
        limit: the setting that gives these seconds, for messages.
        substitute: gives, for a key that cannot be read and the n-th attempt, the key to read in
            its place, or None for none.

    ``run`` and ``as_ready`` may be called again and again; ``close`` ends the processes. A
    ``VideoError`` that ``read`` raises is yielded in the item's place: the caller decides what to
    do about it. So is a ``KilledError`` for an item at which a reader process crashed or took too
    long; another process then takes over. Any other ``UserError`` ends the run: it is raised here.
    ``run`` also raises any other exception, that of a reader process as a ``ReadError``. With
    ``num_workers=0`` a crash or a hang is not caught.

    ``replaced`` has what could not be read and was substituted; the caller empties it.
    """

    def __init__(
        self, read: Callable[[Key], Item], *, num_workers: int,
        describe: Callable[[Key], str] = str, seconds: float = math.inf,
        limit: str = "data.read_seconds",
        substitute: Callable[[Key, int], Key | None] | None = None,
    ) -> None:  # fmt: skip
        self._read, self._describe, self._substitute = read, describe, substitute
        self.replaced: list[tuple[Key, VideoError]] = []
        self._fatal: dict[str, str] = {}  # what reader processes died at, and how
        if num_workers:
            shared_memory.remove_orphans()
        self._workers = [
            Worker(self._read_one, self._fatal, seconds, limit) for _ in range(num_workers)
        ]
        self.num_workers = num_workers

    def run(self, batches: Iterable[Sequence[Key]]) -> Iterator[list[Item | VideoError]]:
        """The items of each batch of keys, in order."""
        if not self._workers:
            for keys in batches:
                yield self._read_here(keys)
            return
        waiting: deque[tuple[Worker, Sequence[Key]]] = deque()
        try:
            for number, keys in enumerate(batches):
                worker = self._workers[number % len(self._workers)]
                if len(waiting) == BATCHES_AHEAD * len(self._workers):
                    yield self._receive(*waiting.popleft())
                worker.send(keys)
                waiting.append((worker, keys))
            while waiting:
                yield self._receive(*waiting.popleft())
        except KeyboardInterrupt:  # at once: what is under way may take long
            waiting.clear()
            self.close()
            raise
        finally:
            for worker, _ in waiting:  # left early: what is under way is of no use to the next run
                with contextlib.suppress(ReaderDiedError, OSError):
                    worker.receive()

    def as_ready(self, keys: Iterable[Key]) -> Iterator[tuple[Key, Item | VideoError]]:
        """Each key with its item, in the order in which they become ready: for items that take very
        different times. Leaving early ends the reader processes.

        An exception that is no ``UserError`` is yielded as a ``VideoError``.
        """
        if not self._workers:
            for key in keys:
                yield key, self._alone(key, self._read_here)
            return
        waiting, idle = deque(keys), list(self._workers)
        busy: dict[Worker, Key] = {}
        try:
            while waiting or busy:
                while waiting and idle:
                    worker = idle.pop()
                    worker.send([waiting[0]])
                    busy[worker] = waiting.popleft()
                for worker in ready(busy):
                    item = self._alone(busy[worker], functools.partial(self._receive, worker))
                    idle.append(worker)
                    yield busy.pop(worker), item
        finally:
            if busy:  # left early: what is under way may take long
                self.close()

    def _alone(self, key: Key, read: Callable[[list[Key]], list[Any]]) -> Item | VideoError:
        """The item that ``read`` gives for a key, or what a damaged file leads to."""
        try:
            return read([key])[0]
        except UserError:
            raise
        except Exception as error:
            kind = "" if isinstance(error, ReadError) else f"{type(error).__name__}: "
            return VideoError(f"{self._describe(key)}: {kind}{one_line(error)}")

    def close(self) -> None:
        """Ends the reader processes."""
        for worker in self._workers:
            worker.close()
        self._workers = []

    def __enter__(self) -> "Loader[Key, Item]":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _receive(self, worker: Worker, keys: Sequence[Key]) -> list[Item | VideoError]:
        answer = worker.receive()
        if isinstance(answer, SharedMemoryError):
            full, names = f"{answer.filename}: {answer.strerror}", map(self._describe, keys)
            logger.warning(f"{full}: read by the main process: {', '.join(names)}")
            return self._read_here(keys)
        if isinstance(answer, BaseException):
            raise answer
        return self._taken(answer)

    def _read_here(self, keys: Sequence[Key]) -> list[Item | VideoError]:
        return self._taken([self._read_one(key, lambda file: None) for key in keys])

    def _taken(self, answer: list[Any]) -> list[Item | VideoError]:
        """A batch as the caller gets it."""
        items: list[Item | VideoError] = []
        for item in answer:
            if isinstance(item, _Substituted):
                self.replaced += item.errors
                item = item.item
            items.append(item)
        return items

    def _read_one(self, key: Key, announce: Callable[[str], None]) -> Any:
        """The item, one in its place, or why there is none; ``announce`` gets each file."""
        item = self._attempt(key, announce)
        if self._substitute is None or not isinstance(item, VideoError):
            return item
        errors = [(key, item)]
        for attempt in range(1, ATTEMPTS):
            other = self._substitute(key, attempt)
            if other is None:
                break
            found = self._attempt(other, announce)
            if not isinstance(found, VideoError):
                return _Substituted(found, errors)
            errors.append((other, found))
        return item

    def _attempt(self, key: Key, announce: Callable[[str], None]) -> Item | VideoError:
        file = self._describe(key)
        if file in self._fatal:
            return KilledError(self._fatal[file])
        announce(file)
        try:
            return self._read(key)
        except VideoError as error:
            return error
        except cv2.error as error:
            return VideoError(f"{file}: OpenCV fails on it: {error.err}")
        except (OSError, ValueError, MemoryError) as error:  # a disk's fault, absurd sizes, ...
            return VideoError(f"{file}: {type(error).__name__}: {error}")
        finally:
            announce("")


def workers_that_fit(num_workers: int, batch_bytes: int, processes: int) -> tuple[int, str]:
    """How many readers the shared memory has room for, and why if fewer than wanted.

    Each of the readers of each of the run's ``processes`` on this machine may have
    ``BATCHES_AHEAD`` batches of ``batch_bytes`` under way. Returns ``(0, reason)`` where they do
    not fit: then the main process reads the videos itself, more slowly.
    """
    if num_workers == 0:
        return 0, ""
    readers = num_workers * processes
    needed, where = readers * BATCHES_AHEAD * batch_bytes, shared_memory.SHARED_MEMORY
    try:
        free = shared_memory.free_bytes()
    except OSError:
        return 0, f"there is no {where} here: videos are read without reader processes"
    if free < needed:
        return 0, (
            f"{where} has {free / 2**20:.0f} MiB free and {readers} readers need "
            f"{needed / 2**20:.0f}: videos are read without reader processes (in Docker use "
            f"--shm-size={-(-needed // 2**30) * 2}g, or lower data.num_workers)"
        )
    return num_workers, ""
