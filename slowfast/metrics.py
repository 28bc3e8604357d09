"""Counting what was right. Sums and counts are added up over processes, never means."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowfast import distributed

Scores = NDArray[np.floating[Any]]
Labels = NDArray[np.int64]


def rank_of_label(scores: Scores, labels: Labels) -> NDArray[np.int64]:
    """At which place ``[N]``, from 0, each label's class stands in ``scores [N, K]``.

    Of equal scores the lower class index stands first. A label whose score is not a number stands
    at K, behind all places.
    """
    own = scores[np.arange(len(labels)), labels][:, None]
    before = np.arange(scores.shape[1]) < labels[:, None]
    place = ((scores > own) | ((scores == own) & before)).sum(axis=1)
    return np.where(np.isnan(own[:, 0]), scores.shape[1], place)


class Meter:
    """Loss, top-1 and top-5 over the samples that were really seen, of all processes together.

    ``local=True`` counts this process's samples alone.
    """

    def __init__(self, *, local: bool = False) -> None:
        self._local = local
        self._loss = 0.0
        self._top1 = 0
        self._top5 = 0
        self._seen = 0

    def add(
        self, scores: NDArray[np.floating], labels: NDArray[np.int64], loss: float = 0.0
    ) -> None:
        """Counts a batch: ``scores [N, K]``, ``labels [N]``, and its mean loss."""
        place = rank_of_label(scores, labels)
        self._loss += loss * len(labels)
        self._top1 += int((place < 1).sum())
        self._top5 += int((place < 5).sum())
        self._seen += len(labels)

    def result(self) -> dict[str, float]:
        """``loss``, ``top1`` and ``top5`` (shares of 1), and ``seen``."""
        own = [self._loss, self._top1, self._top5, self._seen]
        loss, top1, top5, seen = own if self._local else distributed.all_reduce_sum(*own)
        total = max(seen, 1.0)
        return {"loss": loss / total, "top1": top1 / total, "top5": top5 / total, "seen": seen}
