"""The frames asked for are the frames returned; a bad file is one clear error, never a hang."""

import contextlib
import struct
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from support.videos import (
    numbered_picture,
    read_numbers,
    write_frames,
    write_h264,
    write_mpeg4,
    write_numbered_video,
)

from slowfast.data.lists import Sample
from slowfast.data.video.open import open_video
from slowfast.data.video.reader import Reader, VideoError

NUM_FRAMES = 300
NTSC = Fraction(30000, 1001)
RATES = [pytest.param(fps, id=f"{float(fps):.5g}fps") for fps in (25, NTSC, 30)]

pytestmark = pytest.mark.usefixtures("no_hang", "decoder")


@pytest.fixture(params=["opencv", "pyav"])
def decoder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every test of video files runs with each decoder."""
    name: str = request.param
    monkeypatch.setattr(sys.modules[__name__], "DECODER", name)
    return name


DECODER = "opencv"


def reader(path: Path, num_frames: int | None = None, pattern: str = "img_{:05d}.jpg") -> Reader:
    return open_video(Sample(str(path), 0, num_frames), pattern, 30.0, DECODER)


def numbers(video: Reader, indices: Sequence[int] | NDArray[np.int64]) -> list[int]:
    return read_numbers(video.frames(np.array(indices, np.int64)))


def check_identity(open_again: Callable[[], Reader]) -> None:
    """All frames; random subsets by one reader, so that it goes back and forth; first and last."""
    assert numbers(open_again(), range(NUM_FRAMES)) == [*range(NUM_FRAMES)]
    rng = np.random.default_rng(7)
    video = open_again()
    for size in (1, 5, 32, 150, 2, 64):
        wanted = np.sort(rng.choice(NUM_FRAMES, size, replace=False))
        assert numbers(video, wanted) == wanted.tolist()
        assert numbers(open_again(), wanted) == wanted.tolist()
    for index in (NUM_FRAMES - 1, 100, 99, 0, 0, NUM_FRAMES - 1):
        assert numbers(video, [index]) == [index]


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("ending", [".mp4", ".avi"])
def test_mpeg4_frames_are_those_asked_for(tmp_path: Path, ending: str, fps: Fraction) -> None:
    path = write_numbered_video(tmp_path / f"video{ending}", NUM_FRAMES, fps)
    assert reader(path).num_frames == NUM_FRAMES
    assert reader(path).fps == pytest.approx(float(fps), abs=1e-3)
    check_identity(lambda: reader(path))


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_h264_frames_are_those_asked_for(tmp_path: Path, ending: str, fps: Fraction) -> None:
    path = tmp_path / f"video{ending}"
    write_numbered_video(path, NUM_FRAMES, fps, "h264", b_frames=3, gop=250)
    assert picture_types(path)[:9] == "IBBBPBBBP"
    assert picture_types(path).count("I") == 2
    assert reader(path).num_frames == NUM_FRAMES
    assert reader(path).fps == pytest.approx(float(fps), abs=1e-3)
    check_identity(lambda: reader(path))


def picture_types(path: Path) -> str:
    """The types of the file's frames in the order of showing: I, P or B each."""
    import av

    with av.open(str(path)) as container:
        return "".join("?IPB"[int(frame.pict_type)] for frame in container.decode(video=0))


@pytest.mark.parametrize("pattern", ["img_{:05d}.jpg", "{:06d}.png"])
def test_folder_frames_are_those_asked_for(tmp_path: Path, pattern: str) -> None:
    write_frames(tmp_path / "f", map(numbered_picture, range(NUM_FRAMES)), pattern)
    assert reader(tmp_path / "f", None, pattern).num_frames == NUM_FRAMES
    assert reader(tmp_path / "f", 200, pattern).num_frames == 200
    check_identity(lambda: reader(tmp_path / "f", NUM_FRAMES, pattern))


def test_file_without_a_container_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "bare.h264"
    write_numbered_video(path, 100, 25, "h264", b_frames=3, gop=250)
    video = reader(path)
    assert video.num_frames == 100
    assert numbers(video, [0, 50, 99]) == [0, 50, 99]


def check_padding(path: Path, least: int, most: int) -> None:
    """The file holds the first frames only: the last of them stands for all that are missing."""
    shown = numbers(reader(path), range(NUM_FRAMES))
    held = len(set(shown))
    assert least <= held <= most
    assert shown == [*range(held), *[held - 1] * (NUM_FRAMES - held)]
    video = reader(path)
    assert numbers(video, [NUM_FRAMES - 2, NUM_FRAMES - 1]) == [held - 1] * 2
    assert numbers(video, [10**6]) == [held - 1]
    assert numbers(video, [3, held, 10**6]) == [3, held - 1, held - 1]


def test_cut_off_avi_is_padded(tmp_path: Path) -> None:
    path = write_numbered_video(tmp_path / "cut.avi", NUM_FRAMES)
    cut_to(path, 0.6)
    check_padding(path, 100, 250)


def test_cut_off_mp4_with_its_index_first_is_padded(tmp_path: Path) -> None:
    path = tmp_path / "cut.mp4"
    pictures = map(numbered_picture, range(NUM_FRAMES))
    write_h264(path, pictures, b_frames=3, gop=250, movflags="faststart")
    cut_to(path, 0.8)
    assert reader(path).num_frames == NUM_FRAMES
    check_padding(path, 100, 290)


def test_frame_count_of_the_container_is_a_hint(tmp_path: Path) -> None:
    path = write_numbered_video(tmp_path / "lies.avi", 200)
    lie_about_length(path, NUM_FRAMES)
    assert reader(path).num_frames == NUM_FRAMES
    check_padding(path, 200, 200)
    lie_about_length(path, 20)
    assert numbers(reader(path), [0, 19]) == [0, 19]


def cut_to(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])


def lie_about_length(path: Path, num_frames: int) -> None:
    """Overwrites the AVI's frame counts: dwTotalFrames of avih, dwLength of strh."""
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, content.index(b"avih") + 8 + 16, num_frames)
    struct.pack_into("<I", content, content.index(b"strh") + 8 + 32, num_frames)
    path.write_bytes(content)


def test_folder_ends_with_its_last_frame(tmp_path: Path) -> None:
    write_frames(tmp_path / "f", map(numbered_picture, range(5)))
    assert numbers(reader(tmp_path / "f", 5), [3, 4, 5, 99]) == [3, 4, 4, 4]


ODD_FOLDER = "mit Leerzeichen und Ümläuten 视频"


def zero_bytes(path: Path) -> None:
    path.write_bytes(b"")


def missing(path: Path) -> None:
    assert not path.exists()


def text(path: Path) -> None:
    path.write_text("this is not a video\n" * 100)


def mp4_without_its_end(path: Path) -> None:
    write_numbered_video(path, 50)  # OpenCV writes the index last
    cut_to(path, 0.6)


def empty_folder(path: Path) -> None:
    path.mkdir()


def folder_of_other_names(path: Path) -> None:
    write_frames(path, [numbered_picture(0)], "frame{}.jpg")


@pytest.mark.parametrize(
    "make",
    [zero_bytes, missing, text, mp4_without_its_end, empty_folder, folder_of_other_names],
    ids=lambda make: make.__name__,
)
def test_unreadable_video_is_one_line_that_names_it(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    path = tmp_path / ODD_FOLDER / "video.mp4"
    path.parent.mkdir()
    make(path)
    with pytest.raises(VideoError) as caught:
        reader(path).frames(np.arange(4))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


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


def test_missing_folder_of_a_list_line_is_named(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="gone: no such folder"):
        reader(tmp_path / "gone", 30)


def test_path_with_spaces_and_other_alphabets(tmp_path: Path) -> None:
    folder = tmp_path / ODD_FOLDER
    folder.mkdir()
    write_numbered_video(tmp_path / "plain.mp4", 10).rename(folder / "прыжок 1.mp4")
    assert numbers(reader(folder / "прыжок 1.mp4"), [0, 9]) == [0, 9]
    write_frames(tmp_path / "frames", map(numbered_picture, range(10)))
    (tmp_path / "frames").rename(folder / "кадры 1")
    assert numbers(reader(folder / "кадры 1", 10), [0, 9]) == [0, 9]


def test_relative_path_with_a_colon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_numbered_video(Path("plain.mp4"), 10).rename("12:30 clip.mp4")
    video = reader(path)
    assert numbers(video, [9]) + numbers(video, [0]) == [9, 0]


@pytest.mark.parametrize("codec", ["mpeg4", "h264"])
def test_damaged_or_cut_off_anywhere_is_padded_or_refused(
    tmp_path: Path, codec: Literal["mpeg4", "h264"]
) -> None:
    whole = write_numbered_video(tmp_path / "whole.avi", 60, codec=codec).read_bytes()
    noise = np.random.default_rng(5).bytes(len(whole) // 50)
    path = tmp_path / "damaged.avi"
    read = 0
    for start in range(0, len(whole), len(whole) // 20):
        for content in (whole[:start], whole[:start] + noise + whole[start + len(noise) :]):
            path.write_bytes(content)
            with contextlib.suppress(VideoError):
                assert reader(path).frames(np.arange(60)).shape == (60, 48, 64, 3)
                read += 1
    assert read >= 20


RED = np.full((48, 64, 3), (255, 0, 0), np.uint8)


def test_red_is_red(tmp_path: Path) -> None:
    write_mpeg4(tmp_path / "red.mp4", [RED] * 5)
    write_frames(tmp_path / "red", [RED] * 5)
    for path in (tmp_path / "red.mp4", tmp_path / "red"):
        pictures = reader(path).frames(np.arange(5))
        assert pictures.dtype == np.uint8
        np.testing.assert_allclose(pictures, np.stack([RED] * 5), atol=4)


@pytest.mark.parametrize("size", [(48, 64), (66, 50)], ids=["portrait", "sides-not-of-16"])
def test_mpeg4_sizes(tmp_path: Path, size: tuple[int, int]) -> None:
    path = write_numbered_video(tmp_path / "video.mp4", 20, size=size)
    assert reader(path).frames(np.arange(3)).shape == (3, size[1], size[0], 3)
    assert numbers(reader(path), [0, 7, 19]) == [0, 7, 19]


def test_odd_sizes(tmp_path: Path) -> None:
    pictures = [numbered_picture(number, (65, 49)) for number in range(20)]
    write_frames(tmp_path / "frames", pictures)
    write_h264(tmp_path / "video.mp4", pictures, pixels="yuv444p")
    for path in (tmp_path / "frames", tmp_path / "video.mp4"):
        assert reader(path).frames(np.arange(3)).shape == (3, 49, 65, 3)
        assert numbers(reader(path), [0, 7, 19]) == [0, 7, 19]
