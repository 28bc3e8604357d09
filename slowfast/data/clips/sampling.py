"""Which frames of a video make a clip: pure functions of the video's length and frame rate.

A clip spans ``num_frames * stride * fps / target_fps`` frames of the video, so that videos of any
frame rate give clips of the same seconds; its T frames are spread evenly over that span, rounded
down, and never beyond the last frame (PySlowFast, PaddleVideo)::

    video   0 1 2 3 4 5 6 7 8 9 ...
    span        [2 . . . . . . . 9]        start 2, 8 frames
    clip         2   4   6     9           T = 4, linspace(2, 9, 4)

Or its T frames are ``stride`` apart, all counted at ``target_fps`` (PySlowFast on Charades, whose
frames are all at 24 frames/s)::

    video   0 1 2 3 4 5 6 7 8 9 ...        a clip reaches 6 frames beyond its first, T = 4, stride 2
    clip         2   4   6   8

A video at another rate gives the frames that it shows at the same times.
"""

import math
from typing import NamedTuple

import numpy as np

from slowfast.data.video.reader import Indices

LEAST_FRAME = 1e-6
"""Frames: far below one, far above the error of a float."""


class Grid(NamedTuple):
    """The size of a training clip: T frames of crop_size x crop_size pixels."""

    num_frames: int
    crop_size: int


class ClipGrid(NamedTuple):
    """The clips that a test asks for."""

    num_clips: int
    num_frames: int
    """Of a clip, T."""
    stride: int
    target_fps: float
    """Frame rate that ``stride`` counts in, for the systems that count seconds."""


def clip_span(num_frames: int, stride: int, fps: float, target_fps: float) -> float:
    """Frames of the video that a clip of ``num_frames`` spans."""
    return num_frames * stride * fps / target_fps


def clip_frames(start: float, span: float, num_frames: int, video_frames: int) -> Indices:
    """The frame indices ``[T]`` of the clip that begins at ``start``."""
    index = np.linspace(start, start + span - 1, num_frames)
    return np.clip(index, 0, video_frames - 1).astype(np.int64)


def clip_at(where: float, video_frames: int, span: float, num_frames: int) -> Indices:
    """One clip, ``where`` of what is free before it and behind: 0 at the start of the video, 0.5 in
    its middle (validation), uniform in [0, 1) for training."""
    start = where * max(video_frames - span, 0)
    return clip_frames(start, span, num_frames, video_frames)


def strided_at(
    where: float, video_frames: int, rate: float, num_frames: int, stride: float
) -> Indices:
    """One clip of frames ``stride`` apart, ``where`` of all its starts: 0.5 the middle one
    (validation), uniform in [0, 1) for training.

    It starts at a frame from which it fits into the video; in a shorter video, at one before the
    video's first, or with it. Where the video has no frame, its nearest one is repeated.
    """
    room = strided_room(video_frames, rate, num_frames, stride)
    start = min(room, 0) + math.floor(where * (abs(room) + 1))
    return strided_clips(np.array([start]), video_frames, rate, num_frames, stride)[0]


def strided_clips(
    starts: Indices, video_frames: int, rate: float, num_frames: int, stride: float
) -> Indices:
    """The frame indices ``[n, T]`` of the clips that begin at these frames.

    Args:
        starts: counted at target_fps, as ``stride`` is.
        rate: fps / target_fps.
    """
    steps = np.floor(np.arange(num_frames) * stride + LEAST_FRAME)
    index = np.clip(starts[:, None] + steps, 0, _counted(video_frames, rate) - 1)
    return np.minimum((index * rate + LEAST_FRAME).astype(np.int64), video_frames - 1)


def strided_room(video_frames: int, rate: float, num_frames: int, stride: float) -> int:
    """By how many frames, counted at target_fps, a video is longer than such a clip; less than 0 if
    it is shorter."""
    return _counted(video_frames, rate) - 1 - math.floor((num_frames - 1) * stride + LEAST_FRAME)


def evenly(count: int, num_frames: int) -> Indices:
    """``torch.linspace(0, count - 1, num_frames)``, truncated.

    In float32 and from both ends to the middle, as torch counts: with 64 frames that is not always
    what numpy gives.
    """
    index = np.arange(num_frames, dtype=np.float32)
    last = np.float32(count - 1)
    step = last / np.float32(max(num_frames - 1, 1))
    from_end = last - step * index[::-1]
    values = np.where(index < num_frames // 2, step * index, from_end if num_frames > 1 else 0)
    return np.clip(values, 0, count - 1).astype(np.int64)


def _counted(video_frames: int, rate: float) -> int:
    """The frames that a video has at target_fps."""
    return max(round(video_frames / rate), 1)


def view_clips(video_frames: int, span: float, num_frames: int, num_clips: int) -> Indices:
    """``num_clips`` clips for the test, ``[num_clips, T]``: clip i starts at ``delta * i / n``.

    delta is what the video is longer than a clip (PySlowFast, PaddleVideo).
    """
    delta = max(video_frames - span, 0)
    starts = [delta * i / num_clips for i in range(num_clips)]
    return np.stack([clip_frames(start, span, num_frames, video_frames) for start in starts])


def scaled_size(height: int, width: int, short_side: int) -> tuple[int, int]:
    """Height and width once the shorter one is ``short_side``; the longer one is rounded down."""
    if width < height:
        return math.floor(height / width * short_side), short_side
    return short_side, math.floor(width / height * short_side)


def view_crops(height: int, width: int, crop_size: int, num_crops: int) -> list[tuple[int, int]]:
    """Top left corners ``(y, x)`` of the test's crops: 3 along the longer side, or the centre.

    Of three, the first and last touch the borders; the middle one is rounded up (PySlowFast).
    """
    y, x = -(-(height - crop_size) // 2), -(-(width - crop_size) // 2)
    if num_crops == 1:
        return [(y, x)]
    if height > width:
        return [(0, x), (y, x), (height - crop_size, x)]
    return [(y, 0), (y, x), (y, width - crop_size)]
