"""Test videos for the benchmarks, encoded on the spot with PyAV and libx264.

Shapes: T frames, H and W pixels.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from slowfast.data.samples import Sample
from slowfast.data.video.encode import Settings, prepare_video

Picture = NDArray[np.uint8]
"""RGB ``[H, W, 3]``."""
Size = tuple[int, int]
"""Width and height, pixels."""

FPS = 30
NUM_FRAMES = 300
WILD = {"preset": "medium", "g": "250"}
"""As videos in the wild are: x264's defaults (3 B-frames, crf 23), a keyframe every 250 frames."""
SIZES: dict[str, Size] = {"340x256": (340, 256), "1280x720": (1280, 720)}
BITS = 12


@dataclass
class Files:
    """The test files of one size."""

    size: str
    original: Path
    prepared: Path
    notes: list[str]
    """Their bit rates and keyframes."""


def write_files(source: Path | None, size: str, folder: Path) -> Files:
    """Encodes a file as in the wild, and from it a prepared one.

    The pictures are ``source``'s at another size, or moving textures if it is None.
    """
    pictures = moving_textures(SIZES[size]) if source is None else clip_of(source, SIZES[size])
    original = write_h264(folder / f"{size}.mp4", pictures, WILD)
    prepared = write_prepared(original, folder / f"{size}_prepared.mp4")
    notes = []
    for path in (original, prepared):
        rate = path.stat().st_size * 8 * FPS / NUM_FRAMES / 1e6
        keyframes = count_keyframes(path)
        notes.append(f"{path.name}: {rate:.2f} Mbit/s, {keyframes} keyframes in {NUM_FRAMES}.")
    return Files(size, original, prepared, notes)


def write_h264(path: Path, pictures: Iterable[Picture], options: dict[str, str]) -> Path:
    """Writes an H.264 file of ``FPS`` frames a second; returns its path."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"threads": "1", **options})
        stream.pix_fmt = "yuv420p"
        for number, picture in enumerate(pictures):
            if number == 0:
                stream.height, stream.width, _ = picture.shape
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def write_prepared(original: Path, path: Path) -> Path:
    """What ``slowfast.tools.prepare_videos`` makes of a file: a keyframe every 8 frames."""
    prepare_video(Sample(str(original)), path, path.with_suffix(".partial.mp4"), Settings())
    return path


def decoded(path: Path) -> Iterator[Picture]:
    """The frames of a file, in order."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24")


def clip_of(path: Path, size: Size) -> Iterator[Picture]:
    """``NUM_FRAMES`` frames of a real clip at another size; a shorter one is shown again."""
    frames = itertools.islice(itertools.cycle(decoded(path)), NUM_FRAMES)
    return (cv2.resize(frame, size, interpolation=cv2.INTER_CUBIC) for frame in frames)


def moving_textures(size: Size, seed: int = 0) -> Iterator[Picture]:
    """A textured background that drifts, three textured patches that cross it, camera noise."""
    width, height = size
    rng = np.random.default_rng(seed)
    background = _texture(rng, height, width)
    patches = [_texture(rng, height // 2, width // 4) for _ in range(3)]
    speeds = rng.uniform(-0.01, 0.01, (4, 2)) * height
    places = rng.uniform(0, 0.5, (4, 2)) * (height, width)
    for t in range(NUM_FRAMES):
        y, x = (places[0] + t * speeds[0]).astype(int)
        picture = np.roll(background, (y, x), axis=(0, 1))
        for patch, place, speed in zip(patches, places[1:], speeds[1:], strict=True):
            room = (height - patch.shape[0], width - patch.shape[1])
            y, x = np.abs((place + t * speed) % (2 * np.array(room)) - room).astype(int)
            picture[y : y + patch.shape[0], x : x + patch.shape[1]] = patch
        noise = rng.normal(0, 6.0, (height, width, 1)).astype(np.float32)
        yield np.clip(picture + noise, 0, 255).astype(np.uint8)


def numbered(size: Size) -> Iterator[Picture]:
    """Frames of which number i shows i in binary: 12 blocks, white is 1."""
    for number in range(NUM_FRAMES):
        blocks = (255 * ((number >> np.arange(BITS)) & 1)).astype(np.uint8).reshape(3, 4)
        grey = cv2.resize(blocks, size, interpolation=cv2.INTER_NEAREST)
        yield np.repeat(grey[..., None], 3, axis=2)


def read_numbers(frames: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.int64]:
    """The number that each picture of ``[T, H, W, 3]`` shows."""
    grey = np.stack(
        [cv2.resize(f.mean(axis=2), (4, 3), interpolation=cv2.INTER_AREA) for f in frames]
    )
    return (grey.reshape(-1, BITS) > 127) @ (1 << np.arange(BITS))


def count_keyframes(path: Path) -> int:
    """How many keyframes a file has."""
    with av.open(str(path)) as container:
        return sum(packet.is_keyframe for packet in container.demux(video=0) if packet.size)


def _texture(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    """Random colours at several scales, ``[H, W, 3]`` around grey."""
    total = np.full((height, width, 3), 128, np.float32)
    for cells in (4, 16, 64):
        coarse = rng.normal(0, 60 / cells**0.4, (cells, cells, 3)).astype(np.float32)
        total += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return total
