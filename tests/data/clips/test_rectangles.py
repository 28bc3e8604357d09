"""Random rectangles: the arithmetic by hand, the draws by their distribution."""

import math

import numpy as np
import pytest

from slowfast.data.clips import rectangles
from slowfast.data.clips.rectangles import Box, DrawnRectangle, Shape

AREA, ASPECT = (0.08, 1.0), (3 / 4, 4 / 3)


def drawn(*shapes: tuple[float, float], y: float = 0.5, x: float = 0.25) -> DrawnRectangle:
    return DrawnRectangle(tuple(Shape(*shape) for shape in shapes), y, x)


@pytest.mark.parametrize(
    ("rectangle", "size", "box"),
    [
        # A quarter of 240 x 320 is 19200 pixels = 120 x 160; 0.5 of 121 and 0.25 of 161 places.
        (drawn((1 / 4, 4 / 3)), (240, 320), Box(60, 40, 120, 160)),
        (drawn((1 / 4, 3 / 4)), (240, 320), Box(40, 50, 160, 120)),  # 81 and 201 places
        (drawn((1 / 4, 1.0)), (240, 320), Box(51, 45, 139, 139)),  # 138.56; 102, 182
        (drawn((1.0, 4 / 3)), (240, 320), Box(0, 0, 240, 320)),
        # Shapes of 320 x 240 and 277 x 277 are too high.
        (drawn((1.0, 3 / 4), (1.0, 1.0), (0.08, 1.0)), (240, 320), Box(81, 60, 78, 78)),
        (drawn((1.0, 3 / 4), (1.0, 1.0)), (240, 320), None),
        (drawn((0.01, 1.0), (0.25, 1.0)), (4, 4), Box(1, 0, 2, 2)),  # 0.4 rounds to nothing
    ],
)  # fmt: skip
def test_the_first_shape_that_fits_is_placed(
    rectangle: DrawnRectangle, size: tuple[int, int], box: Box | None
) -> None:
    assert rectangles.place(rectangle, *size) == box


@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((240, 300), Box(0, 0, 240, 300)),  # 1.25 is allowed
        ((100, 300), Box(0, 83, 100, 133)),  # 4/3 of 100
        ((300, 100), Box(83, 0, 133, 100)),
        ((1, 9), Box(0, 4, 1, 1)),
    ],
)
def test_the_box_in_the_middle_has_the_nearest_ratio(size: tuple[int, int], box: Box) -> None:
    assert rectangles.centre_box(*size, aspect=ASPECT) == box


def test_every_place_comes_up_and_none_beyond_the_border() -> None:
    found = {
        rectangles.place(drawn((1 / 4, 1.0), y=y, x=x), 6, 6)
        for y in np.linspace(0, 1, 50, endpoint=False)
        for x in np.linspace(0, 1, 50, endpoint=False)
    }
    assert found == {Box(y, x, 3, 3) for y in range(4) for x in range(4)}


def test_shares_are_uniform_and_ratios_log_uniform() -> None:
    rng = np.random.default_rng(0)
    draws = [rectangles.draw_rectangle(rng, area=AREA, aspect=ASPECT) for _ in range(1000)]
    shapes = np.array([shape for draw in draws for shape in draw.shapes])
    assert len(shapes) == 1000 * rectangles.ATTEMPTS
    shares = (shapes[:, 0] - 0.08) / 0.92
    ratios = (np.log(shapes[:, 1]) - math.log(3 / 4)) / (math.log(4 / 3) - math.log(3 / 4))
    places = np.array([(draw.y, draw.x) for draw in draws])
    for uniform in (shares, ratios, places[:, 0], places[:, 1]):
        assert uniform.min() >= 0 and uniform.max() <= 1
        fifths = np.histogram(uniform, bins=5, range=(0, 1))[0]
        spread = math.sqrt(len(uniform) * 0.2 * 0.8)
        assert np.abs(fifths - len(uniform) / 5).max() < 4 * spread
