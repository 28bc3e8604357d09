"""From what a detector gives to the boxes of persons.

Legend: N boxes.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from slowfast.predict.persons.detector_models import Arrays
from slowfast.predict.persons.detector_settings import STRIDES, DetectorError, DetectorSettings


def persons(
    outputs: Arrays, settings: DetectorSettings, size: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The boxes of persons ``[N, 4]``, x1, y1, x2, y2 in pixels of the input (or of the picture,
    see ``unit``), and their scores ``[N]``.

    Args:
        size: height and width of the input.

    Raises:
        DetectorError: the outputs are not of the shapes that the settings say.
    """
    boxes, scores = _split(outputs, settings)
    scores = np.where(np.isfinite(scores) & np.isfinite(boxes).all(axis=1), scores, 0.0)
    _require_shares(scores)
    if settings.grid and len(boxes):
        boxes = _of_grid(boxes, size)
    keep = scores >= max(settings.score, 1e-6)
    corners, scores_N = boxes[keep].astype(np.float64), scores[keep].astype(np.float64)
    if settings.corners == "yxyx":
        corners = corners[:, [1, 0, 3, 2]]
    elif settings.corners == "cxcywh":
        centre, half = corners[:, :2], corners[:, 2:] / 2
        corners = np.concatenate([centre - half, centre + half], axis=1)
    if settings.unit == "shares":
        corners = corners * [size[1], size[0], size[1], size[0]]
    if settings.nms and len(corners):
        sides = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
        kept = cv2.dnn.NMSBoxes(sides.tolist(), scores_N.tolist(), 0.0, settings.nms)
        best = np.array(kept, np.int64).reshape(-1)
        corners, scores_N = corners[best], scores_N[best]
    return corners, scores_N


def seen_labels(outputs: Arrays, settings: DetectorSettings) -> set[int]:
    """The classes of the boxes of any class that score enough; none where a model gives no numbers
    of classes."""
    if settings.columns in ("label score box", "box score label"):
        rows = _rows(outputs, 6)
        columns = (0, 1) if settings.columns == "label score box" else (5, 4)
        labels, scores = rows[:, columns[0]], rows[:, columns[1]]
    elif settings.columns or not settings.labels:
        return set()
    else:
        labels, scores = (outputs[name].reshape(-1) for name in (settings.labels, settings.scores))
    found = labels[(scores >= max(settings.score, 1e-6)) & np.isfinite(labels)]
    return {*found.astype(int).tolist()}


def _split(
    outputs: Arrays, settings: DetectorSettings
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """All boxes ``[N, 4]``, and the score of each as a person ``[N]``, 0 if it is of another
    class."""
    if not settings.columns:
        return _of_own_outputs(outputs, settings)
    if settings.columns == "label score box":
        rows = _rows(outputs, 6)
        return rows[:, 2:6], np.where(rows[:, 0] == settings.person, rows[:, 1], 0.0)
    if settings.columns == "box score label":
        rows = _rows(outputs, 6)
        return rows[:, :4], np.where(rows[:, 5] == settings.person, rows[:, 4], 0.0)
    rows = _rows(outputs, 0)
    if not len(rows):
        return _NOBODY
    if settings.columns == "box object scores":
        return rows[:, :4], rows[:, 4] * _column(rows[:, 5:], settings.person)
    return rows[:, :4], _column(rows[:, 4:], settings.person)


_NOBODY = np.zeros((0, 4), np.float32), np.zeros(0, np.float32)


def _of_own_outputs(
    outputs: Arrays, settings: DetectorSettings
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The same where boxes, scores and labels are outputs of their own."""
    if not outputs[settings.boxes].size:
        return _NOBODY
    boxes = _without_batch(outputs[settings.boxes], 2)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise DetectorError(f"{settings.boxes} has no rows of 4 numbers")
    scores, number = outputs[settings.scores], len(boxes)
    if not scores.size or scores.size % number:
        raise DetectorError(f"{settings.scores} has not one score, or one a class, for each box")
    scores = scores.reshape(number, -1)
    if not settings.labels:
        return boxes, _column(scores, settings.person if scores.shape[1] > 1 else 0)
    labels = outputs[settings.labels].reshape(-1)
    if len(labels) != number or scores.shape[1] != 1:
        raise DetectorError(f"{settings.labels} and {settings.scores} have not one for each box")
    return boxes, np.where(labels == settings.person, scores[:, 0], 0.0)


def _require_shares(scores: NDArray[np.float32]) -> None:
    """Raises a DetectorError for scores that are none; -1 stands for no box in some models."""
    odd = scores[(scores > 1.01) | ((scores < -0.01) & (scores != -1))]
    if len(odd):
        raise DetectorError(
            f"a score is {odd[0]:g}, and should be of 0..1 (logits need a sigmoid in the model)"
        )


def _rows(outputs: Arrays, columns: int) -> NDArray[np.float32]:
    """The output with a row a box, transposed if it has a column each; there are more boxes than
    columns where these have no fixed number, which is then 0. Without boxes some models give an
    output of another shape, which is empty."""
    fits = [
        x for x in outputs.values()
        if x.ndim >= 2 and (x.shape[-1] == columns if columns else min(x.shape[-2:]) > 4)
    ]  # fmt: skip
    if not fits:
        if any(x.size == 0 for x in outputs.values()):
            return np.zeros((0, columns), np.float32)
        raise DetectorError(f"no output has rows of {columns or 'more than 4'} numbers")
    rows = _without_batch(fits[0], 2)
    return rows.T if not columns and rows.shape[0] < rows.shape[1] else rows


def _column(scores: NDArray[np.float32], number: int) -> NDArray[np.float32]:
    if number >= scores.shape[1]:
        raise DetectorError(f"it has {scores.shape[1]} classes, and person is {number}")
    return scores[:, number]


def _without_batch(array: NDArray[Any], axes: int) -> NDArray[Any]:
    if array.ndim > axes and array.shape[0] != 1:
        raise DetectorError(f"an output is of {array.shape[0]} pictures, and one was given")
    return array.reshape(array.shape[-axes:])


def _of_grid(boxes: NDArray[Any], size: tuple[int, ...]) -> NDArray[Any]:
    """Boxes of YOLOX in pixels: its export gives centres from a cell's corner on, in cells, and
    the logarithms of sizes in cells (YOLOX, demo_postprocess)."""
    cells, strides = [], []
    for stride in STRIDES:
        y, x = np.mgrid[: size[0] // stride, : size[1] // stride]
        cells.append(np.stack([x.ravel(), y.ravel()], axis=1))
        strides.append(np.full((x.size, 1), stride))
    corner, stride_N1 = np.concatenate(cells), np.concatenate(strides)
    if len(corner) != len(boxes):
        raise DetectorError(f"it gives {len(boxes)} boxes, and YOLOX would {len(corner)}")
    return np.concatenate(
        [(boxes[:, :2] + corner) * stride_N1, np.exp(boxes[:, 2:]) * stride_N1], axis=1
    )
