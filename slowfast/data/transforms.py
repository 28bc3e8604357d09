"""Pictures to pictures: resize, crop, flip, on uint8 RGB frames ``[T, H, W, 3]``.

Pixel values become numbers only on the device, see ``normalize``'s users in the engine.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from slowfast.data.decode import Pictures
from slowfast.data.sampling import view_crops


def resize_short_side(frames: Pictures, short_side: int) -> Pictures:
    """Frames whose shorter side is ``short_side`` pixels; the longer one keeps the ratio."""
    return np.stack([resize_picture(frame, short_side) for frame in frames])


def resize_picture(picture: NDArray[np.uint8], short_side: int) -> NDArray[np.uint8]:
    """One picture ``[H, W, 3]``, as ``resize_short_side`` does it."""
    height, width, _ = picture.shape
    if min(height, width) == short_side:
        return picture
    if width < height:
        size = (short_side, math.floor(height / width * short_side))
    else:
        size = (math.floor(width / height * short_side), short_side)
    return cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)


def train_transform(
    frames: Pictures,
    rng: np.random.Generator,
    *,
    min_short_side: int,
    max_short_side: int,
    crop_size: int,
    flip: float,
) -> Pictures:
    """Random size of the short side, random crop, random horizontal flip; one draw for all frames.

    Returns:
        ``[T, crop_size, crop_size, 3]``.
    """
    short_side = int(rng.integers(min_short_side, max_short_side, endpoint=True))
    frames = resize_short_side(frames, short_side)
    _, height, width, _ = frames.shape
    y = int(rng.integers(0, height - crop_size, endpoint=True))
    x = int(rng.integers(0, width - crop_size, endpoint=True))
    frames = frames[:, y : y + crop_size, x : x + crop_size]
    if rng.random() < flip:
        frames = frames[:, :, ::-1]
    return np.ascontiguousarray(frames)


def val_transform(frames: Pictures, *, short_side: int, crop_size: int) -> Pictures:
    """Resize and centre crop: ``[T, crop_size, crop_size, 3]``."""
    frames = resize_short_side(frames, short_side)
    _, height, width, _ = frames.shape
    ((y, x),) = view_crops(height, width, crop_size, num_crops=1)
    return np.ascontiguousarray(frames[:, y : y + crop_size, x : x + crop_size])
