"""Mutated videos, read by the reader processes of a training: is each read, or named in a line?

``python -m benchmarks.survival videos``.
"""

import contextlib
import logging
import random
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np

from benchmarks import mutations
from benchmarks.memory import kibibytes
from benchmarks.mutations import Piece, Pieces
from benchmarks.outcome import Outcome, times
from benchmarks.timing import progress
from slowfast.config import Config, config_of
from slowfast.data.clips.sampling import Grid
from slowfast.data.samples import Sample
from slowfast.data.video.open import decoder_version
from slowfast.log import logger
from slowfast.train.batches import UNREADABLE, EpochReader
from slowfast.train.recipe.schedule import Step
from slowfast.train.training_clips import clip_loader

COUNT = 10_000
"""Mutants, which each decoder reads."""
BLOCK = 250
"""Mutants that are on the disk at a time."""
BATCH = 5
SECONDS = 10.0
"""data.read_seconds: a reader process that does not get on for longer is replaced."""
LONGEST = (SECONDS + 10) * BATCH
"""Seconds to a batch: longer is a hang of the run."""
ROOM = 6 * 2**30
"""Bytes that a reader may take beyond what it begins with: a wrong size of the picture then costs
the reader, and not the machine."""
NUM_FRAMES, SIZE = 40, (128, 96)
X264 = {"preset": "ultrafast", "g": "12", "bf": "2", "threads": "1"}
DECODERS = ("auto", "opencv")


class Film(NamedTuple):
    """A container and a codec."""

    ending: str
    codec: str
    pieces: Callable[[bytes], Iterator[Piece]]
    options: dict[str, str] = {}


FILMS = (
    Film("h264.mp4", "libx264", mutations.boxes, X264),
    Film("hevc.mov", "libx265", mutations.boxes, {"x265-params": "log-level=none:pools=1"}),
    Film("h264.mkv", "libx264", mutations.elements, X264),
    Film("vp9.webm", "libvpx-vp9", mutations.elements, {"cpu-used": "8"}),
    Film("mpeg4.avi", "mpeg4", mutations.chunks),
    Film("h264.ts", "libx264", mutations.packets, X264),
    Film("mpeg2.mpg", "mpeg2video", mutations.start_codes, {"bf": "2"}),
    Film("h263.flv", "flv", mutations.tags),
)


def run(seed: int, scale: float, folder: Path) -> list[Outcome]:
    """The outcome of each decoder."""
    logger.setLevel(logging.ERROR)  # not a line for each of thousands
    bases = [_base(film, folder) for film in FILMS]
    count = times(COUNT, scale)
    return [_outcome(decoder, bases, seed, count, folder) for decoder in DECODERS]


def _outcome(
    decoder: str, bases: list[tuple[Film, bytes, Pieces]], seed: int, count: int, folder: Path
) -> Outcome:
    results: Counter[str] = Counter()
    slowest = 0.0
    begin = time.monotonic()
    for start in range(0, count, BLOCK):
        numbers = range(start, min(start + BLOCK, count))
        paths = [_write_mutant(bases, seed, number, folder) for number in numbers]
        slowest = max(slowest, _read(decoder, paths, folder, results))
        for path in paths:
            path.unlink()
        progress(f"{decoder}: {numbers.stop} of {count}, {time.monotonic() - begin:.0f} s")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    read, named, crashed, hung = (results.pop(n, 0) for n in ("read", "named", "crashed", "hung"))
    broken = "".join(f"{number:,} {what}; " for what, number in (+results).items())
    name = decoder_version(decoder)
    result = (
        f"{read:,} read, {named:,} named in a line each, of which {crashed:,} crashed {name} and "
        f"{hung:,} hung it (the reader process was replaced); {broken}no batch of {BATCH} took "
        f"more than {slowest:.1f} s (bound: {LONGEST:g}), no reader more than "
        f"{peak / 2**20:.1f} GiB"
    )
    kept = not broken and slowest < LONGEST
    return Outcome(f"mutated videos, data.decoder={decoder} ({name})", count, result, kept)


def _read(decoder: str, paths: list[Path], folder: Path, results: Counter[str]) -> float:
    """Reads the videos as an epoch of a training does, and counts what came of them. Returns the
    longest time to a batch, seconds."""
    samples = [Sample(str(path), number) for number, path in enumerate(paths)]
    cfg = _config(decoder, folder)
    slowest, read = 0.0, Counter[int]()
    grid = Grid(cfg.data.num_frames, cfg.data.crop_size)
    places = range(len(samples))
    steps = [Step([list(places[i : i + BATCH])], grid) for i in places[::BATCH]]
    with _limit(), clip_loader(samples, samples[:1], cfg) as loader:
        reader = EpochReader(loader, samples, cfg, epoch=0)
        last = time.monotonic()
        try:
            for _, work, _ in reader.read(steps):
                results["batches with an error that ends the run"] += work.error is not None
                read.update(clip.index for batch in work.batches for clip in batch)
                slowest, last = max(slowest, time.monotonic() - last), time.monotonic()
        except Exception as error:
            results[f"runs ended: {type(error).__name__}: {error}"[:300]] += 1
        reader.list_unreadable()
    listed = folder / UNREADABLE
    lines = listed.read_text().splitlines() if listed.exists() else []
    listed.unlink(missing_ok=True)
    for number, path in enumerate(paths):
        own = [line for line in lines if line.startswith(f"{path}:")]
        if read[number] + len(own) != 1:
            results["neither read nor named once"] += 1
            continue
        results["read"] += read[number]
        results["named"] += len(own)
        results["crashed"] += "its reader process" in "".join(own)
        results["hung"] += "no progress for" in "".join(own)
    return slowest


def _config(decoder: str, folder: Path) -> Config:
    return config_of(
        {
            "data.decoder": decoder, "data.on_error": "skip", "data.max_errors": BLOCK,
            "data.read_seconds": SECONDS, "data.num_workers": 2, "data.num_frames": 8,
            "data.sampling_stride": 4, "data.min_short_side": 72, "data.max_short_side": 80,
            "data.crop_size": 64, "train.batch_size": BATCH, "output_dir": str(folder),
        }
    )  # fmt: skip


@contextlib.contextmanager
def _limit() -> Iterator[None]:
    """Limits the memory of this process, and of those that it starts, for a while."""
    own = kibibytes("VmSize") << 10
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (own + ROOM, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _write_mutant(
    bases: list[tuple[Film, bytes, Pieces]], seed: int, number: int, folder: Path
) -> Path:
    film, data, pieces = bases[number % len(bases)]
    path = folder / f"{number:06}-{film.ending}"
    path.write_bytes(mutations.mutated(data, pieces, random.Random(f"{seed} {number}")))
    return path


def _base(film: Film, folder: Path) -> tuple[Film, bytes, Pieces]:
    """A whole film, encoded on the spot, and what it is made of."""
    path = folder / film.ending
    rng = np.random.default_rng(0)
    width, height = SIZE
    picture = rng.integers(0, 256, (height // 8, width // 8, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(film.codec, rate=Fraction(25), options=film.options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(NUM_FRAMES):
            shown = np.roll(picture, 2 * number, axis=1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        container.mux(stream.encode(None))
    data = path.read_bytes()
    path.unlink()
    return film, data, list(film.pieces(data))
