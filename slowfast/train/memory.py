"""How much memory a run needs."""

import contextlib
import math
import os
from pathlib import Path

import paddle

GIB = 2.0**30
PROC = Path("/proc")


def memory_gib() -> float:
    """GiB: on a GPU the most that this process's tensors have taken there so far; else what this
    process and its readers have in memory now, with shared pages counted once. nan where the
    system does not tell, as on macOS and in some containers."""
    if paddle.get_device().startswith("gpu"):
        return float(paddle.device.cuda.max_memory_allocated()) / GIB
    return resident_gib(os.getpid())


def resident_gib(process: int) -> float:
    """GiB that a process and its children have in memory; nan if /proc does not tell it."""
    try:
        own = _resident_bytes(process)
        children = _children(process)
    except OSError:
        return math.nan
    total = own
    for child in children:
        with contextlib.suppress(OSError):  # it has just ended
            total += _resident_bytes(child)
    return total / GIB


def _children(process: int) -> list[int]:
    """The process's children, also theirs.

    Raises:
        OSError: those of the process cannot be read.
    """
    (PROC / f"{process}/task/{process}/children").stat()
    found: list[int] = []
    for path in (PROC / f"{process}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # the thread has just ended
            found += map(int, path.read_text(encoding="ascii").split())
    for child in tuple(found):
        with contextlib.suppress(OSError):
            found += _children(child)
    return found


def _resident_bytes(process: int) -> float:
    """Bytes that a process has in memory, its part of pages that it shares with others.

    Raises:
        OSError: the system does not tell, or the process has ended.
    """
    text = (PROC / f"{process}/smaps_rollup").read_text(encoding="ascii")
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return 1024.0 * int(line.split()[1])
    raise OSError(f"no Pss in smaps_rollup of {process}")
