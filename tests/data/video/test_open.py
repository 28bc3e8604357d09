"""Opening: the reader for a path; what cannot be read is one clear error, never a hang."""

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from support.videos import numbered_picture, read_numbers, write_frames, write_numbered_video

from slowfast.config import ConfigError
from slowfast.data.lists import Sample
from slowfast.data.video.frames import FrameFolderReader
from slowfast.data.video.open import decoder_version, open_video
from slowfast.data.video.opencv import OpenCVReader
from slowfast.data.video.pyav import PyAVReader
from slowfast.data.video.reader import Reader, VideoError

pytestmark = pytest.mark.usefixtures("no_hang")


def reader(path: Path, decoder: str = "opencv", num_frames: int | None = None) -> Reader:
    return open_video(Sample(str(path), 0, num_frames), "img_{:05d}.jpg", 30.0, decoder)


def numbers(video: Reader, indices: Sequence[int]) -> list[int]:
    return read_numbers(video.frames(np.array(indices, np.int64)))


def test_each_kind_of_path_has_its_reader(tmp_path: Path) -> None:
    video = write_numbered_video(tmp_path / "a.mp4", 5)
    write_frames(tmp_path / "frames", [numbered_picture(0)])
    assert isinstance(reader(video), OpenCVReader)
    assert isinstance(reader(video, "pyav"), PyAVReader)
    for decoder in ("opencv", "pyav"):
        assert isinstance(reader(tmp_path / "frames", decoder), FrameFolderReader)
        with pytest.raises(VideoError, match="no such folder of frames"):
            reader(tmp_path / "a.mp4", decoder, 5)


def test_versions_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert decoder_version("opencv").startswith("OpenCV ")
    assert decoder_version("pyav").startswith("PyAV ")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="PyAV is not installed here"):
        decoder_version("pyav")


ODD_FOLDER = "mit Leerzeichen und Ümläuten 视频"


def zero_bytes(path: Path) -> None:
    path.write_bytes(b"")


def missing(path: Path) -> None:
    assert not path.exists()


def text(path: Path) -> None:
    path.write_text("this is not a video\n" * 100)


def mp4_without_its_end(path: Path) -> None:
    write_numbered_video(path, 50)  # OpenCV writes the index last
    content = path.read_bytes()
    path.write_bytes(content[: int(0.6 * len(content))])


def empty_folder(path: Path) -> None:
    path.mkdir()


def folder_of_other_names(path: Path) -> None:
    write_frames(path, [numbered_picture(0)], "frame{}.jpg")


@pytest.mark.parametrize(
    "make",
    [zero_bytes, missing, text, mp4_without_its_end, empty_folder, folder_of_other_names],
    ids=lambda make: make.__name__,
)
@pytest.mark.parametrize("decoder", ["opencv", "pyav"])
def test_unreadable_video_is_one_line_that_names_it(
    tmp_path: Path, make: Callable[[Path], None], decoder: str
) -> None:
    path = tmp_path / ODD_FOLDER / "video.mp4"
    path.parent.mkdir()
    make(path)
    with pytest.raises(VideoError) as caught:
        reader(path, decoder).frames(np.arange(4))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("decoder", ["opencv", "pyav"])
def test_path_with_spaces_and_other_alphabets(tmp_path: Path, decoder: str) -> None:
    folder = tmp_path / ODD_FOLDER
    folder.mkdir()
    write_numbered_video(tmp_path / "plain.mp4", 10).rename(folder / "прыжок 1.mp4")
    assert numbers(reader(folder / "прыжок 1.mp4", decoder), [0, 9]) == [0, 9]
    write_frames(tmp_path / "frames", map(numbered_picture, range(10)))
    (tmp_path / "frames").rename(folder / "кадры 1")
    assert numbers(reader(folder / "кадры 1", decoder, 10), [0, 9]) == [0, 9]


@pytest.mark.parametrize("decoder", ["opencv", "pyav"])
def test_relative_path_with_a_colon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoder: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_numbered_video(Path("plain.mp4"), 10).rename("12:30 clip.mp4")
    video = reader(path, decoder)
    assert numbers(video, [9]) + numbers(video, [0]) == [9, 0]
