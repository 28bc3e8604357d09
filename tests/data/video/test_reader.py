"""Of every decoder: the frames asked for are those returned, whatever the file holds or says."""

import contextlib
import os
import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support import videos

from slowfast.data.samples import Sample
from slowfast.data.video.open import open_video
from slowfast.data.video.reader import (
    Clock,
    Reader,
    Timeline,
    VideoError,
    decoder_errors,
    mean_rate,
    require_file,
    stack,
)

NUM_FRAMES = 150
NTSC = Fraction(30000, 1001)

pytestmark = pytest.mark.usefixtures("no_hang")

Open = Callable[[Path], Reader]


@pytest.fixture
def reader(decoder: str) -> Open:
    """Opens a file anew, by the decoder whose turn it is."""
    return lambda path: open_video(Sample(str(path)), "img_{:05d}.jpg", 30.0, decoder)


def numbers(video: Reader, indices: Sequence[int] | NDArray[np.int64]) -> list[int]:
    return videos.read_numbers(video.frames(np.array(indices, np.int64)))


@pytest.mark.parametrize("fps", [25, NTSC, 30])
@pytest.mark.parametrize("name", ["mpeg4.mp4", "mpeg4.avi", "h264.mp4", "h264.mkv"])
def test_frames_are_those_asked_for(tmp_path: Path, reader: Open, name: str, fps: Fraction) -> None:
    """All; random subsets by one reader, so that it goes back and forth; first and last."""
    codec: Any = name.partition(".")[0]
    options: dict[str, Any] = {"b_frames": 3, "gop": 125} if codec == "h264" else {}
    path = videos.write_numbered_video(tmp_path / name, NUM_FRAMES, fps, codec, **options)
    if codec == "h264":
        assert picture_types(path)[:9] == "IBBBPBBBP"
        assert picture_types(path).count("I") == 2
    video = reader(path)
    assert video.num_frames == NUM_FRAMES
    assert video.fps == pytest.approx(float(fps), abs=1e-3)
    assert numbers(reader(path), range(NUM_FRAMES)) == [*range(NUM_FRAMES)]
    rng = np.random.default_rng(7)
    for size in (1, 5, 32, 75, 2, 64):
        wanted = np.sort(rng.choice(NUM_FRAMES, size, replace=False))
        assert numbers(video, wanted) == numbers(reader(path), wanted) == wanted.tolist()
    for index in (NUM_FRAMES - 1, 100, 99, 0, 0, NUM_FRAMES - 1):
        assert numbers(video, [index]) == [index]


def picture_types(path: Path) -> str:
    """The types of the file's frames in the order of showing: I, P or B each."""
    import av

    with av.open(str(path)) as container:
        return "".join("?IPB"[int(frame.pict_type)] for frame in container.decode(video=0))


def check_held(open_again: Callable[[], Reader], least: int, most: int) -> None:
    """The file holds the first frames only, and says so; the last of them may be incomplete, and is
    then the one before. Indices beyond give the last."""
    held = open_again().num_frames
    assert least <= held <= most
    shown = numbers(open_again(), range(held))
    assert shown[:-1] == [*range(held - 1)] and shown[-1] in (held - 1, held - 2)
    video = open_again()
    assert numbers(video, [held + 5, 10**6]) == [shown[-1]] * 2
    assert numbers(video, [3, held, 10**6]) == [3, shown[-1], shown[-1]]


def test_what_is_cut_off_ends_there(tmp_path: Path, reader: Open) -> None:
    avi = videos.write_numbered_video(tmp_path / "cut.avi", NUM_FRAMES)
    videos.cut_to(avi, 0.6)
    check_held(lambda: reader(avi), 50, 125)
    pictures = map(videos.numbered_picture, range(NUM_FRAMES))
    mp4 = videos.write_h264(
        tmp_path / "cut.mp4", pictures, b_frames=3, gop=125, movflags="faststart"
    )
    videos.cut_to(mp4, 0.8)  # its index is first
    check_held(lambda: reader(mp4), 50, 145)
    for path in (avi, mp4):
        assert reader(path).seconds_said == pytest.approx(NUM_FRAMES / 30, abs=0.04)


def test_frame_count_of_the_container_is_not_believed(tmp_path: Path, reader: Open) -> None:
    path = videos.write_numbered_video(tmp_path / "lies.avi", 100)
    for said in (NUM_FRAMES, 20):
        lie_about_length(path, said)
        check_held(lambda: reader(path), 100, 100)


def lie_about_length(path: Path, num_frames: int) -> None:
    """Overwrites the AVI's frame counts: dwTotalFrames of avih, dwLength of strh."""
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, content.index(b"avih") + 8 + 16, num_frames)
    struct.pack_into("<I", content, content.index(b"strh") + 8 + 32, num_frames)
    path.write_bytes(content)


@pytest.mark.parametrize("codec", ["mpeg4", "h264"])
def test_what_is_damaged_is_padded_or_refused(tmp_path: Path, reader: Open, codec: Any) -> None:
    whole = videos.write_numbered_video(tmp_path / "whole.avi", 60, codec=codec).read_bytes()
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


def test_red_is_red(tmp_path: Path, reader: Open) -> None:
    red = np.full((48, 64, 3), (255, 0, 0), np.uint8)
    videos.write_mpeg4(tmp_path / "red.mp4", [red] * 5)
    videos.write_frames(tmp_path / "red", [red] * 5)
    for path in (tmp_path / "red.mp4", tmp_path / "red"):
        pictures = reader(path).frames(np.arange(5))
        assert pictures.dtype == np.uint8
        np.testing.assert_allclose(pictures, np.stack([red] * 5), atol=4)


def test_sizes(tmp_path: Path, reader: Open) -> None:
    """Portrait; sides that are no multiples of 16; odd ones."""
    odd = [videos.numbered_picture(number, (65, 49)) for number in range(20)]
    videos.write_frames(tmp_path / "frames", odd)
    for path, (width, height) in (
        (videos.write_numbered_video(tmp_path / "portrait.mp4", 20, size=(48, 64)), (48, 64)),
        (videos.write_numbered_video(tmp_path / "66x50.mp4", 20, size=(66, 50)), (66, 50)),
        (videos.write_h264(tmp_path / "odd.mp4", odd, pixels="yuv444p"), (65, 49)),
        (tmp_path / "frames", (65, 49)),
    ):
        assert reader(path).frames(np.arange(3)).shape == (3, height, width, 3)
        assert numbers(reader(path), [0, 7, 19]) == [0, 7, 19]


def test_onward_goes_through_a_file_once_and_learns_its_end(tmp_path: Path, reader: Open) -> None:
    path = videos.write_numbered_video(tmp_path / "a.avi", 50)
    video = reader(path)
    video.num_frames = NUM_FRAMES  # as if more packets were there than come out of the decoder
    assert videos.read_numbers(np.stack(video.onward(np.array([0, 7, 8])))) == [0, 7, 8]
    assert videos.read_numbers(np.stack(video.onward(np.array([20, 49])))) == [20, 49]
    assert video.num_frames == NUM_FRAMES
    assert video.onward(np.array([55, 60])) == []
    assert video.num_frames == 50
    video.close()


def test_each_picture_is_changed_as_it_is_decoded(tmp_path: Path, reader: Open) -> None:
    path = videos.write_numbered_video(tmp_path / "a.mp4", 10)
    shown = reader(path).frames(np.array([3, 9]), lambda picture: picture[::2, ::2])
    assert shown.shape == (2, 24, 32, 3)
    assert videos.read_numbers(shown) == [3, 9]


# ---------------------------------------------------------------------------- which packets


def drawn(is_shown: Sequence[bool] | None = None) -> Timeline:
    """The one drawn in reader.py, a frame every 40 ms."""
    times = 40.0 * np.array([0, 2, 1, 3, 6, 4, 5])
    keyframes = np.isin(np.arange(7), [0, 4])
    return Timeline(times, keyframes, None if is_shown is None else np.array(is_shown))


@pytest.mark.parametrize(
    ("wanted", "needed", "places"),
    [
        ([0], [0], [0]),
        ([1], [0, 1, 2], [2]),
        ([2, 3], [0, 1, 2, 3], [1, 3]),
        ([4], [0, 1, 2, 3, 4, 5], [5]),  # stored after the keyframe 4, shown before it
        ([6], [4], [4]),
        ([0, 6], [0, 4], [0, 4]),
        ([5, 6], [0, 1, 2, 3, 4, 5, 6], [4, 6]),
    ],
)
def test_packets_that_frames_need(wanted: list[int], needed: list[int], places: list[int]) -> None:
    all_needed, are_wanted = drawn().needed(np.array(wanted))
    assert np.flatnonzero(all_needed).tolist() == needed
    assert np.flatnonzero(are_wanted).tolist() == places


def test_frames_are_known_by_their_times() -> None:
    timeline = drawn()
    assert len(timeline) == 7 and timeline.is_exact
    assert [timeline.number(time) for time in (0, 40, 240, 41, -1, 280)] == [0, 1, 6, -1, -1, -1]
    assert timeline.number(41, tolerance=1) == timeline.number(39, tolerance=1) == 1
    assert timeline.time(5) == 200
    assert [timeline.keyframe_before(number) for number in (0, 3, 4, 5, 6)] == [0, 0, 0, 0, 6]
    cut = drawn([False, True, True, True, True, True, True])  # by an edit list
    assert len(cut) == 6 and cut.time(0) == 40 and cut.number(0) == -1


def test_times_that_say_nothing() -> None:
    no_packets, equal = np.zeros(0), np.array([0.0, 40.0, 40.0])
    assert not Timeline(no_packets, no_packets > 0).is_exact
    assert not Timeline(equal, equal == 0).is_exact


def test_a_stack_is_whole_or_none() -> None:
    pictures = [np.full((2, 3, 3), n, np.uint8) for n in range(4)]
    whole = stack(pictures, 3)
    assert whole is not None and whole[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert stack(pictures, 5) is None


def test_a_file_must_be_there_and_hold_something(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    for content, reason in ((None, "No such file or directory"), (b"", "the file is empty")):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(VideoError, match=f"^{path}: {reason}"):
            require_file(str(path))
    path.write_bytes(b"x")
    require_file(str(path))
    (tmp_path / "x.tar").write_bytes(b"no tar")
    with pytest.raises(VideoError, match="x.tar: not a whole, uncompressed tar file"):
        require_file(f"{tmp_path}/x.tar/a.mp4")


# ---------------------------------------------------------------------------- when


@pytest.mark.parametrize("fps", [10, 12.5, 15, 24000 / 1001, 25, 30000 / 1001, 30, 60000 / 1001])
@pytest.mark.parametrize("digits", [3, 12])
def test_the_rate_is_the_mean_and_rounding_does_not_show(fps: float, digits: int) -> None:
    """Times rounded to milliseconds, as in Matroska, give the same rate as exact ones."""
    for count in (40, 300, 10_000):
        times = np.round(7 + np.arange(count) / fps, digits)
        assert mean_rate(times, 1000) == pytest.approx(fps, rel=1e-12)


def test_rates_of_their_own() -> None:
    times = np.cumsum([1 / 30 if number % 20 else 1 / 24 for number in range(300)])
    assert mean_rate(times, 120) == pytest.approx(299 / (times[-1] - times[0]))
    assert mean_rate(np.array([0.5]), 24) == 24
    assert mean_rate(np.zeros(0), 0) == mean_rate(np.zeros(0), 90_000) == 30


def test_a_clock() -> None:
    even, indices = Clock(3 + np.arange(60) / 25, 0), np.arange(60)
    assert even.fps == 25
    np.testing.assert_array_equal(even.clocked(indices), indices)
    np.testing.assert_array_equal(even.seconds(indices), indices / 25)
    jittered = Clock(np.arange(60) / 25 + 0.4 / 25 * (indices % 2), 0)
    np.testing.assert_array_equal(jittered.clocked(indices), indices)
    slower = Clock(np.array([0, 1, 2, 3, 5, 7, 9.0]), 0)
    assert slower.fps == 6 / 9
    assert slower.clocked(np.arange(7)).tolist() == [0, 1, 3, 3, 4, 5, 6]
    assert slower.seconds(np.array([0, 4, 6])).tolist() == [0, 5, 9]
    unknown = Clock(np.zeros(0), 24)
    assert unknown.clocked(indices) is indices and unknown.seconds(np.array([48]))[0] == 2


def test_what_a_decoder_raises_is_an_error_of_its_file() -> None:
    for error in (AttributeError("no codec"), IndexError("1\n2"), OSError(5, "Input/output error")):
        what = f"^a.mp4: {type(error).__name__}: "
        with pytest.raises(VideoError, match=what) as caught, decoder_errors("a.mp4"):
            raise error
        assert "\n" not in str(caught.value)
    with pytest.raises(VideoError, match="^mine$"), decoder_errors("a.mp4"):
        raise VideoError("mine")
    with pytest.raises(KeyboardInterrupt), decoder_errors("a.mp4"):
        raise KeyboardInterrupt


def test_a_pipe_is_no_file(tmp_path: Path, reader: Open) -> None:
    """It is refused before it is opened, which would wait for who writes into it."""
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(VideoError) as caught:
        reader(tmp_path / "pipe.mp4")
    assert str(caught.value) == (
        f"{tmp_path}/pipe.mp4: a pipe, which can be read only once and from its start: write it "
        "into a file (main.py --infer reads a pipe that is named alone)"
    )


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/dev/zero", "/dev/zero: a device, not a video"),
        ("RTSP://me:secret@host/a b", "RTSP://***@host/a b: an url, not a file"),
    ],
    ids=["device", "url"],
)
def test_a_device_and_an_url_are_no_files(path: str, reason: str) -> None:
    with pytest.raises(VideoError) as caught:
        require_file(path)
    assert str(caught.value) == reason
