"""What graphs take, and the noise that they are compared on beside eager mode.

Legend: N clips, T frames, H x W pixels, K boxes of all clips.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowfast.config import Config

Clips = NDArray[np.uint8]
Inputs = tuple[NDArray[Any], ...]
"""What a graph takes, see ``INPUTS``."""

INPUTS = ("clips", "boxes", "counts")
"""Their names. With detection all of them: boxes are float32 ``[K, 4]``, x1, y1, x2, y2 in pixels
of the clip, those of the first clip first; counts, int32 ``[N]``, tell how many are each clip's."""

CHECKED = 2
"""Clips of noise that a backend is compared on."""
ODD_BOXES = (
    (0.13, 0.2, 0.61, 0.97), (-0.2, -0.1, 0.4, 0.55), (0.7, 0.62, 1.3, 1.2), (0.3, 0.3, 0.31, 0.32),
    (0.5, 0.4, 0.5, 0.8), (0.0, 0.0, 1.0, 1.0), (1.2, 1.2, 1.5, 1.6), (0.45, 0.05, 0.5, 0.95),
)  # fmt: skip
"""The boxes that it is compared on, as shares of the picture: inside, partly and wholly outside,
smaller than a cell of the feature map, without area. The runtimes differ in these."""


def noise(cfg: Config, number: int = CHECKED) -> Clips:
    """The clips of noise that backends are compared on, ``[N, T, H, W, 3]``.

    Every second one has an eighth of the contrast: a network that is sure of the first, so that
    its other probabilities are next to nothing, tells more of that one.
    """
    size = cfg.test.crop_size
    width = size * 5 // 4 if cfg.train.task == "detection" else size
    shape = (number, cfg.data.num_frames, size, width, 3)
    clips = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    clips[1::2] = clips[1::2] // 8 + 112
    return clips


def inputs_of_noise(cfg: Config, number: int = CHECKED) -> Inputs:
    """The same clips with what else the graph takes."""
    return noise(cfg, number), *boxes_on_noise(cfg, number)


def boxes_on_noise(cfg: Config, number: int) -> Inputs:
    """With detection the boxes of so many clips, and their counts; else nothing."""
    if cfg.train.task != "detection":
        return ()
    boxes = np.array(ODD_BOXES, np.float32) * cfg.test.crop_size
    parts = [boxes[i % 2 :] for i in range(number)]
    return np.concatenate(parts), np.array([*map(len, parts)], np.int32)
