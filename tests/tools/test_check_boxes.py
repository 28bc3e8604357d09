"""What check_boxes says of annotations and detected boxes, and draws."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from support.video_tools import write
from support.videos import write_frames, write_numbered_video

from slowfast.tools.check_boxes import main

A, B, C = "0.1,0.2,0.5,0.9", "0.5,0.1,0.8,0.8", "0.12,0.2,0.5,0.9"
ANNOTATED = (
    f"v,0902,{A},2,1\nv,0902,{A},1,1\nv,0902,{B},2,2\nv,0903,{A},2,1\nv,0909,{A},2,1\n"
    f"w,0902,{A},2,0\nw,0901,{A},2,0\nw,0903,0.5,0.5,0.5,0.9,1,0\ngone,0902,{A},1,0\n"
)
DETECTED = f"v,0902,{C},,0.9\nv,0902,{B},,0.5\nv,0903,-0.005,0.2,0.5,0.9,,0.9\nw,0950,{A},,0.9\n"
YAML = """
model: {num_classes: 3}
data: {root: ROOT/films, val_list: ROOT/a.csv, train_list: ROOT/a.csv}
detection: {val_boxes: ROOT/boxes.csv, val_excluded: ROOT/excluded.csv}
train: {task: detection}
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.csv", ANNOTATED)
    write(tmp_path / "boxes.csv", DETECTED)
    write(tmp_path / "excluded.csv", "w,0902\n")
    (tmp_path / "films").mkdir()
    write_numbered_video(tmp_path / "films/v.mp4", 100)
    write_frames(tmp_path / "films/w", [np.zeros((48, 64, 3), np.uint8)] * 100)
    return str(write(tmp_path / "c.yaml", YAML.replace("ROOT", str(tmp_path))))


def test_the_report(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([config]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == [
        f"val: {tmp_path}/a.csv",
        "videos      2 of 3 are there",
        "    missing: gone",
        "key frames  8",
        "    7 are used, with 3 boxes",
        "    1 are outside detection.valid=[902.0, 1798.0]",
        "    1 are excluded",
        f"    {tmp_path}/films/v.mp4: key frame 909 (at 9 s) is outside the video, which has 3.3 s "
        "(detection.start, detection.rate)",
        f"    {tmp_path}/films/w: key frame 950 (at 50 s) is outside the video, which has 3.3 s "
        "(detection.start, detection.rate)",
        "annotated   8 boxes",
        "    1 are without area",
        "detected    4 boxes",
        "    1 are beyond the picture's edge",
        "    3 have a score of 0.8 or more (detection.box_score)",
        "    2 of 7 annotated key frames have a detected box",
        "recall      33.3% of the annotated boxes are found, without excluded key frames (IoU 0.5)",
        "actions     9 of 2 classes, of 3",
        "            6  action 2",
        "            3  action 1",
        "    not annotated: action 3",
        "boxes_val.png shows some key frames: annotated boxes with numbers, detected ones in white",
    ]
    picture = cv2.imread("boxes_val.png")
    assert picture is not None and picture.shape[1] > 1000


def test_without_detected_boxes(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    write(Path("names.txt"), "\n".join(("sit", "stand", "walk")))
    flags = [
        "--split",
        "train",
        "-o",
        "data.labels=names.txt",
        "--count",
        "1",
        "--picture",
        "x.png",
    ]
    assert main([config, *flags]) == 0
    told = capsys.readouterr().out
    assert "detected    no file of boxes is given" in told and "recall" not in told
    assert "            6  stand\n            3  sit\n    not annotated: walk\nx.png shows" in told
    assert Path("x.png").is_file()


@pytest.mark.parametrize(
    ("flags", "fault"),
    [
        (["train.task=multi"], "only with train.task=detection, and it is multi"),
        (["data.root=elsewhere"], "a.csv: 3 of 3 files are not there, the first is elsewhere/v: "
         "no video file and no frame folder has this name (data.root"
         "=elsewhere)"),
        (["detection.val_boxes=far.csv"], "far.csv: no annotated box of ROOT/a.csv is found by a "
         "box of enough score (intersection over union of 0.5 or more): are the corners x1, y1, "
         "x2, y2, the times the same, and detection.box_score=0.8 not too high?"),
        (["detection.val_boxes=other.csv"], "other.csv: none of its 1 key frames is one of ROOT/"
         "a.csv: the first is 'v' at 2 here, and 'v' at 902 there"),
        (["detection.start=0"], "none of the key frames can be read: ROOT/films/v.mp4: key frame "
         "902 (at 902 s) is outside the video, which has 3.3 s (detection.start, detection.rate)"),
        (["model.num_classes=1"], "a.csv:1: action 2 is not in 1..1 (detection.first_id=1, "),
    ],
    ids=["task", "root", "no box is found", "times", "start", "classes"],
)  # fmt: skip
def test_what_does_not_fit_together(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], fault: str
) -> None:
    write(tmp_path / "far.csv", "v,0902,0.8,0.8,0.9,0.9,,0.9\n")
    write(tmp_path / "other.csv", f"v,2,{A},,0.9\n")
    assert main([config, "-o", *flags]) == 1
    error = capsys.readouterr().err
    assert fault.replace("ROOT", str(tmp_path)) in error and error.count("\n") == 1
    assert not Path("boxes_val.png").exists()
