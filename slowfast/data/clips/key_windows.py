"""Which frames of a video surround a key frame: pure functions of when its frames are shown.

The systems of ``protocols.py`` do not read films. They extract AVA's at 30 frames a second first
(``ffmpeg -r 30``) and count these pictures, so here pictures are counted at target_fps, from 0 with
the video's first frame. ffmpeg gives each frame of a film to the picture that is nearest in time,
and a picture without one repeats that before it::

    film, 25 a second       0     1     2     3     4     5     6
    pictures, 30 a second   0    1    2   (2)   3    4    5    6

At target_fps itself the pictures are the film's frames. With T pictures ``stride`` apart and c the
key second's::

    pyslowfast, charades        c - T * stride / 2 ... c ... c + (T / 2 - 1) * stride
    mmaction2                   the same
    mmaction2-1.2               one picture later: it adds the 1 of file names from 1 twice
    pytorchvideo(-0.1)          T, evenly, of the frames shown in T * stride / target_fps seconds
                                with the key second in their middle

In training mmaction2 moves each picture by a number of its own, from -stride / 2 to
(stride - 1) / 2, both rounded down (``draw_moves``): the same in 0.24 and 1.2.0.

Beyond the video's ends its first or last frame is repeated; by PyTorchVideo nothing is: of a window
that reaches beyond, T frames of the part inside.

numpy only. Read for this: PySlowFast's ``datasets/ava_dataset.py`` and ``utils.py``;
``SampleAVAFrames`` of mmaction2 0.24 and 1.2.0; PyTorchVideo's tutorial on detection.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowfast.data.clips.sampling import LEAST_FRAME, ClipGrid, evenly
from slowfast.data.video.reader import Indices

Times = NDArray[np.float64]
"""When each frame of a video is shown, seconds from the first one on."""
Window = Callable[[float, Times, ClipGrid, Indices | int], Indices]
"""From the second of the key frame, the video's times, the clip's size, and by how many pictures
each frame is moved: the frames ``[T]``."""


def strided_window(
    key: float, times: Times, grid: ClipGrid, moved: Indices | int = 0, later: int = 0
) -> Indices:
    """Pictures ``stride`` apart around the one at second ``key``, or ``later`` ones."""
    first = key * grid.target_fps + later - grid.num_frames * grid.stride // 2
    pictures = first + np.arange(grid.num_frames) * grid.stride + moved
    return extracted(pictures, times, grid.target_fps)


later_window = functools.partial(strided_window, later=1)
"""One picture later."""


def timed_window(key: float, times: Times, grid: ClipGrid, moved: Indices | int = 0) -> Indices:
    """Frames spread evenly over those shown in [key - half a clip, key + half a clip)."""
    half, rounding = grid.num_frames * grid.stride / grid.target_fps / 2, LEAST_FRAME
    ends = [key - half - rounding, key + half - rounding]
    first, stop = np.minimum(np.searchsorted(times, ends), [len(times) - 1, len(times)])
    window = first + evenly(max(int(stop - first), 1), grid.num_frames)
    return np.clip(window + moved, 0, len(times) - 1)


def extracted(pictures: NDArray[Any], times: Times, fps: float) -> Indices:
    """The frames that a film shows as these pictures, once extracted at ``fps``: the last one that
    begins before the middle between a picture and the next."""
    ends = (pictures + 0.5 - LEAST_FRAME) / fps
    return np.clip(np.searchsorted(times, ends) - 1, 0, len(times) - 1)


def draw_moves(rng: np.random.Generator, num_frames: int, stride: int) -> Indices:
    """By how many pictures each frame of a training clip is moved (mmaction2): with a stride of 2
    by -1 or 0, of 8 by -4 ... 3."""
    return rng.integers(-stride // 2, (stride + 1) // 2, num_frames)
