"""Short moving pictures of videos for a report, as ``data:`` addresses.

OpenCV, Pillow and the decoder are imported only here. Legend: F frames, H x W pixels.
"""

import base64
import contextlib
import io
from typing import NamedTuple

import numpy as np
from PIL import Image

from slowfast.config import Config
from slowfast.data.clips.datasets import distinct_frames, open_sample
from slowfast.data.clips.transforms import fitted, squared
from slowfast.data.samples import Sample
from slowfast.data.video.open import aspect_of
from slowfast.data.video.reader import Indices, Picture, Pictures
from slowfast.evaluate.recorded import found_again, settings_in
from slowfast.evaluate.scores import Results

FPS, FRAMES = 6, 12
"""Pictures a second, and how many: two seconds in the middle of the video."""
LONGEST = 240
"""Pixels of the longer side."""
MOST_BYTES = 60_000
"""Of a moving picture, before it is text; one of these has the lowest quality."""
QUALITIES = (70, 50, 30, 12)


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
        ConfigError: the config is of another version.
    """
    cfg = settings_in(results.config, "the file of scores")
    sample = results.sample(row)
    sample = sample._replace(path=found_again(sample.path, results.run))
    return encoded(middle_of(sample, cfg))


def middle_of(sample: Sample, cfg: Config) -> Pictures:
    """Frames ``[F, H, W, 3]`` of the middle of a video, ``FPS`` a second, in its shape on a screen.

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

        aspect = aspect_of(sample)

        def each(picture: Picture) -> Picture:
            return fitted(squared(picture, aspect), LONGEST)

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
