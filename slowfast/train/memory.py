"""How much memory a run needs."""

import os
from pathlib import Path

import paddle

GIB = 2.0**30


def memory_gib() -> float:
    """GiB: on a GPU the most that this process's tensors have taken there so far; else what this
    process and its readers have in memory now, with shared pages counted once."""
    if paddle.get_device().startswith("gpu"):
        return float(paddle.device.cuda.max_memory_allocated()) / GIB
    process = os.getpid()
    return sum(map(_resident_bytes, [process, *_children(process)])) / GIB


def _children(process: int) -> list[int]:
    """The process's children, also theirs."""
    found: list[int] = []
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            own = [*map(int, path.read_text(encoding="ascii").split())]
        except OSError:  # the thread or process has just ended
            continue
        found += own
        for child in own:
            found += _children(child)
    return found


def _resident_bytes(process: int) -> float:
    """Bytes that a process has in memory, its part of pages that it shares with others; 0 if it has
    ended."""
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0.0
    (line,) = [line for line in text.splitlines() if line.startswith("Pss:")]
    return 1024.0 * int(line.split()[1])
