"""What a run holds: resident memory, open files, shared memory (Linux)."""

import multiprocessing
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")
SAMPLE_EVERY = 100
"""Reads between two looks."""


@dataclass
class Watch:
    """What was seen every ``SAMPLE_EVERY`` reads."""

    mebibytes: list[float] = field(default_factory=list)
    """Resident memory of this process and its children; what they share counts for each."""
    descriptors: list[int] = field(default_factory=list)
    """Open files of this process."""

    def look(self) -> None:
        """Takes both as they are now."""
        children = [child.pid for child in multiprocessing.active_children()]
        resident = sum(kibibytes("VmRSS", pid) for pid in [os.getpid(), *children] if pid)
        self.mebibytes.append(resident / 1024)
        self.descriptors.append(len(os.listdir("/proc/self/fd")))


def quarters(values: Sequence[float]) -> tuple[float, float]:
    """The medians of the second and of the last quarter of 4 or more values.

    The first quarter is warm-up.
    """
    quarter = len(values) // 4
    return statistics.median(values[quarter : 2 * quarter]), statistics.median(values[-quarter:])


def shared_files() -> set[Path]:
    """The files that loaders have in the shared memory."""
    return set(SHARED_MEMORY.glob("slowfast-*"))


def left_over(before: set[Path]) -> set[Path]:
    """The new files there. Those of another process's loader are gone after some seconds."""
    new = shared_files() - before
    for _ in range(50):
        if not new:
            break
        time.sleep(0.1)
        new = {path for path in new if path.exists()}
    return new


def kibibytes(name: str, pid: int | str = "self") -> int:
    """``VmRSS`` or another entry of the kernel's account of a process; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:  # it ended just now
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
