"""Short moving pictures of videos for a report, as ``data:`` addresses.

OpenCV, Pillow and the decoder are imported only here. Legend: F frames, H x W pixels.
"""

import base64
import contextlib
import functools
import io
import os
import re
from typing import NamedTuple

import numpy as np
from PIL import Image

from slowfast.config import Config, ConfigError
from slowfast.config.parse import config_of
from slowfast.data.clips import transforms
from slowfast.data.clips.datasets import distinct_frames, open_sample
from slowfast.data.samples import Sample
from slowfast.data.shards import split_member
from slowfast.data.video.reader import Indices, Pictures
from slowfast.evaluate.scores import Results

FPS, FRAMES = 6, 12
"""Pictures a second, and how many: two seconds in the middle of the video."""
LONGEST = 240
"""Pixels of the longer side."""
MOST_BYTES = 60_000
"""Of a moving picture, before it is text; one of these has the lowest quality."""
QUALITIES = (70, 50, 30, 12)
_PART = re.compile(r"(.+) \(from ([\d.]+)(?: to ([\d.]+) s| s on)\)", re.DOTALL)
"""What ``Sample.shown`` makes of a part of a video."""


class Thumbnail(NamedTuple):
    """A video's pictures."""

    moving: str
    """An animated WebP, as an address."""
    still: str
    """The middle of it."""
    width: int
    height: int


def thumbnail_of(results: Results, row: int) -> Thumbnail:
    """The pictures of a video of a file of scores.

    Raises:
        VideoError: it is not there any more, or cannot be read.
    """
    cfg = config_in(results)
    return encoded(middle_of(sample_of(results.paths[row], results.run.get("folder")), cfg))


def config_in(results: Results) -> Config:
    """The config of a file of scores; the defaults if another version wrote it."""
    try:
        return config_of({"data": results.sections.get("data", {})})
    except ConfigError:
        return Config()


def sample_of(shown: str, folder: str | None) -> Sample:
    """The sample that a file of scores calls ``shown``, a relative path from here, or else from the
    ``folder`` in which the test ran."""
    path, times = shown, tuple[float, float | None]()
    if not os.path.lexists(shown) and (found := _PART.fullmatch(shown)):
        path = found[1]
        times = float(found[2]), float(found[3]) if found[3] else None
    other = os.path.join(folder or "", path)
    if not _is_there(path) and _is_there(other):
        path = other
    return Sample(path, -1, None, *times)


def _is_there(path: str) -> bool:
    """Whether a file is there, or the tar that it is a member of."""
    return os.path.exists(path) or split_member(path) is not None


def middle_of(sample: Sample, cfg: Config) -> Pictures:
    """Frames ``[F, H, W, 3]`` of the middle of a video, ``FPS`` a second.

    Raises:
        VideoError: it cannot be read.
    """
    reader, _ = open_sample(sample, cfg.data)
    with contextlib.closing(reader):
        step = max(reader.fps / FPS, 1.0)

        def clip(count: int) -> Indices:
            number = max(min(FRAMES, int(count / step)), 1)
            first = (count - (number - 1) * step - 1) / 2
            return np.clip(np.round(first + np.arange(number) * step), 0, count - 1).astype(
                np.int64
            )

        each = functools.partial(transforms.fitted, longest=LONGEST)
        frames, places = distinct_frames(reader, clip, each)
        return frames[places]


def encoded(frames: Pictures) -> Thumbnail:
    """The pictures, in the best quality that fits."""
    pictures = [Image.fromarray(np.ascontiguousarray(frame)) for frame in frames]
    moving = b""
    for quality in QUALITIES:
        file = io.BytesIO()
        pictures[0].save(
            file, "WEBP", save_all=True, append_images=pictures[1:], duration=1000 // FPS, loop=0,
            quality=quality, method=4,
        )  # fmt: skip
        moving = file.getvalue()
        if len(moving) <= MOST_BYTES:
            break
    file = io.BytesIO()
    pictures[len(pictures) // 2].save(file, "WEBP", quality=70, method=4)
    width, height = pictures[0].size
    return Thumbnail(_address(moving), _address(file.getvalue()), width, height)


def _address(data: bytes) -> str:
    return f"data:image/webp;base64,{base64.b64encode(data).decode('ascii')}"
