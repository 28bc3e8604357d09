"""Key frames from annotations and detected boxes: which there are, and their boxes and labels."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.video_tools import write
from support.videos import write_frames

from slowfast.config import Config, DataConfig, DetectionConfig, ModelConfig
from slowfast.data.boxes.ava import kept, labels_of_nearest, merged, read_keyframes
from slowfast.data.find import Split
from slowfast.data.lists.read_lists import ListError
from slowfast.data.samples import Box, KeyFrame, Sample

A, B, C = "0.1,0.2,0.5,0.9", "0.5,0.1,0.8,0.8", "0.12,0.2,0.5,0.9"
AT: dict[str, Any] = {text: tuple(map(float, text.split(","))) for text in (A, B, C)}
ANNOTATED = (
    f"w,0903,{B},12,1\nv,0904,{A},3,0\nv,0902,{A},80,1\nv,0902,{B},12,2\nv,0902,{A},11,1\n"
    f"v,0901,{A},1,1\nw,1799,{A},1,1\nv,0905\n"
)
EXCLUDED = "v,0904\nw,0950\n"


@pytest.fixture
def cfg(tmp_path: Path) -> Config:
    """Annotations, excluded key frames, and the films v and w."""
    write(tmp_path / "a.csv", ANNOTATED)
    write(tmp_path / "excluded.csv", EXCLUDED)
    for video in "vw":
        write(tmp_path / f"films/{video}.mp4", "x")
    detection = DetectionConfig(
        train_excluded="excluded.csv", val_excluded=str(tmp_path / "excluded.csv")
    )
    lists = dict.fromkeys(("train_list", "val_list"), str(tmp_path / "a.csv"))
    return Config(
        model=ModelConfig(num_classes=80),
        data=DataConfig(root=str(tmp_path / "films"), **lists),  # type: ignore[arg-type]
        detection=dataclasses.replace(detection, train_excluded=str(tmp_path / "excluded.csv")),
    )


def having(cfg: Config, **detection: Any) -> Config:
    return dataclasses.replace(cfg, detection=dataclasses.replace(cfg.detection, **detection))


def keys(cfg: Config, split: Split) -> list[KeyFrame]:
    found = [sample.key for sample in read_keyframes(cfg, split)]
    return [key for key in found if key is not None]


def boxes(cfg: Config, split: Split) -> dict[tuple[str, float], list[tuple[Any, ...]]]:
    """The corners and labels of the boxes of each key frame."""
    return {
        (key.video, key.time): [(box.corners, box.labels) for box in key.boxes]
        for key in keys(cfg, split)
    }


def with_boxes(cfg: Config, tmp_path: Path, rows: str, **detection: Any) -> Config:
    path = str(write(tmp_path / "boxes.csv", rows))
    return having(cfg, train_boxes=path, val_boxes=path, **detection)


def test_training_without_detected_boxes(cfg: Config, tmp_path: Path) -> None:
    w, v = (str(tmp_path / f"films/{video}.mp4") for video in "wv")
    first = KeyFrame("w", 903.0, 3.0, (Box(AT[B], (11,), person=1),), is_listed=True)
    people = (Box(AT[A], (10, 79), person=1), Box(AT[B], (11,), person=2))
    second = KeyFrame("v", 902.0, 2.0, people, is_listed=True)
    assert read_keyframes(cfg, "train") == [
        Sample(w, (11,), key=first), Sample(v, (10, 11, 79), key=second),
    ]  # fmt: skip


@pytest.mark.parametrize("split", ["val", "test"])
def test_validation_without_detected_boxes(cfg: Config, split: Split) -> None:
    """Annotated boxes are classified; excluded key frames and those without boxes are there."""
    found = keys(cfg, split)
    assert [(key.video, key.time, key.is_excluded) for key in found] == [
        ("w", 903, False), ("v", 902, False), ("v", 904, True), ("v", 905, False),
    ]  # fmt: skip
    assert [key.is_listed for key in found] == [True] * 4
    assert all(key.boxes == key.truth for key in found)
    assert found[-1].boxes == ()


def test_the_test_list_is_its_own(cfg: Config, tmp_path: Path) -> None:
    own = str(write(tmp_path / "test.csv", f"v,0910,{A},3,0\n"))
    cfg = dataclasses.replace(cfg, data=dataclasses.replace(cfg.data, test_list=own))
    assert [key.time for key in keys(cfg, "test")] == [910]
    assert len(keys(cfg, "val")) == 4


def test_detected_boxes_are_classified(cfg: Config, tmp_path: Path) -> None:
    """Their labels count for nothing in a test, and other videos' boxes neither."""
    rows = f"v,0902,{C},5,0.9\nv,0902,{B},,0.79\nv,0950,{B},,0.8\nu,0902,{A},,0.9\n"
    cfg = with_boxes(cfg, tmp_path, rows)
    assert boxes(cfg, "test") == {
        ("w", 903): [], ("v", 902): [(AT[C], ())], ("v", 904): [], ("v", 905): [],
        ("v", 950): [(AT[B], ())],
    }  # fmt: skip
    by_time = {key.time: key for key in keys(cfg, "test") if key.video == "v"}
    assert [len(by_time[time].truth) for time in (902, 904, 950)] == [2, 1, 0]
    assert read_keyframes(cfg, "test")[1].label == (10, 11, 79)
    all_have_one = boxes(having(cfg, keeps_best=True), "test")
    whole = ((0, 0, 1, 1), ())
    assert all_have_one == {
        ("w", 903): [whole], ("v", 902): [(AT[C], ())], ("v", 904): [whole], ("v", 905): [whole],
        ("v", 950): [(AT[B], ())],
    }  # fmt: skip


def test_training_with_labels_of_the_detected_boxes(cfg: Config, tmp_path: Path) -> None:
    """As PySlowFast: each is a box of its own, but for one with the corners of an annotated one."""
    rows = f"v,0902,{C},5,0.9\nv,0902,{B},7,0.9\nv,0904,{A},7,0.9\nv,0950,{B},,0.8\n"
    cfg = with_boxes(cfg, tmp_path, rows)
    at_902 = [(AT[A], (10, 79)), (AT[B], (6, 11)), (AT[C], (4,))]
    assert boxes(cfg, "train") == {
        ("w", 903): [(AT[B], (11,))], ("v", 902): at_902, ("v", 950): [(AT[B], ())],
    }  # fmt: skip
    one = dataclasses.replace(
        cfg, model=dataclasses.replace(cfg.model, labels_per_box="one"),
        train=dataclasses.replace(cfg.train, task="detection"),
    )  # fmt: skip
    for without_negatives in (having(cfg, learns_negatives=False), one):
        assert boxes(without_negatives, "train") == {
            ("w", 903): [(AT[B], (11,))], ("v", 902): at_902,
        }  # fmt: skip


def test_training_with_labels_by_overlap(cfg: Config, tmp_path: Path) -> None:
    """As mmaction2. C overlaps A by 0.95."""
    cfg = with_boxes(cfg, tmp_path, f"v,0902,{C},,0.9\nv,0902,0.5,0.1,0.8,0.7,,0.9\n")
    annotated = [(AT[A], (10, 79)), (AT[B], (11,))]
    other = (0.5, 0.1, 0.8, 0.7)
    assert boxes(cfg, "train")["v", 902] == [*annotated, (AT[C], (10, 79)), (other, ())]
    cfg = having(cfg, learns_negatives=False, keeps_best=True)
    found = boxes(cfg, "train")
    assert found["v", 902] == [*annotated, (AT[C], (10, 79))]
    assert found["w", 903] == [(AT[B], (11,))]
    assert boxes(having(cfg, match_iou=0.8), "train")["v", 902][-1] == (other, (11,))
    assert boxes(having(cfg, match_iou=0.96), "train")["v", 902] == annotated


def test_which_detected_boxes_are_kept() -> None:
    found = [Box(AT[A], score=0.3), Box(AT[B], score=0.5), Box(AT[C], score=0.5)]
    assert kept(found, DetectionConfig(box_score=0.4)) == found[1:]
    assert kept(found, DetectionConfig(box_score=0.6)) == []
    assert kept(found, DetectionConfig(box_score=0.6, keeps_best=True)) == found[1:]
    assert kept([], DetectionConfig(keeps_best=True)) == kept(None, DetectionConfig()) == []


def test_labels_of_the_nearest_annotated_box() -> None:
    """Two persons have one box; of equal overlaps the first counts."""
    truth = [Box((0, 0, 1, 1), (3,)), Box((0, 0, 1, 1), (1, 3)), Box((0.5, 0, 1.5, 1), (2,))]
    assert merged(truth) == [Box((0, 0, 1, 1), (1, 3)), truth[2]]
    boxes = [Box((0.25, 0, 1.25, 1)), Box((0.4, 0, 1.4, 1)), Box((2, 2, 3, 3)), Box((0, 0, 0, 0))]
    assert labels_of_nearest(boxes, truth, 0.5) == [(1, 3), (2,), (), ()]
    assert labels_of_nearest(boxes[:1], (), 0.5) == [()] and labels_of_nearest([], truth, 0) == []


def test_two_persons_with_one_box(cfg: Config, tmp_path: Path) -> None:
    """They are two annotated boxes, and one that is learned from or classified."""
    write(tmp_path / "a.csv", f"v,0902,{A},3,0\nv,0902,{A},3,1\nv,0902,{A},4,1\n")
    assert boxes(cfg, "train") == boxes(cfg, "val") == {("v", 902): [(AT[A], (2, 3))]}
    assert keys(cfg, "val")[0].truth == (Box(AT[A], (2,), person=0), Box(AT[A], (2, 3), person=1))


def test_key_frames_with_other_actions_alone_are_listed(cfg: Config, tmp_path: Path) -> None:
    """As in ActivityNet's code: detections there are false positives."""
    write(tmp_path / "a.csv", f"v,0902,{A},11,1\nv,0903,{A},5,1\n")
    cfg = dataclasses.replace(cfg, model=ModelConfig(num_classes=2))
    found = keys(with_boxes(having(cfg, ids=(11, 80)), tmp_path, f"v,0903,{A},,1\nv,904,{A},,0\n"
                            f"v,0905,{A},,1\n"), "val")  # fmt: skip
    assert [(key.time, len(key.truth), len(key.boxes), key.is_listed) for key in found] == [
        (902, 1, 0, True), (903, 0, 1, True), (904, 0, 0, False), (905, 0, 1, False),
    ]  # fmt: skip


def test_a_training_needs_a_list_of_its_own(cfg: Config) -> None:
    cfg = dataclasses.replace(cfg, data=dataclasses.replace(cfg.data, train_list=""))
    with pytest.raises(ListError, match=r"^data.train_list names no annotations$"):
        read_keyframes(cfg, "train")


def test_numbers_of_frames_as_times_and_numbers_of_classes_from_0(
    cfg: Config, tmp_path: Path
) -> None:
    """MultiSports: 25 frames a second, counted from 1, and classes from 0."""
    write(tmp_path / "a.csv", f"v,26,{A},0,1\nv,1,{A},79,1\n")
    cfg = having(cfg, start=1, rate=25, valid=(), first_id=0)
    found = keys(cfg, "train")
    assert [(key.time, key.seconds, key.boxes[0].labels) for key in found] == [
        (1, 0, (79,)), (26, 1, (0,)),
    ]  # fmt: skip


def test_some_classes_alone(cfg: Config) -> None:
    """A row of another class is as if it were not there, as mmaction2 has it."""
    cfg = dataclasses.replace(cfg, model=ModelConfig(num_classes=2))
    assert boxes(having(cfg, ids=(11, 80)), "train") == {("v", 902): [(AT[A], (0, 1))]}


def test_cuts_of_kinetics(cfg: Config, tmp_path: Path) -> None:
    write(tmp_path / "films/-5KQ66BBWC4_000010_000020.mp4", "x")
    write(tmp_path / "a.csv", f"-5KQ66BBWC4,15.25,{A},3,1\nv,0902,{A},3,1\nv,0903\n")
    first, second = keys(having(cfg, valid=()), "train")
    assert (first.time, first.seconds, second.seconds) == (15.25, 5.25, 2)


def test_folders_of_frames(cfg: Config, tmp_path: Path) -> None:
    (tmp_path / "films/v.mp4").unlink()
    write_frames(tmp_path / "films/v", [np.zeros((9, 16, 3), np.uint8)] * 3)
    sample = read_keyframes(cfg, "train")[1]
    assert (sample.path, sample.num_frames) == (str(tmp_path / "films/v"), 3)
    row = {"video": "v", "time": 902, "boxes": [[8, 0, 16, 9]], "pixels": True}
    path = str(write(tmp_path / "boxes.jsonl", json.dumps(row)))
    assert boxes(having(cfg, val_boxes=path), "val")["v", 902] == [((0.5, 0, 1, 1), ())]
    write(tmp_path / "boxes.jsonl", json.dumps({**row, "video": "x"}))
    with pytest.raises(ListError, match=r"boxes.jsonl:1: there is no video 'x' in .*: give \"size"):
        read_keyframes(having(cfg, val_boxes=path), "val")


def test_a_missing_video_is_a_file_that_is_missing(cfg: Config, tmp_path: Path) -> None:
    (tmp_path / "films/v.mp4").unlink()
    assert read_keyframes(cfg, "train")[1].path == str(tmp_path / "films/v")


@pytest.mark.parametrize(
    ("files", "detection", "fault"),
    [
        ({"a.csv": f"v,0902,{A},81,1\n"}, {}, "{0}/a.csv:1: action 81 is not in 1..80 (detection."
         "first_id=1, model.num_classes=80; detection.ids keeps some alone)"),
        ({"a.csv": f"v,0902,{A},0,1\n"}, {}, "{0}/a.csv:1: action 0 is not in 1..80"),
        ({"a.csv": f"v,0001,{A},1,1\nv,90,{A},1,1\n"}, {}, "{0}/a.csv: none of its 2 key frames is "
         "within detection.valid=[902.0, 1798.0]: the first is 'v' at 1 (valid=[] takes all)"),
        ({"a.csv": f"v,0001,{A},1,1\n"}, {"valid": ()}, "{0}/a.csv: 'v' at 1 is before its video, "
         "which begins at detection.start=900"),
        ({"boxes.csv": f"x,0902,{A},,0.9\n"}, {}, "{0}/boxes.csv: none of its 1 key frames is one "
         "of {0}/a.csv: the first is 'x' at 902 here, and 'w' at 903 there"),
        ({"boxes.csv": f"v,2,{A},,0.9\n"}, {}, "{0}/boxes.csv: none of its 1 key frames is one of"),
        ({"excluded.csv": f"v,0902,{A},1,1\n"}, {}, "{0}/excluded.csv: has boxes, and should have "
         "lines 'video,time' alone"),
        ({}, {"train_boxes": "gone.csv"}, "detection.train_boxes: there is no gone.csv or {0}"
         "/films/gone.csv"),
        ({"a.csv": "v,0902\n"}, {"train_excluded": ""}, "{0}/a.csv: none of its 1 key frames is "
         "left"),
    ],
    ids=["81", "0", "valid", "before", "videos", "times", "excluded", "gone", "no boxes"],
)  # fmt: skip
def test_what_is_wrong(
    cfg: Config, tmp_path: Path, files: dict[str, str], detection: dict[str, Any], fault: str
) -> None:
    for name, text in files.items():
        write(tmp_path / name, text)
    if "boxes.csv" in files:
        detection = {"train_boxes": str(tmp_path / "boxes.csv")}
    with pytest.raises(ListError) as caught:
        read_keyframes(having(cfg, **detection), "train")
    assert str(caught.value).startswith(fault.format(tmp_path))
