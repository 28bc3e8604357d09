"""What a network found in boxes, in AVA's form; annotations have the same columns.

    -5KQ66BBWC4,0902,0.077,0.151,0.283,0.811,80,0.4316     video, time, corners, action, score
    -5KQ66BBWC4,0902,0.077,0.151,0.283,0.811,80,1          of an annotation: person, not used here
    -5KQ66BBWC4,0902                                       looked at, nobody does anything

A row is an action of a box, so a file has millions of them. Legend: R rows.
"""

import csv
import io
import itertools
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from slowfast.data.lists import PATHS, ListError
from slowfast.data.samples import KeyFrame, seconds_text
from slowfast.files import atomic

AT_ONCE = 1 << 16
"""Lines that are read at once."""
Moment = tuple[str, float]
"""A video and a time, as they are written."""


class ScoredBoxes(NamedTuple):
    """The rows of a file, in its order."""

    frames: NDArray[np.int32]
    """By the numbers that ``read_scored`` gave their moments."""
    corners: NDArray[np.float64]
    actions: NDArray[np.int32]
    """Numbers of the actions, as written."""
    scores: NDArray[np.float64]
    """Or, in annotations, 1."""


def read_scored(path: str | Path, moments: dict[Moment, int], *, has_scores: bool) -> ScoredBoxes:
    """The rows of a file; ``moments`` numbers all key frames, and gets those that are new in it.

    Raises:
        ListError: the file is missing, or has a line that is no such row; or its last column is
            that of an annotation, but there should be scores.
    """
    reader = _Reader(Path(path), moments, has_scores)
    try:
        with open(path, encoding="utf-8-sig", errors=PATHS, newline="") as file:
            parts = [*reader.parts(file)]
    except OSError as error:
        raise ListError(f"{path} cannot be read: {error.strerror}") from error
    if not parts:
        raise ListError(f"{path} is empty")
    return ScoredBoxes(*(np.concatenate(column) for column in zip(*parts, strict=True)))


class _Reader:
    def __init__(self, path: Path, moments: dict[Moment, int], has_scores: bool) -> None:
        self._path, self._moments, self._has_scores = path, moments, has_scores
        self._numbers: dict[tuple[str, str], int] = {}
        """Of the moments, by how they are written."""

    def parts(self, file: Iterable[str]) -> Iterator[ScoredBoxes]:
        """The rows, so many lines at a time."""
        lines, first = csv.reader(file), 1
        while True:
            try:
                rows = [*itertools.islice(lines, AT_ONCE)]
            except csv.Error as error:
                raise ListError(f"{self._path}:{lines.line_num}: {error}") from error
            if not rows:
                return
            try:
                yield self._part(rows)
            except ValueError:
                for number, row in enumerate(rows, first):
                    self._part_of_one(row, number)
                raise
            first += len(rows)

    def _part_of_one(self, row: list[str], number: int) -> None:
        """Raises a ListError if there is something wrong with this row."""
        try:
            self._part([row])
        except ValueError as error:
            line = ",".join(row)[:80]
            raise ListError(f"{self._path}:{number}: {error}: {line!r}") from error

    def _part(self, rows: list[list[str]]) -> ScoredBoxes:
        lengths = {*map(len, rows)}
        allowed = {0, 2, 8} if self._has_scores else {0, 2, 7, 8}
        if odd := lengths - allowed:
            wanted = "action,score" if self._has_scores else "action, and perhaps person"
            raise ValueError(f"{max(odd)} columns, not video,time,x1,y1,x2,y2,{wanted}")
        if 2 in lengths:
            for row in filter(None, rows):
                self._number(row[0], row[1])
        whole = [row for row in rows if len(row) > 2]
        if not whole:
            return ScoredBoxes(
                np.zeros(0, np.int32), np.zeros((0, 4)), np.zeros(0, np.int32), np.zeros(0)
            )
        videos, times, *corners, actions = zip(*(row[:7] for row in whole), strict=True)
        boxes_R4 = np.array([[*map(float, column)] for column in corners]).T
        if not np.isfinite(boxes_R4).all():
            raise ValueError("a corner is not a number")
        if (boxes_R4[:, 2:] < boxes_R4[:, :2]).any():
            raise ValueError("the corners are not x1,y1,x2,y2")
        return ScoredBoxes(
            np.fromiter(map(self._number, videos, times), np.int32, len(whole)),
            boxes_R4,
            np.fromiter(map(int, actions), np.int32, len(whole)),
            self._scores([row[7] for row in whole]) if self._has_scores else np.ones(len(whole)),
        )

    def _scores(self, texts: list[str]) -> NDArray[np.float64]:
        scores_R = np.fromiter(map(float, texts), np.float64, len(texts))
        if not ((scores_R >= 0) & (scores_R <= 1)).all():
            if all(map(str.isdecimal, texts)):
                raise ValueError(
                    "the last column is no score of 0..1, but a whole number, as annotations have "
                    "for the person; what is to be scored is a network's detections"
                )
            raise ValueError("the last column is no score of 0..1")
        return scores_R

    def _number(self, video: str, time: str) -> int:
        number = self._numbers.get((video, time))
        if number is None:
            seconds = float(time)
            if not video or not math.isfinite(seconds):
                raise ValueError("no video and time are named")
            moment = video, round(seconds, 3)
            number = self._moments.setdefault(moment, len(self._moments))
            self._numbers[video, time] = number
        return number


def write_scored(
    path: Path, rows: Iterable[tuple[KeyFrame, NDArray[np.float32]]], numbers: list[int],
    least: float,
) -> None:  # fmt: skip
    """Writes the actions that score more than ``least``, of key frames with the scores ``[K, A]``
    of their boxes, to a file that ``read_scored`` and the official evaluation of AVA read.

    Args:
        numbers: of the classes, in the annotations.
    """
    with atomic(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", errors=PATHS, newline="")
        writer = csv.writer(text, lineterminator="\n")
        for key, scores_KA in rows:
            writer.writerows(_lines(key, scores_KA, numbers, least))
        text.detach()


def _lines(
    key: KeyFrame, scores_KA: NDArray[np.float32], numbers: list[int], least: float
) -> Iterator[list[Any]]:
    is_whole = float(key.time).is_integer()
    moment = [key.video, f"{int(key.time):04d}" if is_whole else seconds_text(key.time)]
    for box, scores in zip(key.boxes, scores_KA, strict=True):
        chosen = np.flatnonzero(scores > np.float32(least)).tolist()
        texts = scores[chosen].astype("U16").tolist()  # the shortest that read back the same
        for label, score in zip(chosen, texts, strict=True):
            yield [*moment, *box.corners, numbers[label], score]
