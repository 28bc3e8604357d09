"""What reader processes are given to read in the tests."""

import os
import resource
import signal
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowfast.data.workers.loader import Loader

BATCHES = [[3 * n, 3 * n + 1, 3 * n + 2] for n in range(10)]


def picture(key: int) -> NDArray[np.uint8]:
    return np.random.default_rng(key).integers(0, 256, (50 + key, 7, 3), np.uint8)


def read_all(read: Callable[[int], object], num_workers: int = 2, **options: Any) -> list[Any]:
    """The items of BATCHES."""
    with Loader(read, num_workers=num_workers, describe=describe, **options) as loader:
        return all_items(loader)


def all_items(loader: Loader[int, Any]) -> list[Any]:
    return [item for items in loader.run(BATCHES) for item in items]


def check_pictures(items: Iterable[object], but: int | None = None) -> None:
    """They are those of the keys from 0 on, ``but`` one."""
    for key, item in enumerate(items):
        if key != but:
            np.testing.assert_array_equal(item, picture(key))


def describe(key: int) -> str:
    return f"video{key}.mp4"


def crash() -> None:
    """As a decoder would, but without pytest's report of it."""
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGSEGV)


def crash_at_seven(key: int) -> NDArray[np.uint8]:
    if key == 7:
        crash()
    return picture(key)


def write_at_most(num_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, resource.RLIM_INFINITY))
