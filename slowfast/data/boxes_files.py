"""Files of boxes: those that people drew, and those that a person detector found.

A ``.csv`` has a line for each box, or for each action of it; several lines of one box become one::

    -5KQ66BBWC4,0902,0.077,0.151,0.283,0.811,80,1     AVA: time, corners, action, person
    -5KQ66BBWC4,0902,0.077,0.151,0.283,0.811,,0.998   PySlowFast: action or nothing, score
    -5KQ66BBWC4,0902                                  AVA-Kinetics: looked at, nothing seen

A ``.pkl`` is mmaction2's: a dict with keys ``VIDEO,0902`` and arrays ``[K, 5]`` (corners, score) or
``[K, 4]``. A ``.jsonl`` has an object a line; all but the first three keys may be left out::

    {"video": "v", "time": 902, "boxes": [[0.1, 0.2, 0.5, 0.9]], "scores": [0.9], "labels": [[3]],
     "persons": [1], "pixels": false, "size": [640, 360]}

Corners are x1, y1, x2, y2, shares of the picture's width and height.
"""

import csv
import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from slowfast.data.lists import PATHS, ListError, lines_of, read_text
from slowfast.data.pickled_boxes import pickled_boxes
from slowfast.data.samples import Box, number_of
from slowfast.data.strict_json import parsed
from slowfast.data.text_lists import NUMBER
from slowfast.log import Progress

Moment = tuple[str, float]
"""A video, as the annotations call it, and a time, as annotated, to the millisecond."""
BoxesAt = dict[Moment, tuple[Box, ...]]
"""The boxes of each moment of a file, both in its order; there may be none."""
ClassOf = Callable[[int], int | None]
"""From an action's number in the annotations to its class index; None: left out. A ValueError says
that there is no such action."""
SizeOf = Callable[[str], tuple[int, int]]
"""The width and height of a video's pictures."""
Corners = tuple[float, float, float, float]

ENDINGS = (".csv", ".pkl", ".jsonl")
COLUMNS = "video,time,x1,y1,x2,y2,action,person (or a score), or video,time alone"
KEYS = ("video", "time", "boxes", "scores", "labels", "persons", "pixels", "size")
ROUNDING = 0.01
"""So far outside of 0..1 a corner may be, as rounding and detectors have them."""
LATEST = 1e9


def read_boxes(
    path: str | Path, class_of: ClassOf | None = None, size_of: SizeOf | None = None
) -> BoxesAt:
    """The boxes of a file, by video and time.

    Args:
        class_of: from the numbers of actions to class indices; None: labels are left out.
        size_of: gives the size of a video whose boxes are pixels, if the file does not.

    Raises:
        ListError: the file is missing or empty, or something in it is not understood; the message
            has the file and the line, or the key.
    """
    ending = Path(path).suffix.lower()
    if ending not in ENDINGS:
        raise ListError(f"{path}: a file of boxes ends in {', '.join(ENDINGS)}")
    try:
        if ending == ".csv":
            return _of_csv(path, class_of)
        if ending == ".jsonl":
            return _of_jsonl(path, class_of, size_of)
        rows = pickled_boxes(path)
    except OSError as error:
        raise ListError(f"{path} cannot be read: {error.strerror}") from error
    found: BoxesAt = {}
    for key, boxes in rows:
        try:
            video, _, time = key.rpartition(",")
            moment = moment_of(video, time)
            scored = [(box[:4], box[4] if len(box) == 5 else 1.0) for box in boxes]
            own = tuple(Box(checked(corners), (), score_of(score)) for corners, score in scored)
        except ValueError as error:
            raise ListError(f"{path}: key {key!r}: {error}") from error
        found[moment] = found.get(moment, ()) + own
    return found


def moment_of(video: str, time: str) -> Moment:
    """What two fields say."""
    if not video:
        raise ValueError("no video is named")
    return video, time_of(time)


@functools.lru_cache(1 << 16)
def time_of(text: str) -> float:
    """A time, ``0902`` or ``902.5``, to the millisecond."""
    time = _number(text)
    if not 0 <= time <= LATEST:
        raise ValueError(f"{text!r} is not a time (0902 or 902.5, without a header above it)")
    return round(time, 3)


def checked(corners: Any) -> Corners:
    """Corners of a box, which must be shares, and in order."""
    x1, y1, x2, y2 = corners
    for name, value in zip(("x1", "y1", "x2", "y2"), corners, strict=True):
        if not -ROUNDING <= value <= 1 + ROUNDING:
            raise ValueError(
                f"{name} is {value:g}, not a share of 0..1 of the picture's width or height (boxes "
                'in pixels: a .jsonl with "pixels": true)'
            )
    if x2 < x1 or y2 < y1:
        raise ValueError(f"the corners {x1:g}, {y1:g}, {x2:g}, {y2:g} are not x1, y1, x2, y2")
    return x1, y1, x2, y2


def score_of(value: float) -> float:
    """A score, which must be one."""
    if not 0 <= value <= 1:
        raise ValueError(f"score {value:g} is not in 0..1")
    return value


def _number(text: str) -> float:
    """A decimal number, or nan."""
    try:
        return math.nan if "_" in text or not text.isascii() else float(text)
    except ValueError:
        return math.nan


@functools.lru_cache(1 << 12)
def _corners(*texts: str) -> Corners:
    return checked(tuple(map(_number, texts)))


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
        if not is_whole and not 0 <= _number(last) <= 1:
            raise ValueError(f"{last[:40]!r} is neither a person's number nor a score of 0..1")
        if is_whole and number_of(last) > 1:
            self._beyond_one = self._beyond_one or number
        self._last[last] = not is_whole


def _of_csv(path: str | Path, class_of: ClassOf | None) -> BoxesAt:
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


def _of_jsonl(path: str | Path, class_of: ClassOf | None, size_of: SizeOf | None) -> BoxesAt:
    found: BoxesAt = {}
    lines = lines_of(path)
    progress = Progress(f"read {Path(path).name}", len(lines), show=len(lines) > 10**5)
    for done, (number, line) in enumerate(lines, 1):
        try:
            moment, boxes = _of_object(parsed(line), class_of, size_of)
        except ValueError as error:
            raise ListError(f"{path}:{number}: {error}") from error
        found[moment] = found.get(moment, ()) + boxes
        progress.update(done)
    progress.finish()
    return found


def _of_object(
    row: Any, class_of: ClassOf | None, size_of: SizeOf | None
) -> tuple[Moment, tuple[Box, ...]]:
    if not isinstance(row, dict):
        raise ValueError('no JSON object: a line is {"video": "v", "time": 902, "boxes": [...]}')
    if odd := next((key for key in row if key not in KEYS), None):
        raise ValueError(f"unknown key {odd!r} (there are {', '.join(KEYS)})")
    video, time, boxes = (row.get(key) for key in KEYS[:3])
    if not isinstance(video, str) or not _is_number(time) or not isinstance(boxes, list):
        raise ValueError('"video" must be a name, "time" a number, and "boxes" a list')
    moment = moment_of(video, repr(time))
    if not all(isinstance(b, list) and len(b) == 4 and all(map(_is_number, b)) for b in boxes):
        raise ValueError('"boxes" must each be [x1, y1, x2, y2]')
    if row.get("pixels", False) is not False:
        boxes = _shares(boxes, row, size_of)
    scores = _parallel(row, "scores", len(boxes), 1.0)
    labels = _parallel(row, "labels", len(boxes), [])
    persons = _parallel(row, "persons", len(boxes), -1)
    if not all(map(_is_number, scores)) or not all(type(person) is int for person in persons):
        raise ValueError('"scores" must be numbers of 0..1, and "persons" whole numbers')
    return moment, tuple(
        Box(checked(corners), _labels(own, class_of), score_of(float(score)), person)
        for corners, own, score, person in zip(boxes, labels, scores, persons, strict=True)
    )


def _shares(boxes: list[Any], row: dict[str, Any], size_of: SizeOf | None) -> list[Any]:
    """Boxes in pixels, as shares."""
    size = row.get("size")
    if row["pixels"] is not True:
        raise ValueError('"pixels" is true or false')
    if size is None and size_of is not None:
        size = list(size_of(row["video"]))
    is_size = isinstance(size, list) and len(size) == 2 and all(type(one) is int for one in size)
    if not isinstance(size, list) or not is_size or min(size) < 1:
        raise ValueError('"pixels": true needs the picture\'s "size": [width, height]')
    return [[value / size[i % 2] for i, value in enumerate(box)] for box in boxes]


def _parallel(row: dict[str, Any], key: str, count: int, default: Any) -> list[Any]:
    """A list with one value for each box."""
    values = row.get(key)
    if values is None:
        return [default] * count
    if not isinstance(values, list) or len(values) != count:
        raise ValueError(f'"{key}" must be a list with one for each of the {count} boxes')
    return values


def _labels(own: Any, class_of: ClassOf | None) -> tuple[int, ...]:
    if not isinstance(own, list) or not all(type(one) is int and one >= 0 for one in own):
        raise ValueError('"labels" must be a list of actions\' numbers for each box, as [[3, 5]]')
    found = {class_of(one) for one in own} if class_of else set()
    return tuple(sorted(label for label in found if label is not None))


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)
