"""Mutated weights files of every format: is each read, or refused in a line, in little memory?

Each is read in a process whose audit hook sees whatever is run, opened or made, and whose memory is
limited and measured. ``python -m benchmarks.survival checkpoints``.
"""

import ctypes
import os
import random
import resource
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.memory import kibibytes
from benchmarks.mutated_checkpoints import Format, formats
from benchmarks.mutations import mutated
from benchmarks.outcome import Outcome, times
from benchmarks.timing import progress
from slowfast.data.video.reader import VideoError
from slowfast.data.workers.loader import Loader
from slowfast.errors import UserError, error_line

COUNT = 10_000
"""Mutants of each format."""
SECONDS = 20.0
"""Without an end of a read, this is a hang."""
MOST_BYTES, MOST_TIMES = 96 * 2**20, 16
"""The bound: a read may take so many bytes, and so many for each byte of its file."""
ROOM = 2 * 2**30
"""What a process may take in all: more than the bound, so that it is measured and not hit."""


class Fate(NamedTuple):
    """What came of a mutant."""

    result: str
    """``read``, ``refused``, or what was broken."""
    excess: int = 0
    """Bytes that the read took beyond ``MOST_TIMES`` for each of the file's; below 0: less."""
    peak: int = 0
    seconds: float = 0


def run(seed: int, scale: float, folder: Path) -> list[Outcome]:
    """The outcome of each format."""
    return [_outcome(each, seed, times(COUNT, scale), folder) for each in formats(folder)]


def _outcome(kind: Format, seed: int, count: int, folder: Path) -> Outcome:
    results: Counter[str] = Counter()
    peak = excess = 0
    slowest = 0.0
    reader = Reader(kind, seed, folder)
    begin = time.monotonic()
    with Loader(reader, num_workers=2, describe=reader.shown, seconds=SECONDS) as loader:
        for done, (_, fate) in enumerate(loader.as_ready(range(count)), start=1):
            if isinstance(fate, VideoError):
                fate = Fate("hung" if "no progress" in str(fate) else "crashed")
            results[fate.result] += 1
            peak, excess = max(peak, fate.peak), max(excess, fate.excess)
            slowest = max(slowest, fate.seconds)
            if done % 1000 == 0:
                progress(f"{kind.name}: {done} of {count}, {time.monotonic() - begin:.0f} s")
    ran = sum(number for what, number in results.items() if what.startswith("executed"))
    broken = {what: number for what, number in results.items() if what not in ("read", "refused")}
    over = excess > MOST_BYTES
    result = (
        f"{results['read']:,} read, {results['refused']:,} refused in a line; "
        f"{''.join(f'{number:,} {what}; ' for what, number in broken.items())}"
        f"no more than {peak / 2**20:.0f} MiB (bound: {MOST_BYTES >> 20} and {MOST_TIMES} times "
        f"the file) and {slowest:.1f} s (bound: {SECONDS:g}) a file; {ran or 'none'} ran code"
    )
    return Outcome(f"mutated checkpoints: {kind.name}", count, result, not broken and not over)


class Reader:
    """Draws mutant number ``key``, reads it, and says what came of it; in a reader process."""

    def __init__(self, kind: Format, seed: int, folder: Path) -> None:
        self._kind, self._seed, self._folder = kind, seed, folder
        self._process = 0
        self._guard = Guard()

    def shown(self, key: int) -> str:
        """How a key is called in messages."""
        return f"{self._kind.name}, mutant {key} of seed {self._seed}"

    def __call__(self, key: int) -> Fate:
        path = self._folder / f"{os.getpid()}{self._kind.ending}"
        if self._process != os.getpid():  # what is loaded on demand comes with a whole file
            self._process = os.getpid()
            for base, _ in self._kind.bases:
                path.write_bytes(base)
                self._kind.read(path)
            "".encode("cp437")  # of names in zip archives
            self._guard.begin()
        mark = path.with_suffix(".ran")
        data = self._mutant(key, mark)
        path.write_bytes(data)
        begin = time.monotonic()
        with self._guard:
            result = self._read(path)
        seconds = time.monotonic() - begin
        if self._guard.events or mark.exists():
            result = f"executed ({', '.join(sorted(self._guard.events)) or 'a mark'})"
        path.unlink()
        peak = self._guard.peak
        return Fate(result, peak - MOST_TIMES * len(data), peak, seconds)

    def _mutant(self, key: int, mark: Path) -> bytes:
        rng = random.Random(f"{self._seed} {self._kind.name} {key}")
        base, pieces = rng.choice(self._kind.bases)
        if self._kind.within and rng.random() < 0.4:
            base = self._kind.within(base, rng, mark)
            if rng.random() < 0.8:
                return base
        return mutated(base, pieces, rng)

    def _read(self, path: Path) -> str:
        try:
            self._kind.read(path)
        except UserError as error:
            line = error_line(error)
            if str(path) not in line or not line.isprintable():
                return f"a message of several lines, or without the file: {line[:200]}"
            return "refused, it is said not to fit into memory" if "into mem" in line else "refused"
        except Exception as error:  # which a user would see with its traceback
            return f"{type(error).__name__}: {str(error)[:200]}"
        return "read"


class Guard:
    """Limits what a process takes, measures it, and sees what it does besides reading a file."""

    HARMLESS = ("open", "builtins.id")
    """Events of https://docs.python.org/3/library/audit_events.html that reading a file raises."""

    def __init__(self) -> None:
        self.events: set[str] = set()
        self.peak = self._before = self._count = 0
        self._is_watching = False

    def begin(self) -> None:
        """In the process that is to be watched, once."""
        room = (kibibytes("VmSize") << 10) + ROOM
        resource.setrlimit(resource.RLIMIT_AS, (room, room))
        sys.addaudithook(self._heard)

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._is_watching:
            return
        writes = event == "open" and (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR)
        if writes or event not in self.HARMLESS:
            self.events.add(event)

    def __enter__(self) -> None:
        self.events.clear()
        if self._count % 100 == 0:  # what is free goes back, so that taking it again is seen
            _LIBC.malloc_trim(0)
            self._before = kibibytes("VmRSS")
        self._count += 1
        Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far, see man 5 proc
        self._is_watching = True

    def __exit__(self, *exception: object) -> None:
        self._is_watching = False
        self.peak = kibibytes("VmHWM") - self._before << 10


_LIBC = ctypes.CDLL(None)
