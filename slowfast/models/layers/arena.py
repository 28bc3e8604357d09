"""Memory for the activations of a training step, which come and go in the same order every step.

On the C library's heap, blocks of a hundred megabytes lie between gradients and others that stay:
after some steps a quarter of the heap is holes that no block fits (R50 8x8, 4 clips: 6.6 GB for
5.0). Blocks of their own from the system leave no holes, but the system clears each one page by
page: half a training step.
"""

import contextlib
import math
import mmap
import os
import threading
import weakref
from collections.abc import Sequence

import numpy as np
import paddle
from numpy.typing import NDArray
from paddle import Tensor
from paddle.utils.dlpack import from_dlpack

SMALLEST = 2**20
"""Bytes from which a tensor is given a place here."""
ALIGNMENT = 4096
NO_CLAIM = 0x4000
"""Linux's MAP_NORESERVE, which Python 3.11 does not have: without it a process that has such a
range could not fork, since the system counts all of it as used."""


class Arena:
    """A range of addresses that tensors are placed in, each at the first gap that it fits into.

    What was used once stays with the process; addresses that were not used yet cost nothing.

    Args:
        size: bytes, for all tensors together; what has no room lies on the heap.
    """

    def __init__(self, size: int) -> None:
        self._gaps: list[tuple[int, int]] = []  # begin and end, in order; none touch
        self._ended: list[tuple[int, int]] = []
        """Of tensors, which may end at any moment, also while this very thread changes the gaps."""
        self._lock = threading.Lock()
        # Private, for a forked process must not write into ours.
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NO_CLAIM
        with contextlib.suppress(OSError, ValueError):  # the system or the user limits addresses
            self._memory = mmap.mmap(-1, size, flags=flags)
            self._gaps.append((0, size))

    def empty(self, shape: Sequence[int]) -> Tensor:
        """A float32 tensor on the CPU, of any content."""
        count = math.prod(shape)
        size = -(-4 * count // ALIGNMENT) * ALIGNMENT
        begin = self._claim(size) if size >= SMALLEST else None
        if begin is None:
            return paddle.empty(shape)
        array: NDArray[np.float32] = np.frombuffer(self._memory, np.float32, count, begin)
        weakref.finalize(array, self._ended.append, (begin, begin + size)).atexit = False
        return from_dlpack(array.reshape(shape))

    def _claim(self, size: int) -> int | None:
        with self._lock:
            while self._ended:
                self._release(*self._ended.pop())
            for i, (begin, end) in enumerate(self._gaps):
                if end - begin >= size:
                    self._gaps[i : i + 1] = [(begin + size, end)] if end - begin > size else []
                    return begin
        return None

    def _release(self, begin: int, end: int) -> None:
        at = sum(gap[0] < begin for gap in self._gaps)
        if at < len(self._gaps) and self._gaps[at][0] == end:
            end = self._gaps.pop(at)[1]
        if at and self._gaps[at - 1][1] == begin:
            at -= 1
            begin = self._gaps.pop(at)[0]
        self._gaps.insert(at, (begin, end))


def _physical_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


empty = Arena(_physical_memory()).empty
