"""The rows of AVA's csv: what a network found in boxes, boxes that a detector found, annotations.

    -5KQ66BBWC4,0902,0.077,0.151,0.283,0.811,80,0.4316     video, time, corners, action, score
    -5KQ66BBWC4,0902,0.077,0.151,0.283,0.811,80,1          of an annotation: person, or nothing
    -5KQ66BBWC4,0902                                       looked at, nobody does anything

A row is an action of a box, so a file has millions of them. Legend: R rows, B boxes.
"""

import csv
import io
import itertools
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from slowfast.data.boxes.boxes_fields import (
    CORNERS,
    LEAST,
    MOST,
    Moment,
    action_number,
    checked,
    decimal,
    moment_of,
    person_number,
)
from slowfast.data.lists.read_lists import PATHS, ListError
from slowfast.data.samples import KeyFrame, seconds_text
from slowfast.files import atomic
from slowfast.log import Progress

AT_ONCE = 1 << 16
"""Lines that are read at once."""
LARGE = 10**7
"""Bytes of a file whose reading shows its progress."""


class ScoredBoxes(NamedTuple):
    """The rows of a file, in its order."""

    frames: NDArray[np.int32]
    """By the numbers that ``read_scored`` gave their moments."""
    corners: NDArray[np.float64]
    actions: NDArray[np.int32]
    """Numbers of the actions, as written."""
    scores: NDArray[np.float64]
    """Or, in annotations, the person's number; -1: none."""


def read_scored(path: str | Path, moments: dict[Moment, int], *, has_scores: bool) -> ScoredBoxes:
    """The rows of a file; ``moments`` numbers all key frames, and gets those that are new in it.

    Raises:
        ListError: the file is missing, or has a line that is no such row; or its last column is
            that of an annotation, but there should be scores.
    """
    parts = rows_of(path, moments, action_number, has_scores=has_scores)
    return ScoredBoxes(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def read_excluded(path: str | Path) -> set[Moment]:
    """The key frames of a file of lines ``video,time``; there may be none. Raises a ListError if it
    is missing, or has other lines."""
    try:
        if not Path(path).read_bytes().strip():
            return set()
    except OSError as error:
        raise ListError(f"{path} cannot be read: {error.strerror}") from error
    moments: dict[Moment, int] = {}
    if len(read_scored(path, moments, has_scores=False).frames):
        raise ListError(f"{path}: has boxes, and should have lines 'video,time' alone")
    return {*moments}


def rows_of(
    path: str | Path, moments: dict[Moment, int], action_of: Callable[[str], int], *,
    has_scores: bool,
) -> Iterator[ScoredBoxes]:  # fmt: skip
    """The same, so many rows at a time. ``action_of`` tells what the text of an action stands for;
    a ValueError says that it cannot be."""
    reader = _Reader(Path(path), moments, action_of, has_scores)
    try:
        progress = Progress(
            f"read {Path(path).name}", size := os.path.getsize(path), show=size > LARGE
        )
        with open(path, encoding="utf-8-sig", errors=PATHS, newline="") as file:
            yield from reader.parts(file, progress)
    except OSError as error:
        raise ListError(f"{path} cannot be read: {error.strerror}") from error


class _Reader:
    """Reads lines. Those of a box begin alike, whatever its actions, so what begins them is
    understood once."""

    def __init__(
        self, path: Path, moments: dict[Moment, int], action_of: Callable[[str], int],
        has_scores: bool,
    ) -> None:  # fmt: skip
        self._path, self._moments, self._has_scores = path, moments, has_scores
        self._numbers: dict[tuple[str, str], int] = {}
        """Of the moments, by how they are written."""
        self._action_of = action_of
        self._actions: dict[str, int] = {}
        """By how they are written."""

    def parts(self, file: Iterable[str], progress: Progress) -> Iterator[ScoredBoxes]:
        """The rows, so many lines at a time."""
        lines, first, done = iter(file), 1, 0
        while part := [*itertools.islice(lines, AT_ONCE)]:
            done += sum(map(len, part))
            try:
                yield self._part([line.rstrip() for line in part])
            except ValueError:
                if any("\0" in line for line in part):
                    raise ListError(f"{self._path} is not text: it has a NUL byte") from None
                for number, line in enumerate(part, first):
                    self._part_of_one(line.rstrip(), number)
                raise
            first += len(part)
            progress.update(done)
        progress.finish()
        if not self._numbers:
            raise ListError(f"{self._path}: no boxes are in it")

    def _part_of_one(self, line: str, number: int) -> None:
        """Raises a ListError if there is something wrong with this line."""
        try:
            self._part([line])
        except ValueError as error:
            raise ListError(f"{self._path}:{number}: {error}: {line[:80]!r}") from error

    def _part(self, lines: list[str]) -> ScoredBoxes:
        # A row of 8 without quotes needs no csv reader: its box is what is before two commas.
        rows = [
            line.rsplit(",", 2) if line.count(",") == 7 and '"' not in line else self._fields(line)
            for line in lines
            if line
        ]
        whole = [row for row in rows if len(row) == 3]
        if len(whole) < len(rows):
            for row in rows:  # all, so that they are numbered in the order of the file
                if len(row) == 2:
                    self._number(*row)
                else:
                    self._box(row[0])
        if not whole:
            return ScoredBoxes(
                np.zeros(0, np.int32), np.zeros((0, 4)), np.zeros(0, np.int32), np.zeros(0)
            )
        texts, actions, last = zip(*whole, strict=True)
        boxes = {text: place for place, text in enumerate(dict.fromkeys(texts))}
        frames, corners = zip(*map(self._box, boxes), strict=True)
        boxes_B4 = np.array(corners)
        is_good_B4 = (boxes_B4 >= LEAST) & (boxes_B4 <= MOST)
        if not is_good_B4.all() or (boxes_B4[:, 2:] < boxes_B4[:, :2]).any():
            for box in corners:
                checked(box)
        box_R = np.fromiter(map(boxes.__getitem__, texts), np.int32, len(texts))
        for text in {*actions} - self._actions.keys():
            self._actions[text] = self._action_of(text.strip())
        return ScoredBoxes(
            np.array(frames, np.int32)[box_R],
            boxes_B4[box_R],
            np.fromiter(map(self._actions.__getitem__, actions), np.int32, len(actions)),
            self._scores(last) if self._has_scores else self._persons(last),
        )

    def _fields(self, line: str) -> list[Any]:
        """The same of any line: its box as fields, its action, and its score or person; or a
        moment alone."""
        try:
            fields = next(csv.reader([line], strict=True, skipinitialspace=True))
        except csv.Error as error:
            raise ValueError(error) from error
        if len(fields) == 2:
            return fields
        if len(fields) != 8 and (self._has_scores or len(fields) != 7):
            wanted = "action,score" if self._has_scores else "action, and perhaps person"
            raise ValueError(
                f"{len(fields)} columns, not video,time,x1,y1,x2,y2,{wanted}, or video,time alone"
            )
        return [tuple(fields[:6]), fields[6], *(fields[7:] or [""])]

    def _box(self, text: str | tuple[str, ...]) -> tuple[int, list[float]]:
        """The number of a box's frame, and its corners."""
        fields = text.split(",") if isinstance(text, str) else text
        number = self._number(*fields[:2])
        corners = [*map(decimal, fields[2:])]
        for name, corner, field in zip(CORNERS, corners, fields[2:], strict=True):
            if math.isnan(corner):
                raise ValueError(f"{name} is {field[:40]!r}, not a number")
        return number, corners

    def _scores(self, texts: Sequence[str]) -> NDArray[np.float64]:
        numbers = {text: decimal(text) for text in {*texts}}  # many are written alike
        scores_R = np.fromiter(map(numbers.__getitem__, texts), np.float64, len(texts))
        if not ((scores_R >= 0) & (scores_R <= 1)).all():
            if all(map(str.isdecimal, texts)):
                raise ValueError(
                    "the last column is no score of 0..1, but a whole number, as annotations have "
                    "for the person; what is to be scored is a network's detections"
                )
            raise ValueError("the last column is no score of 0..1")
        return scores_R

    def _persons(self, texts: Sequence[str]) -> NDArray[np.float64]:
        numbers = {text: person_number(text.strip()) for text in {*texts}}
        return np.fromiter(map(numbers.__getitem__, texts), np.float64, len(texts))

    def _number(self, video: str, time: str) -> int:
        number = self._numbers.get((video, time))
        if number is None:
            moment = moment_of(video.lstrip(), time)
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
