"""Files of boxes by their endings: each form is read, and what is no file of boxes is refused."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from support.video_tools import write

from slowfast.data.boxes.boxes_files import read_boxes
from slowfast.data.lists.read_lists import ListError
from slowfast.data.samples import Box

A, B = (0.1, 0.2, 0.5, 0.9), (0.5, 0.1, 0.8, 0.8)


def test_the_ending_tells(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", "v,0902,0.1,0.2,0.5,0.9,12,0.5\n")
    row = '{"video": "v", "time": 902, "boxes": [[0.1, 0.2, 0.5, 0.9]], "scores": [0.5]}'
    write(tmp_path / "a.JSONL", row)
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"v,0902": np.array([[*A, 0.5]])}))
    for name in ("a.csv", "a.JSONL", "a.pkl"):
        assert read_boxes(tmp_path / name) == {("v", 902.0): (Box(A, score=0.5),)}


@pytest.mark.parametrize(
    ("name", "data", "fault"),
    [
        ("a.csv", b"", "a.csv: no boxes are in it"),
        ("a.jsonl", b"\n", "a.jsonl: the list is empty"),
        ("a.csv", "v,0902".encode("utf-16"), "a.csv is not text: it has a NUL byte"),
        ("a.csv", b"v,0902,\xff,0,1,1,1,1", "a.csv:1: x1 is '\\udcff', not a number"),
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
