"""Resize, crop and flip, on pictures whose values tell where they come from."""

import cv2
import numpy as np
import pytest

from slowfast.data.transforms import (
    Augmentation,
    augment,
    centre_crop,
    draw_augmentation,
    resize_short_side,
    resized_crop,
    resized_size,
)
from slowfast.data.video import Picture


def coordinates(height: int, width: int) -> Picture:
    """A picture whose pixel at ``(y, x)`` has the colour ``(x, y, 7)``."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x, y, np.full_like(x, 7)], axis=-1).astype(np.uint8)


def draw(seed: int, low: int = 20, high: int = 20, flip: float = 0.0) -> Augmentation:
    rng = np.random.default_rng(seed)
    return draw_augmentation(rng, min_short_side=low, max_short_side=high, flip=flip)


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
    picture = resize_short_side(np.zeros((height, width, 3), np.uint8), short_side)
    assert picture.shape == (*resized, 3)
    assert picture.dtype == np.uint8


def test_a_picture_of_the_wanted_size_is_left_as_it_is() -> None:
    picture = coordinates(20, 30)
    np.testing.assert_array_equal(resize_short_side(picture, 20), picture)


def test_resize_is_bilinear_between_pixel_centres() -> None:
    row = np.array([0, 100], np.uint8)
    larger = resize_short_side(np.broadcast_to(row[None, :, None], (2, 2, 3)), 4)
    assert larger.shape == (4, 4, 3)
    for y in range(4):
        for colour in range(3):
            assert larger[y, :, colour].tolist() == [0, 25, 75, 100]
    ramp = np.array([0, 10, 20, 30], np.uint8)
    smaller = resize_short_side(np.broadcast_to(ramp[:, None, None], (4, 4, 3)), 2)
    assert smaller[:, :, 0].tolist() == [[5, 5], [25, 25]]


@pytest.mark.parametrize(("height", "width"), [(20, 31), (31, 20), (20, 20)])
def test_a_training_crop_is_a_window_anywhere(height: int, width: int) -> None:
    starts = set()
    for seed in range(600):
        crop = augment(coordinates(height, width), draw(seed), 12)
        assert crop.shape == (12, 12, 3)
        assert crop.dtype == np.uint8
        x, y, _ = (int(value) for value in crop[0, 0])
        starts.add((y, x))
        np.testing.assert_array_equal(crop, coordinates(height, width)[y : y + 12, x : x + 12])
    assert {y for y, _ in starts} == set(range(height - 12 + 1))
    assert {x for _, x in starts} == set(range(width - 12 + 1))


@pytest.mark.parametrize("short_side", [20, 15, 33])
def test_a_flip_is_the_mirror_image_of_the_same_crop(short_side: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 31, 3), np.uint8)
    for seed in range(5):
        drawn = draw(seed, short_side, short_side)
        plain = augment(picture, drawn, 12)
        flipped = augment(picture, drawn._replace(flip=True), 12)
        assert np.abs(flipped.astype(int) - plain[:, ::-1]).max() <= (short_side < 20)
        assert np.abs(flipped.astype(int) - plain).max() > 100


def test_a_flip_comes_as_often_as_asked_for() -> None:
    flips = sum(draw(seed, flip=0.3).flip for seed in range(1000))
    assert abs(flips - 300) < 4 * np.sqrt(1000 * 0.3 * 0.7)


def test_the_short_side_is_drawn_from_the_whole_range() -> None:
    counts = np.bincount([draw(seed, 16, 20).short_side for seed in range(400)])
    assert counts.nonzero()[0].tolist() == [16, 17, 18, 19, 20]
    assert (np.abs(counts[16:] - 80) < 4 * np.sqrt(400 * 0.2 * 0.8)).all()


def test_augmentation_is_a_function_of_the_generator() -> None:
    assert draw(5, 24, 48, 0.5) == draw(5, 24, 48, 0.5)
    assert len({draw(seed, 24, 48, 0.5) for seed in range(10)}) == 10


IS_EXACT = int(cv2.__version__.partition(".")[0]) >= 5
"""Before, OpenCV computed such crops to the 32nd of a pixel."""
SOURCES = [(256, 340), (340, 256), (720, 1280), (964, 1280), (1080, 1920), (240, 320), (333, 517)]


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_cropping_before_resizing_gives_the_pixels_of_resizing_before_cropping(
    source: tuple[int, int],
) -> None:
    """Noise is the worst there can be: pixel by pixel at most 1 of 255 apart, 8 with OpenCV 4."""
    rng = np.random.default_rng(sum(source))
    picture = rng.integers(0, 256, (*source, 3), np.uint8)
    for short_side in (256, 271, 288, 303, 320):
        height, width = resized_size(picture, short_side)
        whole = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
        corners = [(0, 0), (height - 224, width - 224), (height // 9, width // 7)]
        for (y, x), flip in [(corner, flip) for corner in corners for flip in (False, True)]:
            crop = whole[y : y + 224, x : x + 224]
            wanted = crop[:, ::-1] if flip else crop
            found = resized_crop(picture, (height, width), (y, x), 224, flip)
            difference = np.abs(found.astype(int) - wanted)
            assert difference.max() <= (1 if IS_EXACT else 8)
            assert difference.mean() < (0.15 if IS_EXACT else 1.5)


@pytest.mark.parametrize(
    ("height", "width", "corner"),
    [(20, 31, (4, 10)), (31, 20, (10, 4)), (20, 30, (4, 9)), (20, 20, (4, 4))],
)
def test_validation_takes_the_centre(height: int, width: int, corner: tuple[int, int]) -> None:
    y, x = corner
    picture = coordinates(height, width)
    crop = centre_crop(picture, short_side=20, crop_size=12)
    np.testing.assert_array_equal(crop, picture[y : y + 12, x : x + 12])


def test_validation_resizes_first() -> None:
    picture = coordinates(40, 62)
    expected = resize_short_side(picture, 20)[4:16, 10:22].astype(int)
    crop = centre_crop(picture, short_side=20, crop_size=12)
    assert np.abs(crop - expected).max() <= 1


def test_a_crop_as_large_as_the_picture_is_the_picture() -> None:
    picture = coordinates(20, 20)
    np.testing.assert_array_equal(centre_crop(picture, short_side=20, crop_size=20), picture)
    np.testing.assert_array_equal(augment(picture, draw(0), 20), picture)
