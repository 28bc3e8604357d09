"""Memory for the activations of a training step, which come and go in the same order every step.

On the C library's heap, blocks of a hundred megabytes lie between gradients and others that stay:
after some steps a quarter of the heap is holes that no block fits (R50 8x8, 4 clips: 6.6 GB are
taken to hold 5.0). Blocks of their own from the system leave no holes, but the system clears each
one page by page, which takes half as long as a training step.
"""

import math
import mmap
import os
import threading
import weakref
from collections import deque
from collections.abc import Sequence

import numpy as np
import paddle
from numpy.typing import NDArray
from paddle import Tensor

SMALLEST = 2**20
"""Bytes from which a tensor is given a place here."""
ALIGNMENT = 4096
MAP_NORESERVE = 0x4000
"""Linux's, which Python 3.11 does not name: without it a process with such a range could not start
another one, since the system counts all of the range as used."""


class Arena:
    """A range of addresses that tensors are placed in, each at the first gap that it fits into.

    It is mapped when it is first wanted. Addresses that were not used yet cost nothing; what was
    used once stays with the process, as the C library keeps it.

    Args:
        size: bytes; None: as many as the machine's memory has.
    """

    def __init__(self, size: int | None = None) -> None:
        self._size = size
        self._memory: mmap.mmap | None = None
        self._gaps: list[tuple[int, int]] = []  # begin and end, in order; none touch
        self._lock = threading.Lock()
        self._ended: deque[tuple[int, int]] = deque()
        """Places of tensors that have ended. One may end at any moment, also in the middle of a
        search for a place; so they become gaps only before the next search."""

    def empty(self, shape: Sequence[int]) -> Tensor:
        """A float32 tensor on the CPU, of any content; on the heap where there is no room here."""
        count = math.prod(shape)
        size = -(-4 * count // ALIGNMENT) * ALIGNMENT
        begin = self._claim(size) if size >= SMALLEST else None
        if begin is None:
            return paddle.empty(shape)
        assert self._memory is not None
        array: NDArray[np.float32] = np.frombuffer(self._memory, np.float32, count, begin)
        weakref.finalize(array, self._ended.append, (begin, begin + size)).atexit = False
        # Not from_dlpack: Paddle (3.3) holds a lock of its own while it lets go of such a tensor,
        # and two threads, or a garbage collection in the middle, then wait for each other for ever.
        return paddle.base.core.eager.Tensor(
            value=array.reshape(shape), place=paddle.CPUPlace(), persistable=False,
            zero_copy=True, stop_gradient=True,
        )  # fmt: skip

    def _claim(self, size: int) -> int | None:
        with self._lock:
            if self._memory is None:
                self._open()
            while self._ended:
                self._add_gap(*self._ended.popleft())
            for i, (begin, end) in enumerate(self._gaps):
                if end - begin >= size:
                    self._gaps[i : i + 1] = [(begin + size, end)] if end - begin > size else []
                    return begin
        return None

    def _open(self) -> None:
        size = _room() if self._size is None else self._size
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE
        try:
            self._memory = mmap.mmap(-1, size or mmap.PAGESIZE, flags=flags)
        except OSError:  # the system counts what is not used, too
            self._memory = mmap.mmap(-1, mmap.PAGESIZE)
            return
        if size:
            self._gaps = [(0, size)]
            # A forked process, such as a reader, has no use for activations: as long as it lived,
            # all that this process overwrites would be kept twice.
            self._memory.madvise(mmap.MADV_DONTFORK)
            os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._ended.clear()
        self._gaps = []

    def _add_gap(self, begin: int, end: int) -> None:
        at = sum(gap[0] < begin for gap in self._gaps)
        if at < len(self._gaps) and self._gaps[at][0] == end:
            end = self._gaps.pop(at)[1]
        if at and self._gaps[at - 1][1] == begin:
            at -= 1
            begin = self._gaps.pop(at)[0]
        self._gaps.insert(at, (begin, end))


def _room() -> int:
    """Bytes of the machine's memory; 0 where the addresses of a process are limited."""
    import resource  # not on Windows, where oneDNN is not called

    if resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
        return 0
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


empty = Arena().empty
