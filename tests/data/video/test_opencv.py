"""What is special about OpenCV: where the reader jumps, and what it refuses to show."""

from collections import Counter
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from support import odd_videos
from support.odd_videos import CASES, INTERLACED, X264, Case
from support.videos import numbered_picture, read_numbers, write_h264, write_numbered_video

from slowfast.data.video import mp4, opencv
from slowfast.data.video.opencv import LEAD, WORTH, OpenCVReader
from slowfast.data.video.pyav import PyAVReader
from slowfast.data.video.reader import VideoError


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


@pytest.mark.parametrize(
    ("ending", "codec", "interlaced", "progressive"),
    [
        *((e, "libx264", {"x264-params": "interlaced=1"}, {}) for e in (".mp4", ".mkv", ".avi")),
        (".flv", "libx264", {"x264-params": "bff=1"}, {}),
        (".ts", "libx265", {"x265-params": "log-level=none:interlace=tff"},
         {"x265-params": "log-level=none"}),
        (".mp4", "mpeg4", INTERLACED, {}),
        (".avi", "mpeg4", INTERLACED, {"bf": "0"}),
        (".mpg", "mpeg2video", INTERLACED, {}),
        (".mov", "prores_ks", {"flags": "+ildct"}, {}),
    ],
)  # fmt: skip
def test_interlaced_files_are_refused_and_progressive_ones_are_not(
    tmp_path: Path, ending: str, codec: str, interlaced: dict[str, str], progressive: dict[str, str]
) -> None:
    """Nor are those in which nothing moves."""
    pixels = "yuv422p10le" if codec == "prores_ks" else "yuv420p"
    path = tmp_path / f"video{ending}"
    base = X264 if codec == "libx264" else {}
    odd_videos.encode(path, codec, options=base | interlaced, pixels=pixels)
    with pytest.raises(VideoError, match=f"{path}: it may be interlaced.*; PyAV may"):
        OpenCVReader(str(path))
    odd_videos.encode(path, codec, options=base | progressive, pixels=pixels)
    assert read_numbers(OpenCVReader(str(path)).frames(np.array([0, 1, 59]))) == [0, 1, 59]
    still = numbered_picture(9)
    odd_videos.encode(path, codec, options=base | progressive, pixels=pixels, turn=lambda _: still)
    assert read_numbers(OpenCVReader(str(path)).frames(np.array([0, 1, 59]))) == [9, 9, 9]


@pytest.mark.parametrize(("tag", "called"), [
    (b"zz1\xff", "zz1"), (b"\xff" * 4, "unknown"), (b"z\1\nz", "zz"),
])  # fmt: skip
def test_a_codec_whose_name_is_no_text(tmp_path: Path, tag: bytes, called: str) -> None:
    """OpenCV gives it as a number, below 0 if the last byte is above 127."""
    path = tmp_path / "video.mp4"
    odd_videos.unknown_codec(path)
    path.write_bytes(path.read_bytes().replace(b"zzz1", tag))
    with pytest.raises(VideoError) as caught:
        OpenCVReader(str(path))
    assert f"OpenCV may not show its codec right ({called}); " in str(caught.value)


@pytest.mark.parametrize("how", ["ffv1", "av1", "zzz1"])
def test_what_opencv_cannot_decode_is_not_called_damaged(tmp_path: Path, how: str) -> None:
    path = tmp_path / "video.mkv"
    if how == "zzz1":
        odd_videos.unknown_codec(path.with_suffix(".mp4"))
        path = path.with_suffix(".mp4")
    elif how == "av1":
        odd_videos.encode(path, "libsvtav1", options={"preset": "10"}, size=(128, 96))
    else:
        odd_videos.encode(path, "ffv1", options={})
    try:
        frames = OpenCVReader(str(path)).frames(np.arange(3))
    except VideoError as error:
        assert how in str(error).replace("av01", "av1")
        assert "PyAV" in str(error) and "damaged" not in str(error)
    else:
        assert how == "av1" and read_numbers(frames) == [0, 1, 2]  # from OpenCV 4.14 on, not in 5.0


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.group in ("codec and container", "count and rate")],
    ids=lambda case: case.name + case.ending,
)
def test_counts_rates_and_keyframes_are_those_of_pyav(tmp_path: Path, case: Case) -> None:
    path = tmp_path / f"video{case.ending}"
    case.make(path)
    ours, theirs = OpenCVReader(str(path)), PyAVReader(str(path))
    assert ours.num_frames == theirs.num_frames
    assert ours.fps == pytest.approx(theirs.fps, rel=1e-6)
    assert ours.keyframes()[0] == theirs.keyframes()[0]
    np.testing.assert_array_equal(ours.keyframes()[1], theirs.keyframes()[1])
    numbers = np.arange(ours.num_frames)
    np.testing.assert_allclose(ours.seconds(numbers), theirs.seconds(numbers), atol=1e-6)
    np.testing.assert_array_equal(ours.clocked(numbers), theirs.clocked(numbers))


@pytest.mark.parametrize("number", [1, 20, 35])
@pytest.mark.parametrize("ending", [".mp4", ".ts"])
def test_a_damaged_frame_is_the_one_before_it(tmp_path: Path, ending: str, number: int) -> None:
    """Whichever way frames are asked for; those behind it are known by their times."""
    path = tmp_path / "video.mp4"
    odd_videos.damaged(path, number)
    if ending == ".ts":
        odd_videos.copy(path, path := path.with_suffix(ending))
    shown = OpenCVReader(str(path)).frames(np.arange(60))
    np.testing.assert_array_equal(shown, PyAVReader(str(path)).frames(np.arange(60)))
    np.testing.assert_array_equal(shown[number], shown[number - 1])
    assert read_numbers(shown[-12:]) == [*range(48, 60)]
    for wanted in ([number], [number - 1, number], [0, number, 59], [number, number + 1]):
        alone = OpenCVReader(str(path)).frames(np.array(wanted))
        np.testing.assert_array_equal(alone, shown[wanted])
    reader = OpenCVReader(str(path))
    onward = [reader.onward(np.array(part)) for part in ([0, number], [number + 1, 59], [60])]
    assert [len(part) for part in onward] == [2, 2, 0]
    np.testing.assert_array_equal(
        np.stack(onward[0] + onward[1]), shown[[0, number, number + 1, 59]]
    )
    assert OpenCVReader(str(path)).decode_all() == (59, (64, 48))


def test_a_packet_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """Nothing tells when its frame would be shown."""
    path = write_h264(tmp_path / "video.mkv", map(numbered_picture, range(60)))
    with av.open(str(path)) as film:
        packet = [packet for packet in film.demux(video=0) if packet.size][20]
        place, size = int(packet.pos or 0), packet.size
    content = path.read_bytes()
    path.write_bytes(content[: place + 4] + b"\xff" * size + content[place + 4 + size :])
    with pytest.raises(VideoError, match=f"{path}: a damaged packet.*PyAV"):
        OpenCVReader(str(path))


@pytest.mark.parametrize(
    ("matrix", "turn"), [*odd_videos.ORIENTATIONS.values(), ((2, 0, 0, 2), lambda p: p)]
)
def test_orientations(tmp_path: Path, matrix: Any, turn: Any) -> None:
    """``decode_all`` says the size of what is shown."""
    path = tmp_path / "video.mp4"
    odd_videos.encode(path, matrix=matrix, turn=turn)
    assert read_numbers(OpenCVReader(str(path)).frames(np.array([5, 50]))) == [5, 50]
    assert OpenCVReader(str(path)).decode_all() == (60, (64, 48))


def test_whatever_opencv_raises_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_numbered_video(tmp_path / "a.mp4", 5)

    def fail(*_: object) -> None:
        raise cv2.error("assertion\nfailed")

    monkeypatch.setattr(opencv, "turned", fail)
    for read in (
        lambda: OpenCVReader(str(path)).frames(np.arange(2)),
        lambda: OpenCVReader(str(path)).onward(np.arange(2)),
        lambda: OpenCVReader(str(path)).decode_all(),
    ):
        with pytest.raises(VideoError, match=f"^{path}: error: assertion") as caught:
            read()
        assert "\n" not in str(caught.value)
    monkeypatch.setattr(mp4, "read_track", fail)
    with pytest.raises(VideoError, match=f"^{path}: error: assertion"):
        OpenCVReader(str(path))
