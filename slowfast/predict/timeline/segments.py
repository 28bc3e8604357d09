"""From the scores of windows that slide over a video to segments: what happens from when to when.

Windows overlap. Each tells most about its middle, so it stands for the time that is nearer to its
own middle than to another one's; the first one from its start, and the last one to its end::

    seconds   0    1    2    3    4    5
    windows   [----x----]
                   [----x----]
                        [----x----]
                             [----x----]
    cells     |       |    |    |       |      0, 1.5, 2.5, 3.5, 5

A segment is a row of cells. It begins where a class's score, averaged with its neighbours', reaches
``enter``, and ends where it falls below ``leave``: a score that wavers between the two ends nothing
(hysteresis, as in a Schmitt trigger)::

    enter  -----------x--x-----------------
           x       x        x     x
    leave  --x--x-----------------------x--
                      [           ]

Pure functions on arrays. Legend: N windows, K classes.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from slowfast.config import TimelineConfig

Seconds = NDArray[np.float64]
Scores = NDArray[np.floating[Any]]
ROUNDING = 1e-9
"""Of sums of seconds."""


class Segment(NamedTuple):
    """A time in which a class is seen."""

    start: float
    """Seconds, as the windows' are."""
    end: float
    label: int
    """The class."""
    score: float
    """The mean of its probability over the windows."""


def find_segments(seconds_N2: Seconds, scores_NK: Scores, cfg: TimelineConfig) -> list[Segment]:
    """The segments of all classes, by their start; those of different classes may overlap.

    Args:
        seconds_N2: start and end of each window, in order.
        scores_NK: probabilities.

    Raises:
        ValueError: a score is not finite.
    """
    if not np.isfinite(scores_NK).all():
        raise ValueError("a score is not finite")
    if not len(scores_NK):
        return []
    edges = cell_edges(seconds_N2)
    found = []
    for label in np.flatnonzero(scores_NK.max(axis=0) >= cfg.enter).tolist():
        own = scores_NK[:, label].astype(np.float64)
        runs = runs_of(smoothed(own, cfg.smooth), cfg.enter, cfg.leave)
        for first, end in _long(_merged(runs, edges, cfg.gap), edges, cfg.shortest):
            score = float(own[first:end].mean())
            found.append(Segment(float(edges[first]), float(edges[end]), label, score))
    return sorted(found, key=lambda segment: (segment.start, -segment.score))


def cell_edges(seconds_N2: Seconds) -> Seconds:
    """The edges ``[N + 1]`` of the times that N windows, at least one, stand for."""
    middles = seconds_N2.mean(axis=1)
    between = (middles[1:] + middles[:-1]) / 2
    return np.concatenate([seconds_N2[:1, 0], between, seconds_N2[-1:, 1]])


def smoothed(scores_N: Scores, width: int) -> Scores:
    """Scores averaged over ``width`` windows, an odd number, with weights 1 2 1, 1 2 3 2 1 and so
    on; beyond the ends the first and the last are repeated. A constant stays as it is."""
    reach = width // 2
    weights = np.minimum(np.arange(1, width + 1), np.arange(width, 0, -1))
    padded = np.pad(scores_N.astype(np.float64), reach, mode="edge")
    return np.convolve(padded, weights, mode="valid") / weights.sum()


def runs_of(scores_N: Scores, enter: float, leave: float) -> list[tuple[int, int]]:
    """From which window (the first that reaches ``enter``) to before which (the next below
    ``leave``) a class is seen."""
    tells = (scores_N >= enter) | (scores_N < leave)
    last = np.maximum.accumulate(np.where(tells, np.arange(len(scores_N)), 0))
    is_on = scores_N[last] >= enter  # as the last window said that told anything
    steps = np.diff(np.concatenate([[False], is_on, [False]]).astype(np.int8))
    firsts, ends = np.flatnonzero(steps > 0), np.flatnonzero(steps < 0)
    return list(zip(firsts.tolist(), ends.tolist(), strict=True))


def _merged(runs: list[tuple[int, int]], edges: Seconds, gap: float) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, end in runs:
        if merged and edges[first] - edges[merged[-1][1]] <= gap + ROUNDING:
            first = merged.pop()[0]
        merged.append((first, end))
    return merged


def _long(runs: list[tuple[int, int]], edges: Seconds, shortest: float) -> list[tuple[int, int]]:
    whole = edges[-1] - edges[0]
    least = min(shortest, whole) - ROUNDING
    return [(first, end) for first, end in runs if edges[end] - edges[first] >= least]
