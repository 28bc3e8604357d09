"""Clips around the key frames of a film, ours beside mmaction2's, on one thread.

From the repository's root, in the environment that requirements-peers.txt describes:

    .venv-peers/bin/python -m benchmarks.key_windows --video CLIP.mp4 --json key_windows.json

The film has a key frame every second, as AVA's have. It is a clip of 10 s (H.264, a keyframe every
250 frames), of a real video or moving textures, over and over. What both sides read from it is
compared before it is timed.
"""

# ruff: noqa: E402  (libraries read these as they are imported)
import os

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import argparse
import platform
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import checks, peers, videos
from benchmarks.report import Row, tell
from benchmarks.timing import medians, one_core
from slowfast import machine
from slowfast.config import DataConfig, DetectionConfig, TestConfig
from slowfast.data.clips.datasets import TrainKey
from slowfast.data.clips.key_clips import KeyViews, TrainKeyClips
from slowfast.data.order import film_numbers, shard_batches
from slowfast.data.samples import Box, KeyFrame, Sample

SIZE = "340x256"
SIDE, SHORT_SIDES = 256, (256, 320)
"""mmaction2's training crop and short sides on AVA."""
JPEG_QUALITY = 95
NUM_WINDOWS = 12
AT_ONCE = 6
"""Key frames in a batch of a test: ``Backend.views_at_once``."""
TARGETS = {"window": 1.5, "epoch": 3.0}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark; returns the exit status: 0, or 1 with one line of why."""
    options = _options(arguments)
    notes = [
        f"Python {platform.python_version()}, {peers_versions()}.",
        f"{machine.processor()}, one thread pinned to one core, page cache warm.",
    ]
    try:
        with tempfile.TemporaryDirectory(prefix="key-windows-") as folder, one_core():
            film = write_film(Path(folder), options.minutes * 60, options.video)
            tell(rows(film, Path(folder), options.minutes * 60, options.rounds), notes, options)
    except (OSError, peers.PeersMissingError, checks.MismatchError) as error:
        print(f"key_windows: {error}", file=sys.stderr)
        return 1
    return 0


def peers_versions() -> str:
    """Imports the peers and names them."""
    peers.import_peers()
    return peers.versions()


def rows(film: Path, folder: Path, seconds: int, rounds: int) -> list[Row]:
    """Key frames at random in the film; one epoch of all in a training's order, which is shuffled,
    and one in a test's, extraction counted."""
    rng = np.random.default_rng(0)
    every = np.arange(2, seconds - 1)
    some = rng.choice(every, min(NUM_WINDOWS, len(every)), replace=False).tolist()
    check_frames(film, some[:3])
    reader = our_reader(film, seconds)  # one reader process reads many clips of a film
    sides = {
        "ours": partial(our_clips, reader, some),
        "mmaction2": partial(film_clips, str(film), some),
    }
    window = {name: s / len(some) for name, s in medians("window", sides, rounds).items()}
    shuffled, frames = rng.permutation(every).tolist(), folder / "frames"
    epochs = {
        "ours": lambda: our_clips(our_reader(film, seconds), shuffled),
        "mmaction2": lambda: extracted_clips(film, frames, shuffled, _training()),
    }
    epoch = medians("epoch", epochs, rounds)
    tests = {
        "ours": lambda: our_views(film, seconds),
        "mmaction2": lambda: extracted_clips(film, frames, every.tolist(), _test()),
    }
    test = medians("test", tests, rounds)
    return [
        Row("clip of a film, s", "mmaction2 use_frames=False", *_both(window), TARGETS["window"]),
        Row("epoch of training, s", "mmaction2, JPEG first", *_both(epoch), TARGETS["epoch"]),
        Row("epoch of a test, s", "mmaction2, JPEG first", *_both(test), TARGETS["epoch"]),
    ]


def _both(seconds: dict[str, float]) -> tuple[float, float]:
    return seconds["ours"], seconds["mmaction2"]


def write_film(folder: Path, seconds: int, clip: Path | None = None) -> Path:
    """A film of ``seconds``, a multiple of 10, from a clip or from moving textures."""
    size = videos.SIZES[SIZE]
    pictures = videos.moving_textures(size) if clip is None else videos.clip_of(clip, size)
    part = videos.write_h264(folder / "part.mp4", pictures, videos.WILD)
    film = folder / "film.mp4"
    with av.open(str(part)) as source, av.open(str(film), "w") as container:
        template = source.streams.video[0]
        stream = container.add_stream_from_template(template)
        packets = [packet for packet in source.demux(template) if packet.size]
        length = round(videos.NUM_FRAMES / videos.FPS / template.time_base)
        for start in range(0, length * seconds * videos.FPS // videos.NUM_FRAMES, length):
            for packet in packets:
                copy = av.Packet(bytes(packet))
                copy.pts, copy.dts = packet.pts + start, packet.dts + start
                copy.time_base, copy.is_keyframe = packet.time_base, packet.is_keyframe
                copy.stream = stream
                container.mux(copy)
    return film


def our_samples(film: Path, seconds: int) -> list[Sample]:
    """A key frame at each second of a film."""
    boxes = (Box((0.2, 0.1, 0.6, 0.9), (0,)),)
    keys = [KeyFrame("film", 900.0 + second, float(second), boxes) for second in range(seconds)]
    return [Sample(str(film), key=key) for key in keys]


def our_reader(film: Path, seconds: int, **other: Any) -> TrainKeyClips:
    """Our training clips of a film."""
    data = DataConfig(
        **{"crop_size": SIDE, "min_short_side": SHORT_SIDES[0], "max_short_side": SHORT_SIDES[1]}
        | other
    )
    return TrainKeyClips(our_samples(film, seconds), data, DetectionConfig(), "mmaction2", seed=0)


def our_views(film: Path, seconds: int) -> None:
    """Our test: whole pictures, in the batches that a reader of ``main.py --test`` gets."""
    test, samples = TestConfig(protocol="mmaction2"), our_samples(film, seconds)[2:-1]
    read = KeyViews(samples, DataConfig(), test, DetectionConfig())
    batches = shard_batches(
        len(samples), batch_size=AT_ONCE, rank=0, world_size=1, shards=film_numbers(samples),
        num_workers=1,
    )  # fmt: skip
    for place in chain(*batches):
        read(place)


def our_clips(read: TrainKeyClips, seconds: Sequence[int]) -> None:
    """Reads the clips around these seconds."""
    for second in seconds:
        read(TrainKey(0, second))


def film_clips(film: str, seconds: Sequence[int]) -> None:
    """The same by mmaction2 from the film."""
    for second in seconds:
        mmaction2_clip(film, second, _training())


def extracted_clips(film: Path, folder: Path, seconds: Sequence[int], steps: list[Any]) -> None:
    """The same by mmaction2 from JPEG frames, which are extracted here."""
    extract(film, folder)
    for second in seconds:
        mmaction2_frames_clip(folder, second, steps)


def extract(film: Path, folder: Path) -> None:
    """All frames as JPEG files, as ``ffmpeg -r 30`` would write them from a film of 30 a second."""
    folder.mkdir(exist_ok=True)
    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "NONE", 1
        for number, frame in enumerate(container.decode(stream), 1):
            picture = frame.to_ndarray(format="bgr24")
            path = str(folder / f"img_{number:05}.jpg")
            cv2.imwrite(path, picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])


def mmaction2_clip(film: str, second: int, steps: list[Any]) -> NDArray[np.uint8]:
    """A clip of mmaction2's ``use_frames=False``: ``[1, C, T, H, W]``."""
    from mmaction.datasets import transforms as mm

    results = {
        "filename": film, "fps": videos.FPS, "timestamp": 900 + second, "timestamp_start": 900,
        "start_index": 0, **_boxes(),
    }  # fmt: skip
    return _run(
        results,
        [
            mm.DecordInit(num_threads=1),
            mm.SampleAVAFrames(peers.NUM_FRAMES, peers.STRIDE, test_mode=True),
            mm.DecordDecode(),
            *steps,
        ],
    )


def mmaction2_frames_clip(folder: Path, second: int, steps: list[Any]) -> NDArray[np.uint8]:
    """The same from its frame folder."""
    from mmaction.datasets import transforms as mm

    results = {
        "frame_dir": str(folder), "filename_tmpl": "img_{:05}.jpg", "fps": videos.FPS,
        "timestamp": 900 + second, "timestamp_start": 900, "start_index": 1,
        "shot_info": (0, 27_000), **_boxes(),
    }  # fmt: skip
    sample = mm.SampleAVAFrames(peers.NUM_FRAMES, peers.STRIDE, test_mode=True)
    return _run(results, [sample, mm.RawFrameDecode(io_backend="disk"), *steps])


def check_frames(film: Path, seconds: Sequence[int]) -> None:
    """Raises MismatchError unless both read the same frames."""
    width, height = videos.SIZES[SIZE]
    whole = our_reader(
        film, max(seconds) + 1, min_short_side=height, max_short_side=height, crop_size=height,
        flip=0.0,
    )  # fmt: skip
    for second in seconds:
        mine = whole(TrainKey(0, second)).frames.astype(int)
        from mmaction.datasets import transforms as mm

        found = mmaction2_clip(str(film), second, [mm.FormatShape("NCTHW", collapse=False)])
        theirs = found[0].transpose(1, 2, 3, 0).astype(int)
        errors = [
            np.abs(mine - theirs[:, :, x : x + height]).mean(axis=(1, 2, 3)).max()
            for x in range(width - height + 1)
        ]
        if min(errors) > 2:
            raise checks.MismatchError(f"second {second}: the frames differ by {min(errors):.1f}")


def _test() -> list[Any]:
    from mmaction.datasets import transforms as mm

    return [mm.Resize(scale=(-1, SIDE)), mm.FormatShape("NCTHW", collapse=True)]


def _training() -> list[Any]:
    from mmaction.datasets import transforms as mm

    return [
        mm.RandomRescale(scale_range=SHORT_SIDES),
        mm.RandomCrop(size=SIDE),
        mm.Flip(flip_ratio=0.5),
        mm.FormatShape("NCTHW", collapse=True),
    ]


def _boxes() -> dict[str, Any]:
    return {
        "modality": "RGB", "label": 0, "proposals": None,
        "gt_bboxes": np.array([[0.2, 0.1, 0.6, 0.9]]),
    }  # fmt: skip


def _run(results: dict[str, Any], steps: list[Any]) -> NDArray[np.uint8]:
    peers._set_decord_bridge("native")
    for step in steps:
        results = step(results)
    return results["imgs"]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="key_windows", description=__doc__.partition("\n")[0])
    parser.add_argument("--video", type=Path, help="a real clip whose frames are used")
    parser.add_argument("--minutes", type=int, default=15, help="length of the film (default: 15)")
    parser.add_argument("--rounds", type=int, default=5, help="timed rounds (default: 5)")
    parser.add_argument("--json", type=Path, help="file for the rows")
    parser.add_argument("--markdown", type=Path, help="file for the table")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
