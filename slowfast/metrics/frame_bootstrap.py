"""How far average precision of boxes depends on which videos are tested. numpy only.

Legend: R rows that were found, G annotated ones, P right ones, V videos, D draws, A classes.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slowfast.metrics.frame_map import RULES, Matched
from slowfast.overlap import Numbers

AT_ONCE = 1 << 22
"""Numbers that are computed at once, about."""
ENDS = 2.5, 97.5
"""Percentiles."""
MOST_DRAWS = 0.9
"""A class needs annotated boxes in this share of the draws to have an interval."""

Interval = tuple[float, float]


class Intervals(NamedTuple):
    """95 % intervals."""

    mean: Interval | None
    """Of mAP."""
    classes: list[Interval | None]
    """Of each class; None if too few draws have it."""


def bootstrap(
    matches: Sequence[Matched], videos_B: Numbers, own_videos_B: Numbers, rule: str, *,
    times: int, seed: int,
) -> Intervals:  # fmt: skip
    """How average precision varies if other videos of the same kind are tested: the videos are
    resampled with replacement ``times`` times (Efron 1979).

    Whole videos, as the key frames of one are alike: key frames drawn one by one would give
    intervals that are too narrow. A resample is a weight for each video, so boxes are matched, and
    rows sorted, once. A class without annotated boxes in a draw is not in its mean.

    In a draw videos are there twice, which ranks better, so both ends are lowered by what the mean
    of the draws is above the value itself. As with any bootstrap, intervals of few videos are too
    narrow: these hardly differ as much as all those that could have been tested.

    Args:
        matches: of each class.
        videos_B: the number of the video, from 0, of each box that was found.
        own_videos_B: of each annotated box.
    """
    num_videos = 1 + max(int(each.max()) for each in (videos_B, own_videos_B) if len(each))
    chances = np.full(num_videos, 1 / num_videos)
    weights_VD = np.random.default_rng(seed).multinomial(num_videos, chances, size=times).T
    found_AD = np.stack(
        [
            _drawn(each, videos_B[each.boxes], own_videos_B[each.own], rule, weights_VD)
            for each in matches
        ]
    )
    known_AD = np.isfinite(found_AD)
    some = known_AD.any(axis=0)  # a draw may have no annotated box at all
    mean_D = np.nansum(found_AD[:, some], axis=0) / known_AD[:, some].sum(axis=0)
    values_A = np.array([each.precision(rule) for each in matches])
    classes = [
        _ends(drawn[is_known], value, times)
        for drawn, is_known, value in zip(found_AD, known_AD, values_A.tolist(), strict=True)
    ]
    return Intervals(_ends(mean_D, float(np.nanmean(values_A)), times), classes)


def _ends(values_D: Numbers, value: float, times: int) -> Interval | None:
    if len(values_D) < MOST_DRAWS * times or not times:
        return None
    ends = np.percentile(values_D, ENDS) - (values_D.mean() - value)
    low, high = np.clip(ends, 0, 1).tolist()
    return low, high


def _drawn(
    each: Matched, videos_R: Numbers, videos_G: Numbers, rule: str, weights_VD: Numbers
) -> NDArray[np.float64]:
    """A class's average precision in each draw: ``ranked_precision`` of rows with weights."""
    order = np.argsort(each.scores, kind="stable")[::-1]
    videos_R, right_P = videos_R[order], np.flatnonzero(each.taken[order] >= 0)
    num_videos, times = weights_VD.shape
    # Precision counts at the right rows alone: how many rows of each video come up to each.
    upto_R = np.searchsorted(right_P, np.arange(len(order)))
    cells = (upto_R * num_videos + videos_R)[upto_R < len(right_P)]
    counts_PV = np.bincount(cells, minlength=len(right_P) * num_videos)
    counts_PV = counts_PV.reshape(-1, num_videos).cumsum(axis=0).astype(np.float64)
    annotated_D = _weighed(videos_G, weights_VD)
    found_D = np.zeros(times)
    at_once = max(AT_ONCE // max(len(right_P), 1), 1)
    for first in range(0, times, at_once):
        part = slice(first, first + at_once)
        own_PD = weights_VD[videos_R[right_P], part]
        with np.errstate(invalid="ignore", divide="ignore"):
            precision_PD = own_PD.cumsum(axis=0) / (counts_PV @ weights_VD[:, part])
            precision_PD = np.maximum.accumulate(np.nan_to_num(precision_PD)[::-1])[::-1]
            found_D[part] = (own_PD * precision_PD).sum(axis=0) / annotated_D[part]
    none_D = annotated_D == 0
    if RULES[rule].needs_found:
        none_D |= _weighed(videos_R, weights_VD) == 0
    return np.where(none_D, np.nan, found_D)


def _weighed(videos: Numbers, weights_VD: Numbers) -> Numbers:
    """How many rows of these videos each draw has."""
    return np.bincount(videos, minlength=len(weights_VD)) @ weights_VD
