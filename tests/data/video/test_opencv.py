"""What is special about OpenCV: where the reader jumps, and where it counts instead."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from support.videos import read_numbers, write_numbered_video

from slowfast.data.video.opencv import LEAD, WORTH, OpenCVReader


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_far_frames_are_jumped_to(tmp_path: Path, counts: Counter[str], name: str) -> None:
    path = write_numbered_video(tmp_path / name, 200, codec="h264", gop=10, b_frames=2)
    reader = OpenCVReader(str(path))
    assert read_numbers(reader.frames(np.array([150, 151]))) == [150, 151]
    assert counts["decoded"] <= LEAD + 10 + 2
    counts.clear()
    assert read_numbers(reader.frames(np.array([3, 180]))) == [3, 180]  # back, and far on
    assert counts["decoded"] <= 4 + LEAD + 10 + 1


@pytest.mark.parametrize(
    ("name", "gop", "wanted"),
    [("a.avi", 10, 150), ("a.mp4", 250, 150), ("a.mp4", 10, LEAD + WORTH - 1)],
)
def test_frames_are_counted_where_a_jump_is_of_no_use(
    tmp_path: Path, counts: Counter[str], name: str, gop: int, wanted: int
) -> None:
    """AVI does not say when a frame is shown; there is no keyframe nearer; it is near itself."""
    path = write_numbered_video(tmp_path / name, 200, codec="h264", gop=gop)
    assert read_numbers(OpenCVReader(str(path)).frames(np.array([wanted]))) == [wanted]
    assert counts["decoded"] == wanted + 1
