"""What a test got wrong: its best and worst classes, which classes are taken for which, and which
videos it was surest of.

numpy only. Legend: N videos, K classes.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Shares = NDArray[np.float64]
Row = TypeVar("Row", bound=Mapping[str, Any])


class Pair(NamedTuple):
    """Videos of a class in which another one was found in its place."""

    true: int
    found: int
    videos: int


class Mistake(NamedTuple):
    """A video whose answer is wrong."""

    video: int
    """Its row in the scores."""
    sure: float
    """How sure the network was of what is wrong, 0 to 1."""
    found: tuple[int, ...]
    """The classes that were found wrongly, surest first."""
    missed: tuple[int, ...]
    """The classes that are there and were not found, least probable first."""


def best_and_worst(rows: Sequence[Row], key: str, most: int) -> tuple[list[Row], list[Row]]:
    """Of the classes that have a number ``key`` the best, best first, and the worst, worst first;
    ``most`` of each, and where there are fewer, half of them each. What is 0 is not among the
    best."""
    known = [row for row in rows if row[key] is not None]
    ordered = sorted(known, key=lambda row: -row[key])  # stable: equal ones as they come
    half = min(most, (len(ordered) + 1) // 2)
    best = [row for row in ordered[:half] if row[key] > 0]
    return best, ordered[len(best) :][-most:][::-1]


def mixed_up(shares_NK: Shares, truth_NK: NDArray[Any], threshold: float) -> Any:
    """With several labels a video: in how many videos of a class, which was missed, another one was
    found wrongly: ``[K, K]``."""
    is_found, is_there = shares_NK >= threshold, truth_NK > 0
    missed_NK, wrong_NK = is_there & ~is_found, is_found & ~is_there
    return missed_NK.T.astype(np.int64) @ wrong_NK.astype(np.int64)


def worst_pairs(counts_KK: NDArray[np.int64], most: int) -> list[Pair]:
    """The pairs of two classes that are confused most often; of equal ones the lower classes."""
    off = counts_KK * ~np.eye(len(counts_KK), dtype=bool)
    places = np.flatnonzero(off)
    ordered = places[np.argsort(-off.ravel()[places], kind="stable")][:most]
    return [Pair(*divmod(int(place), len(off)), int(off.flat[place])) for place in ordered]


def mistakes(shares_NK: Shares, labels_N: NDArray[np.int64], most: int) -> list[Mistake]:
    """The videos of one label each whose wrong answer has the highest probability, surest first."""
    found_N, sure_N = shares_NK.argmax(axis=1), shares_NK.max(axis=1)
    wrong = np.flatnonzero(found_N != labels_N)
    ordered = wrong[np.argsort(-sure_N[wrong], kind="stable")][:most]
    return [
        Mistake(int(i), float(sure_N[i]), (int(found_N[i]),), (int(labels_N[i]),)) for i in ordered
    ]


def mistakes_of_several(
    shares_NK: Shares, truth_NK: NDArray[Any], threshold: float, most: int
) -> list[Mistake]:
    """The same with several labels a video: the classes that reach the threshold but are not
    there, or the other way round. How sure it was of one is how far its probability is from the
    truth."""
    is_there = truth_NK > 0
    is_wrong = (shares_NK >= threshold) != is_there
    sure_NK = np.where(is_wrong, np.abs(shares_NK - is_there), 0.0)
    sure_N = sure_NK.max(axis=1)
    wrong = np.flatnonzero(is_wrong.any(axis=1))
    ordered = wrong[np.argsort(-sure_N[wrong], kind="stable")][:most]
    rows = []
    for i in ordered:
        surest = np.argsort(-sure_NK[i], kind="stable")
        own = [int(k) for k in surest if is_wrong[i, k]]
        found = tuple(k for k in own if not is_there[i, k])
        rows.append(
            Mistake(int(i), float(sure_N[i]), found, tuple(k for k in own if k not in found))
        )
    return rows
