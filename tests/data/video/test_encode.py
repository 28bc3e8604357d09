"""Encoded copies: the same frames at the same times and in the same colours, whole or absent."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from support import odd_videos, videos

from slowfast.data.samples import Sample
from slowfast.data.video import encode
from slowfast.data.video.colour import display_matrix
from slowfast.data.video.encode import Settings, new_size, prepare_video
from slowfast.data.video.open import open_video
from slowfast.data.video.orientation import AS_STORED
from slowfast.data.video.reader import VideoError

av = pytest.importorskip("av", reason="PyAV encodes")
NUM_FRAMES = 45


def encoded(sample: Sample, **settings: Any) -> tuple[Path, dict[str, Any]]:
    """The new file, in a folder that is made for it, and what is told of it."""
    folder = Path(sample.path).parent
    new, partial = folder / "new" / "copy.mp4", folder / "partial.mp4"
    entry = prepare_video(sample, new, partial, Settings(**settings))
    assert not partial.exists()
    return new, entry


@pytest.mark.parametrize("name", ["video.mp4", "video.mkv", "video.avi"])
@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001), Fraction(12)])
def test_frames_and_form(tmp_path: Path, name: str, fps: Fraction) -> None:
    codec: Any = "mpeg4" if name.endswith(".avi") else "h264"
    options: dict[str, int] = {} if codec == "mpeg4" else {"b_frames": 2, "gop": 30}
    old = videos.write_numbered_video(
        tmp_path / name, NUM_FRAMES, fps, codec, size=(160, 120), **options
    )
    new, entry = encoded(Sample(str(old)), short_side=64)
    assert entry["frames"] == NUM_FRAMES
    assert (entry["source_bytes"], entry["bytes"]) == (old.stat().st_size, new.stat().st_size)
    assert videos.numbers_of(new) == [*range(NUM_FRAMES)] == videos.numbers_of(old)
    was, now = (open_video(Sample(str(path)), "", 0) for path in (old, new))
    assert now.fps == pytest.approx(was.fps, rel=1e-9)
    with av.open(str(new)) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height) == (86, 64)
        assert not stream.codec_context.has_b_frames
        frames = list(container.decode(stream))
    assert {av.video.frame.PictureType(frame.pict_type).name for frame in frames} == {"I", "P"}
    assert [i for i, f in enumerate(frames) if f.key_frame] == [*range(0, NUM_FRAMES, 8)]
    assert [float(f.time) for f in frames] == pytest.approx(
        [float(i / fps) for i in range(NUM_FRAMES)], abs=float(1 / fps) / 512
    )


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_variable_frame_rate(tmp_path: Path, ending: str) -> None:
    pictures = (videos.numbered_picture(number) for number in range(NUM_FRAMES))
    whole = videos.write_h264(tmp_path / "whole.mp4", pictures, b_frames=2)
    path = videos.rewrite(
        whole, tmp_path / f"video{ending}", lambda time: time + 2000 + max(time - 9000, 0)
    )
    new, _ = encoded(Sample(str(path)))
    was, now = np.array(videos.shown_at(path)), np.array(videos.shown_at(new))
    assert len({round(gap, 3) for gap in np.diff(was)}) > 1, "the rate is meant to vary"
    assert now == pytest.approx(was - was[0], abs=1e-3)
    assert videos.numbers_of(new) == [*range(NUM_FRAMES)]


@pytest.mark.parametrize("name", odd_videos.ORIENTATIONS)
def test_copies_are_upright(tmp_path: Path, name: str) -> None:
    matrix, turn = odd_videos.ORIENTATIONS[name]
    path = tmp_path / "video.mp4"
    odd_videos.encode(path, matrix=matrix, turn=turn, size=(96, 64), count=4)
    new, _ = encoded(Sample(str(path)), short_side=32)
    assert videos.numbers_of(new) == [*range(4)]
    with av.open(str(new)) as container:
        frame = next(container.decode(video=0))
        assert (frame.width, frame.height) == (48, 32)
        assert display_matrix(frame) == AS_STORED


def test_interlaced_sources_are_woven_and_copies_progressive(tmp_path: Path) -> None:
    path = tmp_path / "video.ts"
    odd_videos.encode(path, "mpeg2video", options=odd_videos.INTERLACED, count=8)
    new, entry = encoded(Sample(str(path)), crf=4)
    assert videos.numbers_of(new) == [*range(8)] and entry["psnr"] > 30
    frames = [next(av.open(str(video)).decode(video=0)) for video in (path, new)]
    assert [frame.interlaced_frame for frame in frames] == [True, False]


def test_one_decoder_does_it_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenCV 5.0 counts the frames of AV1 and reads none: it has no part in a copy."""
    path = tmp_path / "video.mp4"
    pictures = (videos.numbered_picture(number) for number in range(4))
    videos.write_h264(path, pictures)
    monkeypatch.delattr("cv2.VideoCapture")
    _, entry = encoded(Sample(str(path)))
    assert entry["frames"] == 4


@pytest.mark.parametrize(
    ("size", "short_side", "expected"),
    [
        ((64, 48), 256, (64, 48)),
        ((66, 34), 34, (66, 34)),
        ((100, 80), 40, (50, 40)),
        ((80, 100), 50, (50, 62)),
        ((65, 49), 256, (64, 48)),
    ],
)
def test_sizes(tmp_path: Path, size: tuple[int, int], short_side: int, expected: Any) -> None:
    videos.write_h264(
        tmp_path / "v.mp4", (videos.numbered_picture(n, size) for n in range(3)), pixels="yuv444p"
    )
    assert new_size(*size, short_side) == expected
    new, _ = encoded(Sample(str(tmp_path / "v.mp4")), short_side=short_side)
    frames = open_video(Sample(str(new)), "", 0).frames(np.arange(3))
    assert frames.shape == (3, expected[1], expected[0], 3)
    assert videos.read_numbers(frames) == [0, 1, 2]


@pytest.mark.parametrize("pixels", ["yuv420p", "yuvj420p", "yuv444p", "gray", "yuv420p10le"])
@pytest.mark.parametrize("short_side", [128, 64])
def test_colours_stay(tmp_path: Path, pixels: str, short_side: int) -> None:
    old = videos.write_h264(tmp_path / "video.mp4", videos.moving(), pixels=pixels)
    new, entry = encoded(Sample(str(old)), short_side=short_side, crf=4)
    was, now = (
        open_video(Sample(str(path)), "", 0).frames(np.arange(20), to_size(short_side))
        for path in (old, new)
    )
    difference = now.astype(float) - was
    assert np.abs(difference.mean(axis=(0, 1, 2))).max() < 2.5, "a shift of the colours"
    assert 10 * np.log10(255**2 / np.mean(difference**2)) > 33
    assert entry["psnr"] > 33


def to_size(short_side: int) -> Any:
    def resize(picture: NDArray[np.uint8]) -> Any:
        size = (short_side * 3 // 2, short_side)
        return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)

    return resize


def test_a_frame_folder_is_as_bright_as_before(tmp_path: Path) -> None:
    videos.write_frames(tmp_path / "frames", videos.moving(count=20))
    new, entry = encoded(Sample(str(tmp_path / "frames"), 0, 20), frame_fps=15.0, crf=4)
    reader = open_video(Sample(str(new)), "", 0)
    assert (reader.num_frames, reader.fps) == (20, 15)
    shown = reader.frames(np.arange(20)).astype(float)
    assert abs(np.mean(shown - np.stack([*videos.moving(count=20)]))) < 1.5, "brighter or darker"
    assert entry["psnr"] > 33
    files = (tmp_path / "frames").iterdir()
    assert entry["source_bytes"] == sum(file.stat().st_size for file in files)


def test_what_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("not a video")
    with pytest.raises(VideoError, match=f"{text}: not a video"):
        encoded(Sample(str(text)))
    video = videos.write_numbered_video(tmp_path / "a.mp4", 5)
    with pytest.raises(OSError, match="No such file or directory: '.*nowhere/partial.mp4'"):
        prepare_video(
            Sample(str(video)), tmp_path / "new.mp4", tmp_path / "nowhere/partial.mp4", Settings()
        )
    right = encode._encode
    monkeypatch.setattr(encode, "_encode", lambda *args: right(*args) + 1)
    with pytest.raises(VideoError, match=f"{video}: 6 frames have become 5"):
        encoded(Sample(str(video)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "text.mp4"]
