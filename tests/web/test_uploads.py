"""Uploads that are looked at first: what is refused, and in which words."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from support import odd_videos
from support.pages import coloured

from slowfast.config import DataConfig
from slowfast.web.jobs import JobError
from slowfast.web.uploads import by_its_name, seconds_of, write_picture


def looked_at(path: Path, longest: float = 600.0) -> float:
    with by_its_name(path):
        return seconds_of(path, DataConfig(), longest)


def empty(path: Path) -> None:
    path.touch()


def playlist(path: Path) -> None:
    path.write_text("#EXTM3U\n#EXTINF:1,\n/etc/passwd\n#EXT-X-ENDLIST\n")


def single(path: Path) -> None:
    coloured(path, "red", 0, seconds=1 / 30)


@pytest.mark.parametrize(
    ("write", "line"),
    [
        (empty, "x.mp4: the file is empty (0 bytes)"),
        (odd_videos.text, "x.mp4: not a video but text"),
        (playlist, "x.mp4: a playlist, not a video: name the files that it names"),
        (odd_videos.sound_with_cover, "x.mp4: no video in it, only a cover picture"),
        (odd_videos.picture, "x.mp4: a single picture, not a video (which has two frames or more)"),
        (single, "x.mp4: a single picture, not a video (which has two frames or more)"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_no_video_is_refused_by_its_own_name(
    tmp_path: Path, write: Callable[[Path], None], line: str
) -> None:
    write(tmp_path / "x.mp4")
    with pytest.raises(JobError) as raised:
        looked_at(tmp_path / "x.mp4")
    assert str(raised.value) == line


def test_a_video_is_as_long_as_it_is_and_may_be_too_long(tmp_path: Path) -> None:
    path = coloured(tmp_path / "a film.mp4", "red", 0, seconds=2.0)
    assert looked_at(path) == pytest.approx(2.0)
    with pytest.raises(JobError) as raised:
        looked_at(path, longest=1.0)
    assert str(raised.value) == "a film.mp4: it lasts 0:00:02, and this page takes up to 0:00:01"


def test_a_picture_keeps_its_colours(tmp_path: Path) -> None:
    frame = np.full((30, 40, 3), (200, 100, 20), np.uint8)
    write_picture(frame, tmp_path / "pictures" / "film.jpg")
    picture = cv2.imread(str(tmp_path / "pictures" / "film.jpg"))
    assert picture is not None and picture.shape == frame.shape
    assert picture.mean(axis=(0, 1)) == pytest.approx([20, 100, 200], abs=3)
