"""What reader processes are given to read in the tests."""

import os
import resource
import signal

import numpy as np
from numpy.typing import NDArray

BATCHES = [[3 * n, 3 * n + 1, 3 * n + 2] for n in range(10)]


def picture(key: int) -> NDArray[np.uint8]:
    return np.random.default_rng(key).integers(0, 256, (50 + key, 7, 3), np.uint8)


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
