"""The file with all scores of a test of boxes."""

from pathlib import Path

import numpy as np
import pytest
from support.tiny_run import tiny_config

from slowfast.data.samples import Box, KeyFrame
from slowfast.evaluate.box_scores import write_box_scores
from slowfast.evaluate.scores import ResultsError, read_scores

BOX = Box((0.1, 0.2, 1 / 3, 0.9))
KEYS = [(0, KeyFrame("a,b", 902, 2, (BOX, BOX))), (1, KeyFrame("v", 902.5, 2.5, ())),
        (3, KeyFrame("v", 903, 3, (BOX,)))]  # fmt: skip


def test_all_scores_are_in_the_file_whatever_the_number_of_boxes(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path, "train.task=detection", "detection.first_id=5")
    rows = [np.full((count, 24), index, np.float32) for index, count in ((0, 2), (1, 0), (3, 1))]
    gone = {"index": 2, "path": "w.mp4", "error": "cut off"}
    result = {"num_listed": 4, "unreadable": [gone]}
    path = tmp_path / "scores.npz"
    write_box_scores(path, iter(rows), KEYS, result, [], cfg)
    with np.load(path, allow_pickle=False) as found:
        scores = np.split(found["scores"], found["counts"].cumsum()[:-1])
        for one, own in zip(scores, rows, strict=True):
            np.testing.assert_array_equal(one, own)
        assert found["boxes"].tolist() == [[*BOX.corners]] * 3
        assert found["indices"].tolist() == [0, 1, 3]
        assert found["times"].tolist() == [902, 902.5, 903]
        assert found["videos"].tolist() == ["a,b", "v", "v"] and found["kind"] == "prob"
        assert found["class_numbers"].tolist() == [*range(5, 29)]
        assert found["unreadable_paths"].tolist() == ["w.mp4"] and found["num_listed"] == 4
    with pytest.raises(ResultsError, match=r"score_boxes DETECTIONS\.csv"):
        read_scores(path)


def test_a_test_without_any_box(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path, "train.task=detection")
    result = {"num_listed": 1, "unreadable": []}
    write_box_scores(
        tmp_path / "s.npz", [np.zeros((0, 24), np.float32)], KEYS[1:2], result, [], cfg
    )
    with np.load(tmp_path / "s.npz") as found:
        assert found["scores"].shape == (0, 24) and found["boxes"].shape == (0, 4)
