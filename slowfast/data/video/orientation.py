"""Which way up a picture is shown, by a display matrix (ISO 14496-12, 8.3.2)."""

import math

import numpy as np
from numpy.typing import NDArray

Matrix = tuple[float, float, float, float]
"""``a, b, c, d``: a picture's point x, y is shown at ``a * x + c * y, b * x + d * y``, in any unit,
but for where the picture begins."""
AS_STORED: Matrix = (1, 0, 0, 1)


def upright(matrix: Matrix) -> tuple[int, bool]:
    """How a picture is shown: the quarter turns against the clock, after being mirrored, left for
    right, or not. Within a degree, as ``ffmpeg`` takes it; a picture at another angle stays as it
    is."""
    a, b, c, d = matrix
    is_mirrored = a * d < b * c
    turns = -math.atan2(b, a) / (math.pi / 2) + 2 * is_mirrored
    if abs(turns - round(turns)) > 1 / 90:
        return 0, False
    return round(turns) % 4, is_mirrored


def turned(picture: NDArray[np.uint8], turns: int, is_mirrored: bool) -> NDArray[np.uint8]:
    """A picture ``[H, W, ...]`` or plane, as ``upright`` tells."""
    if not turns and not is_mirrored:
        return picture
    return np.rot90(picture[:, ::-1] if is_mirrored else picture, turns)
