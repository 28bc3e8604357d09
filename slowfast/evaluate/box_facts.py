"""What the report of a test of boxes says in numbers: of mAP how sure it is, of each action, by the
size of boxes and by the number of persons, and what its mistakes are.

Legend: F key frames, B boxes, R rows that were found, G annotated ones.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from slowfast.evaluate.score_files import Files
from slowfast.metrics.frame_bootstrap import Interval, Intervals, bootstrap
from slowfast.metrics.frame_map import RULES, Matched
from slowfast.metrics.part_precisions import part_precisions
from slowfast.overlap import IOU, Numbers, best_overlaps

DRAWS, SEED = 1000, 0
LEAST_VIDEOS = 50
"""Intervals over fewer are left out: a bootstrap of few is too narrow to believe. How many are
enough depends on how much the videos differ; this is a round number."""
CROWDS = ((1, "1 person"), (2, "2 persons"), (3, "3 or 4 persons"), (5, "5 persons or more"))
"""From so many annotated persons in a key frame on."""


class Persons(NamedTuple):
    """The annotated boxes of key frames, each once, whatever its actions; frames rise."""

    frames: NDArray[np.int64]
    corners: NDArray[np.float64]


def persons_of(files: Files, rule: str) -> Persons:
    """The annotated boxes, also those with actions that do not count, in key frames that do."""
    rows = np.column_stack((files.truth.frames, files.truth.corners))
    if RULES[rule].excluded == "skipped":
        rows = rows[~files.frames.is_excluded[files.truth.frames]]
    once = np.unique(rows, axis=0)
    return Persons(once[:, 0].astype(np.int64), once[:, 1:])


def names_of(files: Files) -> dict[int, str]:
    """What the actions that count are called, by their numbers."""
    return {number: name or f"action {number}" for number, name in files.actions.items()}


def intervals_of(files: Files, matches: Sequence[Matched], rule: str) -> tuple[Intervals, int]:
    """95 % intervals over the videos that count, and how many these are; none if they are few."""
    videos = {video: number for number, (video, _) in enumerate(files.moments)}
    video_F = np.array([videos[video] for video, _ in files.moments])
    videos_B, own_B = video_F[files.found.frames], video_F[files.truth.frames]
    used = [part for each in matches for part in (videos_B[each.boxes], own_B[each.own])]
    counted = np.unique(np.concatenate(used))
    if len(counted) < LEAST_VIDEOS:
        return Intervals(None, [None] * len(matches)), len(counted)
    found_in, own_in = (np.searchsorted(counted, part) for part in (videos_B, own_B))
    found = bootstrap(matches, found_in, own_in, rule, times=DRAWS, seed=SEED)
    return found, len(counted)


def class_facts(
    files: Files, matches: Sequence[Matched], rule: str, intervals: Sequence[Interval | None],
    threshold: float,
) -> list[dict[str, Any]]:  # fmt: skip
    """A row for each action that counts: ``AP`` with its ends ``low`` and ``high``, ``annotated``
    boxes; and of what scores ``threshold`` or more the share that is right (``precision``) and the
    share of the annotated boxes that it meets (``recall``). None: there is none."""
    rows = []
    for (number, name), each, ends in zip(names_of(files).items(), matches, intervals, strict=True):
        told = each.taken[each.scores >= threshold] >= 0
        rows.append(
            {
                "number": number,
                "name": name,
                "AP": _known(each.precision(rule)),
                "low": ends and ends[0],
                "high": ends and ends[1],
                "annotated": len(each.own),
                "precision": float(told.mean()) if len(told) else None,
                "recall": float(told.sum() / len(each.own)) if len(each.own) else None,
            }
        )
    return rows


def by_size(files: Files, matches: Sequence[Matched], rule: str) -> list[dict[str, Any]]:
    """Average precision of the smallest third of the annotated boxes, the middle and the largest,
    see ``_parts``; empty where these do not differ."""
    persons, truth, found = persons_of(files, rule), files.truth, files.found
    if not len(persons.frames):
        return []
    low, high = np.percentile(_areas(persons.corners), (100 / 3, 200 / 3)).tolist()
    if not 0 < low < high:
        return []
    small, large = (f"{100 * share:.2g} % of the picture" for share in (low, high))
    names = [f"small: up to {small}", "middle", f"large: over {large}"]
    of_found, of_own, of_persons = (
        np.digitize(_areas(boxes.corners), (low, high), right=True)
        for boxes in (found, truth, persons)
    )
    counts = np.bincount(of_persons, minlength=3)
    return _parts(names, counts.tolist(), (of_found, of_own), matches, rule)


def by_crowd(files: Files, matches: Sequence[Matched], rule: str) -> list[dict[str, Any]]:
    """Average precision in key frames with one annotated person, with two, and so on, see
    ``_parts``; empty if all have as many. ``count`` is that of the key frames."""
    persons = persons_of(files, rule)
    persons_F = np.bincount(persons.frames, minlength=len(files.moments))
    bin_F = np.digitize(persons_F, [least for least, _ in CROWDS]) - 1  # -1: nobody
    bins = [bin_F[boxes.frames] for boxes in (files.found, files.truth)]
    counts = np.bincount(bin_F[bin_F >= 0], minlength=len(CROWDS))
    return _parts([name for _, name in CROWDS], counts.tolist(), bins, matches, rule)


def _parts(
    names: Sequence[str], counts: Sequence[int], bins: Sequence[Numbers],
    matches: Sequence[Matched], rule: str,
) -> list[dict[str, Any]]:  # fmt: skip
    """A row for each part that there is: its mAP over the actions that are annotated in all of
    them (``classes``), so that the parts can be compared. Empty if there are not two parts, or no
    such action.

    Args:
        bins: the part of each box that was found, and of each annotated one.
    """
    parts = [number for number, count in enumerate(counts) if count]
    of_found, of_own = bins
    found = np.array(
        [part_precisions(matches, of_found == part, of_own == part, rule) for part in parts]
    ).reshape(len(parts), -1)
    common = np.isfinite(found).all(axis=0)
    if len(parts) < 2 or not common.any():
        return []
    return [
        {
            "name": names[part],
            "count": counts[part],
            "classes": int(common.sum()),
            "mAP": float(found[place, common].mean()),
        }
        for place, part in enumerate(parts)
    ]


MISTAKES = {
    "action": "the person does something else",
    "twice": "the person is found a second time",
    "nobody": "nobody is annotated there",
}
"""Why an answer is wrong."""


def mistakes_of(label: int, boxes_R: Numbers, files: Files, persons: Persons) -> list[str]:
    """Why the wrong rows of an action, of these found boxes, are wrong, see ``MISTAKES``."""
    found, truth = files.found, files.truth
    own = np.unique(truth.boxes[truth.classes == label])
    own = own[np.argsort(truth.frames[own], kind="stable")]
    frames_R, corners_R4 = found.frames[boxes_R], found.corners[boxes_R]
    _, overlap_R = best_overlaps(frames_R, corners_R4, truth.frames[own], truth.corners[own])
    _, any_R = best_overlaps(frames_R, corners_R4, persons.frames, persons.corners)
    return np.where(overlap_R >= IOU, "twice", np.where(any_R >= IOU, "action", "nobody")).tolist()


def mistake_counts(
    files: Files, matches: Sequence[Matched], rule: str, threshold: float
) -> dict[str, int]:
    """How many of the answers that score ``threshold`` or more are ``right``, and how many are
    wrong, by ``MISTAKES``."""
    persons, counts = persons_of(files, rule), dict.fromkeys(("right", *MISTAKES), 0)
    for label, each in zip(files.actions, matches, strict=True):
        told, is_right = each.scores >= threshold, each.taken >= 0
        counts["right"] += int((told & is_right).sum())
        for kind in mistakes_of(label, each.boxes[told & ~is_right], files, persons):
            counts[kind] += 1
    return counts


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _areas(corners_B4: Numbers) -> Numbers:
    return (corners_B4[:, 2] - corners_B4[:, 0]) * (corners_B4[:, 3] - corners_B4[:, 1])
