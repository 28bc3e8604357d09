"""Opening: the reader for a path; what cannot be read is one clear error, never a hang."""

import importlib.util
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from support.videos import (
    cut_to,
    numbered_picture,
    read_numbers,
    write_frames,
    write_h264,
    write_numbered_video,
    write_tar,
)

from slowfast.config import ConfigError
from slowfast.data.samples import Sample
from slowfast.data.video.frames import FrameFolderReader
from slowfast.data.video.open import aspect_of, decoder_version, open_video
from slowfast.data.video.opencv import OpenCVReader
from slowfast.data.video.pyav import PyAVReader
from slowfast.data.video.reader import Reader, VideoError

pytestmark = pytest.mark.usefixtures("no_hang")


def reader(path: Path, decoder: str = "opencv", num_frames: int | None = None) -> Reader:
    return open_video(Sample(str(path), 0, num_frames), "img_{:05d}.jpg", 30.0, decoder)


def test_each_kind_of_path_has_its_reader(tmp_path: Path) -> None:
    video = write_numbered_video(tmp_path / "a.mp4", 5)
    write_frames(tmp_path / "frames", [numbered_picture(0)])
    assert isinstance(reader(video), OpenCVReader)
    assert isinstance(reader(video, "pyav"), PyAVReader)
    for decoder in ("opencv", "pyav"):
        assert isinstance(reader(tmp_path / "frames", decoder), FrameFolderReader)
        with pytest.raises(VideoError, match="no such folder of frames"):
            reader(tmp_path / "a.mp4", decoder, 5)


@pytest.mark.parametrize("decoder", ["opencv", "pyav"])
def test_names_that_are_not_utf8(tmp_path: Path, decoder: str) -> None:
    """OpenCV ends the process, were it given such a name as text."""
    path = tmp_path / os.fsdecode(b"caf\xe9.mp4")
    write_numbered_video(tmp_path / "a.mp4", 5).rename(path)
    assert read_numbers(reader(path, decoder).frames(np.array([0, 4]))) == [0, 4]
    tar = write_tar(tmp_path / os.fsdecode(b"\xff.tar"), {path.name: path.read_bytes()})
    member = Path(tar) / path.name
    assert read_numbers(reader(member, decoder).frames(np.array([0, 4]))) == [0, 4]
    path.write_bytes(b"no video")
    with pytest.raises(VideoError, match="caf\udce9.mp4"):
        reader(path, decoder)


def test_versions_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert decoder_version("opencv").startswith("OpenCV ")
    assert decoder_version("pyav").startswith("PyAV ")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="PyAV is not installed here"):
        decoder_version("pyav")


@pytest.mark.parametrize(
    ("decoder", "old", "new"),
    [
        ("pyav", ["9.2.0", "16.1.0", "17.0.0"], ["17.0.1", "18.1.0", "19.0.0rc1"]),
        ("opencv", ["3.4.18", "4.8.1", "4.12.0"], ["4.13.0", "4.14.0-dev", "5.0.0"]),
    ],
)
def test_versions_that_ignore_colour_tags_are_refused(
    monkeypatch: pytest.MonkeyPatch, decoder: str, old: list[str], new: list[str]
) -> None:
    module = {"pyav": "av", "opencv": "cv2"}[decoder]
    for version in new:
        monkeypatch.setattr(f"{module}.__version__", version)
        assert decoder_version(decoder).endswith(f" {version}")
    for version in old:
        monkeypatch.setattr(f"{module}.__version__", version)
        with pytest.raises(ConfigError, match=f" {version} is too old .*pip install '.*>=.*'"):
            decoder_version(decoder)
        other = "opencv" if decoder == "pyav" else "pyav"
        assert decoder_version(other), "only the one that is to read videos must be new"


ODD_FOLDER = "mit Leerzeichen und Ümläuten 视频"
UNREADABLE: dict[str, Callable[[Path], object]] = {
    "empty": Path.touch,
    "missing": lambda path: None,
    "text": lambda path: path.write_text("this is not a video\n" * 100),
    "without its end": lambda path: cut_to(write_numbered_video(path, 50), 0.6),  # the index
    "empty folder": Path.mkdir,
    "folder of other names": lambda path: write_frames(path, [numbered_picture(0)], "frame{}.jpg"),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_an_unreadable_video_is_named_in_one_line(tmp_path: Path, kind: str, decoder: str) -> None:
    path = tmp_path / ODD_FOLDER / "video.mp4"
    path.parent.mkdir()
    UNREADABLE[kind](path)
    with pytest.raises(VideoError) as caught:
        reader(path, decoder).frames(np.arange(4))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_paths_with_spaces_other_alphabets_and_colons(own_folder: Path, decoder: str) -> None:
    Path(ODD_FOLDER).mkdir()
    write_frames(Path("frames"), map(numbered_picture, range(10)))
    odd = [Path("frames").rename(f"{ODD_FOLDER}/кадры 1")]
    for name in (f"{ODD_FOLDER}/прыжок 1.mp4", "12:30 clip.mp4"):
        odd.append(write_numbered_video(Path("plain.mp4"), 10).rename(name))
    for path in odd:
        video = reader(path, decoder)
        assert read_numbers(np.stack([video.frames(np.array([i]))[0] for i in (9, 0)])) == [9, 0]


def test_the_shape_of_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """1 of frames, and where PyAV is not installed."""
    pictures = [np.zeros((48, 64, 3), np.uint8)] * 3
    path = write_h264(tmp_path / "a.mp4", pictures, pixel_aspect=Fraction(2, 1))
    assert aspect_of(Sample(str(path))) == 2
    assert aspect_of(Sample(str(tmp_path))) == 1
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert aspect_of(Sample(str(path))) == 1
