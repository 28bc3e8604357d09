"""RandAugment: each operation's values by hand, and one draw for all frames."""

from collections import Counter

import numpy as np
import pytest

from slowfast.data.clips import rand_augment
from slowfast.data.clips.rand_augment import OPERATIONS, Operation
from slowfast.data.video.reader import Picture

MEASURING = {"auto_contrast", "equalize"}
"""What has no strength."""


def noise(height: int = 30, width: int = 40, seed: int = 0) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def grey(*rows: list[int]) -> Picture:
    return np.repeat(np.array(rows, np.uint8)[..., None], 3, axis=2)


def changed(name: str, magnitude: float, *rows: list[int]) -> list[list[int]]:
    """The red values of a grey picture after an operation; the other colours are the same."""
    result = OPERATIONS[name](grey(*rows), magnitude)
    assert result.shape == (len(rows), len(rows[0]), 3)
    assert (result == result[..., :1]).all()
    found: list[list[int]] = result[..., 0].tolist()
    return found


@pytest.mark.parametrize("name", OPERATIONS)
def test_strengths_and_what_an_operation_leaves_alone(name: str) -> None:
    assert len(OPERATIONS) == 14  # the paper's
    picture = noise()
    for magnitude in (-10.0, -3.3, 0.0, 7.0, 10.0):
        result = OPERATIONS[name](picture, magnitude)
        assert result.shape == picture.shape and result.dtype == np.uint8
        if magnitude == 0 and name not in MEASURING:
            np.testing.assert_array_equal(result, picture)
    np.testing.assert_array_equal(picture, noise())
    dull = 60 + noise() // 3
    changes = np.abs(OPERATIONS[name](dull, 10.0).astype(int) - dull).mean()
    assert (changes > 2) == (name != "identity")


@pytest.mark.parametrize(
    ("name", "magnitude", "before", "after"),
    [
        ("brightness", 5, [0, 100, 200], [0, 145, 255]),
        ("brightness", -10, [0, 100, 204], [0, 10, 20]),
        ("contrast", 5, [60, 140], [42, 158]),  # 1.45 times as far from the mean, 100
        ("contrast", -10, [0, 200], [90, 110]),
        ("contrast", 10, [0, 200], [0, 255]),  # -90 and 290
        ("posterize", 2.5, [0xAB, 0xFF, 1], [0xAA, 0xFE, 0]),
        ("posterize", -10, [0xAB, 0xFF, 15], [0xA0, 0xF0, 0]),
        ("solarize", 5, [0, 127, 128, 200, 255], [0, 127, 127, 55, 0]),
        ("solarize", -10, [0, 100, 255], [255, 155, 0]),
        ("auto_contrast", 9, [50, 100, 150], [0, 128, 255]),
        ("auto_contrast", 9, [50, 50, 50], [50, 50, 50]),
        ("equalize", 9, [10, 10, 20, 20, 30, 30, 40, 40], [0, 0, 85, 85, 170, 170, 255, 255]),
        ("color", -10, [0, 77, 255], [0, 77, 255]),  # grey stays grey
    ],
)
def test_values(name: str, magnitude: float, before: list[int], after: list[int]) -> None:
    assert changed(name, magnitude, before) == [after]


def test_color_knows_red_from_blue() -> None:
    for picture, magnitude, wanted in [
        ([255, 0, 0], -10, [94, 69, 69]),  # brightness 0.299 x 255 = 76.2
        ([0, 0, 200], -10, [20.5, 20.5, 40.5]),  # brightness 22.8
        ([0, 0, 200], 5, [0, 0, 255]),  # -10.3 and 279.7
    ]:
        found = rand_augment.color(np.array([[picture]], np.uint8), magnitude)[0, 0]
        assert np.abs(found - np.array(wanted)).max() <= 1


def test_auto_contrast_and_equalize_take_each_colour_by_itself() -> None:
    picture = np.array([[[0, 100, 7], [200, 150, 7]]], np.uint8)
    stretched = [[[0, 0, 7], [255, 255, 7]]]
    assert rand_augment.auto_contrast(picture, 9).tolist() == stretched
    assert rand_augment.equalize(picture, 9).tolist() == stretched


def test_sharpness_is_away_from_the_blurred_picture() -> None:
    rows = [[0, 0, 0], [0, 130, 0], [0, 0, 0]]  # blurred 130 x 5/13 = 50
    assert changed("sharpness", -10, *rows) == [[0, 0, 0], [0, 58, 0], [0, 0, 0]]
    assert changed("sharpness", 5, *rows) == [[0, 0, 0], [0, 166, 0], [0, 0, 0]]
    rows[0] = [9, 8, 7]  # a border stays as it is
    assert changed("sharpness", -10, *rows)[0] == [9, 8, 7]


def test_translations_are_of_whole_pixels_and_let_in_grey() -> None:
    picture = noise(20, 40)
    right, left = (rand_augment.translate_x(picture, sign * 10) for sign in (-1, 1))
    np.testing.assert_array_equal(left[:, :22], picture[:, 18:])  # 0.45 of 40
    np.testing.assert_array_equal(right[:, 18:], picture[:, :22])
    assert (left[:, 22:] == 115).all() and (right[:, :18] == 115).all()
    down, up = (rand_augment.translate_y(picture, sign * 10) for sign in (-1, 1))
    np.testing.assert_array_equal(up[:11], picture[9:])
    np.testing.assert_array_equal(down[9:], picture[:11])
    assert (up[11:] == 115).all() and (down[:9] == 115).all()


def test_a_shear_shifts_each_row_in_proportion() -> None:
    picture = noise(31, 60)
    sheared = rand_augment.shear_x(picture, 10)
    for y in (0, 10, 20, 30):  # 0.3 y are whole pixels
        shift = 3 * y // 10
        difference = np.abs(sheared[y, : 60 - shift].astype(int) - picture[y, shift:])
        assert difference.max() <= 1
        assert (sheared[y, 61 - shift :] == 115).all()
    turned = rand_augment.shear_y(picture.transpose(1, 0, 2), 10).transpose(1, 0, 2)
    assert np.abs(turned.astype(int) - sheared).max() <= 1


def test_a_rotation_is_about_the_centre() -> None:
    picture = noise(31, 31)
    quarter = rand_augment.rotate(picture, 30)  # three times as far as goes
    assert np.abs(quarter.astype(int) - np.rot90(picture, -1)).max() <= 2
    third = rand_augment.rotate(picture, -10)
    assert np.abs(third[15, 15].astype(int) - picture[15, 15]).max() <= 2
    assert (third[0, 0] == 115).all() and (third[-1, -1] == 115).all()


def test_operations_follow_each_other_on_each_frame_by_itself() -> None:
    for seed in range(30):
        frames = np.stack([noise()] * 5)
        rand_augment.apply(frames, rand_augment.draw(np.random.default_rng(seed), 3, 9.0))
        assert (frames == frames[0]).all()
    frames = np.stack([noise(seed=0), noise(seed=1)])
    rand_augment.apply(frames, [Operation("posterize", 5.0), Operation("solarize", 5.0)])
    for seed, frame in enumerate(frames):
        wanted = rand_augment.solarize(rand_augment.posterize(noise(seed=seed), 5.0), 5.0)
        np.testing.assert_array_equal(frame, wanted)
    frames = np.stack([grey([0, 10]), grey([0, 100])])
    rand_augment.apply(frames, [Operation("auto_contrast", 9.0)])
    assert frames[..., 0].tolist() == [[[0, 255]], [[0, 255]]]


def test_every_operation_and_both_signs_are_as_likely() -> None:
    drawn = rand_augment.draw(np.random.default_rng(0), 2800, 4.0)
    counts = Counter(drawn)
    assert {*counts} == {Operation(name, sign * 4.0) for name in OPERATIONS for sign in (-1, 1)}
    assert max(abs(count - 100) for count in counts.values()) < 4 * np.sqrt(100)
    assert drawn[:2] == rand_augment.draw(np.random.default_rng(0), 2800, 4.0)[:2]
