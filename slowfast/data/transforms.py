"""Pictures to pictures: resize, crop, flip, on uint8 pictures ``[H, W, 3]``.

Pixel values become numbers only on the device, see ``normalize``'s users in the engine.
"""

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from slowfast.data.sampling import view_crops
from slowfast.data.video import Picture


class Augmentation(NamedTuple):
    """One draw for all frames of a clip."""

    short_side: int
    """Pixels."""
    y: float
    """Where the crop lies: 0 at the top, towards 1 at the bottom."""
    x: float
    flip: bool


def draw_augmentation(
    rng: np.random.Generator, *, min_short_side: int, max_short_side: int, flip: float
) -> Augmentation:
    """A size of the short side, a place for the crop, and whether to flip, each uniform."""
    return Augmentation(
        short_side=int(rng.integers(min_short_side, max_short_side, endpoint=True)),
        y=rng.random(),
        x=rng.random(),
        flip=bool(rng.random() < flip),
    )


def augment(picture: Picture, drawn: Augmentation, crop_size: int) -> Picture:
    """The crop ``[crop_size, crop_size, 3]`` of the resized picture, perhaps flipped."""
    height, width = resized_size(picture, drawn.short_side)
    y = int(drawn.y * (height - crop_size + 1))
    x = int(drawn.x * (width - crop_size + 1))
    return resized_crop(picture, (height, width), (y, x), crop_size, drawn.flip)


def centre_crop(picture: Picture, short_side: int, crop_size: int) -> Picture:
    """The centre ``[crop_size, crop_size, 3]`` of the resized picture, for validation."""
    size = resized_size(picture, short_side)
    (corner,) = view_crops(*size, crop_size, num_crops=1)
    return resized_crop(picture, size, corner, crop_size, flip=False)


def resized_size(picture: Picture, short_side: int) -> tuple[int, int]:
    """Height and width once the shorter one is ``short_side``; the longer one keeps the ratio."""
    height, width, _ = picture.shape
    if width < height:
        return math.floor(height / width * short_side), short_side
    return short_side, math.floor(width / height * short_side)


def resize_short_side(picture: Picture, short_side: int) -> Picture:
    """The whole picture, its shorter side ``short_side`` pixels."""
    height, width = resized_size(picture, short_side)
    if (height, width) == picture.shape[:2]:
        return picture
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)


def resized_crop(
    picture: Picture, size: tuple[int, int], corner: tuple[int, int], crop_size: int, flip: bool
) -> Picture:
    """What resizing to ``size``, cropping at ``corner`` (y, x) and flipping would give.

    A picture that shrinks is not resized: the pixels of the crop, and only they, are computed from
    it, flipped in the same pass. They differ by 1 of 255 at most; with OpenCV 4, by 8. One that
    grows is resized whole, which OpenCV does in less time.
    """
    (height, width), (y, x) = size, corner
    if height < picture.shape[0]:
        matrix = _crop_to_source(picture.shape[:2], size, corner, crop_size, flip)
        how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        side = (crop_size, crop_size)
        return cv2.warpAffine(picture, matrix, side, flags=how, borderMode=cv2.BORDER_REPLICATE)
    if (height, width) != picture.shape[:2]:
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
    crop = picture[y : y + crop_size, x : x + crop_size]
    return cv2.flip(crop, 1) if flip else crop


def _crop_to_source(
    source: tuple[int, ...],
    size: tuple[int, int],
    corner: tuple[int, int],
    crop_size: int,
    flip: bool,
) -> NDArray[np.float64]:
    """The map ``[2, 3]`` from the crop's pixels (x, y) to the source's, centre to centre."""
    (height, width), (y, x) = size, corner
    scale_y, scale_x = source[0] / height, source[1] / width
    first_x, step_x = (x + crop_size - 1, -scale_x) if flip else (x, scale_x)
    return np.array(
        [
            [step_x, 0.0, (first_x + 0.5) * scale_x - 0.5],
            [0.0, scale_y, (y + 0.5) * scale_y - 0.5],
        ]
    )
