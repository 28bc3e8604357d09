"""Clips around key frames: their frames, their boxes, and what is said of those that have none."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from support.videos import (
    numbered_picture,
    read_numbers,
    write_frames,
    write_numbered_video,
)

from slowfast import config
from slowfast.config import DataConfig, DetectionConfig
from slowfast.data.clips import transforms
from slowfast.data.clips.datasets import TrainKey
from slowfast.data.clips.key_clips import KeyViews, TrainKeyClips
from slowfast.data.order import Stream
from slowfast.data.samples import Box, KeyFrame, Sample

SIDE = 48
DATA = DataConfig(min_short_side=SIDE, max_short_side=SIDE, crop_size=SIDE, flip=0)
VIEWS = config.TestConfig(short_side=SIDE, crop_size=SIDE)
AVA = DetectionConfig()
DECODERS = pytest.mark.parametrize("decoder", ["pyav", "opencv"])
LEFT = Box((0.1, 0.2, 0.5, 0.9), (3,))
RIGHT = Box((0.9, 0.0, 1.0, 1.0), (0, 5))
NEGATIVE = Box((0.0, 0.0, 0.4, 0.4))


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """10 s of numbered pictures, 30 a second."""
    path = tmp_path_factory.mktemp("films") / "film.mp4"
    return write_numbered_video(path, 300, size=(SIDE, SIDE))


def sample_at(path: Path, second: float, *boxes: Box, num_frames: int | None = None) -> Sample:
    union = tuple(sorted({label for box in boxes for label in box.labels}))
    key = KeyFrame("film", 900 + second, second, boxes, boxes)
    return Sample(str(path), union, num_frames, key=key)


@DECODERS
def test_frames_around_several_key_frames_of_a_film(film: Path, decoder: str) -> None:
    data = dataclasses.replace(DATA, decoder=decoder)  # type: ignore[arg-type]
    seconds = (7, 2, 3, 0, 10, 7)
    samples = [sample_at(film, second, LEFT) for second in seconds]
    views = KeyViews(samples, data, VIEWS, AVA)
    clips = TrainKeyClips(samples, data, AVA, "pyslowfast", 0)
    for index, second in enumerate(seconds):
        wanted = np.clip(np.arange(30 * second - 32, 30 * second + 32, 2), 0, 299).tolist()
        assert read_numbers(views(index).frames) == wanted
        assert read_numbers(clips(TrainKey(0, index)).frames) == wanted


def test_protocols_and_jitter_choose_the_frames(film: Path) -> None:
    samples = [sample_at(film, 5, LEFT)]
    later = dataclasses.replace(VIEWS, protocol="mmaction2-1.2")
    assert read_numbers(KeyViews(samples, DATA, later, AVA)(0).frames)[16] == 151
    jitter = dataclasses.replace(AVA, jitter=True)
    read = TrainKeyClips(samples, DATA, jitter, "mmaction2", seed=1)
    clips = [np.array(read_numbers(read(TrainKey(epoch, 0)).frames)) for epoch in (0, 1, 0)]
    moved = clips[0] - np.arange(118, 182, 2)
    assert {*moved.tolist()} == {-1, 0}
    assert (clips[0] != clips[1]).any() and (clips[0] == clips[2]).all()


def test_a_frame_folder_is_counted_at_its_own_rate(tmp_path: Path) -> None:
    count = write_frames(tmp_path / "v", (numbered_picture(i, (SIDE, SIDE)) for i in range(75)))
    data = dataclasses.replace(DATA, frame_fps=15.0, num_frames=4)
    views = KeyViews([sample_at(tmp_path / "v", 2, LEFT, num_frames=count)], data, VIEWS, AVA)
    assert read_numbers(views(0).frames) == [28, 29, 30, 31]


def test_views_have_the_whole_picture_and_all_boxes(tmp_path: Path) -> None:
    path = write_numbered_video(tmp_path / "wide.mp4", 60, size=(100, 66))
    samples = [sample_at(path, 1, LEFT, RIGHT, Box((0.5, 0.5, 0.5, 0.7)))]
    clip = KeyViews(samples, DATA, VIEWS, AVA)(0)
    assert clip.frames.shape == (32, 48, 72, 3)
    assert clip.label == (0, 3, 5) and clip.box_labels == ((3,), (0, 5), ())
    assert clip.boxes is not None and clip.boxes.dtype == np.float32
    wanted = [[7.2, 9.504, 36.0, 42.768], [64.8, 0.0, 71.0, 46.8], [36.0, 23.76, 36.0, 33.264]]
    np.testing.assert_allclose(clip.boxes, wanted, rtol=0, atol=1e-5)
    theirs = KeyViews(samples, DATA, dataclasses.replace(VIEWS, protocol="mmaction2"), AVA)(0)
    assert theirs.frames.shape == (32, 48, 73, 3)
    assert theirs.boxes is not None
    np.testing.assert_allclose(theirs.boxes[1], [65.7, 0, 73, 48], rtol=0, atol=1e-5)


def test_of_a_key_frame_without_boxes_nothing_is_read(tmp_path: Path) -> None:
    clip = KeyViews([sample_at(tmp_path / "missing.mp4", 1)], DATA, VIEWS, AVA)(0)
    assert clip.frames.shape == (0, 0, 0, 3)
    assert clip.boxes is not None and clip.boxes.shape == (0, 4)


def test_a_training_clip_flips_labels_and_loses_what_is_cut_away(tmp_path: Path) -> None:
    path = write_numbered_video(tmp_path / "wide.mp4", 60, size=(100, 66))
    data = DataConfig(min_short_side=40, max_short_side=60, crop_size=40, flip=0.5)
    samples = [sample_at(path, 1, LEFT, RIGHT, NEGATIVE)]
    read = TrainKeyClips(samples, data, AVA, "pyslowfast", 4, {3: 4})
    found = set()
    for epoch in range(16):
        clip = read(TrainKey(epoch, 0))
        assert clip.frames.shape == (32, 40, 40, 3) and clip.boxes is not None
        assert len(clip.boxes) == len(clip.box_labels)
        assert (clip.boxes >= 0).all() and (clip.boxes <= 39).all()
        assert (clip.boxes[:, 2:] - clip.boxes[:, :2] >= 1).all()
        assert clip.label == tuple(sorted({a for own in clip.box_labels for a in own}))
        found.add(clip.box_labels)
        again = read(TrainKey(epoch, 0))
        assert (again.frames == clip.frames).all() and again.boxes is not None
        np.testing.assert_array_equal(again.boxes, clip.boxes)
    assert {((3,), ()), ((4,), ())} <= found
    assert any((0, 5) in labels for labels in found)
    assert any((0, 5) not in labels for labels in found)


def test_pixels_are_those_of_the_usual_augmentation(film: Path) -> None:
    data = DataConfig(min_short_side=40, max_short_side=60, crop_size=36, num_frames=2)
    clip = TrainKeyClips([sample_at(film, 2, LEFT)], data, AVA, "pyslowfast", 7)(TrainKey(3, 0))
    whole = KeyViews([sample_at(film, 2, LEFT)], data, VIEWS, AVA)(0)
    rng = np.random.default_rng([Stream.CLIP, 7, 3, 0])
    drawn = transforms.draw_augmentation(rng, min_short_side=40, max_short_side=60, flip=0.5)
    for found, picture in zip(clip.frames, whole.frames, strict=True):
        np.testing.assert_array_equal(found, transforms.augment(picture, drawn, 36))
