"""How other systems test: which frames make the clips, how a picture is resized, where crops lie.

Weights score as published only with the views that they were tested on. Each system is a row of
plain functions; what sets them apart, for a video of N frames and n clips of T frames each::

                     clip i starts at              a clip's frames                short videos
    pyslowfast       room * i / n                  T * stride * fps / 30, of      repeat the last
                                                   which T evenly                 frame
    pytorchvideo     room * i / (n - 1) seconds    those shown in T * stride /    are stretched
    pytorchvideo-0.1 room * i / n seconds          30 s, of which T evenly
    mmaction2        (N - T * stride + 1)          every stride-th, whatever      begin again
                     * (i + 1/2) / n               the frame rate
    mmaction2-1.2    room * i / (n - 1), rounded
    charades         room * i / (n - 1), rounded  every stride-th at target_fps  repeat the last
                                                                                 frame

``room`` is what the video is longer than a clip, which for mmaction2-1.2 and charades ends with its
last frame.

numpy only. Read for this: PySlowFast of March 2026 (``datasets/charades.py``); PyTorchVideo 0.1.5,
and its main branch, where the clips have reached to the video's end since 28 April 2022 (no release
has that, and its published accuracies are older); mmaction2 0.24 and 1.2.0, mmcv 2.1.0. mmaction2
0.x, which the published checkpoints were tested with, places the clips' starts otherwise than 1.2.0
does.
"""

import functools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from slowfast.data.clips.box_transforms import MMACTION2, PYSLOWFAST, BoxRule
from slowfast.data.clips.key_windows import Window, later_window, strided_window, timed_window
from slowfast.data.clips.sampling import (
    ClipGrid,
    clip_span,
    evenly,
    scaled_size,
    strided_clips,
    strided_room,
    view_clips,
    view_crops,
)
from slowfast.data.video.reader import Indices

Starts = Callable[[int], list[Fraction]]
"""Of n clips, where in the room each begins: 0 with the video, 1 so that it ends with it."""


class Protocol(NamedTuple):
    """One system's test."""

    clips: Callable[[int, float, ClipGrid], Indices]
    """From a video's number of frames and frame rate: the frames ``[num_clips, T]``."""
    size: Callable[[int, int, int], tuple[int, int]]
    """From height, width and the short side: height and width that a picture is resized to."""
    crops: Callable[[int, int, int, int], list[tuple[int, int]]]
    """From height, width, crop size and number of crops: top left corners ``(y, x)``."""
    starts: Starts
    window: Window
    """The frames around a key frame (train.task=detection)."""
    boxes: BoxRule
    """What becomes of its boxes."""
    counts_frames: bool = False
    """Whether frames are counted whatever their times, where the frame rate varies."""
    in_float: bool = False
    """Whether pictures are resized as floats, not as bytes, see ``transforms.py``."""


def pyslowfast_clips(video_frames: int, fps: float, grid: ClipGrid) -> Indices:
    """``sampling.view_clips``: PySlowFast's and PaddleVideo's clips."""
    span = clip_span(grid.num_frames, grid.stride, fps, grid.target_fps)
    return view_clips(video_frames, span, grid.num_frames, grid.num_clips)


def pytorchvideo_clips(video_frames: int, fps: float, grid: ClipGrid, starts: Starts) -> Indices:
    """PyTorchVideo's clips, which begin at these parts of the room, in seconds.

    ``ConstantClipsPerVideoSampler`` counts in fractions, but a clip's seconds are a float before;
    so a clip that should begin with a frame may miss it by 1e-17 seconds and be a frame shorter.
    ``EncodedVideo.get_clip`` then takes the frames whose time is in [start, end), and
    ``UniformTemporalSubsample`` T of them.

    Times are k / fps here: right wherever a file's unit of time expresses its frame rate, as in
    MP4, AVI and folders of frames; where the rate varies, see ``Reader.clocked``. Sound
    that is longer than the picture counts for nothing (``decode_audio=False``, as PySlowFast reads
    with PyTorchVideo).
    """
    rate = Fraction(fps).limit_denominator(100_000)  # 30000/1001 was a fraction before, too
    seconds = Fraction(grid.num_frames * grid.stride / grid.target_fps)
    room = max(video_frames / rate - seconds, Fraction(0))
    clips = []
    for part in starts(grid.num_clips):
        first = min(math.ceil(room * part * rate), video_frames - 1)
        stop = min(math.ceil((room * part + seconds) * rate), video_frames)
        clips.append(first + evenly(max(stop - first, 1), grid.num_frames))
    return np.stack(clips)


def mmaction2_clips(video_frames: int, fps: float, grid: ClipGrid) -> Indices:
    """``SampleFrames(test_mode=True)`` of mmaction2 0.x: clips in the middles of equal parts."""
    span = grid.num_frames * grid.stride
    part = (video_frames - span + 1) / grid.num_clips
    starts = np.zeros(grid.num_clips, np.int64)
    if video_frames >= span:
        starts = (np.arange(grid.num_clips) * part + part / 2).astype(np.int64)
    return _strided(starts, video_frames, grid)


def mmaction2_12_clips(video_frames: int, fps: float, grid: ClipGrid) -> Indices:
    """``SampleFrames(test_mode=True)`` of mmaction2 1.2.0: from the first frame to the last."""
    room = max(video_frames - (grid.num_frames - 1) * grid.stride - 1, 0)
    return _strided(_to_end(room, grid.num_clips), video_frames, grid)


def charades_clips(video_frames: int, fps: float, grid: ClipGrid) -> Indices:
    """PySlowFast's clips on Charades, where a frame is one of the data set's frame folders, 24 a
    second. One clip is the middle one; theirs are two or more."""
    rate = fps / grid.target_fps
    room = strided_room(video_frames, rate, grid.num_frames, grid.stride)
    starts = _to_end(max(room, 0), grid.num_clips)
    return strided_clips(starts, video_frames, rate, grid.num_frames, grid.stride)


def _to_end(room: int, num_clips: int) -> Indices:
    """Starts from the first frame to the last one that leaves room for a clip, or in the middle."""
    if num_clips == 1:
        return np.array([room // 2])
    return np.round(np.arange(num_clips) * (room / (num_clips - 1))).astype(np.int64)


def _strided(starts: Indices, video_frames: int, grid: ClipGrid) -> Indices:
    """Every stride-th frame; after the video's last one comes its first."""
    return (starts[:, None] + np.arange(grid.num_frames) * grid.stride) % video_frames


def mmaction2_size(height: int, width: int, short_side: int) -> tuple[int, int]:
    """``Resize(scale=(-1, short_side))``: both sides are rounded, ``mmcv.rescale_size``."""
    scale = short_side / min(height, width)
    return int(height * scale + 0.5), int(width * scale + 0.5)


def mmaction2_crops(height: int, width: int, crop_size: int, crops: int) -> list[tuple[int, int]]:
    """``ThreeCrop``, in our order, or ``CenterCrop``: middles are rounded down.

    The third of three is twice as far as the middle one, so an odd width's last column is in none.
    """
    y, x = (height - crop_size) // 2, (width - crop_size) // 2
    if crops == 1:
        return [(y, x)]
    if height > width:
        return [(0, x), (y, x), (2 * y, x)]
    return [(y, 0), (y, x), (y, 2 * x)]


def starts_before_end(num_clips: int) -> list[Fraction]:
    """0, 1/n, ... (n - 1)/n."""
    return [Fraction(i, num_clips) for i in range(num_clips)]


def starts_to_end(num_clips: int) -> list[Fraction]:
    """0, 1/(n - 1), ... 1; of one clip: 0."""
    return [Fraction(i, max(num_clips - 1, 1)) for i in range(num_clips)]


def starts_to_end_or_middle(num_clips: int) -> list[Fraction]:
    """0, 1/(n - 1), ... 1; of one clip: 1/2."""
    return starts_to_end(num_clips) if num_clips > 1 else [Fraction(1, 2)]


def starts_in_middles(num_clips: int) -> list[Fraction]:
    """1/2n, 3/2n, ... (2n - 1)/2n."""
    return [Fraction(2 * i + 1, 2 * num_clips) for i in range(num_clips)]


def _pytorchvideo(starts: Starts) -> Protocol:
    clips = functools.partial(pytorchvideo_clips, starts=starts)
    return Protocol(clips, scaled_size, view_crops, starts, timed_window, PYSLOWFAST, in_float=True)


def _mmaction2(
    clips: Callable[[int, float, ClipGrid], Indices], starts: Starts, window: Window
) -> Protocol:
    return Protocol(
        clips, mmaction2_size, mmaction2_crops, starts, window, MMACTION2, counts_frames=True
    )


PROTOCOLS: dict[str, Protocol] = {
    "pyslowfast": Protocol(
        pyslowfast_clips, scaled_size, view_crops, starts_before_end, strided_window, PYSLOWFAST
    ),
    "pytorchvideo": _pytorchvideo(starts_to_end),  # its clips since April 2022
    "mmaction2": _mmaction2(mmaction2_clips, starts_in_middles, strided_window),
    "pytorchvideo-0.1": _pytorchvideo(starts_before_end),  # up to its last release, 0.1.5
    "mmaction2-1.2": _mmaction2(mmaction2_12_clips, starts_to_end_or_middle, later_window),
    "charades": Protocol(
        charades_clips,
        scaled_size,
        view_crops,
        starts_to_end_or_middle,
        strided_window,
        PYSLOWFAST,
        in_float=True,
    ),
}
