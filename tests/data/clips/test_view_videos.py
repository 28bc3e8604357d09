"""Views of a video hold the frames and the pieces of them that the protocol chose."""

from pathlib import Path

import numpy as np
import pytest
from support.videos import numbered_picture, read_numbers, write_mpeg4, write_numbered_video

from slowfast import config
from slowfast.config import DataConfig
from slowfast.data.clips.view_videos import MultiViewVideos
from slowfast.data.samples import Sample

SIDE = 48
TILES = 1000
"""In a tiled video tile t of frame i shows 1000 t + i."""
VIEWS = config.TestConfig(short_side=SIDE, crop_size=SIDE)


def tiled_video(path: Path, num_frames: int, axis: int) -> Path:
    """Three numbered squares beside (axis 1) or above each other: one for each crop."""
    pictures = (
        np.concatenate([numbered_picture(TILES * t + i, (SIDE, SIDE)) for t in range(3)], axis)
        for i in range(num_frames)
    )
    return write_mpeg4(path, pictures)


@pytest.mark.parametrize("axis", [1, 0], ids=["landscape", "portrait"])
def test_views_are_cut_at_the_right_frames_and_places(tmp_path: Path, axis: int) -> None:
    path = tiled_video(tmp_path / "video.mp4", 300, axis)
    video = MultiViewVideos([Sample(str(path), 5)], DataConfig(), VIEWS)(0)
    assert (video.label, video.index) == (5, 0)
    assert video.clips.shape == (10, 32)
    assert len(video.crops) == 3
    for number, clip in enumerate(video.clips):
        start = (300 - 64) * number / 10
        wanted = np.linspace(start, start + 63, 32).astype(int)
        for tile, (y, x) in enumerate(video.crops):
            shown = read_numbers(video.frames[clip, y : y + SIDE, x : x + SIDE])
            assert shown == (TILES * tile + wanted).tolist()


def test_views_are_resized_to_the_short_side(tmp_path: Path) -> None:
    path = tiled_video(tmp_path / "video.mp4", 70, axis=1)
    test = config.TestConfig(short_side=96, crop_size=96, num_clips=2, num_crops=1)
    video = MultiViewVideos([Sample(str(path))], DataConfig(), test)(0)
    assert video.frames.shape[1:] == (96, 288, 3)
    assert video.crops == [(0, 96)]
    centre = video.frames[video.clips[0], :, 96:192]
    assert read_numbers(centre)[:3] == [TILES, TILES + 2, TILES + 4]


def test_video_shorter_than_a_clip_repeats_its_last_frame(tmp_path: Path) -> None:
    path = write_numbered_video(tmp_path / "40.mp4", 40, 25, size=(SIDE, SIDE))
    video = MultiViewVideos([Sample(str(path))], DataConfig(), VIEWS)(0)
    assert len(video.frames) <= 40
    shown = [read_numbers(video.frames[clip]) for clip in video.clips]
    assert shown == [shown[0]] * 10
    assert shown[0][0] == 0 and shown[0][-6:] == [39] * 6
