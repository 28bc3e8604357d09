"""Key frames as pictures, with their boxes."""

import contextlib
from collections.abc import Sequence

import cv2
import numpy as np

from slowfast.data.clips.window_reader import key_of
from slowfast.data.samples import Box, Sample
from slowfast.data.video.films import Films
from slowfast.data.video.reader import ROUNDING, Picture

SIDE = 480
"""Longer side of a drawn picture, pixels."""
ANNOTATED, DETECTED, BLACK = (0, 220, 60), (255, 140, 0), (0, 0, 0)
"""Colours of boxes, RGB."""


def key_picture(sample: Sample, films: Films) -> Picture:
    """What is seen at a key frame. Raises VideoError if it cannot be read."""
    with contextlib.closing(films.reader(sample)) as reader:
        times = reader.seconds(np.arange(reader.num_frames))
        index = np.searchsorted(times, key_of(sample).seconds + ROUNDING, "right") - 1
        return reader.frames(np.array([max(index, 0)]))[0]


def with_boxes(picture: Picture, annotated: Sequence[Box], detected: Sequence[Box]) -> Picture:
    """A picture, enlarged or reduced to ``SIDE``, with its boxes; those of ``annotated`` have
    numbers from 1 on."""
    height, width, _ = picture.shape
    scale = SIDE / max(height, width)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    found = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    for box in detected:
        cv2.rectangle(found, *_ends(box, size), DETECTED, 2)
    for number, box in enumerate(annotated, 1):
        first, last = _ends(box, size)
        cv2.rectangle(found, first, last, ANNOTATED, 3)
        at = first[0] + 6, min(first[1] + 28, size[1] - 4)
        for colour, thickness in ((BLACK, 6), (ANNOTATED, 2)):
            cv2.putText(found, str(number), at, cv2.FONT_HERSHEY_SIMPLEX, 0.9, colour, thickness)
    return found


def _ends(box: Box, size: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """The first and the last pixel of a box."""
    (width, height), (x1, y1, x2, y2) = size, box.corners
    first = round(x1 * (width - 1)), round(y1 * (height - 1))
    return first, (round(x2 * (width - 1)), round(y2 * (height - 1)))
