"""Boxes in our JSON lines; ``boxes_files`` shows one."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from slowfast.data.boxes.boxes_fields import (
    MOST_PERSONS,
    BoxesAt,
    ClassOf,
    Moment,
    SizeOf,
    checked,
    moment_of,
    score_of,
)
from slowfast.data.lists.read_lists import ListError, lines_of
from slowfast.data.samples import Box, KeyFrame
from slowfast.data.strict_json import parsed
from slowfast.files import atomic
from slowfast.log import Progress

OUTSIDE = 0.25
"""How far a box in pixels may reach out of the picture, as detectors have them: share of its side;
it is cut off there."""
KEYS = ("video", "time", "boxes", "scores", "labels", "persons", "pixels", "size")


def boxes_of_jsonl(path: str | Path, class_of: ClassOf | None, size_of: SizeOf | None) -> BoxesAt:
    """The boxes of JSON lines; see ``read_boxes``."""
    found: BoxesAt = {}
    lines = lines_of(path)
    progress = Progress(f"read {Path(path).name}", len(lines), show=len(lines) > 10**5)
    tiny: list[int] = []
    has_larger = False
    for done, (number, line) in enumerate(lines, 1):
        try:
            row = parsed(line)
            moment, boxes = _of_object(row, class_of, size_of)
        except ValueError as error:
            raise ListError(f"{path}:{number}: {error}") from error
        if boxes and row.get("pixels"):
            is_tiny = max(map(max, row["boxes"])) <= 1
            tiny += [number] * is_tiny
            has_larger |= not is_tiny
        found[moment] = found.get(moment, ()) + boxes
        progress.update(done)
    progress.finish()
    if tiny and not has_larger:
        raise ListError(
            f'{path}:{tiny[0]}: "pixels" is true, and no corner of a box is above 1 in all of the '
            'file: these are shares (leave out "pixels")'
        )
    return found


def write_boxes(path: Path, keys: Iterable[KeyFrame]) -> None:
    """Writes the boxes of key frames, with scores and persons and without labels."""
    with atomic(path) as file:
        for key in keys:
            row = {
                "video": key.video, "time": key.time, "boxes": [box.corners for box in key.boxes],
                "scores": [box.score for box in key.boxes],
                "persons": [box.person for box in key.boxes],
            }  # fmt: skip
            text = json.dumps(row, ensure_ascii=False)
            file.write(f"{text}\n".encode(errors="backslashreplace"))


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
    if not all(map(_is_number, scores)):
        raise ValueError('"scores" must be numbers of 0..1')
    if not all(type(person) is int and -1 <= person < MOST_PERSONS for person in persons):
        raise ValueError('"persons" must be whole numbers below 1,000,000,000, or -1 for none')
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
    return [_share(box, size) for box in boxes]


def _share(box: list[Any], size: list[int]) -> list[float]:
    """A box in pixels, as shares, cut off where it reaches a little out of the picture."""
    width, height = size
    x1, y1, x2, y2 = box
    if x1 > x2 or y1 > y2:
        raise ValueError(f"the corners {box} are not x1, y1, x2, y2")
    shares = [value / side for value, side in zip(box, (width, height) * 2, strict=True)]
    is_beside = min(shares[2:]) < 0 or max(shares[:2]) > 1
    if is_beside or not all(-OUTSIDE <= share <= 1 + OUTSIDE for share in shares):
        raise ValueError(f"{box} is outside of the picture, which is {width} x {height} pixels")
    return [min(max(share, 0.0), 1.0) for share in shares]


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
