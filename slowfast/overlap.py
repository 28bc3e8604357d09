"""Which boxes overlap which, frame by frame. numpy only.

Legend: R boxes, G others that they are compared with, P pairs of both.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[Any]

IOU = 0.5
"""Intersection over union from which on a box is found."""
AT_ONCE = 1_000_000
"""Pairs that are compared at once, about."""


def taken(
    frames_R: Numbers, boxes_R4: Numbers, own_frames_G: Numbers, own_boxes_G4: Numbers
) -> NDArray[np.int64]:
    """Which annotated box each of the boxes that were found, of one class, takes: ``[R]``, -1 of
    none, which is wrong. Those of a frame take turns as given. ``own`` are the annotated ones, G of
    them; frames rise."""
    best_R, overlap_R = best_overlaps(frames_R, boxes_R4, own_frames_G, own_boxes_G4)
    hits = np.flatnonzero(overlap_R >= IOU)
    own, firsts = np.unique(best_R[hits], return_index=True)
    taken_R = np.full(len(frames_R), -1)
    taken_R[hits[firsts]] = own
    return taken_R


def best_overlaps(
    frames_R: Numbers, boxes_R4: Numbers, own_frames_G: Numbers, own_boxes_G4: Numbers
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For each box, which of G others in its frame it overlaps most (the first of equals), and the
    intersection over union; 0 if there is none. The frames of the others rise."""
    best_R, overlap_R = np.zeros(len(frames_R), np.int64), np.zeros(len(frames_R))
    starts_R = np.searchsorted(own_frames_G, frames_R)
    counts_R = np.searchsorted(own_frames_G, frames_R, side="right") - starts_R
    busy = np.flatnonzero(counts_R)
    ends = np.cumsum(counts_R[busy])
    cuts = np.searchsorted(ends, np.arange(AT_ONCE, ends[-1] if len(ends) else 0, AT_ONCE))
    for part in np.split(busy, cuts):
        if not len(part):
            continue
        counts = counts_R[part]
        firsts = np.cumsum(counts) - counts
        own_P = np.arange(counts.sum()) - np.repeat(firsts - starts_R[part], counts)
        overlap_P = overlaps(boxes_R4[np.repeat(part, counts)], own_boxes_G4[own_P])
        highest = np.maximum.reduceat(overlap_P, firsts)
        at_best = np.flatnonzero(overlap_P == np.repeat(highest, counts))
        best_R[part] = own_P[at_best[np.searchsorted(at_best, firsts)]]
        overlap_R[part] = highest
    return best_R, overlap_R


def overlaps(boxes_P4: Numbers, others_P4: Numbers) -> NDArray[np.float64]:
    """Intersection over union of each pair; 0 where neither has an area."""
    low_P2 = np.maximum(boxes_P4[:, :2], others_P4[:, :2])
    high_P2 = np.minimum(boxes_P4[:, 2:], others_P4[:, 2:])
    sides_P2 = np.maximum(high_P2 - low_P2, 0).astype(np.float64)
    intersection_P = sides_P2[:, 0] * sides_P2[:, 1]
    union_P = _areas(boxes_P4) + _areas(others_P4) - intersection_P
    return np.divide(intersection_P, union_P, np.zeros(len(union_P)), where=union_P > 0)


def all_overlaps(boxes_R4: Numbers, others_G4: Numbers) -> NDArray[np.float64]:
    """The same of each box with each of others ``[R, G]``."""
    count, others = len(boxes_R4), len(others_G4)
    pairs = np.repeat(boxes_R4, others, axis=0), np.tile(others_G4, (count, 1))
    return overlaps(*pairs).reshape(count, others)


def _areas(boxes_P4: Numbers) -> Numbers:
    return (boxes_P4[:, 2] - boxes_P4[:, 0]) * (boxes_P4[:, 3] - boxes_P4[:, 1])
