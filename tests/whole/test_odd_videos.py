"""Which frame is which, in files where counting, times and the container do not agree easily.

Each file is read with each decoder.
"""

import functools
import itertools
import json
import os
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from PIL import Image
from support import odd_videos, videos
from support.odd_videos import CASES, Case, sound_with_cover
from support.paths import REPOSITORY
from support.tiny_run import main_here, save_tiny_model, tiny_config

from slowfast.data.samples import Sample
from slowfast.data.video.open import open_video
from slowfast.data.video.reader import Reader, VideoError

NUM_FRAMES = 100
SHIFT = 4000
"""A time, in units of the container, that is no multiple of a frame's."""

pytestmark = pytest.mark.usefixtures("no_hang")


DECODERS = ("pyav", "opencv")


def opened(path: Path, decoder: str) -> Reader:
    return open_video(Sample(str(path), 0), "", 30.0, decoder)


def shapes(path: Path) -> set[tuple[int, ...]]:
    """The shape of the first two frames, with each decoder."""
    return {opened(path, decoder).frames(np.arange(2)).shape for decoder in DECODERS}


def check_identity(path: Path, shown: Sequence[int] = range(NUM_FRAMES)) -> None:
    """Each decoder shows these numbers, see ``check_frames``."""
    for decoder in DECODERS:
        check_frames(lambda: opened(path, decoder), list(shown), decoder)  # noqa: B023


def check_frames(open_again: Callable[[], Reader], shown: list[int], what: str) -> None:
    """All frames; spans as clips have them, by a new reader each and by one that goes on."""

    def numbers(video: Reader, indices: Any) -> list[int]:
        return videos.read_numbers(video.frames(np.array(indices, np.int64)))

    def right(indices: Any) -> list[int]:
        return [shown[index] for index in indices]

    assert numbers(open_again(), range(len(shown))) == shown, what
    assert videos.read_numbers(np.stack(open_again().onward(np.arange(len(shown))))) == shown, what
    rng = np.random.default_rng(3)
    one = open_again()
    for start in (0, 1, 29, 30, 31, 45, 60, 89):
        wanted = np.arange(start, min(start + 40, len(shown)), 2)
        if len(wanted):
            assert numbers(open_again(), wanted) == right(wanted), (what, start)
            assert numbers(one, wanted) == right(wanted), (what, start)
    for size in (1, 2, 3, 7):
        wanted = np.sort(rng.choice(len(shown), size, replace=False))
        assert numbers(open_again(), wanted) == right(wanted), (what, wanted)
    last = len(shown) - 1
    assert numbers(open_again(), [last, last + 1, last + 500]) == [shown[last]] * 3, what


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.group}-{case.name}{case.ending}")
def test_files_as_people_have_them(tmp_path: Path, case: Case, decoder: str) -> None:
    """PyAV reads them; OpenCV reads them, to the same pixels, or refuses them and says that PyAV
    can."""
    path = tmp_path / f"video{case.ending}"
    case.make(path)
    try:
        reader = opened(path, decoder)
        first = reader.frames(np.arange(1))
    except VideoError as error:
        assert str(error).startswith(str(path)) and "\n" not in str(error)
        assert case.shown is None or (decoder == "opencv" and "PyAV" in str(error)), error
        return
    assert case.shown is not None, f"{first.shape}"
    assert reader.fps == pytest.approx(case.fps, rel=1e-3)
    assert reader.num_frames == len(case.shown)
    if case.group.startswith("colour"):  # whose tables take long to compute for each new reader
        assert videos.read_numbers(reader.frames(np.arange(len(case.shown)))) == [*case.shown]
        return
    check_frames(lambda: opened(path, decoder), list(case.shown), decoder)
    if decoder == "opencv":  # see test_colour.py for the colours above
        ten_bits = 5 if "10 bit" in case.name else 0
        there, here = (opened(path, d).frames(np.arange(10)).astype(int) for d in DECODERS)
        assert np.abs(there - here).max() <= ten_bits


def test_the_table_in_the_docs_is_of_these_files() -> None:
    text = (REPOSITORY / "docs" / "data.md").read_text(encoding="utf-8")
    _, _, rest = text.partition("<!-- what reads what")
    lines = rest.partition("<!-- end -->")[0].splitlines()[3:]
    rows = [line.strip("| ").split(" | ") for line in lines if "**" not in line]
    assert [name for name, *_ in rows] == [f"{case.name} ({case.ending})" for case in CASES]
    for (_, by_pyav, by_opencv), case in zip(rows, CASES, strict=True):
        assert by_pyav == ("yes" if case.shown else "refused")
        assert by_opencv in (("yes", "refused") if case.shown else ("refused",))


def write(path: Path, **options: Any) -> Path:
    pictures = (videos.numbered_picture(number) for number in range(NUM_FRAMES))
    return videos.write_h264(path, pictures, **options)


@pytest.mark.parametrize(
    "options",
    [
        {"gop": 1},
        {"gop": 8, "b_frames": 3},
        *(
            pytest.param({"gop": gop, "b_frames": b_frames}, marks=pytest.mark.slow)
            for gop, b_frames in ((8, 0), (30, 0), (30, 3), (250, 0))
        ),
        {"gop": 250, "b_frames": 3},
        {"gop": 30, "x264": "intra-refresh=1"},  # without keyframes
        *(
            {"gop": 10, "b_frames": 2, "pixels": pixels}
            for pixels in ("yuv420p10le", "yuv422p10le", "yuvj420p", "gray")
        ),
    ],
    ids=lambda options: "-".join(map(str, options.values())),
)
def test_spacing_of_keyframes_and_pixel_formats(tmp_path: Path, options: dict[str, Any]) -> None:
    check_identity(write(tmp_path / "video.mp4", **options))


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_open_gop(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path / f"v{ending}", gop=30, b_frames=3, x264="open-gop=1:b-pyramid=normal")
    stored = videos.storage(path)
    keyframes = [time for time, is_keyframe in stored if is_keyframe]
    assert len(keyframes) == 4
    assert any(  # a frame that is stored after a keyframe and shown before it
        time < keyframes[1] for time, _ in stored[stored.index((keyframes[1], True)) :]
    )
    check_identity(path)


@pytest.mark.parametrize("first", [1, 7, 30, 45])
@pytest.mark.parametrize("gop", [8, 30])
def test_edit_list(tmp_path: Path, first: int, gop: int) -> None:
    """The first frames are in the file, and by its edit list not in the video."""
    whole = write(tmp_path / "whole.mp4", gop=gop, b_frames=2)
    ticks = videos.storage(whole)[-1][0] // (NUM_FRAMES - 1)
    path = videos.rewrite(
        whole, tmp_path / "cut.mp4", lambda time: time - first * ticks, avoid_negative_ts="disabled"
    )
    assert b"elst" in path.read_bytes()
    check_identity(path, range(first, NUM_FRAMES))


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
@pytest.mark.parametrize("b_frames", [0, 2])
def test_variable_frame_rate(tmp_path: Path, ending: str, b_frames: int) -> None:
    """Thirty frames at half the rate, the next thirty at full rate, and so on."""
    whole = write(tmp_path / "whole.mp4", gop=10, b_frames=b_frames)
    ticks = videos.storage(whole)[-1][0] // (NUM_FRAMES - 1)

    def later(time: int) -> int:
        rounds, left = divmod(time, 60 * ticks)
        return rounds * 90 * ticks + left + min(left, 30 * ticks)

    path = videos.rewrite(whole, tmp_path / f"variable{ending}", later)
    gaps = {round(1000 * gap) for gap in np.diff(videos.shown_at(path))}
    assert {33, 67} <= gaps
    check_identity(path)


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".ts"])
def test_first_timestamp_is_not_zero(tmp_path: Path, ending: str) -> None:
    whole = write(tmp_path / "whole.mp4", gop=10, b_frames=2)
    path = videos.rewrite(whole, tmp_path / f"late{ending}", lambda time: time + SHIFT)
    check_identity(path)


@pytest.mark.parametrize("ending", [".avi", ".h264", ".ts"])
def test_containers_that_do_not_say_when_a_frame_is_shown(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path / f"video{ending}", gop=10, b_frames=2)
    for decoder in DECODERS:  # the bare stream is counted
        assert ending == ".ts" or opened(path, decoder).num_frames == NUM_FRAMES
    check_identity(path)
    check_identity(path.rename(tmp_path / "renamed.mp4"))


@pytest.mark.parametrize(
    ("size", "options"),
    [
        ((66, 50), {}),
        *((size, {"pixels": "yuv444p"}) for size in ((65, 49), (66, 49), (65, 50))),
        ((64, 48), {"pixel_aspect": Fraction(2, 1)}),
    ],
)
def test_pictures_come_as_they_are_stored(tmp_path: Path, size: Any, options: Any) -> None:
    """Also where pixels are not square: that is what the peers do, too."""
    pictures = (videos.numbered_picture(number, size) for number in range(NUM_FRAMES))
    path = videos.write_h264(tmp_path / "video.mp4", pictures, gop=10, b_frames=2, **options)
    assert shapes(path) == {(2, size[1], size[0], 3)}
    check_identity(path)


def test_a_frame_in_the_middle_that_cannot_be_decoded(tmp_path: Path) -> None:
    """Both decoders go on behind it, and number the frames that are there."""
    path = write(tmp_path / "video.mp4", gop=10)
    content = bytearray(path.read_bytes())
    place = len(content) // 2
    content[place : place + 40] = b"\xff" * 40
    path.write_bytes(content)
    for decoder in DECODERS:
        frames = opened(path, decoder).frames(np.arange(NUM_FRAMES))
        assert frames.shape == (NUM_FRAMES, 48, 64, 3)
        right = np.stack([videos.numbered_picture(number) for number in range(NUM_FRAMES)]).astype(
            int
        )
        is_sound = np.abs(frames - right).mean(axis=(1, 2, 3)) < 20
        assert is_sound.sum() > NUM_FRAMES // 3


def test_the_decoders_give_equal_pixels(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (40, 24, 32, 3), np.uint8)
    pictures = (cv2.resize(picture, (128, 96)) for picture in noise)
    path = videos.write_h264(tmp_path / "video.mp4", pictures, gop=10, b_frames=2)
    opencv, pyav = (opened(path, decoder).frames(np.arange(40)) for decoder in DECODERS)
    np.testing.assert_array_equal(opencv, pyav)


def test_containers_and_rates_are_understood_alike(tmp_path: Path) -> None:
    """The same clips, whatever the decoder: both must agree on the length and the frame rate."""
    rates = [Fraction(24000, 1001), Fraction(25), Fraction(30), Fraction(60)]
    for ending, fps in itertools.product((".mp4", ".mkv", ".avi", ".ts"), rates):
        path = write(tmp_path / f"video{ending}", fps=fps, gop=30)
        opencv, pyav = (opened(path, decoder) for decoder in DECODERS)
        assert opencv.fps == pytest.approx(float(fps), abs=1e-3)
        assert pyav.fps == opencv.fps
        assert pyav.num_frames == opencv.num_frames
        assert abs(opencv.num_frames - NUM_FRAMES) <= 1


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    """A title in Latin-1, as old programs wrote it."""
    path = tmp_path / "video.mp4"
    whole = write(tmp_path / "whole.mp4", gop=10)
    videos.rewrite(whole, path, lambda time: time, title="KOEPFE")
    content = path.read_bytes()
    assert b"KOEPFE" in content
    path.write_bytes(content.replace(b"KOEPFE", b"K\xf6PFE."))
    check_identity(path)


def test_a_size_that_changes_within_the_file(tmp_path: Path) -> None:
    """The pictures keep the first one's size."""
    parts = []
    for number, size in enumerate([(64, 48), (96, 80)]):
        pictures = (videos.numbered_picture(50 * number + i, size) for i in range(50))
        parts.append(videos.write_h264(tmp_path / f"{number}.h264", pictures).read_bytes())
    path = tmp_path / "both.h264"
    path.write_bytes(b"".join(parts))
    for decoder in DECODERS:
        frames = opened(path, decoder).frames(np.arange(NUM_FRAMES))
        assert frames.shape == (NUM_FRAMES, 48, 64, 3)
        assert videos.read_numbers(frames) == [*range(NUM_FRAMES)]


def no_frames(path: Path) -> None:
    with av.open(str(path), "w") as container:
        film = container.add_stream("mpeg4", rate=30)
        film.width, film.height, film.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()


def sound(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        samples = np.zeros((2, 44100), np.float32)
        silence = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
        silence.sample_rate = 44100
        container.mux(stream.encode(silence))
        container.mux(stream.encode(None))


def pictures(path: Path, count: int = 1) -> None:
    """In a format of pictures, one or some that move."""
    colours = np.full((12, 48, 64, 3), np.arange(12)[:, None, None, None] * 20, np.uint8)
    first, *others = [Image.fromarray(colour) for colour in colours[:count]]
    if others:
        first.save(path, save_all=True, append_images=others)
    else:
        first.save(path)


def film(count: int, size: tuple[int, int]) -> Callable[[Path], Any]:
    def write(path: Path) -> None:
        width, height = size
        shown = (np.full((height, width, 3), 7 * number, np.uint8) for number in range(count))
        videos.write_h264(path, shown, pixels="yuv444p" if size == (1, 1) else "yuv420p")

    return write


SINGLE = "a single picture, not a video"
ODD: dict[str, tuple[Callable[[Path], Any], str]] = {
    "text.mp4": (lambda path: path.write_text("not a video"), "not a video that PyAV can open"),
    "empty.mp4": (Path.touch, "the file is empty (0 bytes)"),
    "fifo.mp4": (os.mkfifo, "a pipe, which can be read only once"),
    "zero.mp4": (no_frames, "no video in it"),
    "sound.m4a": (sound, "no video in it"),
    "cover.mp4": (sound_with_cover, "no video in it, only a cover picture"),
    "one.mp4": (film(1, (64, 48)), SINGLE),
    "a.jpg": (pictures, SINGLE),
    "a.png": (pictures, SINGLE),
    "a.gif": (pictures, SINGLE),
    "a.webp": (pictures, SINGLE),
    "a.avif": (pictures, SINGLE),
    "moving.webp": (functools.partial(pictures, count=12), "an animated WebP, of which FFmpeg"),
    "moving.gif": (functools.partial(pictures, count=12), ""),
    "two.mp4": (film(2, (64, 48)), ""),
    "two_windows.mp4": (film(32, (64, 48)), ""),
    "pixel.mp4": (film(20, (1, 1)), ""),
    "8K.mp4": (film(2, (7680, 4320)), ""),
}
"""Files that people may give to ``--infer``: how to make them, and why they have no answer."""


def test_what_infer_says_of_odd_files(tmp_path: Path) -> None:
    """No action is made up, and each that can be read has one."""
    weights = save_tiny_model(tiny_config(tmp_path))
    for name, (make, _) in ODD.items():
        make(tmp_path / name)
    done = main_here("--infer", *(n for n in ODD if n != "fifo.mp4"), "-w", weights,
                     "-o", "data.num_workers=0", cwd=tmp_path)  # fmt: skip
    assert done.returncode == 1
    rows = json.loads((tmp_path / "data/results/result.json").read_text())
    found = {row["video_id"]: row.get("error", "") for row in rows}
    for name, error in found.items():
        reason = ODD[name][1]
        assert error.startswith(f"{name}: {reason}") if reason else not error, (name, error)
    bad = sum(bool(error) for error in found.values())
    assert done.stderr == f"error: {bad} of {len(found)} videos could not be read\n"
    (tmp_path / "pipe.list").write_text("fifo.mp4\n")
    again = main_here("--infer", "pipe.list", "-w", weights, cwd=tmp_path)
    assert f"fifo.mp4: {ODD['fifo.mp4'][1]}" in again.stdout


def test_a_file_of_av1_leaves_the_scheduling_as_it_was(tmp_path: Path) -> None:
    before = os.sched_getscheduler(0), os.sched_getparam(0).sched_priority
    odd_videos.encode(tmp_path / "a.mp4", "libsvtav1", options={"preset": "10"}, size=(128, 96))
    assert (os.sched_getscheduler(0), os.sched_getparam(0).sched_priority) == before
