"""Average precision of actions in boxes (AVA), by whose rule one likes. numpy only.

A row is a box with one of its classes: of an annotation, or with a score of what a network found.
A row that was found is right if, of the annotated boxes of its class in its frame, the one it
overlaps most overlaps it by IOU and is not taken yet. What the rules differ in is in ``RULES``.

Legend: F key frames, B boxes, R rows that were found, G annotated ones, A classes.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from slowfast.metrics.average_precision import NoPositivesError
from slowfast.metrics.frame_rows import Boxes, highest
from slowfast.overlap import IOU, Numbers, best_overlaps, taken

METRICS = {"mean_average_precision": ("mAP",), "box_recall": ("recall",)}
"""The names for --eval, the first as in mmaction2, and the numbers that each stands for."""

LEAST = np.float32(0.002)
"""mmaction2 drops rows that do not score more."""

NO_TRUTH = (
    "no annotated box is of the classes that are scored, so there is no average precision: check "
    "the numbers of the classes (detection.first_id, detection.ids, detection.scored)"
)

WRONG_NUMBERS = (
    "boxes are found, and no action of them is right: are the numbers of the actions those of the "
    "annotations?"
)


class Rule(NamedTuple):
    """What the rules differ in."""

    most: int = 0
    """Rows of a frame that count, of all classes, those of the highest scores; 0: all."""
    sorts: bool = True
    """In a frame rows of higher scores come first, of those found and of those annotated; of
    annotated boxes that one overlaps equally it takes the first. Else they come as given."""
    frames: Literal["all", "listed", "annotated"] = "listed"
    """Rows that are found elsewhere are ignored, in these frames they can be false positives: all;
    those that the annotations name, with whatever class; or those with a class that is scored."""
    excluded: Literal["counted", "skipped", "missed"] = "skipped"
    """Excluded frames are as any other; or they count for nothing; or nothing is found there."""
    skips_flat: bool = True
    """What is found in a box without area counts for nothing."""
    needs_found: bool = False
    """A class that is annotated and not found has no average precision; else it is 0."""
    rounds: bool = False
    """What is found is as in mmaction2's file, see ``as_mmaction2_writes``, and float32."""


RULES = {
    "official": Rule(most=50, excluded="counted"),
    "official-2019": Rule(most=50, frames="all"),
    "pyslowfast": Rule(sorts=False, frames="all"),
    "mmaction2": Rule(
        frames="annotated", excluded="missed", skips_flat=False, needs_found=True, rounds=True
    ),
}
"""``official``: ActivityNet's Evaluation/get_ava_performance.py since April 2020, and before;
PySlowFast's utils/ava_eval_helper.py; mmaction2 1.2.0's evaluation/functional/ava_utils.py."""


class Frames(NamedTuple):
    """What the annotations say of each key frame."""

    is_listed: NDArray[np.bool_]
    """They name it, if only to say that nobody does anything."""
    is_excluded: NDArray[np.bool_]


class OfClass(NamedTuple):
    """A class's average precision, nan if it has none; and its rows that count."""

    precision: float
    annotated: int
    found: int


class Matched(NamedTuple):
    """A class's rows that count: R that were found, and G annotated ones."""

    boxes: NDArray[np.int64]
    """Which of the boxes that were found a row has ``[R]``."""
    scores: Numbers
    """``[R]``"""
    taken: NDArray[np.int64]
    """Which of the annotated rows it takes ``[R]``; -1: none, it is wrong."""
    own: NDArray[np.int64]
    """Which of the annotated boxes a row has ``[G]``."""

    def precision(self, rule: str) -> float:
        """The average precision; nan if there is none."""
        if RULES[rule].needs_found and not len(self.boxes):
            return np.nan
        return ranked_precision(self.scores, self.taken >= 0, len(self.own))


def as_mmaction2_writes(found: Boxes) -> Boxes:
    """What is left of rows in the file that mmaction2 evaluates: scores above LEAST, and four
    decimals of all numbers."""
    kept = found.rows(np.flatnonzero(found.scores.astype(np.float32) > LEAST))
    return kept._replace(corners=_decimals(kept.corners), scores=_decimals(kept.scores))


def _decimals(numbers: Numbers) -> NDArray[np.float64]:
    return np.rint(numbers.astype(np.float32).astype(np.float64) * 1e4) / 1e4


def class_precisions(
    found: Boxes, truth: Boxes, frames: Frames, classes: Sequence[int], rule: str
) -> list[OfClass]:
    """The average precision of each of these classes.

    Of equal scores of a class in different frames, the later frame's comes first; the peers leave
    their order to numpy.
    """
    return [
        OfClass(each.precision(rule), len(each.own), len(each.boxes))
        for each in class_matches(found, truth, frames, classes, rule)
    ]


def class_matches(
    found: Boxes, truth: Boxes, frames: Frames, classes: Sequence[int], rule: str
) -> Iterator[Matched]:
    """Of each of these classes, which rows count, and which of them are right."""
    own = RULES[rule]
    truth, found = (each.rows(np.isin(each.classes, classes)) for each in (truth, found))
    counts_F = frames.is_listed | (own.frames == "all")
    if own.frames == "annotated":
        counts_F = np.zeros_like(counts_F)
        counts_F[truth.frames[truth.boxes]] = True
    if own.excluded != "counted":
        counts_F = counts_F & ~frames.is_excluded
    if own.excluded == "skipped":
        truth = _of_frames(truth, ~frames.is_excluded)
    found = _of_frames(found, counts_F)
    if own.most:
        truth, found = highest(truth, 0), highest(found, own.most)
    if own.skips_flat:
        x1, y1, x2, y2 = found.corners.T
        found = found.rows(((x1 < x2) & (y1 < y2))[found.boxes])
    yield from _each_class(found, truth, classes, own)


def _of_frames(boxes: Boxes, counts_F: NDArray[np.bool_]) -> Boxes:
    return boxes.rows(counts_F[boxes.frames][boxes.boxes])


def _each_class(
    found: Boxes, truth: Boxes, classes: Sequence[int], rule: Rule
) -> Iterator[Matched]:
    number = np.float32 if rule.rounds else np.float64
    found_of, truth_of = _grouped(found.classes), _grouped(truth.classes)
    for label in classes:
        rows, own = found_of(label), truth_of(label)
        rows, own = _by_frame(found, rows, rule), _by_frame(truth, own, rule)
        found_R, own_G = found.boxes[rows], truth.boxes[own]
        taken_R = taken(
            found.frames[found_R], found.corners[found_R].astype(number),
            truth.frames[own_G], truth.corners[own_G].astype(number),
        )  # fmt: skip
        yield Matched(found_R, found.scores[rows].astype(number), taken_R, own_G)


def _by_frame(boxes: Boxes, rows: Numbers, rule: Rule) -> Numbers:
    """Rows by frame, in each as the rule has them."""
    frames_R = boxes.frames[boxes.boxes[rows]]
    order = np.lexsort((-boxes.scores[rows], frames_R) if rule.sorts else (frames_R,))
    return rows[order]


def _grouped(classes_R: Numbers) -> Any:
    """From a class to its rows, in order."""
    order = np.argsort(classes_R, kind="stable")
    ordered = classes_R[order]

    def rows(label: int) -> Numbers:
        return order[slice(*np.searchsorted(ordered, (label, label + 1)))]

    return rows


def ranked_precision(scores_R: Numbers, is_right_R: NDArray[np.bool_], annotated: int) -> float:
    """The area under precision over recall, where precision is made to fall (VOC 2010); nan without
    annotated boxes."""
    if not annotated:
        return np.nan
    if not len(scores_R):
        return 0.0
    right_R = is_right_R[np.argsort(scores_R, kind="stable")[::-1]].cumsum()
    recall_R = right_R / annotated
    precision_R = np.maximum.accumulate((right_R / np.arange(1, len(right_R) + 1))[::-1])[::-1]
    gains = np.diff(recall_R, prepend=0.0)
    rises = np.flatnonzero(gains)
    return float(np.sum(gains[rises] * precision_R[rises]))


def box_recall(found: Boxes, truth: Boxes, frames: Frames) -> float:
    """The share of annotated boxes that a found one overlaps by IOU, whatever its class, in frames
    that are not excluded; nan if there are none. Equal boxes of a frame are one."""
    sought = np.unique(np.column_stack((truth.frames, truth.corners)), axis=0)
    sought = sought[~frames.is_excluded[sought[:, 0].astype(np.int64)]]
    order = np.argsort(found.frames, kind="stable")
    _, overlap = best_overlaps(
        sought[:, 0], sought[:, 1:], found.frames[order], found.corners[order]
    )
    return float((overlap >= IOU).mean()) if len(sought) else np.nan


def frame_map_numbers(
    found: Boxes, truth: Boxes, frames: Frames, classes: Sequence[int], rule: str
) -> tuple[dict[str, float], list[OfClass]]:
    """``mAP``, the mean over the classes that have an average precision, and ``recall``, see
    ``box_recall``; and what there is of each class.

    Raises:
        NoPositivesError: no annotated box is of these classes.
    """
    if RULES[rule].rounds:
        found = as_mmaction2_writes(found)
    of_classes = class_precisions(found, truth, frames, classes, rule)
    if not any(each.annotated for each in of_classes):
        raise NoPositivesError(NO_TRUTH)
    known = [each.precision for each in of_classes if not np.isnan(each.precision)]
    mean = float(np.mean(known)) if known else 0.0
    return {"mAP": mean, "recall": box_recall(found, truth, frames)}, of_classes
