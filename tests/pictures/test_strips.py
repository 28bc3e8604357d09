"""Frames of a clip and an answer, looked at through the pixels."""

from pathlib import Path

import numpy as np
import pytest
from support.pixels import pixels, share_of

from slowfast.pictures.figures import FAST, SLOW
from slowfast.pictures.strips import frame_strip


def test_the_strip_frames_slow_and_fast_and_scales_the_bars(tmp_path: Path) -> None:
    frames = np.full((8, 32, 44, 3), 255, np.uint8)
    areas = []
    for share in (0.2, 0.9):
        best = [("a class", share), ("another", 0.1)]
        frame_strip(frames, [0, 7], best, tmp_path / "s.png", truth="a class")
        areas.append(share_of(pixels(tmp_path / "s.png"), FAST))
        assert share_of(pixels(tmp_path / "s.png"), SLOW) > 0.003
    assert areas[1] > 1.5 * areas[0]


@pytest.mark.parametrize(("count", "slow", "colours"), [
    (8, [0, 7], ["SLOW", "FAST"]), (8, [*range(8)], ["SLOW"]), (64, [], ["FAST"]),
], ids=["both pathways", "slow alone", "fast alone"])  # fmt: skip
def test_a_strip_has_the_frames_of_the_pathways_that_there_are(
    count: int, slow: list[int], colours: list[str], tmp_path: Path
) -> None:
    frames = np.full((count, 32, 44, 3), 255, np.uint8)
    frame_strip(frames, slow, [("бег " * 30, 0.0)], tmp_path / "s.png")
    picture = pixels(tmp_path / "s.png")
    left = picture[:, : picture.shape[1] * 2 // 3]
    found = [c for c in ("SLOW", "FAST") if share_of(left, {"SLOW": SLOW, "FAST": FAST}[c]) > 0.003]
    assert found == colours
    assert (picture[:, -5:] == 255).all()  # nothing is cut off
