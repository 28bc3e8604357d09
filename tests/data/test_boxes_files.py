"""Files of boxes in each form, and what is wrong with them by file and line."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.video_tools import write

from slowfast.data.boxes_files import read_boxes
from slowfast.data.lists import ListError
from slowfast.data.samples import Box

A, B = (0.1, 0.2, 0.5, 0.9), (0.5, 0.1, 0.8, 0.8)


def of_80(number: int) -> int:
    if not 1 <= number <= 80:
        raise ValueError(f"action {number} is not in 1..80")
    return number - 1


def test_avas_csv(tmp_path: Path) -> None:
    """Rows of one box merge, in any order; a row of two columns is a moment without boxes."""
    path = write(
        tmp_path / "ava.csv",
        "v,0902,0.1,0.2,0.5,0.9,80,1\n"
        "w,0902,0.1,0.2,0.5,0.9,12,7\r\n"
        "v,0902,0.5,0.1,0.8,0.8,12,0\n"
        "\n"
        "v,0902,0.10,0.2,0.500,0.9,12,1\n"
        "v,0902,0.1,0.2,0.5,0.9,12,1\n"
        "v,0001.5004\n"
        '"x,y",0903,0.1,0.2,0.5,0.9,1,2\n',
    )
    found = read_boxes(path, of_80)
    assert list(found.items()) == [
        (("v", 902.0), (Box(A, (11, 79), person=1), Box(B, (11,), person=0))),
        (("w", 902.0), (Box(A, (11,), person=7),)),
        (("v", 1.5), ()),
        (("x,y", 903.0), (Box(A, (0,), person=2),)),
    ]
    assert read_boxes(path)["v", 902.0] == (Box(A, person=1), Box(B, person=0))


def test_pyslowfasts_csv(tmp_path: Path) -> None:
    """Its last column is scores, also where some of them are whole."""
    path = write(
        tmp_path / "boxes.csv",
        "v,0902,0.1,0.2,0.5,0.9,80,0.998\nv,0902,0.1,0.2,0.5,0.9,12,0.998\n"
        "v,0902,0.5,0.1,0.8,0.8,,1\nv,0903,0.5,0.1,0.8,0.8,,5e-1\n",
    )
    assert read_boxes(path, of_80) == {
        ("v", 902.0): (Box(A, (11, 79), 0.998), Box(B, (), 1.0)),
        ("v", 903.0): (Box(B, (), 0.5),),
    }


def test_actions_that_are_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "v,1,0.1,0.2,0.5,0.9,3,1\nv,2,0.1,0.2,0.5,0.9,4,1\n")
    assert read_boxes(path, {3: 0}.get) == {("v", 1.0): (Box(A, (0,), person=1),)}


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("v,0902,0.1,0.2,0.5,0.9,80", "7 columns, not video,time,x1,y1,x2,y2,action,person"),
        ("v,0902,0.1,0.2,0.5,0.9,80,1,1", "9 columns, not video,time,"),
        ("v 0902 0.1 0.2 0.5 0.9 80 1", "1 columns, not video,time,"),
        (",0902,0.1,0.2,0.5,0.9,80,1", "no video is named"),
        ("v,902s,0.1,0.2,0.5,0.9,80,1", "'902s' is not a time (0902 or 902.5, without a header"),
        ("v,nan,0.1,0.2,0.5,0.9,80,1", "'nan' is not a time"),
        ("v,inf,0.1,0.2,0.5,0.9,80,1", "'inf' is not a time"),
        ("v,-1,0.1,0.2,0.5,0.9,80,1", "'-1' is not a time"),
        ("v,9_0,0.1,0.2,0.5,0.9,80,1", "'9_0' is not a time"),
        ("v,0902,nan,0.2,0.5,0.9,80,1", "x1 is nan, not a share of 0..1"),
        ("v,0902,0.1,0.2,0.5,left,80,1", "y2 is nan, not a share of 0..1"),
        ("v,0902,0.1,-0.2,0.5,0.9,80,1", "y1 is -0.2, not a share of 0..1"),
        ("v,0902,64,20,320,200,80,1", "x1 is 64, not a share of 0..1 of the picture's width or "
         'height (boxes in pixels: a .jsonl with "pixels": true)'),
        ("v,0902,0.5,0.2,0.1,0.9,80,1", "the corners 0.5, 0.2, 0.1, 0.9 are not x1, y1, x2, y2"),
        ("v,0902,0.1,0.2,0.5,0.9,0,1", "action 0 is not in 1..80"),
        ("v,0902,0.1,0.2,0.5,0.9,81,1", "action 81 is not in 1..80"),
        ("v,0902,0.1,0.2,0.5,0.9,walk,1", "'walk' is not an action's number"),
        ("v,0902,0.1,0.2,0.5,0.9,\u0661,1", "'\u0661' is not an action's number"),
        (f"v,0902,0.1,0.2,0.5,0.9,{'9' * 200},1", "99999999999999999999... is a number of 200"),
        ("v,0902,0.1,0.2,0.5,0.9,1,", "'' is neither a person's number nor a score of 0..1"),
        ("v,0902,0.1,0.2,0.5,0.9,1,1.5", "'1.5' is neither a person's number nor a score"),
        ("v,0902,0.1,0.2,0.5,0.9,1,nan", "'nan' is neither a person's number nor a score"),
    ],
)  # fmt: skip
def test_a_line_of_a_csv_that_is_wrong(tmp_path: Path, row: str, fault: str) -> None:
    path = write(tmp_path / "a.csv", f"v,0902,0.1,0.2,0.5,0.9,80,1\n\n{row}\n")
    with pytest.raises(ListError) as caught:
        read_boxes(path, of_80)
    assert str(caught.value).startswith(f"{path}:3: {fault}")


def test_persons_and_scores_in_one_file(tmp_path: Path) -> None:
    row = "v,0902,0.1,0.2,0.5,0.9,80,"
    path = write(tmp_path / "a.csv", f"{row}1\n{row}57\n{row}0.9\n")
    with pytest.raises(ListError, match=r"a.csv:2: the last column is no score of 0..1, as other"):
        read_boxes(path)


@pytest.mark.parametrize(
    ("name", "data", "fault"),
    [
        ("a.csv", b"", "a.csv: no boxes are in it"),
        ("a.jsonl", b"\n", "a.jsonl: the list is empty"),
        ("a.csv", "v,0902".encode("utf-16"), "a.csv is not text: it has a NUL byte"),
        ("a.csv", b"v,0902,\xff,0,1,1,1,1", "a.csv:1: x1 is nan"),
        ("a.jsonl", b'{"video": "\xff"}', "a.jsonl is not UTF-8 text"),
        ("a.txt", b"v,0902", "a.txt: a file of boxes ends in .csv, .pkl, .jsonl"),
    ],
    ids=["empty", "empty jsonl", "UTF-16", "a byte", "a byte in JSON", "ending"],
)
def test_files_that_are_none(tmp_path: Path, name: str, data: bytes, fault: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ListError) as caught:
        read_boxes(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path}/{fault}")
    with pytest.raises(ListError, match="missing.csv cannot be read: No such file"):
        read_boxes(tmp_path / "missing.csv")


def test_names_keep_bytes_that_are_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbfv\xff,0902,0,0,1,1,1,1")
    assert list(read_boxes(tmp_path / "a.csv")) == [("v\udcff", 902.0)]


def test_mmaction2s_pickle(tmp_path: Path) -> None:
    path = tmp_path / "a.pkl"
    boxes = {"v,0902": np.array([[*A, 0.75]]), "v,0903": np.array([B]), "v,0904": np.zeros((0, 5))}
    path.write_bytes(pickle.dumps(boxes))
    assert read_boxes(path) == {
        ("v", 902.0): (Box(A, score=0.75),), ("v", 903.0): (Box(B),), ("v", 904.0): (),
    }  # fmt: skip
    for key, box, fault in (
        ("v,soon", [*A, 1], "'soon' is not a time"),
        ("v,1", [*A, 2], "score 2 is not in 0..1"),
        ("v,1", [0, 0, 100, 200, 1], "x2 is 100, not a share of 0..1"),
        ("v,1", [*A, np.nan], "score nan is not"),
    ):
        path.write_bytes(pickle.dumps({key: np.array([box])}))
        with pytest.raises(ListError) as caught:
            read_boxes(path)
        assert str(caught.value).startswith(f"{path}: key '{key}': {fault}")


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
    assert read_boxes(path, of_80) == {
        ("v", 902.0): (Box(A, (2, 11), 0.5, 4), Box(B, (), 1.0, 5)),
        ("v", 902.25): (),
        ("w", 1.0): (Box(A), Box(B)),
    }
    write(path, json.dumps({"video": "u", "time": 1, **pixels}))
    sizes = {"u": (320, 360)}
    corners = (0.2, 0.2, 1.0, 0.9)
    assert read_boxes(path, size_of=sizes.__getitem__) == {("u", 1.0): (Box(corners),)}


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
         '"scores" must be numbers of 0..1, and "persons" whole numbers'),
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
        read_boxes(path, of_80)
    assert str(caught.value).startswith(f"{path}:2: {fault}")
