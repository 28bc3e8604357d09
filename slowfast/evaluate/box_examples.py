"""Which key frames the report of a test of boxes shows: those of the most confident wrong answers,
and those of annotations that were missed.

Of an action in a video there is one at most, and of a key frame: the next second has the same
persons, who do the same.

Legend: R rows that were found, G annotated ones.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from slowfast.data.boxes.boxes_fields import Moment
from slowfast.data.samples import Corners
from slowfast.evaluate.box_facts import MISTAKES, mistakes_of, names_of, persons_of
from slowfast.evaluate.score_files import Files
from slowfast.metrics.frame_map import Matched
from slowfast.overlap import IOU, Numbers, all_overlaps, best_overlaps

SHOWN = 12
"""Key frames of each kind, at most."""
ACTIONS = 4
"""Of a box that was found, at most."""
NO_BOX, LOW = "no box is found there", "the box is found, but the action scores low"


class Answer(NamedTuple):
    """A box that was found."""

    corners: Corners
    actions: list[tuple[str, float]]
    """The most likely ones, with their scores."""


class Annotation(NamedTuple):
    """An annotated box."""

    corners: Corners
    actions: list[str]


class Example(NamedTuple):
    """A key frame that is shown."""

    moment: Moment
    action: str
    """What was found and is wrong, or was annotated and missed."""
    score: float | None
    """Of that action; None if no box is there."""
    why: str
    found: list[Answer]
    annotated: list[Annotation]
    box: int | None
    """Which of ``found`` it is about, or lies on the annotated box."""
    own: int | None
    """Which of ``annotated`` it is about, or lies below the box that was found."""


class _Candidate(NamedTuple):
    """A row of an action that may be shown; the least come first."""

    order: float
    place: int
    """Of the action."""
    box: int
    """Which of the found boxes, or of the annotated ones."""


def wrong_answers(files: Files, matches: Sequence[Matched], rule: str) -> list[Example]:
    """The most confident wrong answers, the surest first."""
    candidates = [
        _Candidate(-float(each.scores[row]), place, int(each.boxes[row]))
        for place, each in enumerate(matches)
        for row in _of_videos(
            np.flatnonzero(each.taken < 0), each.scores, files, files.found.frames[each.boxes]
        )
    ]
    seen, persons, examples = _Seen(files), persons_of(files, rule), []
    for each in _chosen(candidates, files.found.frames, SHOWN):
        frame, label = int(files.found.frames[each.box]), [*files.actions][each.place]
        (kind,) = mistakes_of(label, np.array([each.box]), files, persons)
        found, annotated = seen.answers(frame), seen.annotations(frame)
        box = seen.boxes(frame).index(each.box)
        own = _nearest(found[box].corners, [one.corners for one in annotated])
        moment, score = files.moments[frame], seen.score(each.box, label)
        examples.append(
            Example(moment, seen.names[label], score, MISTAKES[kind], found, annotated, box, own)
        )
    return examples


def missed(files: Files, matches: Sequence[Matched]) -> list[Example]:
    """Annotations on which no box is found, at most half of what is shown; and those whose action
    scores lowest in the box that is found there."""
    order = np.argsort(files.found.frames, kind="stable")
    found_at = files.found.frames[order], files.found.corners[order]
    without, low = list[_Candidate](), list[_Candidate]()
    for place, each in enumerate(matches):
        frames_G, is_right_R = files.truth.frames[each.own], each.taken >= 0
        _, overlap_G = best_overlaps(frames_G, files.truth.corners[each.own], *found_at)
        scores_G = np.zeros(len(each.own))
        scores_G[each.taken[is_right_R]] = each.scores[is_right_R]
        for is_here_G, candidates in ((overlap_G < IOU, without), (overlap_G >= IOU, low)):
            candidates += [
                _Candidate(float(scores_G[row]), place, int(each.own[row]))
                for row in _of_videos(np.flatnonzero(is_here_G), -scores_G, files, frames_G)
            ]
    first = _chosen(without, files.truth.frames, SHOWN // 2)
    taken = {int(files.truth.frames[each.box]) for each in first}
    others = [each for each in low if int(files.truth.frames[each.box]) not in taken]
    second = _chosen(others, files.truth.frames, SHOWN - len(first))
    seen = _Seen(files)
    return [_missed(files, seen, each) for each in (*first, *second)]


def _missed(files: Files, seen: "_Seen", each: _Candidate) -> Example:
    frame, label = int(files.truth.frames[each.box]), [*files.actions][each.place]
    found, annotated = seen.answers(frame), seen.annotations(frame)
    corners = _corners(files.truth.corners[each.box])
    box = _nearest(corners, [one.corners for one in found])
    own = [one.corners for one in annotated].index(corners)
    score = None if box is None else seen.score(seen.boxes(frame)[box], label)
    why = NO_BOX if box is None else LOW
    moment = files.moments[frame]
    return Example(moment, seen.names[label], score, why, found, annotated, box, own)


def _of_videos(rows: Numbers, scores: Numbers, files: Files, frames: Numbers) -> Iterator[int]:
    """Of these rows the best of each video, the best first, as many as may be shown."""
    videos = set[str]()
    for row in rows[np.argsort(-scores[rows], kind="stable")].tolist():
        video, _ = files.moments[frames[row]]
        if video not in videos:
            videos.add(video)
            yield row
            if len(videos) == SHOWN:
                return


def _chosen(candidates: list[_Candidate], frames: Numbers, most: int) -> list[_Candidate]:
    """The first ones, one of each key frame."""
    chosen: dict[int, _Candidate] = {}
    for each in sorted(candidates):
        chosen.setdefault(int(frames[each.box]), each)
        if len(chosen) == most:
            break
    return [*chosen.values()]


class _Seen:
    """What is found and annotated in key frames."""

    def __init__(self, files: Files) -> None:
        assert files.test is not None
        self._found, self._truth = files.found, files.truth
        self.names = names_of(files)
        chosen = np.isin(files.test.numbers, [*files.actions])
        self._labels = files.test.numbers[chosen].tolist()
        self._scores_BA = files.test.scores[:, chosen]

    def boxes(self, frame: int) -> list[int]:
        """Those that were found."""
        return np.flatnonzero(self._found.frames == frame).tolist()

    def score(self, box: int, label: int) -> float:
        """Of an action in a box."""
        return float(self._scores_BA[box, self._labels.index(label)])

    def answers(self, frame: int) -> list[Answer]:
        """What is found, in the order of ``boxes``."""
        answers = []
        for box in self.boxes(frame):
            best = np.argsort(-self._scores_BA[box], kind="stable")[:ACTIONS].tolist()
            actions = [(self.names[label], self.score(box, label))
                       for label in map(self._labels.__getitem__, best)]  # fmt: skip
            answers.append(Answer(_corners(self._found.corners[box]), actions))
        return answers

    def annotations(self, frame: int) -> list[Annotation]:
        """Each annotated box once."""
        annotated: dict[Corners, Annotation] = {}
        for box in np.flatnonzero(self._truth.frames == frame).tolist():
            corners = _corners(self._truth.corners[box])
            own = annotated.setdefault(corners, Annotation(corners, []))
            labels = self._truth.classes[self._truth.boxes == box].tolist()
            own.actions.extend(self.names[label] for label in labels)
        return [*annotated.values()]


def _nearest(corners: Corners, others: Sequence[Corners]) -> int | None:
    """Which of some boxes lies on a box; None if none does."""
    if not others:
        return None
    (overlaps,) = all_overlaps(np.array([corners]), np.array(others))
    return int(overlaps.argmax()) if overlaps.max() >= IOU else None


def _corners(corners: Numbers) -> Corners:
    x1, y1, x2, y2 = corners.tolist()
    return x1, y1, x2, y2
