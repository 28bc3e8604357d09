"""Thousands of reads through the loader, over good and broken files: does anything grow or hang?

From the repository's root, in an environment with numpy, OpenCV, PyYAML and PyAV:

    python -m benchmarks.soak --reads 2000 --json soak.json

Files are made on the spot: good ones; a missing, an empty, a cut-off, a damaged one, and one of
text; some at which the reader process crashes, and one at which it never ends.
"""

# ruff: noqa: E402  (libraries are told to be quiet before they are imported)
from slowfast.log import quiet_libraries

quiet_libraries()

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from benchmarks import videos
from benchmarks.memory import SAMPLE_EVERY, Watch, left_over, quarters, shared_files
from benchmarks.report import Row, write_json
from slowfast.config import DataConfig
from slowfast.data.clips.datasets import Clip, TrainClips, TrainKey
from slowfast.data.samples import Sample
from slowfast.data.video.reader import VideoError
from slowfast.data.workers.loader import Loader

NUM_WORKERS, BATCH = 2, 4
HANG_SECONDS = 5.0
"""What the loader allows for one video."""


Outcomes = Counter[tuple[str, str]]
"""How often each kind of file gave a clip or an error."""


class SoakError(RuntimeError):
    """Something was not as it must be; the message says what."""


@dataclass(frozen=True)
class File:
    """One file of the mix."""

    kind: str
    path: Path
    is_readable: bool


class Reads:
    """Reads clip number ``key``; some files end or stop the process that reads them."""

    def __init__(self, files: Sequence[File], order: Sequence[int], decoder: str) -> None:
        self.files, self.order = files, order
        data = DataConfig(decoder=decoder)  # type: ignore[arg-type]
        self.clips = TrainClips([Sample(str(file.path), 0) for file in files], data, seed=0)

    def __call__(self, key: int) -> Clip:
        kind = self.files[self.order[key]].kind
        if kind == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if kind == "hang":
            time.sleep(3600)
        return self.clips(TrainKey(key, self.order[key]))

    def shown(self, key: int) -> str:
        """The file of a key."""
        return str(self.files[self.order[key]].path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the soak; returns the exit status: 0, or 1 with one line of why."""
    options = _options(arguments)
    shared_before = shared_files()
    try:
        if options.reads < 4 * SAMPLE_EVERY:
            raise SoakError(f"--reads {options.reads} is below {4 * SAMPLE_EVERY}")
        with tempfile.TemporaryDirectory(prefix="soak-") as folder, _limit(options.limit):
            files = make_files(Path(folder))
            begin = time.monotonic()
            watch, outcomes = soak(files, options.reads, options.decoder, random.Random(0))
            seconds = time.monotonic() - begin
        first, last = quarters(watch.mebibytes)
        rows = [Row("resident memory, MiB", "its own second quarter", last, first)]
        print(_table(watch, outcomes, options.reads, seconds))
        if options.json:
            write_json(rows, options.json)
        check(watch, outcomes, files, options.bound)
        if left := left_over(shared_before):
            raise SoakError(f"{len(left)} files were left in the shared memory: {sorted(left)[0]}")
    except (SoakError, OSError) as error:
        print(f"soak: {error}", file=sys.stderr)
        return 1
    return 0


def make_files(folder: Path) -> list[File]:
    """The mix: as many broken files as good ones."""
    wild = videos.write_h264(folder / "wild.mp4", videos.moving_textures((340, 256)), videos.WILD)
    prepared = videos.write_prepared(wild, folder / "prepared.mp4")
    whole = wild.read_bytes()
    middle = len(whole) // 2
    damaged = bytearray(whole)
    damaged[middle : middle + 2000] = random.Random(0).randbytes(2000)
    contents = {
        "empty": b"",
        "truncated": whole[:middle],  # its index is at the end
        "text": b"not a video\n" * 100,
        "damaged": bytes(damaged),
    }
    for kind, content in contents.items():
        (folder / f"{kind}.mp4").write_bytes(content)
    files = [File("good", path, True) for path in (wild, prepared)] * 4
    # What a decoder can show of a damaged file is a clip; how much of it is its own affair.
    files.append(File("damaged", folder / "damaged.mp4", True))
    files += [
        File(kind, folder / f"{kind}.mp4", False) for kind in ("missing", "empty", "truncated")
    ]
    files += [File("text", folder / "text.mp4", False), File("hang", folder / "hang.mp4", False)]
    files += [File("crash", folder / f"crash_{number}.mp4", False) for number in range(10)]
    return files


def soak(
    files: Sequence[File], reads: int, decoder: str, rng: random.Random
) -> tuple[Watch, Outcomes]:
    """Reads ``reads`` clips in a mixed order, and says what was seen.

    Raises:
        SoakError: a key came twice, too late, or never; or with another file's clip.
    """
    order = [number % len(files) for number in range(reads)]
    rng.shuffle(order)
    batches = [list(range(i, min(i + BATCH, reads))) for i in range(0, reads, BATCH)]
    read = Reads(files, order, decoder)
    watch, outcomes = Watch(), Counter[tuple[str, str]]()
    came = 0
    with Loader(read, num_workers=NUM_WORKERS, describe=read.shown, seconds=HANG_SECONDS) as loader:
        for keys, items in zip(batches, loader.run(batches), strict=True):
            if len(items) != len(keys):
                raise SoakError(f"{len(items)} items for the keys {keys}")
            for key, item in zip(keys, items, strict=True):
                _compare(read, key, item)
                outcome = "error" if isinstance(item, VideoError) else "clip"
                outcomes[files[order[key]].kind, outcome] += 1
            came += len(items)
            del item
            items.clear()  # or their number would be seen in the memory
            if came % SAMPLE_EVERY == 0:
                watch.look()
                print(f"{came} reads, {watch.mebibytes[-1]:.0f} MiB", file=sys.stderr)
    if came != reads:
        raise SoakError(f"{came} items for {reads} keys")
    return watch, outcomes


def check(watch: Watch, outcomes: Outcomes, files: Sequence[File], bound: float) -> None:
    """Errors are where they belong, and memory and open files are flat after the first quarter.

    Raises:
        SoakError: they are not.
    """
    readable = {file.kind: file.is_readable for file in files}
    for (kind, outcome), count in outcomes.items():
        if (outcome == "clip") != readable[kind]:
            raise SoakError(f"{count} reads of a {kind} file gave a {outcome}")
    first, last = quarters(watch.mebibytes)
    if last - first > bound:
        raise SoakError(
            f"memory grew by {last - first:.1f} MiB after the first quarter, more than {bound:g}"
        )
    before, after = quarters(watch.descriptors)
    if after > before:
        raise SoakError(f"open files grew from {before:g} to {after:g} after the first quarter")


def _compare(read: Reads, key: int, item: object) -> None:
    """A clip is the one of its key, and an error names its file."""
    if isinstance(item, VideoError):
        if read.shown(key) not in str(item):
            raise SoakError(f"the error for {read.shown(key)} does not name it: {item}")
    elif not isinstance(item, Clip) or item.index != read.order[key]:
        raise SoakError(f"key {key} brought {type(item).__name__} of another key")


def _table(watch: Watch, outcomes: Outcomes, reads: int, seconds: float) -> str:
    first, last = quarters(watch.mebibytes)
    lines = ["| file | clips | errors |", "|---|--:|--:|"]
    for kind in dict.fromkeys(kind for kind, _ in sorted(outcomes)):
        lines.append(f"| {kind} | {outcomes[kind, 'clip']} | {outcomes[kind, 'error']} |")
    lines += [
        "",
        f"{reads} reads with {NUM_WORKERS} reader processes in {seconds:.0f} s, every key once.",
        f"Resident memory {first:.1f} MiB in the second quarter, {last:.1f} in the last: "
        f"growth {last - first:+.1f} MiB.",
    ]
    return "\n".join(lines)


@contextmanager
def _limit(seconds: int) -> Iterator[None]:
    def give_up(signum: int, frame: FrameType | None) -> None:
        raise SoakError(f"not finished after {seconds} s: something hangs")

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__.partition("\n")[0])
    parser.add_argument("--reads", type=int, default=2000, help="clips to read (default: 2000)")
    parser.add_argument("--decoder", choices=("opencv", "pyav"), default="opencv")
    parser.add_argument(
        "--bound", type=float, default=24, help="MiB that memory may grow by (default: 24)"
    )
    parser.add_argument("--limit", type=int, default=1800, help="seconds for all of it")
    parser.add_argument("--json", type=Path, help="file for the rows")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
