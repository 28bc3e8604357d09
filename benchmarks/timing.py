"""Interleaved timing on one core."""

import gc
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

Contenders = Mapping[str, Callable[[], object]]
"""What is timed against each other, by name."""


@contextmanager
def one_core() -> Iterator[None]:
    """Pins the process to the last of its cores for a while, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})  # core 0 often serves interrupts
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


WINDOWS, BEGINS = 20, (60, 300)
"""Of a timeline: how many are computed, from either of these seconds of ``video.mp4`` on."""


def medians(title: str, contenders: Contenders, rounds: int) -> dict[str, float]:
    """Median seconds of each contender; every round runs each once, one after the other.

    A first round, not counted, warms the page cache and the allocators.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, run in contenders.items():
            elapsed = _seconds(run)
            if number:
                seconds[name].append(elapsed)
        progress(f"{title}: round {number} of {rounds}")
    return {name: statistics.median(values) for name, values in seconds.items()}


def fastest(title: str, contenders: Contenders) -> str:
    """The name of the fastest contender; what takes less than a second is run three times."""
    best = {}
    for name, run in contenders.items():
        best[name] = _seconds(run)
        if best[name] < 1:
            best[name] = min(best[name], _seconds(run), _seconds(run))
    chosen = min(best, key=lambda name: best[name])
    listing = ", ".join(f"{name} {value:.3f} s" for name, value in best.items())
    progress(f"{title}: {chosen} is the fastest ({listing})")
    return chosen


def progress(text: str) -> None:
    """A line on stderr."""
    print(text, file=sys.stderr, flush=True)


def _seconds(run: Callable[[], object]) -> float:
    gc.collect()
    begin = time.perf_counter()
    result = run()
    elapsed = time.perf_counter() - begin
    del result  # what it costs to let go of the pictures is nobody's reading
    return elapsed
