"""Where a clip is from and what was done to it: what its pixels do not tell.

The readers of clips fill it in where they are asked to (``tells``), from what they have drawn and
decoded for the clip itself. In training nobody asks, and it costs nothing.

Legend: T frames of a clip, n clips of a video, H x W pixels.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from slowfast.data.clips import transforms
from slowfast.data.clips.box_transforms import Size
from slowfast.data.clips.rand_augment import Operation
from slowfast.data.clips.rectangles import Box
from slowfast.data.video.reader import Each, Indices, Picture, Reader

SMALL = 320
"""Longer side of the whole picture, pixels."""


class Area(NamedTuple):
    """A part of a picture as decoded; pixels, from its top left corner."""

    y: float
    x: float
    height: float
    width: float


@dataclass
class Facts:
    """The facts of a clip, or of all clips of a video."""

    numbers: Indices
    """Of the frames in the video or its part, from 0: ``[T]``, or ``[n, T]``."""
    seconds: NDArray[np.float64]
    """When they are shown, from the whole video's first frame on; of the same shape."""
    num_frames: int
    """Of the video or its part."""
    fps: float
    codec: str
    source: Size
    """Height and width of the pictures as decoded."""
    areas: list[Area]
    """What was cut from them: one area; of a test, one for each crop."""
    whole: Picture
    """The clip's first picture before anything was done, small; around a key frame that one's."""
    short_side: int | None = None
    """To which the picture was resized before; None: the area was resized as it is."""
    flip: bool = False
    operations: list[Operation] = field(default_factory=list)
    """Of RandAugment."""
    erased: Box | None = None
    """What noise fills, in pixels of the clip."""
    key: int | None = None
    """Number of the frame that is seen at the key frame."""
    kept: tuple[int, ...] = ()
    """Which of the key frame's boxes the clip has, from 1."""


class Watched:
    """An ``Each`` that keeps what it is given, small."""

    def __init__(self, each: Each) -> None:
        self._each = each
        self.source: Size = (0, 0)
        self._small: list[Picture] = []

    def __call__(self, picture: Picture) -> Picture:
        self.source = picture.shape[:2]
        self._small.append(small(picture))
        return self._each(picture)

    def first(self, numbers: Indices) -> Picture:
        """The picture of the first of these frames, which were read last: should a file end early,
        others were read before."""
        return self._small[-min(len(np.unique(numbers)), len(self._small))]


def facts_of(reader: Reader, numbers: Indices, watched: Watched, **known: Any) -> Facts:
    """The facts of frames that have just been read."""
    seconds = reader.starts + reader.seconds(numbers)
    return Facts(
        numbers, seconds, reader.num_frames, reader.fps, reader.codec, watched.source,
        whole=watched.first(numbers), **known,
    )  # fmt: skip


def small(picture: Picture) -> Picture:
    """A picture of its own with its longer side at most ``SMALL`` pixels."""
    return transforms.fitted(picture, SMALL).copy()


def area_of(source: Size, size: Size, corner: tuple[int, int], side: Size) -> Area:
    """The part of a picture of ``source`` that is the crop of ``side`` at ``corner`` (y, x) of the
    same picture in ``size``."""
    scale_y, scale_x = source[0] / size[0], source[1] / size[1]
    (y, x), (height, width) = corner, side
    return Area(y * scale_y, x * scale_x, height * scale_y, width * scale_x)
