"""Short moving pictures of videos."""

import base64
import io
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.scores import write_file
from support.tiny_run import tiny_data
from support.videos import write_h264

from slowfast.config import Config, ConfigError
from slowfast.data.samples import Sample
from slowfast.data.video.reader import VideoError
from slowfast.evaluate.html import thumbnails
from slowfast.evaluate.html.thumbnails import encoded, middle_of, thumbnail_of
from slowfast.evaluate.scores import read_scores


def opened(address: str) -> Image.Image:
    head, _, data = address.partition(",")
    assert head == "data:image/webp;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


def counting(path: Path, number: int, size: tuple[int, int] = (48, 64)) -> Path:
    """A video at 30 frames/s that gets brighter by 2 with each frame."""
    return write_h264(path, (np.full((*size, 3), 20 + 2 * i, np.uint8) for i in range(number)))


def test_two_seconds_from_the_middle_six_pictures_a_second(tmp_path: Path) -> None:
    counting(tmp_path / "a.mp4", 90)
    frames = middle_of(Sample(str(tmp_path / "a.mp4")), Config())
    assert frames.shape == (12, 48, 64, 3)
    numbers = (frames.mean(axis=(1, 2, 3)) - 20) / 2
    assert np.allclose(np.diff(numbers), 5, atol=1.5)
    assert np.mean(numbers) == pytest.approx(44.5, abs=2)


def test_a_short_video_has_fewer_and_a_large_one_smaller_pictures(tmp_path: Path) -> None:
    counting(tmp_path / "a.mp4", 12, (240, 480))
    frames = middle_of(Sample(str(tmp_path / "a.mp4")), Config())
    assert frames.shape == (2, 120, 240, 3)


def test_wide_pixels_are_made_square(tmp_path: Path) -> None:
    pictures = [np.zeros((48, 64, 3), np.uint8)] * 6
    path = write_h264(tmp_path / "a.mp4", pictures, pixel_aspect=Fraction(3, 2))
    assert middle_of(Sample(str(path)), Config()).shape[1:] == (48, 96, 3)


def test_the_pictures_move_and_one_stands_still() -> None:
    frames = np.stack([np.full((30, 40, 3), 20 * i, np.uint8) for i in range(12)])
    found = encoded(frames)
    moving, still = opened(found.moving), opened(found.still)
    assert (moving.n_frames, getattr(still, "n_frames", 1)) == (12, 1)  # type: ignore[attr-defined]
    assert moving.size == still.size == (found.width, found.height) == (40, 30)
    assert moving.info["loop"] == 0
    assert np.asarray(still.convert("RGB")).mean() == pytest.approx(120, abs=8)


def test_pictures_full_of_detail_stay_small(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (12, 120, 160, 3), np.uint8)
    large = len(encoded(noise).moving)
    monkeypatch.setattr(thumbnails, "MOST_BYTES", 10**9)
    assert large < 0.7 * len(encoded(noise).moving)


def test_a_video_of_a_file_of_scores(tmp_path: Path) -> None:
    path = str(tiny_data() / "val" / "000001.mp4")
    write_file(tmp_path / "a.npz", paths=[path, *["gone.mp4"] * 59])
    results = read_scores(tmp_path / "a.npz")
    found = thumbnail_of(results, 0)
    assert (found.width, found.height) == (80, 64)
    with pytest.raises(VideoError, match=r"gone\.mp4: No such file"):
        thumbnail_of(results, 1)


def test_the_folder_of_the_test_and_the_config_in_the_file(tmp_path: Path) -> None:
    """A part of frames that are named by the config, at a path from the folder of the test."""
    (tmp_path / "a").mkdir()
    for i in range(40):
        picture = Image.fromarray(np.full((30, 40, 3), 5 * i, np.uint8))
        picture.save(tmp_path / "a" / f"f_{i + 1:03d}.png")
    config = "data: {frame_pattern: 'f_{:03d}.png', frame_fps: 6}\n"
    paths = ["a (from 5 s on)", *["gone.mp4"] * 59]
    spans = [Sample("a", start=5.0), *[Sample("gone.mp4")] * 59]
    run = {"folder": str(tmp_path)}
    write_file(tmp_path / "a.npz", config=config, paths=paths, spans=spans, run=run)
    found = opened(thumbnail_of(read_scores(tmp_path / "a.npz"), 0).still)
    assert np.asarray(found.convert("RGB")).mean() == pytest.approx(5 * 35, abs=10)
    write_file(tmp_path / "b.npz", config="data: {of_another_version: 1}\n")
    with pytest.raises(ConfigError, match=r"the file of scores: its config: .*of_another_version"):
        thumbnail_of(read_scores(tmp_path / "b.npz"), 0)
