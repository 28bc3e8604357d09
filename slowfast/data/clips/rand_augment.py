"""RandAugment (Cubuk et al. 2020): a few operations drawn from fourteen, all of one strength.

An operation takes an RGB picture ``[H, W, 3]`` uint8 and a magnitude of -10 to 10, and gives a
picture of the same size. What they do at 10 is torchvision's (translations: timm's); at 0 they do
nothing, apart from auto contrast and equalize, which have no strength. A negative magnitude goes
the other way where there is one. Values are rounded, and cut off at 0 and 255.

Written here because no library fits: albumentations is archived, needs a second OpenCV wheel and
goes on under AGPL; imgaug and AugLy have had no release for years; torchvision, timm and kornia
need torch; Pillow has single operations, but takes and gives pictures of its own.
"""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from slowfast.data.video.reader import Picture, Pictures

GREY = (115.0, 115.0, 115.0)
"""What comes in from beyond the borders: 0.45 of 255, the mean that is subtracted later."""
LUMA = np.array([0.299, 0.587, 0.114])
"""Shares of red, green and blue in brightness (ITU-R BT.601)."""
VALUES = np.arange(256.0)


class Operation(NamedTuple):
    """One draw for all frames of a clip."""

    name: str
    magnitude: float


def draw(rng: np.random.Generator, count: int, magnitude: float) -> list[Operation]:
    """``count`` operations, any of them as likely, with replacement; each with a random sign."""
    names = rng.choice([*OPERATIONS], size=count).tolist()
    magnitudes = (rng.choice([-1.0, 1.0], size=count) * magnitude).tolist()
    return list(map(Operation, names, magnitudes))


def apply(frames: Pictures, operations: list[Operation]) -> None:
    """Puts every frame ``[F, H, W, 3]`` through the operations in turn, in place.

    Operation, sign and strength are those of the clip. What an operation measures (the mean of
    contrast, the extremes of auto contrast, the histogram of equalize) it measures frame by frame.
    """
    for index, frame in enumerate(frames):
        for name, magnitude in operations:
            frame = OPERATIONS[name](frame, magnitude)
        frames[index] = frame


def identity(picture: Picture, magnitude: float) -> Picture:
    """The picture."""
    return picture


def auto_contrast(picture: Picture, magnitude: float) -> Picture:
    """Stretches each colour to 0..255; one that has a single value stays as it is."""
    return cv2.merge([_stretch(colour) for colour in cv2.split(picture)])


def equalize(picture: Picture, magnitude: float) -> Picture:
    """Evens out each colour's histogram, as OpenCV does."""
    return cv2.merge([cv2.equalizeHist(colour) for colour in cv2.split(picture)])


def rotate(picture: Picture, magnitude: float) -> Picture:
    """Turns the picture about its centre, by up to 30 degrees."""
    height, width, _ = picture.shape
    centre = ((width - 1) / 2, (height - 1) / 2)
    return _warp(picture, cv2.getRotationMatrix2D(centre, 3.0 * magnitude, 1.0))


def shear_x(picture: Picture, magnitude: float) -> Picture:
    """Row y is shifted by up to 0.3 y pixels."""
    return _warp(picture, np.array([[1.0, 0.03 * magnitude, 0.0], [0.0, 1.0, 0.0]]))


def shear_y(picture: Picture, magnitude: float) -> Picture:
    """Column x is shifted by up to 0.3 x pixels."""
    return _warp(picture, np.array([[1.0, 0.0, 0.0], [0.03 * magnitude, 1.0, 0.0]]))


def translate_x(picture: Picture, magnitude: float) -> Picture:
    """Shifts the picture sideways by up to 0.45 of its width, in whole pixels."""
    shift = round(0.045 * magnitude * picture.shape[1])
    return _warp(picture, np.array([[1.0, 0.0, shift], [0.0, 1.0, 0.0]]))


def translate_y(picture: Picture, magnitude: float) -> Picture:
    """Shifts the picture up or down by up to 0.45 of its height, in whole pixels."""
    shift = round(0.045 * magnitude * picture.shape[0])
    return _warp(picture, np.array([[1.0, 0.0, 0.0], [0.0, 1.0, shift]]))


def brightness(picture: Picture, magnitude: float) -> Picture:
    """Between black (0.1 of the picture at -10) and twice as bright (1.9 at 10)."""
    return _look_up(picture, _factor(magnitude) * VALUES)


def contrast(picture: Picture, magnitude: float) -> Picture:
    """The same, between the frame's mean brightness and the picture."""
    factor, mean = _factor(magnitude), float(LUMA @ cv2.mean(picture)[:3])
    return _look_up(picture, factor * VALUES + (1 - factor) * mean)


def color(picture: Picture, magnitude: float) -> Picture:
    """The same, between the picture in grey and the picture; to 1 of 255, in fixed point."""
    factor = _factor(magnitude)
    return cv2.transform(picture, factor * np.eye(3) + (1 - factor) * np.tile(LUMA, (3, 1)))


def sharpness(picture: Picture, magnitude: float) -> Picture:
    """The same, between the picture blurred over 3 x 3 pixels and the picture.

    The outermost pixels stay as they are, as in Pillow and torchvision.
    """
    factor = _factor(magnitude)
    kernel = (1 - factor) * np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13
    kernel[1, 1] += factor
    result = picture.copy()
    result[1:-1, 1:-1] = cv2.filter2D(picture, -1, kernel)[1:-1, 1:-1]
    return result


def posterize(picture: Picture, magnitude: float) -> Picture:
    """Keeps the upper 8 bits of each value, down to 4 of them."""
    dropped = round(0.4 * abs(magnitude))
    return picture & np.uint8(0xFF >> dropped << dropped)


def solarize(picture: Picture, magnitude: float) -> Picture:
    """Inverts the values from a threshold on, which falls from 256 to 0."""
    threshold = 25.6 * (10 - abs(magnitude))
    return _look_up(picture, np.where(threshold <= VALUES, 255 - VALUES, VALUES))


OPERATIONS: dict[str, Callable[[Picture, float], Picture]] = {
    operation.__name__: operation
    for operation in (
        identity, auto_contrast, equalize, rotate, solarize, color, posterize, contrast,
        brightness, sharpness, shear_x, shear_y, translate_x, translate_y,
    )
}  # fmt: skip


def _factor(magnitude: float) -> float:
    """What the picture counts for against something duller: 0.1 to 1.9."""
    return 1.0 + 0.09 * magnitude


def _stretch(colour: NDArray[np.uint8]) -> NDArray[np.uint8]:
    low, high, _, _ = cv2.minMaxLoc(colour)
    return _look_up(colour, (VALUES - low) / (high - low) * 255) if low < high else colour


def _look_up(picture: Picture, values: NDArray[np.float64]) -> Picture:
    """``values [256]``: what each value becomes."""
    return cv2.LUT(picture, np.clip(np.rint(values), 0, 255).astype(np.uint8))


def _warp(picture: Picture, to_source: NDArray[np.float64]) -> Picture:
    """Each pixel (x, y) from where ``to_source [2, 3]`` says, bilinear."""
    height, width, _ = picture.shape
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(picture, to_source, (width, height), flags=how, borderValue=GREY)
