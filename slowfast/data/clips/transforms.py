"""Pictures to pictures: resize, crop, flip, erase, on uint8 pictures ``[H, W, 3]``.

Pixel values become numbers only on the device, see ``models/pathways.py``.
"""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from slowfast.data.clips.rectangles import Box, DrawnRectangle, centre_box, draw_rectangle, place
from slowfast.data.clips.sampling import scaled_size, view_crops
from slowfast.data.video.reader import Picture, Pictures

ERASED_AREA = (0.02, 1 / 3)
ERASED_ASPECT = (0.3, 1 / 0.3)
"""Of Zhong et al. 2020, as in timm and PySlowFast."""


class Augmentation(NamedTuple):
    """One draw for all frames of a clip."""

    short_side: int
    """Pixels."""
    y: float
    """Where the crop lies: 0 at the top, towards 1 at the bottom."""
    x: float
    flip: bool


class AreaCrop(NamedTuple):
    """One draw for all frames of a clip, whose crop is a share of the picture."""

    rectangle: DrawnRectangle
    aspect: tuple[float, ...]
    """Limits of width / height, for a picture that no drawn shape fits into."""
    flip: bool


def draw_augmentation(
    rng: np.random.Generator, *, min_short_side: int, max_short_side: int, flip: float,
    inverse: bool = False,
) -> Augmentation:  # fmt: skip
    """A size of the short side, a place for the crop, and whether to flip, each uniform.

    With ``inverse``, 1 / size is uniform (PySlowFast's ``random_short_side_scale_jitter``).
    """
    if inverse:
        short_side = round(1 / rng.uniform(1 / max_short_side, 1 / min_short_side))
    else:
        short_side = int(rng.integers(min_short_side, max_short_side, endpoint=True))
    return Augmentation(short_side, y=rng.random(), x=rng.random(), flip=rng.random() < flip)


def draw_area_crop(
    rng: np.random.Generator, *, area: tuple[float, ...], aspect: tuple[float, ...], flip: float
) -> AreaCrop:
    """A share of the picture's area, uniform; width / height, log-uniform; whether to flip."""
    rectangle = draw_rectangle(rng, area=area, aspect=aspect)
    return AreaCrop(rectangle, aspect, flip=rng.random() < flip)


def augment(picture: Picture, drawn: Augmentation, crop_size: int) -> Picture:
    """The crop ``[crop_size, crop_size, 3]`` of the resized picture, perhaps flipped."""
    size = resized_size(picture, drawn.short_side)
    return resized_crop(picture, size, corner_of(size, drawn, crop_size), crop_size, drawn.flip)


def corner_of(size: tuple[int, int], drawn: Augmentation, crop_size: int) -> tuple[int, int]:
    """The top left corner ``(y, x)`` of the drawn crop in the resized picture."""
    height, width = size
    return int(drawn.y * (height - crop_size + 1)), int(drawn.x * (width - crop_size + 1))


def augment_area_crop(picture: Picture, drawn: AreaCrop, crop_size: int) -> Picture:
    """The drawn box, resized to ``[crop_size, crop_size, 3]``, perhaps flipped.

    RandomResizedCrop of torchvision and mmaction2. mmaction2's SlowFast configs resize to a short
    side of 256 first; as all of the box is relative, cutting it from the picture as decoded shows
    the same, without that pass. A box has whole pixels, so that it is resized in place: 50 us,
    where ``warpAffine`` takes 170.
    """
    box = box_of(picture.shape[:2], drawn)
    cut = picture[box.y : box.y + box.height, box.x : box.x + box.width]
    crop = cv2.resize(cut, (crop_size, crop_size), interpolation=cv2.INTER_LINEAR)
    return cv2.flip(crop, 1) if drawn.flip else crop


def box_of(source: tuple[int, int], drawn: AreaCrop) -> Box:
    """The drawn box in a picture of height and width ``source``."""
    return place(drawn.rectangle, *source) or centre_box(*source, drawn.aspect)


def draw_erased(rng: np.random.Generator, side: int, probability: float) -> Box | None:
    """The rectangle of a clip of ``side`` x ``side`` pixels that is erased; None: none is.

    Zhong et al. 2020.
    """
    if rng.random() >= probability:
        return None
    return place(draw_rectangle(rng, area=ERASED_AREA, aspect=ERASED_ASPECT), side, side)


def erase(frames: Pictures, box: Box, rng: np.random.Generator) -> None:
    """Fills a box of a clip's frames, in place, with noise: the same in all of them.

    Each value is uniform in 0..255, as Zhong et al. have it. (PySlowFast draws it after
    normalisation from N(0, 1), and for each frame anew.)
    """
    noise = rng.integers(0, 256, (box.height, box.width, 3), np.uint8)
    frames[:, box.y : box.y + box.height, box.x : box.x + box.width] = noise


def centre_crop(picture: Picture, short_side: int, crop_size: int) -> Picture:
    """The centre ``[crop_size, crop_size, 3]`` of the resized picture, for validation."""
    size = resized_size(picture, short_side)
    (corner,) = view_crops(*size, crop_size, num_crops=1)
    return resized_crop(picture, size, corner, crop_size, flip=False)


def resized_size(picture: Picture, short_side: int) -> tuple[int, int]:
    """Height and width of the picture once the shorter one is ``short_side``."""
    return scaled_size(picture.shape[0], picture.shape[1], short_side)


def fitted(picture: Picture, longest: int) -> Picture:
    """A picture with its longer side at most this many pixels."""
    height, width, _ = picture.shape
    scale = longest / max(height, width)
    if scale >= 1:
        return picture
    size = max(round(scale * width), 1), max(round(scale * height), 1)
    small: Picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return small


def squared(picture: Picture, aspect: float) -> Picture:
    """The picture with square pixels; they are ``aspect`` times as wide as high."""
    if aspect == 1:
        return picture
    height, width, _ = picture.shape
    size = (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))
    return cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC)


def resize_short_side(
    picture: Picture,
    short_side: int,
    scaled: Callable[[int, int, int], tuple[int, int]] = scaled_size,
    in_float: bool = False,
) -> Picture:
    """The whole picture, its shorter side ``short_side``; ``scaled`` is the rule of its size.

    OpenCV's resize of bytes is 0.13 of 255 too dark on average (5.0), as all systems that use it
    are. ``in_float`` is for comparison with those that do not, and takes three times as long.
    """
    height, width = scaled(picture.shape[0], picture.shape[1], short_side)
    if (height, width) == picture.shape[:2]:
        return picture
    pixels = picture.astype(np.float32) if in_float else picture
    pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
    return pixels.round().astype(np.uint8) if in_float else pixels


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
    source: tuple[int, ...], size: tuple[int, int], corner: tuple[int, int], crop_size: int,
    flip: bool,
) -> NDArray[np.float64]:  # fmt: skip
    """The map ``[2, 3]`` from the crop's pixels (x, y) to the source's, centre to centre."""
    (height, width), (y, x) = size, corner
    scale_y, scale_x = source[0] / height, source[1] / width
    first_x, step_x = (x + crop_size - 1, -scale_x) if flip else (x, scale_x)
    return np.array(
        [[step_x, 0.0, (first_x + 0.5) * scale_x - 0.5], [0.0, scale_y, (y + 0.5) * scale_y - 0.5]]
    )
