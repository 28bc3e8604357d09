"""Rows of boxes in AVA's form."""

from pathlib import Path

import numpy as np
import pytest

from slowfast.data.boxes import scored_boxes
from slowfast.data.boxes.boxes_fields import Moment
from slowfast.data.boxes.scored_boxes import read_scored, write_scored
from slowfast.data.lists.read_lists import ListError
from slowfast.data.samples import Box, KeyFrame

COLUMNS = "video,time,x1,y1,x2,y2,action,score, or video,time alone"
NO_TIME = "{!r} is not a time (0902 or 902.5, without a header above it)"
ROW = "v,0902,0.1,0.2,0.3,0.4,12,0.5\n"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "rows.csv"
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize("at_once", [1, 2, 100])
def test_rows_and_moments(at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A moment is written in several ways; a line of two columns only names one."""
    monkeypatch.setattr(scored_boxes, "AT_ONCE", at_once)
    path = written(tmp_path, f"{ROW}w,3\n\nv,902.5,0,0,1,1,80,1e-05\r\nv,902.000,0,0,1,1,1,1\n")
    moments: dict[Moment, int] = {("u", 1.0): 0}
    rows = read_scored(path, moments, has_scores=True)
    assert set(moments) == {("u", 1), ("v", 902), ("w", 3), ("v", 902.5)}
    assert rows.frames.tolist() == [moments["v", 902], moments["v", 902.5], moments["v", 902]]
    assert rows.corners.tolist() == [[0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1], [0, 0, 1, 1]]
    assert (rows.actions.tolist(), rows.scores.tolist()) == ([12, 80, 1], [0.5, 1e-05, 1])


def test_annotations_have_a_person_or_not(tmp_path: Path) -> None:
    path = written(tmp_path, "v,902,0,0,1,1,12,31\nv,902,0,0,1,1,14\nv,903\n")
    moments: dict[Moment, int] = {}
    rows = read_scored(path, moments, has_scores=False)
    assert (rows.actions.tolist(), rows.scores.tolist()) == ([12, 14], [31, -1])
    assert moments == {("v", 902): 0, ("v", 903): 1}


@pytest.mark.parametrize(("line", "complaint"), [
    ("v,0902,0.1,0.2,0.3,0.4,12,nan", "the last column is no score of 0..1"),
    ("v,0902,0.1,0.2,0.3,0.4,12,7", "the last column is no score of 0..1, but a whole number, as "
     "annotations have for the person; what is to be scored is a network's detections"),
    ("v,0902,0.1,0.2,0.3,0.4,12", f"7 columns, not {COLUMNS}"),
    ("v,0902,0.1,nan,0.3,0.4,12,0.5", "y1 is 'nan', not a number"),
    ("v,0902,0.1,x,0.3,0.4,12,0.5", "y1 is 'x', not a number"),
    ("v,0902,0.3,0.2,0.1,0.4,12,0.5", "the corners 0.3, 0.2, 0.1, 0.4 are not x1, y1, x2, y2"),
    ("v,0902,0.1,0.2,0.3,0.4,stand,0.5", "'stand' is not an action's number"),
    ("v,0902,0.1,0.2,0.3,0.4,,0.5", "'' is not an action's number"),
    ("v,0902,0.1,0.2,0.3,0.4,9999999999,0.5", "'9999999999' is not an action's number"),
    (",0902,0.1,0.2,0.3,0.4,12,0.5", "no video is named"),
    ("stand,0.5,0.1", f"3 columns, not {COLUMNS}"),
    ('"v,0902,0.1,0.2,0.3,0.4,12,0.5', "unexpected end of data"),
    ('"v",0902,0.1,0.2,0.3,12,0.5', f"7 columns, not {COLUMNS}"),
    ("v,inf,0.1,0.2,0.3,0.4,12,0.5", NO_TIME.format("inf")),
    ("video,time,x1,y1,x2,y2,action,score", NO_TIME.format("time")),
])  # fmt: skip
def test_lines_that_are_no_rows(line: str, complaint: str, tmp_path: Path) -> None:
    path = written(tmp_path, f"{ROW}{line}\n{ROW}")
    with pytest.raises(ListError) as caught:
        read_scored(path, {}, has_scores=True)
    assert str(caught.value) == f"{path}:2: {complaint}: {line!r}"


@pytest.mark.parametrize(("text", "complaint"), [
    ("", ": no boxes are in it"), ("\0\n", "is not text: it has a NUL byte"),
    (None, "cannot be read: No such file or directory"),
], ids=["empty", "NUL", "missing"])  # fmt: skip
def test_files_that_cannot_be_read(text: str | None, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "none.csv" if text is None else written(tmp_path, text)
    with pytest.raises(ListError, match=complaint):
        read_scored(path, {}, has_scores=True)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    """Scores to the last bit; the moments as AVA has them."""
    box = (0.077, 0.151, 0.283, 1 / 3)
    keys = [KeyFrame("a,b", 902.0, 2.0, (Box(box), Box((0, 0, 1, 1)))), KeyFrame("v", 3.25, 3, ())]
    scores = np.array([[0.002, 1 / 3, 1e-9], [0.1, 0.00201, 1]], np.float32)
    path = tmp_path / "detections.csv"
    write_scored(path, zip(keys, (scores, scores[:0]), strict=True), [1, 4, 80], 0.002)
    assert path.read_text().splitlines()[0] == (
        '"a,b",0902,0.077,0.151,0.283,0.3333333333333333,4,0.33333334'
    )
    moments: dict[Moment, int] = {}
    rows = read_scored(path, moments, has_scores=True)
    assert moments == {("a,b", 902.0): 0} and rows.actions.tolist() == [4, 1, 4, 80]
    assert rows.scores.astype(np.float32).tolist() == [scores[0, 1], *scores[1]]
    assert rows.corners.tolist() == [[*box], *[[0, 0, 1, 1]] * 3]
