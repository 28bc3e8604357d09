"""Windows around key frames in one pass along a video: which frames they have."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.videos import (
    numbered_picture,
    read_number,
    read_numbers,
    write_frames,
    write_numbered_video,
)

from slowfast.config import DataConfig, DetectionConfig
from slowfast.config import TestConfig as ViewsConfig
from slowfast.data.clips.key_sliding import KeyChunk, SlidingKeys
from slowfast.data.clips.sliding import ChunkKey
from slowfast.data.samples import Sample
from slowfast.data.video import films
from slowfast.data.video.open import open_video
from slowfast.data.video.reader import VideoError

DATA = DataConfig(num_frames=4, sampling_stride=8)
VIEWS = ViewsConfig(short_side=48, crop_size=48)
AVA = DetectionConfig()


def chunks(
    sample: Sample, keys: list[float], *, data: DataConfig = DATA, count: int = 2,
    longest: int = 64, first: int = 0,
) -> list[KeyChunk]:  # fmt: skip
    read = SlidingKeys(
        [sample], data, VIEWS, AVA, keys_of=lambda place, begin, end: np.array(keys, np.float64),
        keys_at_once=count, longest=longest, first=lambda place: first,
    )  # fmt: skip
    found: list[KeyChunk] = []
    while (chunk := read(ChunkKey(0, len(found)))) is not None:
        found.append(chunk)
    assert [chunk.is_last for chunk in found] == [False] * (len(found) - 1) + [True]
    return found


def numbers(found: list[KeyChunk]) -> list[list[int]]:
    """The frames of each window."""
    return [read_numbers(chunk.frames[clip]) for chunk in found for clip in chunk.clips]


@pytest.mark.parametrize("decoder", ["pyav", "opencv"])
def test_windows_and_key_frames(tmp_path: Path, decoder: Any) -> None:
    video = Sample(str(write_numbered_video(tmp_path / "a.mp4", 100, size=(64, 48))))
    data = dataclasses.replace(DATA, decoder=decoder)
    found = chunks(video, [0, 1, 1.5, 2, 3.2], data=data)
    assert numbers(found) == [
        [0, 0, 0, 8], [14, 22, 30, 38], [29, 37, 45, 53], [44, 52, 60, 68], [80, 88, 96, 99]
    ]  # fmt: skip
    shown = [read_number(picture) for chunk in found for picture in chunk.pictures]
    assert shown == [0, 30, 45, 60, 96]
    assert [chunk.keys.tolist() for chunk in found] == [[0, 1], [1.5, 2], [3.2]]
    assert {chunk.size for chunk in found} == {(48, 64)} and found[0].share == 0.4
    np.testing.assert_allclose(found[0].seconds[1], [14 / 30, 38 / 30], atol=1e-6)


def test_it_begins_in_the_middle_and_is_the_same(tmp_path: Path) -> None:
    video = Sample(str(write_numbered_video(tmp_path / "a.mp4", 100)))
    keys = [0.5, 1, 1.5, 2, 2.5]
    assert numbers(chunks(video, keys, first=3)) == numbers(chunks(video, keys))[3:]
    (nothing,) = chunks(video, keys, first=5)
    assert nothing.is_last and not len(nothing.keys) and nothing.share == 1


def test_pictures_only_where_they_are_needed(tmp_path: Path) -> None:
    write_frames(tmp_path / "a", (numbered_picture(i, (96, 72)) for i in range(60)))
    video = Sample(str(tmp_path / "a"), num_frames=60)
    (chunk,) = chunks(video, [1], longest=0)
    assert chunk.pictures.shape == (1, 0, 0, 3) and chunk.size == (72, 96)
    assert chunk.frames.shape[1:] == (48, 64, 3)
    (chunk,) = chunks(video, [1], longest=48)
    assert chunk.pictures.shape == (1, 36, 48, 3)


def test_key_frames_outside_are_left_out(tmp_path: Path) -> None:
    video = Sample(str(write_numbered_video(tmp_path / "a.mp4", 60)))
    (chunk,) = chunks(video, [-1, 1, 2, 2.9, 3.1, 5], count=8)
    assert chunk.keys.tolist() == [1, 2, 2.9]  # AVA rounds to a second: as in a test
    assert numbers([chunk])[2] == [59] * 4 and read_number(chunk.pictures[2]) == 59
    part = Sample(video.path, start=1.0, end=2.0)
    (chunk,) = chunks(part, [0.5, 1.5, 2.5], count=8)
    assert chunk.keys.tolist() == [1.5]
    assert read_number(chunk.pictures[0]) == 45


def test_a_file_that_ends_before_its_container_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last frame that is read stands for those behind it; later key frames are left out."""
    path = write_numbered_video(tmp_path / "a.mp4", 75)

    def promising(*args: Any) -> Any:
        reader = open_video(*args)
        reader.num_frames += 60
        return reader

    monkeypatch.setattr(films, "open_video", promising)
    found = chunks(Sample(str(path)), [1, 2, 2.2, 3, 4])
    assert numbers(found) == [
        [14, 22, 30, 38], [44, 52, 60, 68], [50, 58, 66, 74], [74, 74, 74, 74]
    ]  # fmt: skip
    shown = [read_number(picture) for chunk in found for picture in chunk.pictures]
    assert shown == [30, 60, 66, 74]


def test_few_frames_are_held_of_a_long_video(tmp_path: Path) -> None:
    path = write_numbered_video(tmp_path / "a.mp4", 900)
    read = SlidingKeys(
        [Sample(str(path))], DATA, VIEWS, AVA,
        keys_of=lambda place, begin, end: np.arange(0.5, 30, 0.5), keys_at_once=2, longest=64,
    )  # fmt: skip
    largest = count = 0
    while read(ChunkKey(0, count)) is not None:
        largest, count = max(largest, read._onward.num_held), count + 1
    assert count == 30 and largest <= 10


def test_what_is_no_video(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no video")
    with pytest.raises(VideoError, match="a.mp4"):
        chunks(Sample(str(tmp_path / "a.mp4")), [1])
