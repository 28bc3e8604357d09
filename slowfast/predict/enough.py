"""How many views an answer needs: in which order they are computed, and when to stop.

numpy only, no Paddle. Legend: n views so far, V of the whole test, K classes.
"""

import numpy as np
from numpy.typing import NDArray

from slowfast.config import Config
from slowfast.metrics.accuracy import sigmoid, softmax

Floats = NDArray[np.float64]

CERTAINTY = 2.0
"""Standard errors by which the best class must lead; docs/views.md says how it was chosen."""

CROPS = {1: (0,), 3: (1, 0, 2)}
"""The crops in the order of their use: the centre first."""


def spread_order(num_clips: int, num_crops: int) -> list[int]:
    """All views, in an order whose beginning is spread over time and space.

    View v is crop ``v % num_crops`` of clip ``v // num_crops``. The first is the centre crop of
    the clip in the middle; then come the clips at 1/4, 3/4, 1/8, 5/8 ... of the video (van der
    Corput's sequence), each with another crop than the one before, until all clips had a crop;
    then the same with the clips' other crops.

    Args:
        num_crops: 1 or 3.
    """
    clips = list(dict.fromkeys(int(num_clips * place) for place in _places(num_clips)))
    crops = CROPS[num_crops]
    return [
        clip * num_crops + crops[(turn + i) % num_crops]
        for turn in range(num_crops)
        for i, clip in enumerate(clips)
    ]


def _places(at_least: int) -> list[float]:
    """1/2, 1/4, 3/4, 1/8, 5/8 ...: all that is needed for one in each of so many equal parts."""
    digits = at_least.bit_length()
    numbers = range(1, 2**digits)
    return [int(f"{number:0{digits}b}"[::-1], 2) / 2**digits for number in numbers]


def obstacle(cfg: Config) -> str:
    """The setting with which no view can be left out, if there is one: the rule is about a mean
    over views, and a maximum may come in any view."""
    return "test.average_clips=max" if cfg.test.average_clips == "max" else ""


def is_enough(
    scores_nK: NDArray[np.float32], num_views: int, average_clips: str,
    threshold: float | None = None, certainty: float = CERTAINTY,
) -> bool:  # fmt: skip
    """Whether the other views of a video will most likely not change its best class; or, with a
    threshold, for any class whether its mean probability reaches it.

    In view i, the best class leads another by ``d_i``, a difference of probabilities; or a class is
    ``d_i`` beyond the threshold, on the side of its mean. Over the n views, L is the sum of the
    ``d_i`` and S that of their squared distances from their mean. The views are enough if for each
    other class, or for every class::

        L > sqrt((1 + certainty**2 * S) * (1 - n / V))

    S / n estimates the variance of ``d_i``, so ``sqrt(S)`` is the standard error of L. The 1 is
    for what few views cannot show: another view may say the opposite with all its probability.
    ``1 - n / V`` corrects for a finite population: no view is drawn twice.

    Args:
        scores_nK: of the views so far, in the order of ``spread_order``, at least one.
        num_views: V.
        average_clips: ``prob``: scores are probabilities; ``score``: they are logits, the best
            class or the side is that of their mean, and the leads are of each view's probabilities.
        threshold: with several labels a video: from which on it shows a class.
    """
    n = len(scores_nK)
    views_nK = scores_nK.astype(np.float64)
    if threshold is None:
        leads_nK = _over_others(views_nK, average_clips)
    else:
        leads_nK = _beyond(views_nK, average_clips, threshold)
    spread_K = ((leads_nK - leads_nK.mean(axis=0)) ** 2).sum(axis=0)
    needed_K = np.sqrt((1 + certainty**2 * spread_K) * (1 - n / max(num_views, n)))
    return n >= num_views or bool((leads_nK.sum(axis=0) > needed_K).all())


def _over_others(views_nK: Floats, average_clips: str) -> Floats:
    """By how much the best class leads each other one."""
    best = views_nK.mean(axis=0).argmax()
    shares_nK = softmax(views_nK) if average_clips == "score" else views_nK
    return np.delete(shares_nK[:, [best]] - shares_nK, best, axis=1)


def _beyond(views_nK: Floats, average_clips: str, threshold: float) -> Floats:
    """How far each class is beyond the threshold, on the side of its mean."""
    is_score, mean_K = average_clips == "score", views_nK.mean(axis=0)
    shown_K = (sigmoid(mean_K) if is_score else mean_K) >= threshold
    over_nK = (sigmoid(views_nK) if is_score else views_nK) - threshold
    return np.where(shown_K, over_nK, -over_nK)


def next_views(num_seen: int, views_at_once: int) -> int:
    """How many views are computed next: as many as there are, so that one may be enough, and what
    is computed in vain is never more than that; at most ``views_at_once``."""
    return min(max(num_seen, 1), views_at_once)
