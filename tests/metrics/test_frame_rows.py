"""Rows of boxes, and those of each frame that the official evaluation of AVA keeps."""

import numpy as np

from slowfast.metrics.frame_rows import Boxes, highest

FRAMES = np.array([2, 2, 5], np.int32)
CORNERS = np.array([[0.1, 0.1, 0.4, 0.8], [0.5, 0.1, 0.8, 0.8], [0.2, 0.2, 0.6, 0.9]])


def rows(boxes: list[int], classes: list[int], scores: list[float]) -> Boxes:
    return Boxes(FRAMES, CORNERS, np.array(boxes), np.array(classes), np.array(scores))


def test_some_rows_are_of_the_same_boxes() -> None:
    found = rows([0, 1, 2], [7, 8, 9], [0.1, 0.2, 0.3]).rows(np.array([2, 0]))
    assert (found.boxes.tolist(), found.classes.tolist()) == ([2, 0], [9, 7])
    assert found.frames is FRAMES and found.scores.tolist() == [0.3, 0.1]


def test_the_highest_of_each_frame_come_first() -> None:
    given = rows([0, 2, 1, 0, 2], [1, 1, 2, 3, 2], [0.2, 0.1, 0.9, 0.5, 0.6])
    assert highest(given, 2).scores.tolist() == [0.9, 0.5, 0.6, 0.1]
    assert highest(given, 0).scores.tolist() == [0.9, 0.5, 0.2, 0.6, 0.1]


def test_of_equal_scores_those_stay_that_a_heap_keeps() -> None:
    """The lower class, then the smaller y1 and x1, gives way to a higher score."""
    given = rows([1, 0, 1, 0], [3, 3, 1, 1], [0.5, 0.5, 0.5, 0.6])
    found = highest(given, 3)
    kept = sorted(zip(found.boxes.tolist(), found.classes.tolist(), strict=True))
    assert kept == [(0, 1), (0, 3), (1, 3)]
