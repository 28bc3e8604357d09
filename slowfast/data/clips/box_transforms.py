"""Boxes through what their pictures go through: resize, crop, flip.

Boxes are ``[K, 4]``: x1, y1, x2, y2, first as shares of the picture, then in pixels. The systems
differ in details, of which networks have been trained on one or the other::

                  a resize multiplies      the whole picture's boxes     a flip makes of x
    PySlowFast    both axes by the ratio   are clipped to 0..w - 1,      w - 1 - x
                  of the longer sides      0..h - 1, before and after
    mmaction2     each by its own ratio    stay as they are              w - x

Both clip to 0..w - 1, 0..h - 1 after a crop. PyTorchVideo does as PySlowFast.

Read for this: PySlowFast's ``datasets/cv2_transform.py``; ``Resize``, ``RandomCrop`` and ``Flip``
of mmaction2 0.24 and 1.2.0.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]
"""``[K, 4]``."""
Size = tuple[int, int]
"""Height and width, pixels."""
LEAST_SIDE = 1.0
"""Pixels of a box's width and height that a training crop must leave: PySlowFast and mmaction2 also
learn from boxes that it cuts to a line at its border, where nobody is to be seen."""


class BoxRule(NamedTuple):
    """One system's."""

    is_clipped: bool
    """Whether boxes are clipped to the whole picture, too."""
    has_one_ratio: bool
    """Whether a resize multiplies both axes by the longer side's ratio."""
    mirror: int
    """A flip makes ``width - mirror - x`` of x."""


PYSLOWFAST = BoxRule(is_clipped=True, has_one_ratio=True, mirror=1)
MMACTION2 = BoxRule(is_clipped=False, has_one_ratio=False, mirror=0)


def resized(shares: Sequence[Sequence[float]], source: Size, size: Size, rule: BoxRule) -> Boxes:
    """The boxes of a picture of ``source`` once it is resized to ``size``."""
    boxes = np.array(shares, np.float64).reshape(-1, 4) * _corners(*source)
    if rule.is_clipped:
        boxes = clipped(boxes, source)
    ratios = np.array(size) / source
    if rule.has_one_ratio:
        ratios = np.full(2, ratios[0 if source[1] < source[0] else 1])
        if min(source) == min(size):  # the picture stays as it is
            ratios = np.ones(2)
    return boxes * _corners(*ratios)


def in_whole_picture(
    shares: Sequence[Sequence[float]], source: Size, size: Size, rule: BoxRule
) -> NDArray[np.float32]:
    """The boxes ``[K, 4]`` of a picture of ``source``, as a test has them: in pixels of the same
    picture in ``size``."""
    if not len(shares):
        return np.zeros((0, 4), np.float32)
    boxes = resized(shares, source, size, rule)
    return (clipped(boxes, size) if rule.is_clipped else boxes).astype(np.float32)


def cropped(boxes: Boxes, corner: tuple[int, int], size: Size) -> Boxes:
    """The boxes in a crop of ``size`` whose top left corner is at ``corner`` (y, x)."""
    return clipped(boxes - _corners(*corner), size)


def flipped(boxes: Boxes, width: int, rule: BoxRule) -> Boxes:
    """The boxes in the mirrored picture."""
    mirrored = boxes.copy()
    mirrored[:, [0, 2]] = width - rule.mirror - boxes[:, [2, 0]]
    return mirrored


def clipped(boxes: Boxes, size: Size) -> Boxes:
    """The part of the boxes that is in the picture: its pixels' centres, the first being 0."""
    height, width = size
    return np.clip(boxes, 0, _corners(height - 1, width - 1))


def is_left(boxes: Boxes) -> NDArray[np.bool_]:
    """Of each box ``[K]``: whether enough of it to learn from is in the picture."""
    return np.all(boxes[:, 2:] - boxes[:, :2] >= LEAST_SIDE, axis=1)


def _corners(y: float, x: float) -> NDArray[np.float64]:
    return np.array([x, y, x, y], np.float64)
