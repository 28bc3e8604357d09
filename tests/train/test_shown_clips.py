"""Pictures of training clips: what the network is given, with its labels and boxes."""

import numpy as np
import paddle
import pytest

from slowfast.config import Config, config_of
from slowfast.train import shown_clips
from slowfast.train.shown_clips import clip_pictures, label_text


@pytest.fixture
def cfg() -> Config:
    return config_of({"data.num_frames": 8, "model.alpha": 4})


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (np.array(1), "jump"),
        (np.array([0, 1, 0], np.float32), "jump"),
        (np.array([0.25, 0.75, 0], np.float32), "75 % jump, 25 % run"),
        (np.array([1, 0, 1], np.float32), "run, sit"),
        (np.array([0, 0, 0], np.float32), "no label"),
    ],
)
def test_labels(target: np.ndarray, text: str) -> None:
    assert label_text(target, ["run", "jump", "sit"]) == text


def test_a_picture_has_the_colours_that_the_network_is_given(cfg: Config) -> None:
    """A grey clip, normalised, is drawn in that grey; at most four clips are."""
    grey = np.full((5, 3, 8, 32, 32), (200 / 255 - 0.45) / 0.225, np.float32)
    labels = paddle.to_tensor(np.zeros(5, np.int64))
    found = clip_pictures(paddle.to_tensor(grey), labels, (), cfg, ["run"])
    assert len(found) == 4 and found[0].dtype == np.uint8
    assert (found[0] == 200).all(axis=-1).mean() > 0.2


def test_each_clip_has_its_own_boxes(cfg: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    monkeypatch.setattr(
        shown_clips, "clip_picture",
        lambda frames, corners, lines, cfg: told.append((corners.tolist(), lines)),
    )  # fmt: skip
    clips = paddle.zeros([3, 3, 8, 32, 32])
    corners = np.arange(12, dtype=np.float32).reshape(3, 4)
    boxes = paddle.to_tensor(corners), paddle.to_tensor(np.array([1, 0, 2], np.int32))
    targets = paddle.to_tensor(np.eye(3, dtype=np.float32))
    clip_pictures(clips, targets, boxes, cfg, ["run", "jump", "sit"])
    assert told == [
        ([corners[0].tolist()], ["box 1: run"]),
        ([], ["no box"]),
        (corners[1:].tolist(), ["box 1: jump", "box 2: sit"]),
    ]
