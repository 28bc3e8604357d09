"""Accuracy metrics. Processes add up sums and counts, never means.

Legend: V views, N videos or clips, K classes, B bootstrap samples.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating[Any]]
Labels = NDArray[np.int64]

METRICS = {"top_k_accuracy": ("top1", "top5"), "mean_class_accuracy": ("mean_class_accuracy",)}
"""The names for --eval, as in mmaction2, and the numbers that each stands for."""


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Softmax over the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sigmoid of each, without overflow. Those of low logits keep their order, down to -700."""
    powers = np.exp(-np.abs(logits))  # 1 + tanh would be 0 from -38 down
    return np.where(logits >= 0, 1.0, powers) / (1.0 + powers)


PROBABILITIES = {"single": softmax, "multi": sigmoid}
"""By task: from logits ``[..., K]`` to as many probabilities."""


def average_views(
    scores_VK: NDArray[np.float32], average_clips: str, task: str = "single"
) -> NDArray[np.float64]:
    """A video's probabilities ``[K]``, from its views' probabilities (``prob``: their mean;
    ``max``: the largest of each class) or logits (``score``: the probabilities of their mean)."""
    views_VK = scores_VK.astype(np.float64)
    if average_clips == "max":
        return views_VK.max(axis=0)
    mean = views_VK.mean(axis=0)
    return PROBABILITIES[task](mean) if average_clips == "score" else mean


def best_classes(scores_K: NDArray[np.float64], number: int = 5) -> tuple[list[int], list[float]]:
    """So many best classes and their scores, best first; of equal ones the lower class first."""
    best = np.argsort(-scores_K, kind="stable")[:number]
    return best.tolist(), scores_K[best].tolist()


def name_of(label: int, labels: Sequence[str] | None) -> str:
    """A class's name; its number where there are no names."""
    return labels[label] if labels else f"class {label}"


def rank_of_label(scores: Scores, labels: Labels) -> NDArray[np.int64]:
    """The rank ``[N]``, from 0, of each label's class in ``scores [N, K]``.

    Of equal scores the lower class index comes first. A label whose score is nan gets rank K.
    """
    own = scores[np.arange(len(labels)), labels][:, None]
    before = np.arange(scores.shape[1]) < labels[:, None]
    place = ((scores > own) | ((scores == own) & before)).sum(axis=1)
    return np.where(np.isnan(own[:, 0]), scores.shape[1], place)


def class_table(places: NDArray[np.int64], labels: Labels, num_classes: int) -> NDArray[np.int64]:
    """For each class, the number of videos with rank 0, 1 to 4, and above: ``[K, 3]``.

    ``places [N]`` come from ``rank_of_label``. Tables of batches and processes can be added.
    """
    column = np.digitize(places, (1, 5))
    counts = np.bincount(3 * labels + column, minlength=3 * num_classes)
    return counts.reshape(num_classes, 3).astype(np.int64)


def confusion(labels_N: Labels, found_N: Labels, num_classes: int) -> NDArray[np.int64]:
    """How many videos of each true class, a row, were found to be of which: ``[K, K]``."""
    counts = np.bincount(num_classes * labels_N + found_N, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes).astype(np.int64)


def accuracies(table_K3: NDArray[np.int64]) -> dict[str, Any]:
    """``top1``, ``top5`` and ``mean_class_accuracy`` (shares of 1) of a ``class_table``.

    Several tables ``[B, K, 3]`` give arrays ``[B]``.

    Mean class accuracy is the mean top-1 accuracy of the classes that occur among the labels.
    mmaction2's ``mean_class_accuracy`` also counts classes that are predicted but never occur, as
    0, so on lists with such classes it is lower.
    """
    of_class = table_K3.sum(axis=-1)
    seen = of_class.sum(axis=-1)
    top1 = table_K3[..., 0].sum(axis=-1) / seen
    top5 = table_K3[..., :2].sum(axis=(-2, -1)) / seen
    recall = table_K3[..., 0] / np.maximum(of_class, 1)
    mean = recall.sum(axis=-1) / (of_class > 0).sum(axis=-1)
    return {"top1": top1, "top5": top5, "mean_class_accuracy": mean}


def bootstrap(table_K3: NDArray[np.int64], times: int, seed: int) -> dict[str, tuple[float, float]]:
    """95 % intervals of ``accuracies``: the videos are resampled with replacement ``times`` times.

    A resample is a multinomial draw over the table's cells, which needs no loop over videos. The
    ends are the 2.5 and 97.5 percentiles; a class without videos in a draw is not in its mean.
    """
    rng = np.random.default_rng(seed)
    seen = int(table_K3.sum())
    drawn = rng.multinomial(seen, table_K3.ravel() / seen, size=times)
    found = accuracies(drawn.reshape(times, *table_K3.shape))
    ends = {name: np.percentile(values, (2.5, 97.5)) for name, values in found.items()}
    return {name: (float(low), float(high)) for name, (low, high) in ends.items()}


def reliability(
    confidence: NDArray[np.float64], right: NDArray[np.bool_], num_bins: int = 15
) -> NDArray[np.float64]:
    """Answers sorted by their probability, ``confidence [N]``, into bins of equal width,
    ``(i/15, (i+1)/15]``: the number, the sum of the probabilities, and the number that are right,
    ``[num_bins, 3]``."""
    bins = np.clip(np.ceil(confidence * num_bins).astype(np.int64) - 1, 0, num_bins - 1)
    of_each = (None, confidence, right.astype(np.float64))
    sums = [np.bincount(bins, weights=weights, minlength=num_bins) for weights in of_each]
    return np.stack(sums, axis=1).astype(np.float64)


def expected_error(bins: NDArray[np.float64]) -> float:
    """Expected calibration error (Guo et al. 2017) of ``reliability``, a share of 1: the mean over
    answers of ``|share right - mean confidence|`` of their bin."""
    number, confidence, right = bins.T
    return float(np.abs(right - confidence).sum() / number.sum())


def calibration_error(
    confidence: NDArray[np.float64], right: NDArray[np.bool_], num_bins: int = 15
) -> float:
    """``expected_error`` of videos by their highest probability, ``confidence [N]``."""
    return expected_error(reliability(confidence, right, num_bins))
