"""The seam between data and model: uint8 pictures become normalised clips, on the device."""

from collections.abc import Sequence

import paddle
from paddle import Tensor


def normalize(frames_NTHWC: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """``uint8 [N, T, H, W, 3]`` RGB to ``float32 [N, 3, T, H, W]``, ``(x / 255 - mean) / std``."""
    # One multiply-add per pixel: x * 1/(255 std) - mean/std.
    scale = paddle.to_tensor([1.0 / (255.0 * s) for s in std], dtype="float32")
    shift = paddle.to_tensor([-m / s for m, s in zip(mean, std, strict=True)], dtype="float32")
    return (frames_NTHWC.astype("float32") * scale + shift).transpose([0, 4, 1, 2, 3])
