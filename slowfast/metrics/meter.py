"""Loss and metrics over the clips that are seen. Processes add up sums and counts, never means.

Legend: N clips, K classes.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowfast.metrics.accuracy import Scores, rank_of_label, sigmoid
from slowfast.metrics.average_precision import counts_at, f1


class Meter:
    """Loss, top-1 and top-5 over the samples that this process has seen."""

    def __init__(self) -> None:
        self._sums = np.zeros(4)

    def add(self, scores: Scores, labels: NDArray[Any], loss: float = 0.0) -> None:
        """Counts a batch: ``scores [N, K]``, ``labels [N]``, and its mean loss."""
        place, count = rank_of_label(scores, labels), len(labels)
        self._sums += [loss * count, (place < 1).sum(), (place < 5).sum(), count]

    def sums(self) -> list[float]:
        """This process's sums: losses, samples right in top 1, in top 5, and samples seen."""
        return self._sums.tolist()

    @staticmethod
    def result(sums: Sequence[float]) -> dict[str, float]:
        """``loss``, ``top1`` and ``top5`` (shares of 1), and ``seen``, from the ``sums`` of one
        process or the total of several."""
        loss, top1, top5, seen = sums
        total = max(seen, 1.0)
        return {"loss": loss / total, "top1": top1 / total, "top5": top5 / total, "seen": seen}


class LabelMeter:
    """Loss and F1 over the clips, or boxes, with several labels each, that this process has seen.

    Args:
        threshold: the probability from which on a class counts as predicted.
        probabilities: from logits ``[N, K]`` to as many probabilities.
    """

    def __init__(
        self, threshold: float, probabilities: Callable[[NDArray[np.float64]], Scores] = sigmoid
    ) -> None:
        self._threshold, self._sums = threshold, np.zeros(5)
        self._probabilities = probabilities

    def add(self, logits: Scores, labels: NDArray[Any], loss: float = 0.0) -> None:
        """Counts a batch: ``logits [N, K]``, ``labels [N, K]``, and its mean loss."""
        probabilities = self._probabilities(logits.astype(np.float64))
        counts = counts_at(self._threshold, probabilities, labels).sum(axis=0)
        self._sums += [loss * len(labels), *counts, len(labels)]

    def sums(self) -> list[float]:
        """This process's sums: losses; classes that were found, predicted and there; clips seen."""
        return self._sums.tolist()

    @staticmethod
    def result(sums: Sequence[float]) -> dict[str, float]:
        """``loss``, ``f1`` (a share of 1), and ``seen``, from the ``sums`` of one process or the
        total of several."""
        loss, *counts, seen = sums
        return {"loss": loss / max(seen, 1.0), "f1": float(f1(*counts)), "seen": seen}


METERS: dict[str, Callable[[float], Meter | LabelMeter]] = {
    "single": lambda threshold: Meter(),
    "multi": LabelMeter,
    "detection": LabelMeter,
}
"""By task: from the threshold of ``LabelMeter`` to a meter."""
