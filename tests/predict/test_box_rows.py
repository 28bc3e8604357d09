"""Rows of boxes from key frames and their scores."""

import numpy as np

from slowfast.data.samples import Box, KeyFrame
from slowfast.predict.box_rows import rows_of_boxes

A, B, C = (0.1, 0.1, 0.4, 0.8), (0.5, 0.1, 0.8, 0.8), (0.2, 0.2, 0.6, 0.9)


def test_rows_of_boxes() -> None:
    keys = [
        KeyFrame("v", 1, 0, (Box(A), Box(B)), (Box(C, (0, 2), person=7),), is_listed=True),
        KeyFrame("v", 2, 1, ()),
        KeyFrame("v", 3, 2, (Box(C),), (Box(A), Box(B, (1,))), is_excluded=True),
    ]
    scores = np.arange(9, dtype=np.float32).reshape(3, 3)
    scored = zip(keys, (scores[:2], scores[:0], scores[2:]), strict=True)
    found, truth, frames = rows_of_boxes(scored, [0, 2])
    assert found.frames.tolist() == [0, 0, 2] and found.corners.tolist() == [[*A], [*B], [*C]]
    assert found.boxes.tolist() == [0, 0, 1, 1, 2, 2]
    assert found.classes.tolist() == [0, 2] * 3
    assert found.scores.tolist() == [0, 2, 3, 5, 6, 8]
    assert truth.frames.tolist() == [0, 2, 2] and truth.corners.tolist() == [[*C], [*A], [*B]]
    assert (truth.boxes.tolist(), truth.classes.tolist()) == ([0, 0, 2], [0, 2, 1])
    assert truth.scores.tolist() == [7, 7, -1]
    assert frames.is_listed.tolist() == [True, False, True]
    assert frames.is_excluded.tolist() == [False, False, True]
