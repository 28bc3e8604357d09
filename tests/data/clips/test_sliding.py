"""Clips that slide over a video: which frames and seconds they hold, chunk by chunk."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.videos import (
    numbered_picture,
    read_numbers,
    write_frames,
    write_numbered_video,
)

from slowfast.config import DataConfig
from slowfast.config import TestConfig as ViewsConfig
from slowfast.data.clips import datasets, sliding
from slowfast.data.clips.protocols import PROTOCOLS
from slowfast.data.clips.sampling import clip_frames
from slowfast.data.samples import Sample
from slowfast.data.video.open import open_video
from slowfast.data.video.reader import VideoError

SQUARE = (48, 48)
VIEWS = ViewsConfig(short_side=48, crop_size=48)
NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("frames", "span", "step", "starts"),
    [
        (14, 4, 4, [0, 4, 8, 10]),  # the drawing in sliding.py
        (12, 4, 4, [0, 4, 8]),
        (12, 4, 2, [0, 2, 4, 6, 8]),
        (13, 4, 2, [0, 2, 4, 6, 8, 9]),
        (4, 4, 4, [0]),
        (3, 4, 4, [0]),  # shorter than a clip
        (1, 64, 64, [0]),
        (65, 64, 64, [0, 1]),
        (25, 4, 10, [0, 10, 20, 21]),  # what is between is not asked for, the end always is
        (480, 16, 30, [*range(0, 480, 30), 464]),
        (5, 1, 1, [0, 1, 2, 3, 4]),
        (22, 4, 10, [0, 10, 18]),
        (160, 53.33, 53.33, [0, 53, 107]),  # 25 fps: the last frame of the third is 159
        (9, 4, 0.01, [0, 1, 2, 3, 4, 5]),  # no closer than the frames
    ],
)
def test_clips_cover_the_video(frames: int, span: float, step: float, starts: list[int]) -> None:
    assert sliding.sliding_starts(frames, span, step).tolist() == starts


def chunks(clips: sliding.SlidingClips, sample: int = 0) -> list[sliding.ClipChunk]:
    found: list[sliding.ClipChunk] = []
    while (chunk := clips(sliding.ChunkKey(sample, len(found)))) is not None:
        found.append(chunk)
    assert [chunk.is_last for chunk in found] == [False] * (len(found) - 1) + [True]
    return found


@pytest.mark.parametrize(
    ("fps", "num_frames", "every", "at_once"),
    [
        (25, 120, 1.0, 1),
        (25, 120, 0.1, 2),
        (NTSC, 130, 16 / 30, 3),
        (NTSC, 130, 0.25, 50),
        (30, 9, 1.0, 4),
        (60, 200, 2.0, 2),
    ],
)
def test_chunks_hold_the_frames_of_their_clips(
    tmp_path: Path, decoder: Any, fps: Fraction, num_frames: int, every: float, at_once: int
) -> None:
    """Every frame that is shown is the one that it should be, and so is every second."""
    codec: Any = "h264" if fps == NTSC else "mpeg4"  # OpenCV writes 29.97 for 30000/1001
    path = write_numbered_video(tmp_path / "a.mp4", num_frames, fps, codec, size=SQUARE)
    data = DataConfig(num_frames=8, sampling_stride=2, decoder=decoder)
    clips = sliding.SlidingClips(
        [Sample(str(path))], data, VIEWS, every=every, clips_at_once=at_once
    )
    span = 8 * 2 * float(fps) / 30
    starts = sliding.sliding_starts(num_frames, span, every * float(fps))
    found = chunks(clips)
    assert [len(chunk.clips) for chunk in found[:-1]] == [at_once] * (len(found) - 1)
    shown = [read_numbers(chunk.frames[clip]) for chunk in found for clip in chunk.clips]
    assert shown == [clip_frames(s, span, 8, num_frames).tolist() for s in starts]
    seconds = np.concatenate([chunk.seconds for chunk in found])
    np.testing.assert_allclose(seconds[:, 0], [float(s / fps) for s in starts.tolist()], rtol=1e-9)
    ends = [min(s / fps + Fraction(16, 30), num_frames / Fraction(fps)) for s in starts.tolist()]
    np.testing.assert_allclose(seconds[:, 1], [float(end) for end in ends], rtol=1e-9)
    assert found[-1].share == 1.0
    for number in (len(found) - 1, len(found) // 2):  # as another process is asked for it
        other = sliding.SlidingClips(clips.samples, data, VIEWS, every=every, clips_at_once=at_once)
        again = other(sliding.ChunkKey(0, number))
        assert again is not None
        np.testing.assert_array_equal(again.frames, found[number].frames)


@pytest.mark.parametrize("seed", range(6))
def test_a_picture_that_stands_still(tmp_path: Path, seed: int) -> None:
    """Also for so long that a clip spans less than a frame at the mean rate."""
    rng = np.random.default_rng(seed)
    steps = np.where(rng.random(59) < 0.05, rng.integers(25, 40_000, 59), 1)
    times = np.concatenate([[0], steps.cumsum()])
    path = write_at_times(tmp_path / "a.mkv", times)
    data = DataConfig(num_frames=8, sampling_stride=2)
    found = chunks(
        sliding.SlidingClips(
            [Sample(str(path))], data, VIEWS, every=1.0, clips_at_once=int(rng.integers(1, 9))
        )
    )
    shown = [read_numbers(chunk.frames[clip]) for chunk in found for clip in chunk.clips]
    starts = np.concatenate([chunk.seconds[:, 0] for chunk in found])
    assert (np.diff(shown) >= 0).all()
    np.testing.assert_allclose(times[[clip[0] for clip in shown]] / 25, starts, atol=2e-3)


def write_at_times(path: Path, times: Any) -> Path:
    """A video of 25 units of time a second."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"bf": "0", "crf": "10"})
        stream.width, stream.height, stream.pix_fmt = *SQUARE, "yuv420p"
        for number, time in enumerate(times.tolist()):
            frame = av.VideoFrame.from_ndarray(numbered_picture(number, SQUARE), format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_chunks_begin_with_the_clip_that_is_asked_for(tmp_path: Path, decoder: Any) -> None:
    path = write_numbered_video(tmp_path / "a.mp4", 120, codec="h264", size=SQUARE)
    data = DataConfig(num_frames=8, sampling_stride=2, decoder=decoder)
    whole, rest, behind = (
        sliding.SlidingClips(
            [Sample(str(path))], data, VIEWS, every=0.25, clips_at_once=2, first={0: first}
        )
        for first in (0, 5, 15)
    )  # fmt: skip
    found = chunks(rest)
    every, own = (
        [pair for c in each for pair in zip(c.frames[c.clips], c.seconds, strict=True)]
        for each in (chunks(whole), found)
    )
    assert len(every) == 15 and len(own) == 10
    for (frames, seconds), (expected, at) in zip(own, every[5:], strict=True):
        np.testing.assert_array_equal(frames, expected)
        np.testing.assert_array_equal(seconds, at)
    assert [chunk.share for chunk in found] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1])
    assert {chunk.video for chunk in found} == {sliding.VideoTimes(30, 4, 0)}
    assert behind(sliding.ChunkKey(0, 0)) is None  # all are done


def test_clips_of_any_span_and_distance(tmp_path: Path) -> None:
    """Also of less than a frame: it is that frame."""
    write_frames(tmp_path / "f", (numbered_picture(i, SQUARE) for i in range(40)))
    rng = np.random.default_rng(0)
    for fps in (1, 2.5, 7, 15, 30, 240):
        for _ in range(3):
            length, stride = (int(n) for n in rng.integers(1, [17, 5]))
            every = float(rng.uniform(0.01, 8))
            data = DataConfig(num_frames=length, sampling_stride=stride, frame_fps=fps)
            clips = sliding.SlidingClips(
                [Sample(str(tmp_path / "f"))], data, VIEWS, every=every, clips_at_once=3
            )
            found = chunks(clips)
            span = max(length * stride * fps / 30, 1.0)
            shown = [read_numbers(chunk.frames[clip]) for chunk in found for clip in chunk.clips]
            starts = sliding.sliding_starts(40, span, every * fps)
            assert shown == [clip_frames(start, span, length, 40).tolist() for start in starts]
            assert shown[-1][-1] == 39 or length == 1
            seconds = np.concatenate([chunk.seconds for chunk in found])
            assert (seconds[:, 0] < seconds[:, 1]).all()
            assert seconds[-1, 1] == pytest.approx(40 / fps)


def test_a_folder_of_frames_and_what_it_lacks(tmp_path: Path) -> None:
    for name in ("f", "damaged"):
        write_frames(tmp_path / name, (numbered_picture(i, SQUARE) for i in range(20)))
    (tmp_path / "damaged/img_00017.jpg").write_bytes(b"")
    data = DataConfig(num_frames=4, sampling_stride=2)
    samples = [Sample(str(tmp_path / "f")), Sample(str(tmp_path / "damaged"), 0, 20)]
    clips = sliding.SlidingClips(samples, data, VIEWS, every=8 / 30, clips_at_once=2)
    found = chunks(clips)
    shown = [read_numbers(chunk.frames[clip])[0] for chunk in found for clip in chunk.clips]
    assert shown == [0, 8, 12]
    assert clips(sliding.ChunkKey(1, 0)) is not None
    with pytest.raises(VideoError, match="img_00017.jpg"):
        clips(sliding.ChunkKey(1, 1))
    assert clips(sliding.ChunkKey(1, 2)) is None  # it is not tried again


@pytest.mark.parametrize(("promised", "at_once"), [(1, 2), (30, 2), (30, 1), (500, 3), (16, 1)])
def test_a_video_that_ends_before_its_container_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoder: Any, promised: int, at_once: int
) -> None:
    """Clips are those of a file that says what it holds."""
    path = write_numbered_video(tmp_path / "a.mp4", 75, size=SQUARE)
    data = DataConfig(num_frames=8, sampling_stride=2, decoder=decoder)

    def promising(*args: Any) -> Any:
        reader = open_video(*args)
        reader.num_frames += promised
        return reader

    monkeypatch.setattr(datasets, "open_video", promising)
    clips = sliding.SlidingClips([Sample(str(path))], data, VIEWS, every=0.5, clips_at_once=at_once)
    found = chunks(clips)
    shown = [read_numbers(chunk.frames[clip]) for chunk in found for clip in chunk.clips]
    starts = [0, 15, 30, 45, 59]
    assert shown == [clip_frames(start, 16, 8, 75).tolist() for start in starts]
    seconds = np.concatenate([chunk.seconds for chunk in found])
    np.testing.assert_allclose(seconds, [[s / 30, (s + 16) / 30] for s in starts])


def test_few_frames_are_held_of_a_long_video(tmp_path: Path) -> None:
    path = write_numbered_video(tmp_path / "a.mp4", 1500, size=SQUARE)
    data = DataConfig(num_frames=8)
    clips = sliding.SlidingClips([Sample(str(path))], data, VIEWS, every=4 / 30, clips_at_once=4)
    largest = count = 0
    while (chunk := clips(sliding.ChunkKey(0, count))) is not None:
        held = len(clips._video._held) if clips._video else 0
        largest, count = max(largest, held, len(chunk.frames)), count + 1
    assert count == 93
    assert largest <= 16 + 3 * 4


def test_the_view_is_the_centre_crop_of_the_test() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (48, 85, 3), np.uint8)
    view = sliding.centre_view(picture, 48, 32, PROTOCOLS["pyslowfast"])
    np.testing.assert_array_equal(view, picture[8:40, 27:59])
    assert sliding.centre_view(picture, 24, 24, PROTOCOLS["pyslowfast"]).shape == (24, 24, 3)


def test_clips_of_a_part_have_the_seconds_of_the_whole(tmp_path: Path, decoder: Any) -> None:
    path = write_numbered_video(tmp_path / "a.mp4", 120, 30, "h264", SQUARE)
    sample = Sample(str(path), start=1.0, end=3.0)
    data = DataConfig(num_frames=4, sampling_stride=5, decoder=decoder)
    read = sliding.SlidingClips([sample], data, VIEWS, every=1.0, clips_at_once=1)
    chunks = [read(sliding.ChunkKey(0, number)) for number in range(3)]
    shown = [chunk and read_numbers(chunk.frames) for chunk in chunks]
    assert all(30 <= number < 90 for numbers in shown for number in numbers or ())
    assert [numbers and numbers[0] for numbers in shown] == [30, 60, 70]
    seconds = [chunk and chunk.seconds.round(4).tolist() for chunk in chunks]
    assert seconds == [[[1.0, 1.6667]], [[2.0, 2.6667]], [[2.3333, 3.0]]]
    assert chunks[2] and chunks[2].is_last and chunks[2].video.length == 2.0
