"""Frame indices and crops, against numbers worked out by hand."""

from typing import Any

import numpy as np
import pytest

from slowfast.data.clips.sampling import (
    clip_at,
    clip_frames,
    clip_span,
    strided_at,
    view_clips,
    view_crops,
)

NTSC = 30000 / 1001


@pytest.mark.parametrize("fps", [24.0, 25.0, NTSC, 29.97, 30.0, 50.0, 60.0])
def test_clips_of_every_frame_rate_span_the_same_seconds(fps: float) -> None:
    span = clip_span(32, 2, fps, 30.0)
    assert span / fps == pytest.approx(64 / 30, rel=1e-12)
    assert clip_span(64, 8, fps, 15.0) / fps == pytest.approx(512 / 15, rel=1e-12)
    video_frames = round(10 * fps)
    clips = [
        *view_clips(video_frames, span, 32, 10),
        clip_at(0.5, video_frames, span, 32),
        clip_at(0.3, video_frames, span, 32),
    ]
    for clip in clips:
        # From the first frame's beginning to the last one's end: truncation costs up to a frame.
        seconds = (clip[-1] - clip[0] + 1) / fps
        assert abs(seconds - 64 / 30) <= 1 / fps


def test_clips_in_full() -> None:
    # linspace(0, 160/3 - 1, 8): steps of 7.476
    clip = view_clips(250, clip_span(8, 8, 25.0, 30.0), 8, 1)[0]
    assert clip.tolist() == [0, 7, 14, 22, 29, 37, 44, 52]
    # Steps of 63/31 = 2.032: every second frame, and one more at the very end.
    clip = clip_frames(0, 64, 32, 300)
    assert clip.tolist() == [*range(0, 62, 2), 63]
    assert clip.dtype == np.int64
    assert clip_frames(2, 8, 4, 20).tolist() == [2, 4, 6, 9]
    assert view_clips(20, 8, 4, 3).tolist() == [[0, 2, 4, 7], [4, 6, 8, 11], [8, 10, 12, 15]]
    assert clip_at(0.5, 20, 8, 4).tolist() == [6, 8, 10, 13]
    assert clip_at(0.5, 21, 8, 4).tolist() == [6, 8, 11, 13]  # from 6.5


def test_the_views_of_ten_seconds() -> None:
    clips = view_clips(300, clip_span(32, 2, 30.0, 30.0), 32, 10)
    assert clips.shape == (10, 32)
    assert clips[:, 0].tolist() == [0, 23, 47, 70, 94, 118, 141, 165, 188, 212]
    assert len(np.unique(clips)) == 246
    assert clips.max() == 275  # delta * 9 / 10 + 63: the end of the video is not in any clip


@pytest.mark.parametrize(
    ("video_frames", "expected"),
    [
        (64, [*range(0, 62, 2), 63]),
        (63, [*range(0, 62, 2), 62]),
        (10, [0, 2, 4, 6, 8, *[9] * 27]),
        (1, [0] * 32),
    ],
)
def test_short_videos_repeat_their_last_frame(video_frames: int, expected: list[int]) -> None:
    rng = np.random.default_rng(0)
    assert clip_at(0.5, video_frames, 64, 32).tolist() == expected
    assert clip_at(rng.random(), video_frames, 64, 32).tolist() == expected
    assert view_clips(video_frames, 64, 32, 10).tolist() == [expected] * 10


def test_random_clips_start_anywhere_that_fits_equally_often() -> None:
    rng = np.random.default_rng(1)
    clips = np.stack([clip_at(rng.random(), 100, 10, 10) for _ in range(9000)])
    assert clips.min() >= 0 and clips.max() <= 99
    assert (np.diff(clips, axis=1) >= 0).all()
    counts = np.bincount(clips[:, 0], minlength=90)
    assert len(counts) == 90  # starts 0 .. 89
    # Chi-square with 89 degrees of freedom: mean 89, standard deviation 13.3.
    assert ((counts - 100) ** 2 / 100).sum() < 89 + 4 * 13.3


@pytest.mark.parametrize(
    ("video_frames", "where", "expected"),
    [
        (12, 0.0, [0, 3, 6, 9]),  # 10 frames from the first to the last leave room for 3 starts
        (12, 0.5, [1, 4, 7, 10]),
        (12, 0.999, [2, 5, 8, 11]),
        (10, 0.999, [0, 3, 6, 9]),
        (7, 0.0, [0, 0, 3, 6]),  # -3, 0, 3, 6
        (7, 0.5, [0, 2, 5, 6]),  # -1, 2, 5, 8
        (7, 0.999, [0, 3, 6, 6]),  # 0, 3, 6, 9
        (1, 0.3, [0, 0, 0, 0]),
    ],
)
def test_strided_clips_in_full(video_frames: int, where: float, expected: list[int]) -> None:
    clip = strided_at(where, video_frames, 1.0, 4, 3)
    assert clip.dtype == np.int64
    assert clip.tolist() == expected


def test_strided_clips_show_the_same_times_at_any_rate() -> None:
    folder = strided_at(0.4, 24 * 30, 1.0, 64, 2)
    for fps in (23.976, NTSC, 30.0, 60.0, 12.0):
        found = strided_at(0.4, round(30 * fps), fps / 24, 64, 2)
        shown = found / fps  # from then on, for one frame
        assert ((shown <= folder / 24 + 1e-6) & (folder / 24 - shown < 1 / fps + 1e-6)).all()
    thirty = strided_at(0.0, 900, 30 / 24, 5, 2)
    assert thirty.tolist() == [0, 2, 5, 7, 10]  # 2.5 frames apart


def test_strided_clips_of_fewer_frames_span_the_same_time() -> None:
    for num_frames in (64, 32, 16):
        clip = strided_at(0.0, 720, 1.0, num_frames, 128 / num_frames)
        assert clip.tolist() == [*range(0, 128, 128 // num_frames)]
    assert strided_at(0.0, 720, 1.0, 6, 16 / 6).tolist() == [0, 2, 5, 8, 10, 13]


@pytest.mark.parametrize(("video_frames", "starts"), [(15, range(6)), (6, range(-4, 1))])
def test_random_strided_clips_start_at_each_frame_equally_often(
    video_frames: int, starts: range
) -> None:
    rng = np.random.default_rng(1)
    clips = [tuple(strided_at(rng.random(), video_frames, 1.0, 4, 3)) for _ in range(3000)]
    last = video_frames - 1
    expected = {tuple(min(max(s + i, 0), last) for i in (0, 3, 6, 9)) for s in starts}
    assert {*clips} == expected and len(expected) == len(starts)
    assert all(abs(clips.count(clip) - 3000 / len(starts)) < 120 for clip in expected)


@pytest.mark.parametrize(
    ("height", "width", "size", "crops"),
    [
        (256, 341, 256, [(0, 0), (0, 43), (0, 85)]),  # 85 / 2 is rounded up
        (256, 340, 256, [(0, 0), (0, 42), (0, 84)]),
        (341, 256, 256, [(0, 0), (43, 0), (85, 0)]),
        (455, 256, 256, [(0, 0), (100, 0), (199, 0)]),
        (256, 256, 256, [(0, 0), (0, 0), (0, 0)]),
        (256, 341, 224, [(16, 0), (16, 59), (16, 117)]),  # in the middle of the short side
        (341, 256, 224, [(0, 16), (59, 16), (117, 16)]),
    ],
)
def test_three_crops_along_the_longer_side(height: int, width: int, size: int, crops: Any) -> None:
    assert view_crops(height, width, size, 3) == crops
    assert view_crops(height, width, size, 1) == [crops[1]]
