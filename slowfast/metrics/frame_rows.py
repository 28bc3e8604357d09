"""Boxes in frames with their classes, and those of each frame that score highest. numpy only.

Legend: F key frames, B boxes, R rows: a box with one of its classes.
"""

import heapq
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from slowfast.overlap import Numbers


class Boxes(NamedTuple):
    """Boxes in frames, and rows of them, in the order of their file."""

    frames: Numbers
    """Numbers of their key frames."""
    corners: Numbers
    """x1, y1, x2, y2."""
    boxes: Numbers
    """Which box a row has."""
    classes: Numbers
    scores: Numbers
    """Of annotations the numbers of the persons: the peers take these for scores, too."""

    def rows(self, chosen: Numbers) -> "Boxes":
        """These rows only."""
        return self._replace(
            boxes=self.boxes[chosen], classes=self.classes[chosen],
            scores=self.scores[chosen],
        )  # fmt: skip


def highest(boxes: Boxes, most: int) -> Boxes:
    """Rows in the order, of each frame, in which the official evaluation has them, and of each
    frame at most so many (0: all).

    It pushes them, as they come, onto a heap of Python's, so of equal scores it is the heap that
    tells which are dropped, and which come first. Frames without such scores need none.
    """
    frames_R = boxes.frames[boxes.boxes]
    order = np.lexsort((boxes.classes, -boxes.scores, frames_R))
    frames, scores, classes = frames_R[order], boxes.scores[order], boxes.classes[order]
    first = np.flatnonzero(np.diff(frames, prepend=-1))
    sizes = np.diff(np.append(first, len(frames)))
    place = np.arange(len(frames)) - np.repeat(first, sizes)  # in its frame, from 0
    is_equal = (place[1:] > 0) & (scores[1:] == scores[:-1])
    matters = is_equal & ((classes[1:] == classes[:-1]) | (place[1:] == most))
    kept = (place < most) if most else np.ones(len(place), bool)
    heaps = []
    for number in np.unique(np.searchsorted(first, np.flatnonzero(matters) + 1, side="right")) - 1:
        own = slice(first[number], first[number] + sizes[number])
        kept[own] = False
        heaps.append(_heap(boxes, np.sort(order[own]), most))
    return boxes.rows(np.concatenate([order[kept], *heaps]))


def _heap(boxes: Boxes, rows: Numbers, most: int) -> NDArray[np.int64]:
    """Rows of a frame as they lie on a heap."""
    heap: list[tuple[Any, ...]] = []
    corners = boxes.corners[boxes.boxes[rows]][:, [1, 0, 3, 2]].tolist()
    given = zip(
        boxes.scores[rows].tolist(), boxes.classes[rows].tolist(), corners, rows.tolist(),
        strict=True,
    )  # fmt: skip
    for row in given:
        if not most or len(heap) < most:
            heapq.heappush(heap, row)
        elif row[0] > heap[0][0]:
            heapq.heapreplace(heap, row)
    return np.array([row[-1] for row in heap], np.int64)
