"""What is kept, written and printed of persons."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from support.videos import write_numbered_video

from slowfast.config import load_config
from slowfast.data.boxes.ava import read_keyframes
from slowfast.data.boxes.boxes_files import read_boxes
from slowfast.data.boxes.scored_boxes import read_scored
from slowfast.data.clips.sliding import VideoTimes
from slowfast.data.clips.window_reader import key_of
from slowfast.data.samples import Box, Sample
from slowfast.predict.persons.key_rows import KeyFrameRows, KeyPart
from slowfast.predict.persons.person_actions import AnswerSettings
from slowfast.predict.persons.person_rows import PersonRows

SAID = AnswerSettings(["stand", "walk", "a, b"], 0.5, 1, [11, 12, 17])
TIMES = VideoTimes(25.0, 6.0, 0.0)
LEFT, RIGHT = Box((0.1, 0.2, 0.4, 0.8), score=0.9), Box((0.6, 0.2, 0.9, 0.8))


def key(time: float, boxes: tuple[Box, ...], *rows: list[float]) -> KeyFrameRows:
    return KeyFrameRows(time, time - 900, boxes, np.array(rows, np.float32))


PARTS = [
    KeyPart([key(901, (LEFT,), [0.9, 0.6, 0.001]), key(902, ())], (100, 200), TIMES, False),
    KeyPart(
        [key(903.5, (RIGHT, LEFT), [0.2, 0.3, 0.4], [0.95, 0.1, 0.7])], (100, 200), TIMES, True
    ),
]


def rows_of(folder: Path, samples: list[Sample]) -> PersonRows:
    return PersonRows(folder / "r.json", samples, "digest", SAID, "some detector")


def test_key_frames_are_kept_as_they_come(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples = [Sample("films/v.mp4"), Sample("b.mp4")]
    with rows_of(tmp_path, samples) as rows:
        assert rows.known == {0: 0, 1: 0}
        rows.add(0, 0, PARTS[0])
    with rows_of(tmp_path, samples) as rows:  # after a run that ended early
        assert rows.known == {0: 2, 1: 0}
        rows.add(0, 2, PARTS[1])
        rows.keep(1, {"error": "b.mp4: gone"})
        assert rows.finish() == 1
        found = rows.found(0)
    assert not isinstance(found, str) and found.persons == [[1], [], [2, 1]]
    assert [each.boxes for each in found.keys] == [each.boxes for p in PARTS for each in p.keys]
    assert found.keys[2].rows.tolist() == PARTS[1].keys[0].rows.tolist()
    said = (
        "films/v.mp4  (2 persons in 3 key frames)\n"
        "  person 1  0:01.0 - 0:03.5  stand 95 %, a, b 70 %, walk 60 %\n"
        "  person 2  0:03.5  no action is seen; nearest is a, b 40 %\n"
    )
    assert said in capsys.readouterr().out
    with rows_of(tmp_path, samples) as rows:
        assert [*rows.todo] == [1]  # one that could not be read is tried again


def test_the_files(tmp_path: Path) -> None:
    with rows_of(tmp_path, [Sample("films/v.mp4")]) as rows:
        rows.add(0, 0, PARTS[0])
        rows.add(0, 2, PARTS[1])
        rows.finish()
    (row,) = json.loads((tmp_path / "r.json").read_text())
    assert (row["width"], row["height"], row["boxes_from"]) == (200, 100, "some detector")
    first, second, third = row["key_frames"]
    assert (first["time"], first["seconds"], second["persons"]) == (901, 1.0, [])
    (person,) = first["persons"]
    assert person["box"] == [20.0, 20.0, 80.0, 80.0] and person["box_shares"][0] == 0.1
    assert (person["person"], person["box_score"]) == (1, 0.9)
    assert [each["label"] for each in person["actions"]] == ["stand", "walk"]
    assert [len(each["actions"]) for each in third["persons"]] == [1, 2]  # the best one, at least
    with open(tmp_path / "r.csv", newline="") as file:
        lines = [*csv.reader(file)]
    assert lines[0] == ["v", "0901", "0.1", "0.2", "0.4", "0.8", "11", "0.9"]
    assert [(line[1], line[6]) for line in lines] == [
        (time, each) for time in ("0901", "903.5", "903.5") for each in ("11", "12", "17")
    ]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    with rows_of(tmp_path, [Sample("films/v.mp4")]) as rows:
        rows.add(0, 0, PARTS[0])
        rows.add(0, 2, PARTS[1])
        rows.finish()
    return tmp_path


def test_the_boxes_are_read_back_without_actions(written: Path) -> None:
    found = read_boxes(written / "r.boxes.jsonl", class_of={11: 0, 12: 1, 17: 2}.get)
    assert found == {
        ("v", 901): (LEFT._replace(person=1),),
        ("v", 902): (),
        ("v", 903.5): (RIGHT._replace(person=2), LEFT._replace(person=1)),
    }
    assert all(box.labels == () for boxes in found.values() for box in boxes)


def test_a_training_learns_what_is_annotated_and_not_what_the_network_guessed(
    written: Path,
) -> None:
    """RIGHT was guessed to do a thing or two, and is annotated as nothing."""
    (written / "a.csv").write_text("v,0901,0.1,0.2,0.4,0.8,17,1\nv,0903.5,0.1,0.2,0.4,0.8,12,1\n")
    write_numbered_video(written / "v.mp4", 150)
    cfg = load_config(None, [
        "train.task=detection", f"data.root={written}", "data.train_list=a.csv",
        "detection.train_boxes=r.boxes.jsonl", "detection.ids=[11,12,17]", "detection.valid=[]",
        "model.num_classes=3", "detection.scored=",
    ])  # fmt: skip
    first, second = [key_of(sample).boxes for sample in read_keyframes(cfg, "train")]
    assert [box.labels for box in first] == [(2,)]
    assert {box.corners: box.labels for box in second} == {LEFT.corners: (1,), RIGHT.corners: ()}


def test_the_actions_are_those_of_a_test(written: Path) -> None:
    """Scores are written as they are, so that both files come to one number."""
    moments: dict[tuple[str, float], int] = {}
    found = read_scored(written / "r.csv", moments, has_scores=True)
    assert [*moments] == [("v", 901), ("v", 903.5)]
    assert found.actions.tolist() == [11, 12, 17] * 3
    expected = [0.9, 0.6, 0.001, 0.2, 0.3, 0.4, 0.95, 0.1, 0.7]
    assert found.scores.astype(np.float32).tolist() == np.array(expected, np.float32).tolist()


def test_two_videos_of_one_name_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with rows_of(tmp_path, [Sample("one/v.mp4"), Sample("two/v.mp4")]) as rows:
        for index in (0, 1):
            rows.add(index, 0, PARTS[1])
        rows.finish()
    assert caplog.messages[-1] == (
        "2 videos are called v: what r.csv and r.boxes.jsonl have of them cannot be told apart"
    )
