"""Folders of frames: the frames asked for, and what is wrong with one."""

from pathlib import Path

import numpy as np
import pytest
from support.videos import numbered_picture, read_numbers, write_frames

from slowfast.data.video.frames import FrameFolderReader
from slowfast.data.video.reader import VideoError

NUM_FRAMES = 40


def reader(path: Path, num: int | None = None, names: str = "img_{:05d}.jpg") -> FrameFolderReader:
    return FrameFolderReader(str(path), num, names, 30.0)


def numbers(video: FrameFolderReader, indices: list[int]) -> list[int]:
    return read_numbers(video.frames(np.array(indices, np.int64)))


@pytest.mark.parametrize("pattern", ["img_{:05d}.jpg", "{:06d}.png"])
def test_folder_frames_are_those_asked_for(tmp_path: Path, pattern: str) -> None:
    write_frames(tmp_path / "f", map(numbered_picture, range(NUM_FRAMES)), pattern)
    assert reader(tmp_path / "f", None, pattern).num_frames == NUM_FRAMES
    assert reader(tmp_path / "f", 20, pattern).num_frames == 20
    video = reader(tmp_path / "f", NUM_FRAMES, pattern)
    assert numbers(video, [*range(NUM_FRAMES)]) == [*range(NUM_FRAMES)]
    for index in (NUM_FRAMES - 1, 10, 9, 0, 0, NUM_FRAMES - 1):
        assert numbers(video, [index]) == [index]
    assert numbers(video, [38, 39, 40, 99]) == [38, 39, 39, 39]
    assert read_numbers(np.stack(video.onward(np.array([3, 5])))) == [3, 5]


@pytest.mark.parametrize("content", [None, b"", b"not a picture"])
def test_unreadable_frame_is_one_line_that_names_it(tmp_path: Path, content: bytes | None) -> None:
    write_frames(tmp_path / "f", map(numbered_picture, range(5)))
    frame = tmp_path / "f" / "img_00004.jpg"
    frame.unlink()
    if content is not None:
        frame.write_bytes(content)
    video = reader(tmp_path / "f", 5)
    assert numbers(video, [2, 4]) == [2, 4]
    with pytest.raises(VideoError) as caught:
        video.frames(np.array([2, 3]))
    assert str(frame) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_folder_and_a_frame_of_another_size_are_named(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="gone: no such folder"):
        reader(tmp_path / "gone", 30)
    write_frames(tmp_path / "f", [numbered_picture(n) for n in range(3)])
    write_frames(tmp_path / "other", [numbered_picture(3, (32, 24))])
    (tmp_path / "other/img_00001.jpg").rename(tmp_path / "f/img_00004.jpg")
    message = f"{tmp_path}/f/img_00004.jpg: its size differs from that of the frames before it"
    with pytest.raises(VideoError, match=message):
        reader(tmp_path / "f").frames(np.arange(4))
