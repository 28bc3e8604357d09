"""Boxes in a csv of AVA, AVA-Kinetics or PySlowFast; ``boxes_files`` shows the lines."""

import csv
import functools
from pathlib import Path

from slowfast.data.boxes.boxes_fields import (
    BoxesAt,
    ClassOf,
    Corners,
    Moment,
    checked,
    decimal,
    moment_of,
)
from slowfast.data.lists import PATHS, ListError, read_text
from slowfast.data.samples import Box, number_of
from slowfast.data.text_lists import NUMBER
from slowfast.log import Progress

COLUMNS = "video,time,x1,y1,x2,y2,action,person (or a score), or video,time alone"


@functools.lru_cache(1 << 12)
def _corners(*texts: str) -> Corners:
    return checked(tuple(map(decimal, texts)))


class _Csv:
    """Puts together the lines of a csv."""

    def __init__(self, class_of: ClassOf | None) -> None:
        self._class_of = class_of
        self._classes: dict[str, int | None] = {"": -1}
        """By the text of the action; -1: none."""
        self._found: dict[Moment, dict[Corners, tuple[set[int], str]]] = {}
        self._beyond_one = 0
        """Number of the first line whose last field can be no score."""
        self._last: dict[str, bool] = {}
        """Whether a text of the last column is a score for sure."""

    def add(self, row: list[str], number: int) -> None:
        """Takes the fields of line ``number``. A ValueError says what is wrong with them."""
        if len(row) == 2:
            self._found.setdefault(moment_of(*row), {})
            return
        if len(row) != 8:
            raise ValueError(f"{len(row)} columns, not {COLUMNS}")
        video, time, x1, y1, x2, y2, action, last = row
        if action not in self._classes:
            self._classes[action] = self._class(action)
        if last not in self._last:
            self._look_at(last, number)
        label = self._classes[action]
        if label is None:
            return
        boxes = self._found.setdefault(moment_of(video, time), {})
        corners = _corners(x1, y1, x2, y2)
        if corners not in boxes:
            boxes[corners] = set(), last
        if label >= 0:
            boxes[corners][0].add(label)

    def boxes(self) -> BoxesAt:
        """All of them. The last column is scores, unless all of it are whole numbers: persons."""
        are_scores = any(self._last.values())
        if are_scores and self._beyond_one:
            raise ValueError(
                "the last column is no score of 0..1, as other lines have, and all lines must have "
                "one, or all a person's number"
            )

        def box(corners: Corners, labels: set[int], last: str) -> Box:
            known = tuple(sorted(labels))
            if are_scores:
                return Box(corners, known, float(last))
            return Box(corners, known, person=int(last))

        return {
            moment: tuple([box(corners, *rest) for corners, rest in boxes.items()])
            for moment, boxes in self._found.items()
        }

    @property
    def beyond_one(self) -> int:
        """Number of the line that ``boxes`` complains of."""
        return self._beyond_one

    def _class(self, action: str) -> int | None:
        if not NUMBER.fullmatch(action):
            raise ValueError(f"{action[:40]!r} is not an action's number")
        return -1 if self._class_of is None else self._class_of(number_of(action))

    def _look_at(self, last: str, number: int) -> None:
        is_whole = NUMBER.fullmatch(last) is not None
        if not is_whole and not 0 <= decimal(last) <= 1:
            raise ValueError(f"{last[:40]!r} is neither a person's number nor a score of 0..1")
        if is_whole and number_of(last) > 1:
            self._beyond_one = self._beyond_one or number
        self._last[last] = not is_whole


def boxes_of_csv(path: str | Path, class_of: ClassOf | None) -> BoxesAt:
    """The boxes of a csv; see ``read_boxes``, which turns an OSError into a ListError."""
    lines = read_text(path, PATHS).split("\n")
    reader, found = csv.reader(lines, skipinitialspace=True), _Csv(class_of)
    progress, number = Progress(f"read {Path(path).name}", len(lines), show=len(lines) > 10**5), 0
    try:
        for row in reader:
            number = reader.line_num
            if len(row) > 1 or any(map(str.strip, row)):
                found.add(row, number)
            if number % 1000 == 0:
                progress.update(number)
        number = found.beyond_one
        boxes = found.boxes()
    except (ValueError, csv.Error) as error:
        raise ListError(f"{path}:{number or reader.line_num}: {error}") from error
    if not boxes:
        raise ListError(f"{path}: no boxes are in it")
    progress.finish()
    return boxes
