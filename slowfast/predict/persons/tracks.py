"""Who is who: boxes of neighbouring key frames that overlap are of one person."""

from collections.abc import Sequence

import numpy as np

from slowfast.data.samples import Box
from slowfast.overlap import all_overlaps

LEAST_OVERLAP = 0.3
"""Intersection over union of two boxes that may be of one person."""
BRIDGED = 2
"""Key frames for which a person may not be found."""


def numbered(frames: Sequence[Sequence[Box]]) -> list[list[int]]:
    """The number of the person in each box of each key frame, from 1 on in the order in which they
    come.

    Pairs of boxes are joined from the greatest overlap down (greedy). Where the boxes of all key
    frames know their persons, these numbers are taken.
    """
    if all(box.person >= 0 for boxes in frames for box in boxes):
        return [[box.person for box in boxes] for boxes in frames]
    last: dict[int, tuple[int, Box]] = {}
    """By person: the key frame where it was last found, and its box there."""
    found, count = [], 0
    for place, boxes in enumerate(frames):
        near = {n: box for n, (at, box) in last.items() if place - at <= BRIDGED + 1}
        own = _joined(near, boxes)
        numbers = []
        for i in range(len(boxes)):
            if i not in own:
                count += 1
            numbers.append(own.get(i, count))
        last = {n: last[n] for n in near} | {
            n: (place, box) for n, box in zip(numbers, boxes, strict=True)
        }
        found.append(numbers)
    return found


def _joined(before: dict[int, Box], boxes: Sequence[Box]) -> dict[int, int]:
    """From the places of boxes to the persons that they are of, as far as these are known."""
    if not before or not boxes:
        return {}
    persons = [*before]
    overlaps = all_overlaps(
        np.array([before[n].corners for n in persons]), np.array([box.corners for box in boxes])
    )
    own: dict[int, int] = {}
    for flat in np.argsort(-overlaps, axis=None, kind="stable").tolist():
        person, place = divmod(flat, len(boxes))
        if overlaps[person, place] < LEAST_OVERLAP:
            break
        if place not in own and persons[person] not in own.values():
            own[place] = persons[person]
    return own
