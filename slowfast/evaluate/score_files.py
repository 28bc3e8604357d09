"""Scores boxes with actions, of whatever network, against annotations in AVA's form: from their
files, by any rule. numpy only, no Paddle.

Legend: N key frames, B boxes, R rows: a box with one of its actions.
"""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from slowfast.data.boxes.action_lists import actions_of
from slowfast.data.boxes.ava import in_order, shown
from slowfast.data.boxes.boxes_fields import Moment
from slowfast.data.boxes.boxes_files import read_boxes
from slowfast.data.boxes.scored_boxes import ScoredBoxes, read_excluded, read_scored
from slowfast.data.find import find_listed, list_of
from slowfast.data.lists.read_lists import ListError
from slowfast.evaluate.box_scores import BoxScores, read_box_scores
from slowfast.evaluate.recorded import found_again
from slowfast.log import logger
from slowfast.metrics.frame_map import (
    RULES,
    Frames,
    Matched,
    as_mmaction2_writes,
    class_matches,
    frame_map_numbers,
)
from slowfast.metrics.frame_rows import Boxes
from slowfast.overlap import Numbers


class Files(NamedTuple):
    """What the files say."""

    found: Boxes
    truth: Boxes
    frames: Frames
    actions: dict[int, str]
    """The names of the actions that are scored, by number."""
    ignored: tuple[int, int]
    """Rows found and annotated of other actions."""
    untested: int
    """Annotated key frames that a test left out, as it could not read them: they do not count."""
    moments: list[Moment]
    """Of the key frames."""
    test: BoxScores | None
    """What the .npz of a test says; None of a csv."""

    def matches(self, rule: str) -> list[Matched]:
        """Which rows of each action count by a rule, and which of them are right."""
        found = as_mmaction2_writes(self.found) if RULES[rule].rounds else self.found
        return [*class_matches(found, self.truth, self.frames, [*self.actions], rule)]


def read_files(file: Path, annotations: Path, excluded: Path | None, actions: str | None) -> Files:
    """Reads the files.

    Args:
        file: what is found, in AVA's form; or the .npz of a test, which also knows what is excluded
            and which actions count, where nothing else is said.
        excluded: key frames, a line each.
        actions: the list of those that count.

    Raises:
        ListError: one is missing or not understood, or they have no key frame in common.
        ResultsError: the .npz cannot be used.
    """
    moments: dict[Moment, int] = {}
    truth = _annotated(annotations, moments)
    listed, test = len(moments), None
    if file.suffix == ".npz":
        test = read_box_scores(file)
        found, ordered, left_out, counting = _of_test(test, moments)
    else:
        found, left_out, counting = _of_rows(read_scored(file, moments, has_scores=True)), set(), {}
        ordered = in_order(moments)  # as a test has them: it matters for equal scores
    if len(found.frames) and not (found.frames < listed).any():
        first, other = ([*moments][place] for place in (0, found.frames[0]))
        raise ListError(
            f"{file}: none of its key frames is one of {annotations}: the first is "
            f"{shown(other)} here, and {shown(first)} there"
        )
    if excluded:
        left_out = read_excluded(excluded)
        if left_out and not left_out & moments.keys():
            logger.warning(
                f"{excluded}: none of its {len(left_out):,} key frames is one of {annotations}: "
                f"the first is {shown(min(left_out))} here, and {shown(next(iter(moments)))} there"
            )
    if actions:
        counting = actions_of(actions)
    elif not counting:
        counting = dict.fromkeys(np.union1d(truth.actions, found.classes).tolist(), "")
    place = np.full(len(moments), -1, np.int32)
    place[[moments[moment] for moment in ordered]] = np.arange(len(ordered))
    tested = np.flatnonzero(place[truth.frames] >= 0)
    both = found, _of_rows(truth, tested)
    scored_found, scored_truth = (_scored(rows, place, counting) for rows in both)
    if not len(scored_truth.boxes):
        raise ListError(
            f"{annotations}: none of its {len(truth.frames):,} actions of boxes is one of those "
            f"that count ({f'--actions {actions}' if actions else f'of {file}'})"
        )
    frames = Frames(
        np.array([moments[moment] < listed for moment in ordered]),
        np.array([moment in left_out for moment in ordered]),
    )
    if frames.is_excluded[frames.is_listed].all():
        raise ListError(
            f"{excluded or file}: it excludes all {frames.is_listed.sum():,} key frames of "
            f"{annotations}, so nothing is left to score"
        )
    ignored = len(found.boxes) - len(scored_found.boxes), len(tested) - len(scored_truth.boxes)
    untested = int((place[:listed] < 0).sum())
    return Files(
        scored_found, scored_truth, frames, counting, ignored, untested, ordered, test
    )  # fmt: skip


def annotations_of(file: Path) -> Path:
    """The annotations that the test of an .npz read: from here, or from the folder of the test.

    Raises:
        ListError: they are not there; or the file is a csv, which does not name them.
        ResultsError, ConfigError: the .npz cannot be used.
    """
    if file.suffix != ".npz":
        raise ListError(f"{file} does not say with what it is compared: --annotations FILE")
    test = read_box_scores(file)
    data = test.settings().data
    key, listed = list_of(data, "test")
    found = find_listed(found_again(listed, test.run), found_again(data.root, test.run))
    if found is None:
        raise ListError(f"{file}: {key}={listed} is not there: name the annotations, --annotations")
    return Path(found)


def _annotated(path: Path, moments: dict[Moment, int]) -> ScoredBoxes:
    """The annotations, a csv in AVA's form or our JSON lines."""
    if path.suffix.lower() != ".jsonl":
        return read_scored(path, moments, has_scores=False)
    found = read_boxes(path, class_of=lambda number: number)
    for moment in found:
        moments.setdefault(moment, len(moments))
    rows = [
        (moments[moment], box, label)
        for moment, boxes in found.items() for box in boxes for label in box.labels
    ]  # fmt: skip
    return ScoredBoxes(
        np.array([frame for frame, _, _ in rows], np.int32),
        np.array([box.corners for _, box, _ in rows], np.float64).reshape(-1, 4),
        np.array([label for _, _, label in rows], np.int32),
        np.array([box.person for _, box, _ in rows], np.float64),
    )


def _scored(rows: Boxes, place: Numbers, actions: Mapping[int, str]) -> Boxes:
    """The rows whose actions count."""
    chosen = np.flatnonzero(np.isin(rows.classes, [*actions]))
    return rows.rows(chosen)._replace(frames=place[rows.frames])


def _of_test(
    test: BoxScores, moments: dict[Moment, int]
) -> tuple[Boxes, list[Moment], set[Moment], dict[int, str]]:
    """Each box of a test with each action; the key frames in order, the excluded ones, and the
    actions that count."""
    frames_N = [moments.setdefault(moment, len(moments)) for moment in test.moments]
    num_boxes, num_actions = test.scores.shape
    found = Boxes(
        np.repeat(np.array(frames_N, np.int32), test.counts), test.boxes,
        np.repeat(np.arange(num_boxes, dtype=np.int32), num_actions),
        np.tile(test.numbers.astype(np.int32), num_boxes), test.scores.ravel(),
    )  # fmt: skip
    excluded = {*itertools.compress(test.moments, test.excluded)}
    return found, test.moments, excluded, test.actions


def _of_rows(rows: ScoredBoxes, chosen: Numbers | slice = slice(None)) -> Boxes:
    frames = rows.frames[chosen]
    places = np.arange(len(frames), dtype=np.int32)
    return Boxes(frames, rows.corners[chosen], places, rows.actions[chosen], rows.scores[chosen])


def score(files: Files, rules: list[str]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The numbers, average precision by rule; and a row for each action.

    Raises:
        NoPositivesError: no box is annotated with one of the actions.
    """
    numbers: dict[str, Any] = {"mAP": {}}
    found, truth = files.found, files.truth
    classes: list[dict[str, Any]] = [
        {
            "number": number,
            **({"name": name} if any(files.actions.values()) else {}),
            "annotated": int(np.count_nonzero(truth.classes == number)),
            "found": int(np.count_nonzero(found.classes == number)),
        }
        for number, name in files.actions.items()
    ]
    for rule in rules:
        own, of_classes = frame_map_numbers(found, truth, files.frames, [*files.actions], rule)
        numbers["mAP"][rule] = own["mAP"]
        numbers["recall"] = None if np.isnan(own["recall"]) else own["recall"]
        for row, of_class in zip(classes, of_classes, strict=True):
            known = not np.isnan(of_class.precision)
            row[rule] = of_class.precision if known else None
    return numbers, classes
