"""The file with all scores of a test of boxes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.tiny_run import tiny_config

from slowfast.data.samples import Box, KeyFrame
from slowfast.evaluate.box_scores import read_box_scores, write_box_scores
from slowfast.evaluate.score_arrays import ResultsError
from slowfast.evaluate.scores import read_scores
from slowfast.metrics.accuracy import sigmoid, softmax

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
    with pytest.raises(ResultsError, match=r"scores of boxes, which .+score_boxes FILE\.npz"):
        read_scores(path)


def test_all_scores_are_read_again(tmp_path: Path) -> None:
    """Of logits their probabilities, as a test has them."""
    path, rng = tmp_path / "scores.npz", np.random.default_rng(0)
    rows = [rng.normal(-4, 3, (count, 24)).astype(np.float32) for count in (2, 0, 1)]
    keys = [(index, key._replace(is_excluded=index == 1)) for index, key in KEYS]
    names = [f"c{number}" for number in range(24)]
    settings = "train.task=detection", "detection.first_id=5", "detection.scored=ava60"
    for kind, activation, labels in (
        ("prob", None, "several"), ("score", sigmoid, "several"), ("score", softmax, "one"),
    ):  # fmt: skip
        own = f"test.average_clips={kind}", f"model.labels_per_box={labels}"
        cfg = tiny_config(tmp_path, *settings, *own)
        write_box_scores(path, iter(rows), keys, {"num_listed": 4, "unreadable": []}, names, cfg)
        found = read_box_scores(path)
        wanted = np.concatenate(rows)
        if activation:
            wanted = activation(wanted.astype(np.float64)).astype(np.float32)
        np.testing.assert_array_equal(found.scores, wanted)
        assert found.moments == [("a,b", 902), ("v", 902.5), ("v", 903)]
        assert found.counts.tolist() == [2, 0, 1] and found.excluded.tolist() == [0, 1, 0]
        assert found.numbers.tolist() == [*range(5, 29)]
        assert found.actions[5] == "c0" and 16 not in found.actions and len(found.actions) == 18
        path.unlink()


@pytest.mark.parametrize(("change", "complaint"), [
    ({"boxes": None}, "it has no boxes: python -m slowfast.tools.score scores a test of vide"),
    ({"times": None}, "it has no times, so --test --out did not write it"),
    ({"counts": np.array([3, 0, 1])}, "its members do not fit each other"),
    ({"scores": np.full((3, 24), np.nan, np.float32)}, "its members do not fit each other"),
    ({"videos": np.array([1, 2, 3])}, r"its videos are int64 \[3\]"),
], ids=["no boxes", "no times", "counts", "nan", "numbers"])  # fmt: skip
def test_files_that_are_no_scores_of_boxes(
    change: dict[str, Any], complaint: str, tmp_path: Path
) -> None:
    cfg, path = tiny_config(tmp_path, "train.task=detection"), tmp_path / "scores.npz"
    rows = [np.zeros((count, 24), np.float32) for count in (2, 0, 1)]
    write_box_scores(path, rows, KEYS, {"num_listed": 4, "unreadable": []}, [], cfg)
    with np.load(path) as whole:
        members = {**whole, **change}
    np.savez(path, **{name: value for name, value in members.items() if value is not None})
    with pytest.raises(ResultsError, match=rf"scores\.npz: {complaint}"):
        read_box_scores(path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ResultsError, match=r"scores\.npz is cut off or damaged"):
        read_box_scores(path)


def test_a_test_without_any_box(tmp_path: Path) -> None:
    cfg = tiny_config(tmp_path, "train.task=detection")
    result = {"num_listed": 1, "unreadable": []}
    write_box_scores(
        tmp_path / "s.npz", [np.zeros((0, 24), np.float32)], KEYS[1:2], result, [], cfg
    )
    with np.load(tmp_path / "s.npz") as found:
        assert found["scores"].shape == (0, 24) and found["boxes"].shape == (0, 4)
