"""Counting what was right. Sums and counts are added up over processes, never means.

Legend: V views, N videos or clips, K classes, B bootstrap samples.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating[Any]]
Labels = NDArray[np.int64]

METRICS = {
    "top_k_accuracy": ("top1", "top5"),
    "mean_class_accuracy": ("mean_class_accuracy",),
}
"""The names of --eval, as mmaction2 has them, and the numbers that each stands for."""


def average_views(scores_VK: NDArray[np.float32], average_clips: str) -> NDArray[np.float64]:
    """A video's probabilities ``[K]`` from those of its views, or (``score``) from their logits."""
    mean = scores_VK.astype(np.float64).mean(axis=0)
    if average_clips == "prob":
        return mean
    powers = np.exp(mean - mean.max())
    return powers / powers.sum()


def rank_of_label(scores: Scores, labels: Labels) -> NDArray[np.int64]:
    """At which place ``[N]``, from 0, each label's class stands in ``scores [N, K]``.

    Of equal scores the lower class index stands first. A label whose score is not a number stands
    at K, behind all places.
    """
    own = scores[np.arange(len(labels)), labels][:, None]
    before = np.arange(scores.shape[1]) < labels[:, None]
    place = ((scores > own) | ((scores == own) & before)).sum(axis=1)
    return np.where(np.isnan(own[:, 0]), scores.shape[1], place)


def class_table(places: NDArray[np.int64], labels: Labels, num_classes: int) -> NDArray[np.int64]:
    """Of each class, how many videos stand at place 0, at 1 to 4, and behind: ``[K, 3]``.

    ``places [N]`` are those of ``rank_of_label``. Tables add up, over batches and processes.
    """
    column = np.digitize(places, (1, 5))
    counts = np.bincount(3 * labels + column, minlength=3 * num_classes)
    return counts.reshape(num_classes, 3).astype(np.int64)


def accuracies(table_K3: NDArray[np.int64]) -> dict[str, Any]:
    """``top1``, ``top5`` and ``mean_class_accuracy`` (shares of 1) of a ``class_table``.

    Several tables ``[B, K, 3]`` give arrays ``[B]``.

    Mean class accuracy is the mean, over the classes that occur among the labels, of the share of
    the class's videos whose highest score is its own. mmaction2's ``mean_class_accuracy`` is the
    same where every class that is predicted also occurs; it counts a class that is predicted but
    never occurs as one more class with 0, and so comes out lower on such a list.
    """
    of_class = table_K3.sum(axis=-1)
    seen = of_class.sum(axis=-1)
    top1 = table_K3[..., 0].sum(axis=-1) / seen
    top5 = table_K3[..., :2].sum(axis=(-2, -1)) / seen
    recall = table_K3[..., 0] / np.maximum(of_class, 1)
    mean = recall.sum(axis=-1) / (of_class > 0).sum(axis=-1)
    return {"top1": top1, "top5": top5, "mean_class_accuracy": mean}


def bootstrap(table_K3: NDArray[np.int64], times: int, seed: int) -> dict[str, tuple[float, float]]:
    """95 % intervals of ``accuracies``: as many videos drawn anew, with replacement, ``times`` so.

    Such a draw is a multinomial one over the table's cells, which needs no loop over videos. The
    ends are the 2.5 and 97.5 percentiles; a class without videos in a draw is not in its mean.
    """
    rng = np.random.default_rng(seed)
    seen = int(table_K3.sum())
    drawn = rng.multinomial(seen, table_K3.ravel() / seen, size=times)
    found = accuracies(drawn.reshape(times, *table_K3.shape))
    ends = {name: np.percentile(values, (2.5, 97.5)) for name, values in found.items()}
    return {name: (float(low), float(high)) for name, (low, high) in ends.items()}


def calibration_error(
    confidence: NDArray[np.float64], right: NDArray[np.bool_], num_bins: int = 15
) -> float:
    """Expected calibration error (Guo et al. 2017), a share of 1.

    Videos are sorted by their highest probability, ``confidence [N]``, into bins of equal width,
    ``(i/15, (i+1)/15]``; it is the mean over videos of ``|share right - mean confidence|`` of
    their bin.
    """
    bins = np.clip(np.ceil(confidence * num_bins).astype(np.int64) - 1, 0, num_bins - 1)
    gaps = np.bincount(bins, weights=right - confidence, minlength=num_bins)
    return float(np.abs(gaps).sum() / len(confidence))


class Meter:
    """Loss, top-1 and top-5 over the samples that were really seen by this process."""

    def __init__(self) -> None:
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

    def sums(self) -> list[float]:
        """This process's sums: of the losses, how many were right, right among 5, and seen."""
        return [self._loss, self._top1, self._top5, self._seen]

    @staticmethod
    def result(sums: Sequence[float]) -> dict[str, float]:
        """``loss``, ``top1`` and ``top5`` (shares of 1), and ``seen``, of the ``sums`` of one
        process, or of several together."""
        loss, top1, top5, seen = sums
        total = max(seen, 1.0)
        return {"loss": loss / total, "top1": top1 / total, "top5": top5 / total, "seen": seen}
