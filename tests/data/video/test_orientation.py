"""Display matrices: all eight orientations, and other angles."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from slowfast.data.video.orientation import AS_STORED, turned, upright


def shown_by(matrix: tuple[int, int, int, int], picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture whose points are put, one by one, where a display matrix says."""
    a, b, c, d = matrix
    places = {(a * x + c * y, b * x + d * y): picture[y, x] for y, x in np.ndindex(*picture.shape)}
    left, top = (min(place[axis] for place in places) for axis in (0, 1))
    width, height = (len({place[axis] for place in places}) for axis in (0, 1))
    shown = np.zeros((height, width), np.uint8)
    for (x, y), value in places.items():
        shown[y - top, x - left] = value
    return shown


@pytest.mark.parametrize(
    "matrix",
    [(1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0)]
    + [(-1, 0, 0, 1), (1, 0, 0, -1), (0, 1, 1, 0), (0, -1, -1, 0)],
)
@pytest.mark.parametrize("scale", [1, 0.5, 2])
def test_all_eight_orientations(matrix: tuple[int, int, int, int], scale: float) -> None:
    a, b, c, d = matrix
    picture = np.arange(6, dtype=np.uint8).reshape(2, 3)
    orientation = upright((scale * a, scale * b, scale * c, scale * d))
    assert turned(picture, *orientation).tolist() == shown_by(matrix, picture).tolist()


@pytest.mark.parametrize("is_mirrored", [False, True])
@pytest.mark.parametrize(
    ("degrees", "turns"), [(-30, 0), (30, 0), (45, 0), (85, 0), (-100, 0), (90.5, 3), (179.5, 2)]
)
def test_other_angles_are_left(degrees: float, turns: int, is_mirrored: bool) -> None:
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    side = -1 if is_mirrored else 1
    matrix = side * cos, side * sin, -sin, cos
    is_taken = turns > 0
    assert upright(matrix) == (turns, is_mirrored and is_taken)


def test_no_matrix() -> None:
    assert upright(AS_STORED) == upright((0, 0, 0, 0)) == (0, False)
