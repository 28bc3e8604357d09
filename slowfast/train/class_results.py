"""How well a validation did on each class, and which classes it confused.

Legend: N videos, K classes.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slowfast.metrics.accuracy import confusion
from slowfast.metrics.average_precision import average_precision
from slowfast.predict.tallies import Detections, OneLabel, SeveralLabels, Tally


class ClassResults(NamedTuple):
    """Of all processes, after a validation."""

    what: str
    """``accuracy``, or ``average precision``."""
    classes: list[int]
    """Those that occur."""
    values: list[float]
    """Of each of ``classes``, shares of 1."""
    counts: list[int]
    """Videos, or boxes, that have each of them."""
    confused: NDArray[np.int64] | None
    """``[K, K]``: how often a class, a row, was taken for each; None with several labels."""


def results_of(tally: Tally) -> ClassResults:
    """From a tally that is gathered and has its numbers."""
    if isinstance(tally, OneLabel):
        return of_one_label(tally.answers(), len(tally.table_K3))
    if isinstance(tally, SeveralLabels):
        return of_several_labels(*tally.scores_and_truth())
    assert isinstance(tally, Detections)
    return of_boxes(tally)


def of_one_label(pairs: Iterable[tuple[int, int]], num_classes: int) -> ClassResults:
    """From the true and the predicted class of each video."""
    true_N, found_N = np.array([*pairs], np.int64).reshape(-1, 2).T
    confused_KK = confusion(true_N, found_N, num_classes)
    counts_K = confused_KK.sum(axis=1)
    (classes,) = counts_K.nonzero()
    values = confused_KK.diagonal()[classes] / counts_K[classes]
    return ClassResults(
        "accuracy", classes.tolist(), values.tolist(), counts_K[classes].tolist(), confused_KK
    )


def of_several_labels(
    scores_NK: NDArray[np.floating], truth_NK: NDArray[np.integer]
) -> ClassResults:
    """From the scores of each video, and 1 for each of its classes."""
    counts_K = (truth_NK > 0).sum(axis=0)
    (classes,) = counts_K.nonzero()
    values = [average_precision(scores_NK[:, k], truth_NK[:, k]) for k in classes]
    counts = counts_K[classes].tolist()
    return ClassResults("average precision", classes.tolist(), values, counts, None)


def of_boxes(tally: Detections) -> ClassResults:
    """From what a tally of boxes has of each class."""
    rows: list[tuple[int, float, int]] = [
        (number, one.precision, one.annotated)
        for number, one in zip(tally.scored, tally.of_classes, strict=True)
        if one.annotated and np.isfinite(one.precision)
    ]
    return ClassResults(
        "average precision", [number for number, _, _ in rows], [value for _, value, _ in rows],
        [annotated for _, _, annotated in rows], None,
    )  # fmt: skip
