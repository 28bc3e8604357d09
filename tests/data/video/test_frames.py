"""Folders of frames: the frames asked for, and what is wrong with one."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from support.videos import numbered_picture, read_numbers, touch, write_frames

from slowfast.data.video.frames import FrameFolderReader, find_frames, likely_names
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


@pytest.mark.parametrize("content", [b"", b"not a picture"])
def test_unreadable_frame_is_one_line_that_names_it(tmp_path: Path, content: bytes) -> None:
    write_frames(tmp_path / "f", map(numbered_picture, range(5)))
    frame = tmp_path / "f" / "img_00004.jpg"
    frame.write_bytes(content)
    video = reader(tmp_path / "f", 5)
    assert numbers(video, [2, 4]) == [2, 4]
    with pytest.raises(VideoError) as caught:
        video.frames(np.array([2, 3]))
    assert str(frame) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "numbers_there", "start", "listed", "expected"),
    [
        ("img_{:05d}.jpg", range(1, 6), -1, None, (1, 5)),
        ("img_{:05d}.jpg", range(1, 6), -1, 3, (1, 3)),
        ("img_{:05d}.jpg", range(5), -1, None, (0, 5)),
        ("img_{:05d}.jpg", range(5), -1, 5, (0, 5)),
        ("img_{:05d}.jpg", range(6), 0, 5, (0, 5)),
        ("img_{:05d}.jpg", range(6), 1, 5, (1, 5)),
        ("img_{:05d}.jpg", range(17, 22), 17, 5, (17, 5)),
        ("img_{:05d}.jpg", [1, 2, 3, 5], -1, 3, (1, 3)),  # the hole is beyond the list's frames
        ("{}.png", range(12), -1, 12, (0, 12)),  # 10 is not before 2
        ("rgb/{:03d} {{x}}.png", range(998, 1003), 998, 5, (998, 5)),
    ],
)
def test_the_frames_are_found_by_what_is_there(
    tmp_path: Path, pattern: str, numbers_there: Iterable[int], start: int, listed: int | None,
    expected: tuple[int, int],
) -> None:  # fmt: skip
    touch(tmp_path, *map(pattern.format, numbers_there), "img_1.jpg", "Thumbs.db", "img_00001.txt")
    assert find_frames(str(tmp_path), pattern, start, listed) == expected


@pytest.mark.parametrize("name", ["46GP8", "{x} 1", "17"])
def test_frames_may_have_the_name_of_their_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    write_frames(folder, map(numbered_picture, range(3)), "{}.jpg")
    for number in (1, 2, 3):
        (folder / f"{number}.jpg").rename(folder / f"{name}-{number:06d}.jpg")
    video = reader(folder, None, "{name}-{:06d}.jpg")
    assert numbers(video, [0, 2]) == [0, 2]
    assert find_frames(f"{folder}/", "{name}-{:06d}.jpg", -1, 3) == (1, 3)
    with pytest.raises(VideoError, match=r"3 are like \{name\}-\{:06d\}\.jpg: set data.frame_pat"):
        reader(folder)


@pytest.mark.parametrize("name", ["i", "image", ""])
def test_a_folder_of_a_name_that_frames_only_begin_with(name: str) -> None:
    assert "set data.frame_pattern=img{}.png" in likely_names(f"/{name}", ["img1.png", "img12.png"])


def test_frames_from_0_are_not_shifted(tmp_path: Path) -> None:
    write_frames(tmp_path / "f", map(numbered_picture, range(5)))
    for number in range(5):
        (tmp_path / f"f/img_{number + 1:05d}.jpg").rename(tmp_path / f"f/img_{number:05d}.jpg")
    assert numbers(reader(tmp_path / "f", 5), [0, 1, 4]) == [0, 1, 4]


GAP = "frames without a gap, img_00001.jpg to img_0000"


@pytest.mark.parametrize(
    ("names", "numbers_there", "listed", "complaint"),
    [
        ("img_{:05d}.jpg", [1, 2, 4, 5], 5,
         f"2 {GAP}2.jpg, and then img_00004.jpg; the list says 5: correct it, or extract"),
        ("img_{:05d}.jpg", [1, 2, 4, 5], None, f"2 {GAP}2.jpg, and then img_00004.jpg; extract"),
        ("img_{:05d}.jpg", range(1, 5), 5, f"4 {GAP}4.jpg; the list says 5: correct it, or ext"),
        ("img_{:05d}.jpg", range(17, 20), 3,
         "its frames are numbered from 17, not from 1: set data.frame_start=17"),
        ("img_{:05d}.jpg", range(6), 5,
         "the list says 5 frames, and there are 6, numbered from 0: set data.frame_start to 0 or "),
        ("{:06d}.png", range(1, 4), 3, "no frame named like img_00001.jpg; 3 are like {:06d}.png: "
         "set data.frame_pattern={:06d}.png"),
        ("a{{1}}_{}.JPEG", range(8, 12), None,
         "no frame named like img_00001.jpg; 4 are like a{{1}}_{}.JPEG: "),
        ("img_{:05d}.png", [10**5, 1], 2, "no frame named like img_00001.jpg; 2 are like img_"),
        ("notes.txt", [0], None, "no frame named like img_00001.jpg"),
    ],
)  # fmt: skip
def test_folders_that_are_not_as_said(
    tmp_path: Path, names: str, numbers_there: Iterable[int], listed: int | None, complaint: str
) -> None:
    touch(tmp_path, *map(names.format, numbers_there))
    with pytest.raises(VideoError) as caught:
        reader(tmp_path, listed)
    assert str(caught.value).startswith(f"{tmp_path}: {complaint}")


def test_a_missing_folder_and_a_frame_of_another_size_are_named(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="gone: no such folder"):
        reader(tmp_path / "gone", 30)
    with pytest.raises(VideoError, match="file: no such folder of frames .Not a directory"):
        reader(touch(tmp_path, "file") / "file", 30)
    write_frames(tmp_path / "f", [numbered_picture(n) for n in range(3)])
    write_frames(tmp_path / "other", [numbered_picture(3, (32, 24))])
    (tmp_path / "other/img_00001.jpg").rename(tmp_path / "f/img_00004.jpg")
    message = f"{tmp_path}/f/img_00004.jpg: its size differs from that of the frames before it"
    with pytest.raises(VideoError, match=message):
        reader(tmp_path / "f").frames(np.arange(4))
