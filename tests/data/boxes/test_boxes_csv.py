"""The csv files of AVA, AVA-Kinetics and PySlowFast, and what is wrong with a line of them."""

from pathlib import Path

import pytest
from support.video_tools import write

from slowfast.data.boxes.boxes_csv import boxes_of_csv
from slowfast.data.lists.read_lists import ListError
from slowfast.data.samples import Box

A, B = (0.1, 0.2, 0.5, 0.9), (0.5, 0.1, 0.8, 0.8)


def of_80(number: int) -> int:
    if not 1 <= number <= 80:
        raise ValueError(f"action {number} is not in 1..80")
    return number - 1


def test_avas_csv(tmp_path: Path) -> None:
    """Rows of one box and person merge, in any order; a row of two columns is a moment without
    boxes; one of seven knows no person; one without action is somebody who shows none."""
    path = write(
        tmp_path / "ava.csv",
        "v,0902,0.1,0.2,0.5,0.9,80,1\n"
        "w,0902,0.1,0.2,0.5,0.9,12,7\r\n"
        "v,0902,0.5,0.1,0.8,0.8,12,0\n"
        "\n"
        "v,0902,0.10,0.2,0.500,0.9,12,1\n"
        "v,0902,0.1,0.2,0.5,0.9,12\n"
        "w,0902,0.1,0.2,0.5,0.9,,8\n"
        "v,0001.5004\n"
        '"x,y",0903,0.1,0.2,0.5,0.9,1,2\n',
    )
    found = boxes_of_csv(path, of_80, False)
    assert list(found.items()) == [
        (("v", 902.0), (Box(A, (11, 79), person=1), Box(B, (11,), person=0), Box(A, (11,)))),
        (("w", 902.0), (Box(A, (11,), person=7), Box(A, person=8))),
        (("v", 1.5), ()),
        (("x,y", 903.0), (Box(A, (0,), person=2),)),
    ]
    assert boxes_of_csv(path, None, False)["v", 902.0] == (
        Box(A, person=1),
        Box(B, person=0),
        Box(A),
    )


def test_pyslowfasts_csv(tmp_path: Path) -> None:
    """Its last column is scores, also where some of them are whole."""
    path = write(
        tmp_path / "boxes.csv",
        "v,0902,0.1,0.2,0.5,0.9,80,0.998\nv,0902,0.1,0.2,0.5,0.9,12,0.998\n"
        "v,0902,0.5,0.1,0.8,0.8,,1\nv,0903,0.5,0.1,0.8,0.8,,5e-1\n",
    )
    assert boxes_of_csv(path, of_80, True) == boxes_of_csv(path, of_80, None) == {
        ("v", 902.0): (Box(A, (11, 79), 0.998), Box(B, (), 1.0)),
        ("v", 903.0): (Box(B, (), 0.5),),
    }  # fmt: skip


def test_scores_of_0_and_1_are_no_persons(tmp_path: Path) -> None:
    """As a tracker has them."""
    rows = "v,0902,0.1,0.2,0.5,0.9,3,0\nv,0902,0.5,0.1,0.8,0.8,3,1\n"
    path = write(tmp_path / "boxes.csv", rows)
    scored = (Box(A, (2,), 0.0), Box(B, (2,), 1.0))
    assert boxes_of_csv(path, of_80, True) == {("v", 902.0): scored}
    persons = (Box(A, (2,), person=0), Box(B, (2,), person=1))
    assert boxes_of_csv(path, of_80, None) == {("v", 902.0): persons}
    write(path, rows.replace(",3,", ",,"))
    assert [box.score for box in boxes_of_csv(path, of_80, None)["v", 902.0]] == [0, 1]


def test_actions_that_are_left_out(tmp_path: Path) -> None:
    """Their key frames are annotated all the same."""
    path = write(tmp_path / "a.csv", "v,1,0.1,0.2,0.5,0.9,3,1\nv,2,0.1,0.2,0.5,0.9,4,1\n")
    found = {("v", 1.0): (Box(A, (0,), person=1),), ("v", 2.0): ()}
    assert boxes_of_csv(path, {3: 0}.get, False) == found


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("v,0902,0.1,0.2,0.5,0.9", "6 columns, not video,time,x1,y1,x2,y2,action, and perhaps "
         "person, or video,time alone"),
        ("v,0902,0.1,0.2,0.5,0.9,80,1,1", "9 columns, not video,time,"),
        ("v 0902 0.1 0.2 0.5 0.9 80 1", "1 columns, not video,time,"),
        (",0902,0.1,0.2,0.5,0.9,80,1", "no video is named"),
        ("v,902s,0.1,0.2,0.5,0.9,80,1", "'902s' is not a time (0902 or 902.5, without a header"),
        ("v,nan,0.1,0.2,0.5,0.9,80,1", "'nan' is not a time"),
        ("v,inf,0.1,0.2,0.5,0.9,80,1", "'inf' is not a time"),
        ("v,-1,0.1,0.2,0.5,0.9,80,1", "'-1' is not a time"),
        ("v,9_0,0.1,0.2,0.5,0.9,80,1", "'9_0' is not a time"),
        ("v,0902,nan,0.2,0.5,0.9,80,1", "x1 is 'nan', not a number"),
        ("v,0902,0.1,0.2,0.5,left,80,1", "y2 is 'left', not a number"),
        ("v,0902,0.1,-2,0.5,0.9,80,1", "y1 is -2, not a share of 0..1"),
        ("v,0902,64,20,320,200,80,1", "x1 is 64, not a share of 0..1 of the picture's width or "
         'height (boxes in pixels: a .jsonl with "pixels": true)'),
        ("v,0902,0.5,0.2,0.1,0.9,80,1", "the corners 0.5, 0.2, 0.1, 0.9 are not x1, y1, x2, y2"),
        ("v,0902,0.1,0.2,0.5,0.9,0,1", "action 0 is not in 1..80"),
        ("v,0902,0.1,0.2,0.5,0.9,81,1", "action 81 is not in 1..80"),
        ("v,0902,0.1,0.2,0.5,0.9,walk,1", "'walk' is not an action's number"),
        ("v,0902,0.1,0.2,0.5,0.9,\u0661,1", "'\u0661' is not an action's number"),
        (f"v,0902,0.1,0.2,0.5,0.9,{'9' * 200},1", f"{'9' * 40!r} is not an action's"),
        ("v,0902,0.1,0.2,0.5,0.9,1,1.5", "'1.5' is not a person's number (annotations end with "
         "one or with the action; with a score: detected boxes)"),
        ("v,0902,0.1,0.2,0.5,0.9,1,nan", "'nan' is not a person's number"),
    ],
)  # fmt: skip
def test_a_line_of_a_csv_that_is_wrong(tmp_path: Path, row: str, fault: str) -> None:
    path = write(tmp_path / "a.csv", f"v,0902,0.1,0.2,0.5,0.9,80,1\n\n{row}\n")
    with pytest.raises(ListError) as caught:
        boxes_of_csv(path, of_80, False)
    assert str(caught.value).startswith(f"{path}:3: {fault}")


def test_persons_and_scores_in_one_file(tmp_path: Path) -> None:
    row = "v,0902,0.1,0.2,0.5,0.9,80,"
    path = write(tmp_path / "a.csv", f"{row}1\n{row}57\n{row}0.9\n")
    with pytest.raises(ListError, match=r"a.csv:2: the last column is no score of 0..1"):
        boxes_of_csv(path, None, None)
