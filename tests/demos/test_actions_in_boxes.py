"""The demo of detection: what it compares, and that only the box tells which shape is meant."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from slowfast.config import load_config
from slowfast.data.samples import Box, KeyFrame
from slowfast.data.shapes.shape_film_files import exchange
from slowfast.data.shapes.shape_films import ACTIONS, render_film
from slowfast.demos import actions_in_boxes
from slowfast.metrics.frame_map import frame_map_numbers
from slowfast.predict.box_rows import rows_of_boxes

Knows = Callable[[Sequence[Box]], NDArray[np.float32]]


def what_the_box_shows(boxes: Sequence[Box]) -> NDArray[np.float32]:
    """The scores of who knows everything."""
    scores_KA = np.zeros((len(boxes), len(ACTIONS)), np.float32)
    for row, box in zip(scores_KA, boxes, strict=True):
        row[list(box.labels)] = 1
    return scores_KA


def what_the_picture_shows(boxes: Sequence[Box]) -> NDArray[np.float32]:
    """The scores of who knows all that is in the picture, but not where."""
    return np.repeat(
        what_the_box_shows(boxes).max(axis=0, keepdims=True, initial=0), len(boxes), axis=0
    )


def what_the_other_shows(boxes: Sequence[Box]) -> NDArray[np.float32]:
    """The scores of who looks at the wrong box."""
    return what_the_box_shows(exchange(boxes))


@pytest.fixture(scope="module")
def keys() -> list[KeyFrame]:
    """The key frames of several films."""
    films = {str(seed): render_film(np.random.default_rng(seed), 6)[1] for seed in range(6)}
    return [
        KeyFrame(film, own.second, own.second, own.truth, own.truth)
        for film, moments in films.items()
        for own in moments
    ]


def test_only_the_box_tells_which_is_meant(keys: list[KeyFrame]) -> None:
    """With all that can be known of the picture the average precision is one half, and with the
    wrong box it is below that of guesses."""
    classes = range(len(ACTIONS))

    def precision(knows: Knows) -> float:
        rows = rows_of_boxes([(key, knows(key.boxes)) for key in keys], classes)
        return frame_map_numbers(*rows, classes, "pyslowfast")[0]["mAP"]

    cfg = load_config(actions_in_boxes.CONFIG)
    guess = actions_in_boxes.guessed(keys, cfg)
    assert precision(what_the_box_shows) == pytest.approx(1)
    assert 0.45 < precision(what_the_picture_shows) < 0.65
    assert 0.15 < precision(what_the_other_shows) < guess < 0.3


def test_networks_are_compared_by_colours_and_motions(tmp_path: Path) -> None:
    precisions = [1.0, 1.0, 0.8, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]
    result = {"mAP": 0.57, "classes": [{"AP": own} for own in precisions]}
    (tmp_path / "test_result.json").write_text(json.dumps(result))
    assert actions_in_boxes.shares_of(tmp_path) == pytest.approx([0.57, 0.9, 0.35])
    assert len(actions_in_boxes.COLUMNS) == 3


def test_the_summary_has_the_tests_that_must_fail(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    classes = [{"AP": 0.9} for _ in ACTIONS]
    result = {"mAP": 0.9, "recall": 1.0, "rule": "pyslowfast", "num_key_frames": 187}
    for name, share in (("", 0.9), ("exchanged", 0.05), ("whole", 0.4)):
        (tmp_path / name).mkdir(exist_ok=True)
        own = result | {"mAP": share, "classes": classes}
        (tmp_path / name / "test_result.json").write_text(json.dumps(own))
    actions_in_boxes.tell(tmp_path, tmp_path / "a.pdparams", 0.22, seconds=61.26)
    said = capsys.readouterr().out
    assert "mAP 90.0 %, colours 90.0 %, motions 90.0 % (pyslowfast's rule) on 187 unseen" in said
    assert "mAP 5.0 % if each box has to show what the other one does\n" in said
    assert "mAP 40.0 % if each box is as large as the picture\n" in said
    assert "mAP 22.0 % if all is guessed\n" in said
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["exchanged"], summary["whole"], summary["seconds"]) == (0.05, 0.4, 61.3)
