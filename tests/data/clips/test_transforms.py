"""Resize, crop, flip and erase, on pictures whose values tell where they come from."""

from typing import Any
from unittest import mock

import cv2
import numpy as np
import pytest

from slowfast.data.clips import transforms
from slowfast.data.clips.rectangles import Box, DrawnRectangle, Shape
from slowfast.data.video.reader import Picture


def coordinates(height: int, width: int) -> Picture:
    """A picture whose pixel at ``(y, x)`` has the colour ``(x, y, 7)``."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x, y, np.full_like(x, 7)], axis=-1).astype(np.uint8)


def draw(
    seed: int | Any, low: int = 20, high: int = 20, flip: float = 0.0, inverse: bool = False
) -> transforms.Augmentation:
    rng = np.random.default_rng(seed) if isinstance(seed, int) else seed
    return transforms.draw_augmentation(
        rng, min_short_side=low, max_short_side=high, flip=flip, inverse=inverse
    )


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
    picture = transforms.resize_short_side(np.zeros((height, width, 3), np.uint8), short_side)
    assert picture.shape == (*resized, 3) and picture.dtype == np.uint8


@pytest.mark.parametrize(
    ("size", "fitting"),
    [((30, 60), (20, 40)), ((60, 30), (40, 20)), ((30, 40), (30, 40)), ((1, 200), (1, 40))],
    ids=["wide", "high", "small", "thin"],
)
def test_a_picture_is_fitted(size: tuple[int, int], fitting: tuple[int, int]) -> None:
    assert transforms.fitted(coordinates(*size), 40).shape == (*fitting, 3)


def test_pixels_are_made_square() -> None:
    picture = coordinates(30, 40)
    assert transforms.squared(picture, 1.0) is picture
    assert transforms.squared(picture, 1.5).shape == (30, 60, 3)
    assert transforms.squared(picture, 0.5).shape == (60, 40, 3)


def test_resize_is_bilinear_between_pixel_centres() -> None:
    row = np.array([0, 100], np.uint8)
    larger = transforms.resize_short_side(np.broadcast_to(row[None, :, None], (2, 2, 3)), 4)
    expected = np.broadcast_to(np.array([0, 25, 75, 100])[None, :, None], (4, 4, 3))
    np.testing.assert_array_equal(larger, expected)
    ramp = np.array([0, 10, 20, 30], np.uint8)
    smaller = transforms.resize_short_side(np.broadcast_to(ramp[:, None, None], (4, 4, 3)), 2)
    assert smaller[:, :, 0].tolist() == [[5, 5], [25, 25]]


@pytest.mark.parametrize(("height", "width"), [(20, 31), (31, 20), (20, 20)])
def test_a_training_crop_is_a_window_anywhere(height: int, width: int) -> None:
    starts = set()
    for seed in range(600):
        crop = transforms.augment(coordinates(height, width), draw(seed), 12)
        assert crop.shape == (12, 12, 3) and crop.dtype == np.uint8
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
        plain = transforms.augment(picture, drawn, 12)
        flipped = transforms.augment(picture, drawn._replace(flip=True), 12)
        assert np.abs(flipped.astype(int) - plain[:, ::-1]).max() <= (short_side < 20)
        assert np.abs(flipped.astype(int) - plain).max() > 100


def test_flips_come_as_often_as_asked_for_and_sides_from_the_whole_range() -> None:
    flips = sum(draw(seed, flip=0.3).flip for seed in range(1000))
    assert abs(flips - 300) < 4 * np.sqrt(1000 * 0.3 * 0.7)
    assert draw(5, 24, 48, 0.5) == draw(5, 24, 48, 0.5)
    assert len({draw(seed, 24, 48, 0.5) for seed in range(10)}) == 10
    counts = np.bincount([draw(seed, 16, 20).short_side for seed in range(400)])
    assert counts.nonzero()[0].tolist() == [16, 17, 18, 19, 20]
    assert (np.abs(counts[16:] - 80) < 4 * np.sqrt(400 * 0.2 * 0.8)).all()


@pytest.mark.parametrize(
    ("place", "short_side"),
    [(0.0, 320), (1.0, 256), (0.5, 284), (0.25, 301)],  # 284.4, 301.2
)
def test_the_inverse_of_the_short_side_can_be_drawn_evenly(place: float, short_side: int) -> None:
    """From 1/320 to 1/256; halfway is the harmonic mean."""
    rng = mock.Mock(spec=np.random.Generator)
    rng.uniform.side_effect = lambda low, high: low + place * (high - low)
    rng.random.return_value = 0.5
    drawn = draw(rng, 256, 320, 0.5, inverse=True)
    assert drawn == transforms.Augmentation(short_side, y=0.5, x=0.5, flip=False)
    assert isinstance(drawn.short_side, int)


def test_the_inverse_draw_keeps_to_the_range_and_favours_the_small() -> None:
    sides = [draw(seed, 20, 40, inverse=True).short_side for seed in range(2000)]
    assert {*sides} == {*range(20, 41)}
    # P(side <= 26) = (1/20 - 1/26.5) / (1/20 - 1/40); a uniform side would give a third of them.
    small = (1 / 20 - 1 / 26.5) / (1 / 20 - 1 / 40)
    counted = sum(side <= 26 for side in sides)
    assert abs(counted - 2000 * small) < 4 * np.sqrt(2000 * small * (1 - small))
    for side in range(1, 400):  # 1 / (1 / side) is not always side
        assert draw(0, side, side, inverse=True).short_side == side


IS_EXACT = int(cv2.__version__.partition(".")[0]) >= 5
"""Before, OpenCV computed such crops to the 32nd of a pixel."""
SOURCES = [(256, 340), (340, 256), (720, 1280), (964, 1280), (1080, 1920), (240, 320), (333, 517)]


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_cropping_before_resizing_gives_the_pixels_of_cropping_after(
    source: tuple[int, int],
) -> None:
    """Noise is the worst there can be: pixel by pixel at most 1 of 255 apart, 8 with OpenCV 4."""
    rng = np.random.default_rng(sum(source))
    picture = rng.integers(0, 256, (*source, 3), np.uint8)
    for short_side in (256, 271, 288, 303, 320):
        height, width = transforms.resized_size(picture, short_side)
        whole = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
        corners = [(0, 0), (height - 224, width - 224), (height // 9, width // 7)]
        for (y, x), flip in [(corner, flip) for corner in corners for flip in (False, True)]:
            crop = whole[y : y + 224, x : x + 224]
            wanted = crop[:, ::-1] if flip else crop
            found = transforms.resized_crop(picture, (height, width), (y, x), 224, flip)
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
    crop = transforms.centre_crop(picture, short_side=20, crop_size=12)
    np.testing.assert_array_equal(crop, picture[y : y + 12, x : x + 12])


def test_validation_resizes_first_and_may_crop_nothing() -> None:
    picture = coordinates(40, 62)
    expected = transforms.resize_short_side(picture, 20)[4:16, 10:22].astype(int)
    crop = transforms.centre_crop(picture, short_side=20, crop_size=12)
    assert np.abs(crop - expected).max() <= 1
    picture = coordinates(20, 20)
    np.testing.assert_array_equal(
        transforms.centre_crop(picture, short_side=20, crop_size=20), picture
    )
    np.testing.assert_array_equal(transforms.augment(picture, draw(0), 20), picture)


ASPECT = (3 / 4, 4 / 3)


def area_crop(shape: Shape, flip: bool = False) -> transforms.AreaCrop:
    return transforms.AreaCrop(DrawnRectangle((shape,), y=0.5, x=0.5), ASPECT, flip)


@pytest.mark.parametrize("flip", [False, True])
def test_an_area_crop_is_stretched_to_a_square(flip: bool) -> None:
    drawn = area_crop(Shape(400 / 2400, 1.0), flip)  # 20 x 20 of 40 x 60, of 21 x 41 places
    crop = transforms.augment_area_crop(coordinates(40, 60), drawn, 20)
    window = coordinates(40, 60)[10:30, 20:40]
    np.testing.assert_array_equal(crop, window[:, ::-1] if flip else window)
    assert crop.dtype == np.uint8
    drawn = area_crop(Shape(800 / 2400, 2.0), flip)  # 20 x 40 at (10, 10)
    crop = transforms.augment_area_crop(coordinates(40, 60), drawn, 10)
    assert crop.shape == (10, 10, 3)
    pixels = np.arange(10)[::-1] if flip else np.arange(10)
    assert np.abs(crop[3, :, 0] - (10 + (pixels + 0.5) * 4 - 0.5)).max() <= 0.5
    assert np.abs(crop[:, 3, 1] - (10 + (np.arange(10) + 0.5) * 2 - 0.5)).max() <= 0.5


def test_an_area_crop_that_fits_nowhere_is_the_middle() -> None:
    crop = transforms.augment_area_crop(coordinates(30, 90), area_crop(Shape(1.0, 1.0)), 30)
    x = 25 + (np.arange(30) + 0.5) * 40 / 30 - 0.5  # 4/3 of 30
    assert np.abs(crop[0, :, 0] - x).max() <= 0.5
    np.testing.assert_array_equal(crop[:, 0, 1], np.arange(30))


def test_area_crops_have_the_shares_and_ratios_asked_for() -> None:
    """On a picture of 240 x 255, whose crop's values tell where its corners were."""
    flips = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        drawn = transforms.draw_area_crop(rng, area=(0.2, 0.3), aspect=(0.5, 0.6), flip=0.3)
        flips += drawn.flip
        crop = transforms.augment_area_crop(coordinates(240, 255), drawn, 50).astype(int)
        first, last = crop[0, 0], crop[-1, -1]
        width, height = (abs(last - first)[:2] * 50 / 49).tolist()
        assert 0.2 * 0.95 < height * width / (240 * 255) < 0.3 * 1.05
        assert 0.5 * 0.95 < width / height < 0.6 * 1.05
    assert abs(flips - 90) < 4 * np.sqrt(300 * 0.3 * 0.7)


def test_what_is_erased_has_the_papers_size_and_ratio_and_comes_as_often_as_asked() -> None:
    boxes = [transforms.draw_erased(np.random.default_rng(seed), 224, 1.0) for seed in range(500)]
    found = np.array([box for box in boxes if box is not None])
    assert len(found) == 500  # of ten shapes one fits
    y, x, height, width = found.T
    assert y.min() >= 0 and x.min() >= 0
    assert (y + height).max() <= 224 and (x + width).max() <= 224
    shares, ratios = height * width / 224**2, width / height
    assert transforms.ERASED_AREA[0] * 0.97 < shares.min() < 0.03 and 0.3 < shares.max() < 0.34
    assert transforms.ERASED_ASPECT[0] * 0.97 < ratios.min() < 0.4 and 2.6 < ratios.max() < 3.45
    assert abs(np.median(np.log(ratios))) < 0.2
    boxes = [transforms.draw_erased(np.random.default_rng(seed), 32, 0.3) for seed in range(500)]
    assert abs(500 - boxes.count(None) - 150) < 4 * np.sqrt(500 * 0.3 * 0.7)


def test_the_erased_box_has_the_same_noise_in_all_frames_and_nothing_else_changes() -> None:
    frames = np.full((4, 100, 90, 3), 7, np.uint8)
    transforms.erase(frames, Box(10, 20, 60, 50), np.random.default_rng(0))
    noise = frames[:, 10:70, 20:70].copy()
    assert (noise == noise[0]).all()
    assert (np.abs(np.bincount(noise[0].ravel(), minlength=256) - 9000 / 256) < 30).all()
    frames[:, 10:70, 20:70] = 7
    assert (frames == 7).all()
