"""Key frames drawn with their boxes."""

from pathlib import Path

import numpy as np
import pytest
from support.videos import read_number, write_numbered_video

from slowfast.config import DataConfig
from slowfast.data.boxes.box_pictures import ANNOTATED, DETECTED, key_picture, with_boxes
from slowfast.data.samples import Box, KeyFrame, Sample
from slowfast.data.video.films import Films


@pytest.mark.parametrize(("seconds", "frame"), [(0.0, 0), (0.5, 15), (0.51, 15), (9.0, 29)])
def test_what_is_seen_at_a_key_frame(tmp_path: Path, seconds: float, frame: int) -> None:
    path = write_numbered_video(tmp_path / "v.mp4", 30)
    sample = Sample(str(path), key=KeyFrame("v", 900 + seconds, seconds, ()))
    assert read_number(key_picture(sample, Films(DataConfig()))) == frame


def test_boxes_are_drawn_where_they_are() -> None:
    picture = np.zeros((50, 100, 3), np.uint8)
    annotated, detected = Box((0.5, 0.0, 1.0, 1.0)), Box((0.0, 0.25, 0.25, 0.75))
    drawn = with_boxes(picture, [annotated], [detected])
    assert drawn.shape == (240, 480, 3)
    for y, x, colour in (
        (120, 240, ANNOTATED), (1, 400, ANNOTATED), (120, 479, ANNOTATED), (60, 60, DETECTED),
        (179, 60, DETECTED), (120, 120, DETECTED), (120, 60, (0, 0, 0)), (200, 60, (0, 0, 0)),
    ):  # fmt: skip
        assert tuple(drawn[y, x]) == colour
    inside = drawn[10:40, 245:275].reshape(-1, 3)
    assert (inside == ANNOTATED).all(axis=1).sum() > 20  # the number
    assert with_boxes(picture, [Box((0.2, 0.2, 0.2, 0.2))], []).any()
    assert not picture.any()
