"""Random rectangles in a picture whose size is not yet known when they are drawn.

Ten shapes and one place are drawn; the first shape that fits into the picture, once that is
decoded, is taken. So all frames of a clip have the same rectangle, and how many numbers are drawn
does not depend on the video.
"""

import math
from typing import NamedTuple

import numpy as np

ATTEMPTS = 10
"""As in torchvision, timm and mmaction2."""


class Shape(NamedTuple):
    """What a rectangle looks like."""

    share: float
    """Of the picture's area."""
    aspect: float
    """Width / height, pixels."""


class DrawnRectangle(NamedTuple):
    """The draw, for all frames of a clip."""

    shapes: tuple[Shape, ...]
    """The first that fits counts."""
    y: float
    """Where it lies: 0 at the top, towards 1 at the bottom."""
    x: float


class Box(NamedTuple):
    """A rectangle of a picture, pixels."""

    y: int
    x: int
    height: int
    width: int


def draw_rectangle(
    rng: np.random.Generator, *, area: tuple[float, ...], aspect: tuple[float, ...]
) -> DrawnRectangle:
    """Shares of the area uniform in ``area``, ratios log-uniform in ``aspect``, a uniform place."""
    (smallest, largest), (low, high) = area, aspect
    shares = rng.uniform(smallest, largest, ATTEMPTS)
    aspects = np.exp(rng.uniform(math.log(low), math.log(high), ATTEMPTS))
    shapes = tuple(map(Shape, shares.tolist(), aspects.tolist()))
    return DrawnRectangle(shapes, y=rng.random(), x=rng.random())


def place(drawn: DrawnRectangle, height: int, width: int) -> Box | None:
    """The first of the shapes that fits into a picture of this size, at its place; None: none."""
    for share, aspect in drawn.shapes:
        area = share * height * width
        box_height, box_width = round(math.sqrt(area / aspect)), round(math.sqrt(area * aspect))
        if 0 < box_height <= height and 0 < box_width <= width:
            y = int(drawn.y * (height - box_height + 1))
            x = int(drawn.x * (width - box_width + 1))
            return Box(y, x, box_height, box_width)
    return None


def centre_box(height: int, width: int, aspect: tuple[float, ...]) -> Box:
    """The largest box in the middle whose width / height is within ``aspect``.

    torchvision's; mmaction2 takes a square.
    """
    low, high = aspect
    box_height, box_width = height, width
    if width / height < low:
        box_height = max(round(width / low), 1)
    elif width / height > high:
        box_width = max(round(height * high), 1)
    return Box((height - box_height) // 2, (width - box_width) // 2, box_height, box_width)
