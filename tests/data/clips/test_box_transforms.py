"""Boxes go where their pixels go; the numbers are worked out by hand."""

import cv2
import numpy as np
import pytest

from slowfast.data.clips import box_transforms, transforms
from slowfast.data.clips.box_transforms import MMACTION2, PYSLOWFAST, BoxRule
from slowfast.data.clips.transforms import Augmentation

SHARES = [(0.1, 0.2, 0.5, 1.0)]


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        # 50 x 33: x 5..25, y 6.6..32 (33 is clipped); both by 96 / 50, floor(50 / 33 * 64) = 96
        (PYSLOWFAST, [9.6, 12.672, 48.0, 61.44]),
        # x 5..25 by 96 / 50, y 6.6..33 by 64 / 33
        (MMACTION2, [9.6, 12.8, 48.0, 64.0]),
    ],
    ids=["pyslowfast", "mmaction2"],
)
def test_resized_by_hand(rule: BoxRule, wanted: list[float]) -> None:
    boxes = box_transforms.resized(SHARES, (33, 50), (64, 96), rule)
    np.testing.assert_allclose(boxes, [wanted], rtol=0, atol=1e-6)


def test_resized_upright_and_square_pictures() -> None:
    upright = box_transforms.resized(SHARES, (50, 33), (96, 64), PYSLOWFAST)
    # 33 x 50: x 3.3..16.5, y 10..49; both by 96 / 50
    np.testing.assert_allclose(upright, [[6.336, 19.2, 31.68, 94.08]], rtol=0, atol=1e-6)
    square = box_transforms.resized(SHARES, (40, 40), (60, 60), PYSLOWFAST)
    np.testing.assert_allclose(square, [[6.0, 12.0, 30.0, 58.5]], rtol=0, atol=1e-6)
    same = box_transforms.resized([(0.0, -0.1, 1.2, 0.5)], (33, 50), (33, 50), PYSLOWFAST)
    np.testing.assert_allclose(same, [[0.0, 0.0, 49.0, 16.5]], rtol=0, atol=1e-6)
    assert box_transforms.resized([], (33, 50), (64, 96), PYSLOWFAST).shape == (0, 4)


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        (PYSLOWFAST, [[3.2, 2.4, 19.2, 21.6], [0.0, 0.0, 31.0, 23.0]]),  # clipped before and after
        (MMACTION2, [[3.2, 2.4, 19.2, 21.6], [0.0, -1.2, 32.0, 24.0]]),
    ],
    ids=["pyslowfast", "mmaction2"],
)
def test_in_the_whole_picture_by_hand(rule: BoxRule, wanted: list[list[float]]) -> None:
    shares = [(0.1, 0.1, 0.6, 0.9), (0.0, -0.05, 1.0, 1.0)]
    boxes = box_transforms.in_whole_picture(shares, (48, 64), (24, 32), rule)
    assert boxes.dtype == np.float32
    np.testing.assert_allclose(boxes, wanted, rtol=0, atol=1e-5)
    assert box_transforms.in_whole_picture((), (48, 64), (0, 0), rule).shape == (0, 4)


def test_cropped_and_flipped_by_hand() -> None:
    boxes = np.array([[9.6, 12.672, 48.0, 61.44], [60.0, 0.0, 95.0, 63.0], [0, 0, 5.0, 5.0]])
    crop = box_transforms.cropped(boxes, (10, 20), (40, 40))
    wanted = [[0.0, 2.672, 28.0, 39.0], [39.0, 0.0, 39.0, 39.0], [0.0, 0.0, 0.0, 0.0]]
    np.testing.assert_allclose(crop, wanted, rtol=0, atol=1e-6)
    assert box_transforms.is_left(crop).tolist() == [True, False, False]
    mirrored = box_transforms.flipped(crop, 40, PYSLOWFAST)
    np.testing.assert_allclose(mirrored[0], [11.0, 2.672, 39.0, 39.0], rtol=0, atol=1e-6)
    theirs = box_transforms.flipped(crop, 40, MMACTION2)
    np.testing.assert_allclose(theirs[0], [12.0, 2.672, 40.0, 39.0], rtol=0, atol=1e-6)


def test_what_is_less_than_a_pixel_is_not_left() -> None:
    boxes = np.array([[3.0, 3.0, 4.0, 4.0], [3.0, 3.0, 3.9, 9.0], [3.0, 3.0, 9.0, 3.9]])
    assert box_transforms.is_left(boxes).tolist() == [True, False, False]


@pytest.mark.parametrize("flip", [False, True], ids=["upright", "mirrored"])
def test_a_box_stays_around_its_pixels(flip: bool) -> None:
    """A white rectangle and its box through the same augmentation."""
    picture = np.zeros((120, 200, 3), np.uint8)
    picture[30:90, 60:140] = 255  # shares 0.3..0.7, 0.25..0.75
    drawn = Augmentation(short_side=96, y=0.5, x=0.4, flip=flip)
    crop = transforms.augment(picture, drawn, 80)
    x, y, width, height = cv2.boundingRect((crop[..., 0] > 127).astype(np.uint8))
    size = transforms.resized_size(picture, 96)
    boxes = box_transforms.resized([(0.3, 0.25, 0.7, 0.75)], (120, 200), size, PYSLOWFAST)
    boxes = box_transforms.cropped(boxes, transforms.corner_of(size, drawn, 80), (80, 80))
    if flip:
        boxes = box_transforms.flipped(boxes, 80, PYSLOWFAST)
    assert np.abs(boxes[0] - [x, y, x + width, y + height]).max() <= 1.0
