"""Boxes and labels in a picture."""

import numpy as np
import pytest

from slowfast.predict.annotate.drawn_boxes import Person, _free_place, colour_of, with_persons

PICTURE = np.full((240, 320, 3), 60, np.uint8)
SHARE = (0.25, 0.5, 0.5, 1.0)


def test_a_box_is_where_it_belongs_and_its_label_above_it() -> None:
    drawn = with_persons(PICTURE, [Person(1, SHARE, [("walk", 0.9)])])
    assert drawn.shape == PICTURE.shape and PICTURE.max() == 60
    rows, columns = np.nonzero((drawn == colour_of(1)).all(axis=2))
    assert columns.min() in range(78, 82) and columns.max() in range(157, 162)
    assert rows.max() >= 238 and rows.min() < 120  # the number is above the box
    assert (drawn[:60] == 60).all() and (drawn[:, 200:] == 60).all()


def test_nobody_is_nothing() -> None:
    assert np.array_equal(with_persons(PICTURE, []), PICTURE)


def test_other_boxes_are_white_and_have_no_label() -> None:
    drawn = with_persons(PICTURE, [], [SHARE])
    rows, columns = np.nonzero((drawn == 255).all(axis=2))
    assert (rows.min(), columns.min()) == (119, 79) and columns.max() in range(157, 162)
    assert ((drawn == 60) | (drawn == 255)).all()
    both = with_persons(PICTURE, [Person(1, SHARE, [])], [(0.6, 0.1, 0.9, 0.4)])
    rows, columns = np.nonzero((both == colour_of(1)).all(axis=2))
    assert columns.max() in range(157, 162)  # the label is at its own box


def test_small_pictures_become_larger_and_narrow_ones_get_black_beside() -> None:
    small = with_persons(PICTURE[:120, :160], [Person(3, SHARE, [])])
    assert small.shape == (240, 320, 3)
    narrow = np.full((2400, 40, 3), 60, np.uint8)
    drawn = with_persons(narrow, [Person(2, (0.0, 0.5, 1.0, 0.75), [])])
    height, width, _ = drawn.shape
    wide = 40 * 1920 / 2400
    rows, columns = np.nonzero((drawn[height // 2 + 60 :] == colour_of(2)).all(axis=2))
    assert height == 1920 and width == 240
    assert abs(columns.min() - (width - wide) / 2) <= 3 and rows.max() < height / 4


def test_boxes_outside_and_long_labels() -> None:
    names = [("a very long name of an action that nobody could read" * 2, 0.99)] * 6
    drawn = with_persons(PICTURE, [Person(12, (-0.2, -0.1, 1.3, 1.2), names)])
    assert drawn.shape == PICTURE.shape
    assert not np.array_equal(drawn, PICTURE)


@pytest.mark.parametrize(
    ("x", "y", "taken", "place"),
    [
        (10, 20, [], (20, 10)),
        (-5, -5, [], (0, 0)),
        (95, 95, [], (80, 70)),
        (10, 20, [(15, 0, 20, 30)], (35, 10)),
        (10, 20, [(15, 0, 20, 30), (35, 0, 10, 90)], (45, 10)),
        (10, 20, [(15, 60, 20, 30)], (20, 10)),
    ],
    ids=["free", "corner", "edge", "below one", "below two", "beside"],
)
def test_labels_do_not_cover_each_other(
    x: int, y: int, taken: list[tuple[int, int, int, int]], place: tuple[int, int]
) -> None:
    assert _free_place(x, y, (20, 30), (100, 100), taken) == place
