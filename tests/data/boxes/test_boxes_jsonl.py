"""Our JSON lines of boxes, and what is wrong with a line of them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from support.video_tools import write

from slowfast.data.boxes.boxes_jsonl import boxes_of_jsonl, write_boxes
from slowfast.data.lists.read_lists import ListError
from slowfast.data.samples import Box, KeyFrame

A, B = (0.1, 0.2, 0.5, 0.9), (0.5, 0.1, 0.8, 0.8)


def of_80(number: int) -> int:
    if not 1 <= number <= 80:
        raise ValueError(f"action {number} is not in 1..80")
    return number - 1


def test_json_lines(tmp_path: Path) -> None:
    pixels = {"pixels": True, "boxes": [[64, 72, 320, 324]]}
    rows: list[dict[str, Any]] = [
        {"video": "v", "time": 902, "boxes": [A, B], "scores": [0.5, 1], "labels": [[12, 3], []],
         "persons": [4, 5]},
        {"video": "v", "time": 902.25, "boxes": []},
        {"video": "w", "time": 1, **pixels, "size": [640, 360]},
        {"video": "w", "time": 1, "boxes": [B]},
    ]  # fmt: skip
    path = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))
    assert boxes_of_jsonl(path, of_80, None) == {
        ("v", 902.0): (Box(A, (2, 11), 0.5, 4), Box(B, (), 1.0, 5)),
        ("v", 902.25): (),
        ("w", 1.0): (Box(A), Box(B)),
    }
    write(path, json.dumps({"video": "u", "time": 1, **pixels}))
    sizes = {"u": (320, 360)}
    corners = (0.2, 0.2, 1.0, 0.9)
    assert boxes_of_jsonl(path, None, sizes.__getitem__) == {("u", 1.0): (Box(corners),)}


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("[]", 'no JSON object: a line is {"video": "v"'),
        ('{"video": "v", "time": 1, "box": []}', "unknown key 'box' (there are video, time,"),
        ('{"video": "v", "boxes": []}', '"video" must be a name, "time" a number'),
        ('{"video": "v", "time": true, "boxes": []}', '"video" must be a name, "time" a number'),
        ('{"video": "v", "time": -1, "boxes": []}', "'-1' is not a time"),
        ('{"video": "v", "time": 1, "boxes": [[0, 0, 1]]}', '"boxes" must each be [x1, y1, x2'),
        ('{"video": "v", "time": 1, "boxes": [[0, 0, 9, 9]]}', "x2 is 9, not a share"),
        ('{"video": "v", "time": 1, "boxes": [[0, 0, 9, 9]], "pixels": true}',
         '"pixels": true needs the picture\'s "size": [width, height]'),
        ('{"video": "v", "time": 1, "boxes": [], "pixels": true, "size": [0, 1]}',
         '"pixels": true needs the picture\'s "size": [width, height]'),
        ('{"video": "v", "time": 1, "boxes": [], "pixels": 1}', '"pixels" is true or false'),
        ('{"video": "v", "time": 1, "boxes": [[0, 0, 1, 1]], "scores": []}',
         '"scores" must be a list with one for each of the 1 boxes'),
        ('{"video": "v", "time": 1, "boxes": [[0, 0, 1, 1]], "scores": [2]}', "score 2 is not in"),
        ('{"video": "v", "time": 1, "boxes": [[0, 0, 1, 1]], "scores": ["1"]}',
         '"scores" must be numbers of 0..1'),
        ('{"video": "v", "time": 1, "boxes": [[0, 0, 1, 1]], "persons": [0.5]}',
         '"persons" must be whole numbers below 1,000,000,000, or -1 for none'),
        ('{"video": "v", "time": 1, "boxes": [[0, 0, 1, 1]], "labels": [3]}',
         '"labels" must be a list of actions\' numbers for each box'),
        ('{"video": "v", "time": 1, "boxes": [[0, 0, 1, 1]], "labels": [[81]]}',
         "action 81 is not in 1..80"),
        ('{"video": "v", "time": NaN, "boxes": []}', "NaN is not a number"),
    ],
)  # fmt: skip
def test_a_line_of_json_that_is_wrong(tmp_path: Path, row: str, fault: str) -> None:
    path = write(tmp_path / "a.jsonl", f'{{"video": "v", "time": 1, "boxes": []}}\n{row}\n')
    with pytest.raises(ListError) as caught:
        boxes_of_jsonl(path, of_80, None)
    assert str(caught.value).startswith(f"{path}:2: {fault}")


def test_what_is_written_is_read_back_the_same_without_labels(tmp_path: Path) -> None:
    """Also a name that is not UTF-8."""
    boxes = (Box((0.1, 1 / 3, 0.5, 0.7), (3,), 0.123456789, 7), Box(B))
    write_boxes(tmp_path / "a.jsonl", [
        KeyFrame("v", 902, 2, boxes), KeyFrame("na\u00efve\udcff", 0.25, 0.25, ()),
    ])  # fmt: skip
    assert boxes_of_jsonl(tmp_path / "a.jsonl", of_80, None) == {
        ("v", 902.0): (boxes[0]._replace(labels=()), boxes[1]), ("na\u00efve\udcff", 0.25): (),
    }  # fmt: skip


def of_pixels(box: list[float], **others: Any) -> str:
    row = {"video": "v", "time": 1, "boxes": [box], "pixels": True, "size": [320, 240]}
    return json.dumps(row | others)


def test_pixels_a_little_outside(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", of_pixels([-16, 24, 350, 250]))
    assert boxes_of_jsonl(path, None, None) == {("v", 1.0): (Box((0.0, 0.1, 1.0, 1.0)),)}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (of_pixels([-100, 20, 300, 200]), "1: [-100, 20, 300, 200] is outside of the picture, "
         "which is 320 x 240 pixels"),
        (of_pixels([330, 20, 340, 200]), "1: [330, 20, 340, 200] is outside of the picture, which"),
        (of_pixels([50, 20, 40, 200]), "1: the corners [50, 20, 40, 200] are not x1, y1, x2, y2"),
        (of_pixels([0.1, 0.2, 0.5, 1]), '1: "pixels" is true, and no corner of a box is above 1 in '
         'all of the file: these are shares (leave out "pixels")'),
        (of_pixels([0, 0, 9, 9], persons=[10**9]), '1: "persons" must be whole numbers below 1,0'),
    ],
    ids=["far", "beside", "order", "shares", "person"],
)  # fmt: skip
def test_pixels_that_cannot_be(tmp_path: Path, text: str, fault: str) -> None:
    path = write(tmp_path / "a.jsonl", text)
    with pytest.raises(ListError, match=re.escape(f"{path}:{fault}")):
        boxes_of_jsonl(path, None, None)
    if "shares" in fault:  # but beside others it may be small
        write(path, f"{text}\n{of_pixels([0, 0, 9, 9])}")
        assert len(boxes_of_jsonl(path, None, None)[("v", 1.0)]) == 2
