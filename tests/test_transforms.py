"""Resize, crop and flip, on pictures whose values tell where they come from."""

from typing import Any

import numpy as np
import pytest

from slowfast.data import transforms
from slowfast.data.decode import Pictures
from slowfast.data.transforms import resize_short_side, train_transform, val_transform


def coordinates(num_frames: int, height: int, width: int) -> Pictures:
    """Frames whose pixel at ``(t, y, x)`` has the colour ``(x, y, t)``."""
    t, y, x = np.mgrid[:num_frames, :height, :width]
    return np.stack([x, y, t], axis=-1).astype(np.uint8)


def augment(frames: Pictures, seed: int, **changes: Any) -> Pictures:
    settings = dict(min_short_side=20, max_short_side=20, crop_size=12, flip=0.0) | changes
    return train_transform(frames, np.random.default_rng(seed), **settings)


@pytest.mark.parametrize(
    ("height", "width", "short_side", "resized"),
    [
        (240, 320, 256, (256, 341)),  # 341.3
        (320, 240, 256, (341, 256)),
        (360, 640, 256, (256, 455)),  # 455.1
        (640, 360, 128, (227, 128)),  # 227.6 is rounded down
        (100, 100, 256, (256, 256)),
        (480, 640, 240, (240, 320)),
        (32, 48, 32, (32, 48)),
    ],
)
def test_the_short_side_is_resized_and_the_ratio_kept(
    height: int, width: int, short_side: int, resized: tuple[int, int]
) -> None:
    frames = resize_short_side(np.zeros((2, height, width, 3), np.uint8), short_side)
    assert frames.shape == (2, *resized, 3)
    assert frames.dtype == np.uint8


def test_frames_of_the_wanted_size_are_left_as_they_are() -> None:
    frames = coordinates(2, 20, 30)
    np.testing.assert_array_equal(resize_short_side(frames, 20), frames)


def test_resize_is_bilinear_between_pixel_centres() -> None:
    row = np.array([0, 100], np.uint8)
    frames = np.broadcast_to(row[None, None, :, None], (1, 2, 2, 3))
    larger = resize_short_side(frames, 4)
    assert larger.shape == (1, 4, 4, 3)
    for y in range(4):
        for colour in range(3):
            assert larger[0, y, :, colour].tolist() == [0, 25, 75, 100]
    ramp = np.array([0, 10, 20, 30], np.uint8)
    smaller = resize_short_side(np.broadcast_to(ramp[None, :, None, None], (1, 4, 4, 3)), 2)
    assert smaller[0, :, :, 0].tolist() == [[5, 5], [25, 25]]


def test_each_frame_is_resized_by_itself() -> None:
    frames = coordinates(3, 10, 15)
    resized = resize_short_side(frames, 20)
    for t in range(3):
        np.testing.assert_array_equal(resized[t], resize_short_side(frames[t : t + 1], 20)[0])
        assert (resized[t, :, :, 2] == t).all()


@pytest.mark.parametrize(("height", "width"), [(20, 31), (31, 20), (20, 20)])
def test_a_training_crop_is_a_window_of_every_frame(height: int, width: int) -> None:
    starts = set()
    for seed in range(600):
        crop = augment(coordinates(2, height, width), seed)
        assert crop.shape == (2, 12, 12, 3)
        assert crop.dtype == np.uint8
        assert crop.flags["C_CONTIGUOUS"]
        x, y, _ = (int(value) for value in crop[0, 0, 0])
        starts.add((y, x))
        expected = coordinates(2, height, width)[:, y : y + 12, x : x + 12]
        np.testing.assert_array_equal(crop, expected)
    assert {y for y, _ in starts} == set(range(height - 12 + 1))
    assert {x for _, x in starts} == set(range(width - 12 + 1))


@pytest.mark.parametrize("seed", range(5))
def test_a_flip_is_the_mirror_image_of_the_same_crop(seed: int) -> None:
    frames = coordinates(3, 20, 31)
    plain, flipped = augment(frames, seed), augment(frames, seed, flip=1.0)
    np.testing.assert_array_equal(flipped, plain[:, :, ::-1])
    assert flipped.flags["C_CONTIGUOUS"]
    assert not np.array_equal(flipped, plain)


def test_a_flip_comes_as_often_as_asked_for() -> None:
    frames = coordinates(1, 20, 20)
    crops = [augment(frames, seed, flip=0.3) for seed in range(1000)]
    flips = sum(bool(crop[0, 0, 0, 0] > crop[0, 0, 1, 0]) for crop in crops)
    assert abs(flips - 300) < 4 * np.sqrt(1000 * 0.3 * 0.7)


def test_the_short_side_is_drawn_from_the_whole_range(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    def spy(frames: Pictures, short_side: int) -> Pictures:
        sizes.append(short_side)
        return resize_short_side(frames, short_side)

    monkeypatch.setattr(transforms, "resize_short_side", spy)
    for seed in range(400):
        crop = augment(coordinates(1, 20, 31), seed, min_short_side=16, max_short_side=20)
        assert crop.shape == (1, 12, 12, 3)
    counts = np.bincount(sizes)
    assert counts.nonzero()[0].tolist() == [16, 17, 18, 19, 20]
    assert (np.abs(counts[16:] - 80) < 4 * np.sqrt(400 * 0.2 * 0.8)).all()


def test_all_frames_share_one_draw() -> None:
    still = np.repeat(coordinates(1, 20, 31), 8, axis=0)
    for seed in range(20):
        clip = augment(still, seed, min_short_side=14, max_short_side=26, flip=0.5)
        assert (clip == clip[0]).all()


def test_augmentation_is_a_function_of_the_generator() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (2, 40, 60, 3), dtype=np.uint8)

    def draw(seed: int) -> Pictures:
        return augment(frames, seed, min_short_side=24, max_short_side=48, flip=0.5)

    np.testing.assert_array_equal(draw(5), draw(5))
    assert len({draw(seed).tobytes() for seed in range(10)}) == 10


@pytest.mark.parametrize(
    ("height", "width", "corner"),
    [(20, 31, (4, 10)), (31, 20, (10, 4)), (20, 30, (4, 9)), (20, 20, (4, 4))],
)
def test_validation_takes_the_centre(height: int, width: int, corner: tuple[int, int]) -> None:
    y, x = corner
    frames = coordinates(2, height, width)
    crop = val_transform(frames, short_side=20, crop_size=12)
    np.testing.assert_array_equal(crop, frames[:, y : y + 12, x : x + 12])
    assert crop.flags["C_CONTIGUOUS"]


def test_validation_resizes_first() -> None:
    frames = coordinates(2, 40, 62)
    expected = resize_short_side(frames, 20)[:, 4:16, 10:22]
    crop = val_transform(frames, short_side=20, crop_size=12)
    np.testing.assert_array_equal(crop, expected)


def test_a_crop_as_large_as_the_picture_is_the_picture() -> None:
    frames = coordinates(2, 20, 20)
    np.testing.assert_array_equal(val_transform(frames, short_side=20, crop_size=20), frames)
    np.testing.assert_array_equal(augment(frames, 0, crop_size=20), frames)
