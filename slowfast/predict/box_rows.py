"""From key frames with the scores of their boxes to the rows that average precision is made of.

Legend: B boxes of all key frames, K of one, A classes, R rows: a box with one of its classes.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from slowfast.data.samples import Box, KeyFrame
from slowfast.metrics.frame_map import Frames
from slowfast.metrics.frame_rows import Boxes

Scored = tuple[KeyFrame, NDArray[np.float32]]
"""A key frame and the probabilities ``[K, A]`` of its boxes."""


def rows_of_boxes(scored: Iterable[Scored], classes: Sequence[int]) -> tuple[Boxes, Boxes, Frames]:
    """A row for each box and each of these classes; one for each annotated box and each of its
    actions; and what is known of the frames."""
    keys, scores = zip(*scored, strict=True)
    frames_B, boxes_B4 = _corners([key.boxes for key in keys])
    scores_BA = np.concatenate(scores)[:, classes]
    box_R = np.repeat(np.arange(len(scores_BA), dtype=np.int32), len(classes))
    classes_R = np.tile(np.array(classes, np.int16), len(scores_BA))
    found = Boxes(frames_B, boxes_B4, box_R, classes_R, scores_BA.ravel())
    frames = Frames(
        np.array([key.is_listed or bool(key.truth) for key in keys]),
        np.array([key.is_excluded for key in keys]),
    )
    return found, _annotated(keys), frames


def _annotated(keys: Sequence[KeyFrame]) -> Boxes:
    frames_B, boxes_B4 = _corners([key.truth for key in keys])
    labels = [box.labels for key in keys for box in key.truth]
    classes_R = np.array([label for own in labels for label in own], np.int16)
    box_R = np.repeat(np.arange(len(labels), dtype=np.int32), [*map(len, labels)])
    persons_B = np.array([box.person for key in keys for box in key.truth], np.float64)
    return Boxes(frames_B, boxes_B4, box_R, classes_R, persons_B[box_R])


def _corners(boxes: Sequence[Sequence[Box]]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """The frame ``[B]`` and the corners ``[B, 4]`` of the boxes of some frames."""
    frames_B = np.repeat(np.arange(len(boxes), dtype=np.int32), [*map(len, boxes)])
    corners = [box.corners for own in boxes for box in own]
    return frames_B, np.array(corners, np.float64).reshape(-1, 4)
