"""Average precision and F1, for videos with several labels. numpy only.

Legend: N videos, K classes, P videos of a class, B draws. Scores are finite or -inf; nan counts as
-inf. Truth is 1 where a video has a class, else 0.
"""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowfast.errors import UserError
from slowfast.metrics.accuracy import Scores, name_of

Truth = NDArray[np.integer[Any]]

METRICS = {
    "mean_average_precision": ("mAP", "mAP_all_classes", "mAP_charades"), "f1": ("f1",)
}  # fmt: skip
"""The names for --eval, the first as in mmaction2, and the numbers that each stands for."""

AT_ONCE = 250_000
"""Weights of videos that ``bootstrap`` has in memory at once, about."""


class NoPositivesError(UserError):
    """No video has a label, so there is nothing to find."""


def require_labels(labels: Collection[Any]) -> None:
    """Raises a NoPositivesError unless one of the videos has a label: its item is not empty, or
    true."""
    if not any(labels):
        raise NoPositivesError(
            f"none of the {len(labels):,} videos has a label, so there is no average precision: "
            "use a list with labels"
        )


def multi_hot(labels: Sequence[Collection[int]], num_classes: int) -> Truth:
    """The truth ``[N, K]`` of each video's class indices."""
    truth_NK = np.zeros((len(labels), num_classes), np.uint8)
    for row, classes in zip(truth_NK, labels, strict=True):
        row[[*classes]] = 1
    return truth_NK


def average_precision(scores_N: Scores, truth_N: Truth) -> float:
    """scikit-learn's ``average_precision_score``: the sum over thresholds of precision times gain
    in recall. Equal scores are one threshold. nan for a class without videos."""
    return float(_weighted(scores_N, truth_N, np.ones((len(truth_N), 1)), equal_are_one=True)[0])


def charades_average_precision(scores_N: Scores, truth_N: Truth) -> float:
    """The rule of Charades' ``Charades_v1_classify.m``: the mean, over a class's videos, of the
    precision at their rank. Equal scores rank in the list's order. nan for a class without videos.

    Its scores of videos without any label are -inf, see ``mean_average_precisions``.
    """
    return float(_weighted(scores_N, truth_N, np.ones((len(truth_N), 1)), equal_are_one=False)[0])


def _weighted(
    scores_N: Scores, truth_N: Truth, weights_NB: NDArray[Any], *, equal_are_one: bool
) -> NDArray[np.float64]:
    """Average precision ``[B]`` if a video counts ``weights`` times."""
    scores_N = np.where(np.isnan(scores_N), -np.inf, scores_N)
    order = np.argsort(-scores_N, kind="stable")
    places_P = last_P = np.flatnonzero(truth_N[order])  # from 0, best first
    if equal_are_one:
        falls = scores_N[order][1:] != scores_N[order][:-1]
        ends = np.append(np.flatnonzero(falls), len(order) - 1)  # last places of equal scores
        last_P = ends[np.searchsorted(ends, places_P)]
    weights_NB = weights_NB[order]
    own_PB = weights_NB[places_P]
    seen_PB = weights_NB.cumsum(axis=0)[last_P]
    found_PB = own_PB.cumsum(axis=0)[np.searchsorted(places_P, last_P, side="right") - 1]
    precision_PB = found_PB / np.maximum(seen_PB, 1)
    with np.errstate(invalid="ignore"):  # 0 / 0 is nan
        return (own_PB * precision_PB).sum(axis=0) / own_PB.sum(axis=0)


def average_precisions(
    scores_NK: Scores, truth_NK: Truth
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``average_precision`` and ``charades_average_precision`` of each class, ``[K]`` each. By the
    official rule of Charades, videos without any label rank last.

    Raises:
        NoPositivesError: no video has a label.
    """
    has_label_N = np.any(truth_NK, axis=1)
    require_labels(has_label_N)
    last_NK = np.where(has_label_N[:, None], scores_NK, -np.inf)
    plain = map(average_precision, scores_NK.T, truth_NK.T)
    official = map(charades_average_precision, last_NK.T, truth_NK.T)
    return np.array([*plain]), np.array([*official])


def mean_average_precisions(scores_NK: Scores, truth_NK: Truth) -> dict[str, float]:
    """Mean average precisions, shares of 1.

    ``mAP``: scikit-learn's rule, the mean over the classes that occur, as PySlowFast reports it;
    ``mAP_all_classes``: over all classes, of which those that do not occur have 0;
    ``mAP_charades``: the official rule, over the classes that occur.

    Raises:
        NoPositivesError: no video has a label.
    """
    plain_K, official_K = average_precisions(scores_NK, truth_NK)
    return {
        "mAP": float(np.nanmean(plain_K)),
        "mAP_all_classes": float(np.nansum(plain_K) / len(plain_K)),
        "mAP_charades": float(np.nanmean(official_K)),
    }


def counts_at(
    threshold: float, scores_NK: Scores, truth_NK: Truth, *, axis: int = 0
) -> NDArray[np.int64]:
    """How often a class is both predicted and there, how often it is predicted, and how often it is
    there: ``[K, 3]`` over the videos, or with ``axis`` 1 ``[N, 3]`` over the classes.

    Predicted are the classes whose scores are at least ``threshold``. Counts of batches and
    processes can be added.
    """
    predicted_NK, own_NK = scores_NK >= threshold, truth_NK > 0
    parts = (predicted_NK & own_NK, predicted_NK, own_NK)
    return np.stack([part.sum(axis=axis) for part in parts], axis=-1)


def f1(true_positives: Any, predicted: Any, positives: Any) -> Any:
    """F1, the harmonic mean of precision and recall, of numbers or arrays; 0 where nothing was
    predicted nor was there to predict. Sums over all classes give the micro average."""
    return 2 * true_positives / np.maximum(predicted + positives, 1)


def multi_label_numbers(scores_NK: Scores, truth_NK: Truth, threshold: float) -> dict[str, float]:
    """``mean_average_precisions``, and the micro average of ``f1`` at the threshold.

    Raises:
        NoPositivesError: no video has a label.
    """
    micro = f1(*counts_at(threshold, scores_NK, truth_NK).sum(axis=0))
    return mean_average_precisions(scores_NK, truth_NK) | {"f1": float(micro)}


def class_rows(
    scores_NK: Scores, truth_NK: Truth, threshold: float, names: Sequence[str] | None
) -> list[dict[str, Any]]:
    """A row for each class that occurs: its number of videos and average precisions, and its
    precision, recall and F1 at the threshold.

    Raises:
        NoPositivesError: no video has a label.
    """
    plain_K, official_K = average_precisions(scores_NK, truth_NK)
    return [
        {
            "class": i,
            "name": name_of(i, names),
            "positives": int(positives),
            "AP": float(plain_K[i]),
            "AP_charades": float(official_K[i]),
            "precision": float(right / max(predicted, 1)),
            "recall": float(right / positives),
            "f1": float(f1(right, predicted, positives)),
        }
        for i, (right, predicted, positives) in enumerate(counts_at(threshold, scores_NK, truth_NK))
        if positives
    ]


def bootstrap(
    scores_NK: Scores, truth_NK: Truth, threshold: float, times: int, seed: int
) -> dict[str, tuple[float, float]]:
    """95 % intervals of ``mAP`` and ``f1``: the videos are resampled with replacement ``times``
    times.

    A resample is a weight for each video, so nothing is sorted anew. The ends are the 2.5 and 97.5
    percentiles; a class without videos in a draw is not in its mean. Of a video that is drawn
    several times each copy finds the others, so with a few videos a class mAP's ends are too high.
    """
    rng, num_videos = np.random.default_rng(seed), len(scores_NK)
    counts_N3 = counts_at(threshold, scores_NK, truth_NK, axis=1)
    at_once = max(AT_ONCE // num_videos, 1)
    parts = []
    for first in range(0, times, at_once):
        size = min(at_once, times - first)
        weights_BN = rng.multinomial(num_videos, np.full(num_videos, 1 / num_videos), size=size)
        weights_NB = np.ascontiguousarray(weights_BN.T, np.int32)
        found_KB = np.stack(
            [
                _weighted(scores_N, truth_N, weights_NB, equal_are_one=True)
                for scores_N, truth_N in zip(scores_NK.T, truth_NK.T, strict=True)
            ]
        )
        with np.errstate(invalid="ignore"):  # a draw without any label has no mAP: 0 / 0 is nan
            mean_B = np.nansum(found_KB, axis=0) / np.isfinite(found_KB).sum(axis=0)
        parts.append(np.stack([mean_B, f1(*(weights_BN @ counts_N3).T)]))
    ends = np.nanpercentile(np.concatenate(parts, axis=1), (2.5, 97.5), axis=1).T.tolist()
    return {name: (low, high) for name, (low, high) in zip(("mAP", "f1"), ends, strict=True)}
