"""What enters the network: normalised clips, of which the slow pathway sees some frames.

Legend: N clips, C channels, T frames of the fast pathway, t = T / alpha of the slow one, H x W.
"""

from collections.abc import Sequence

import paddle
from paddle import Tensor

from slowfast.models.layers.layout import time_axis
from slowfast.models.slow_frames import SLOW_FRAMES


def normalize(frames_NTHWC: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """``uint8 [N, T, H, W, 3]`` RGB to ``float32 [N, 3, T, H, W]``, ``(x / 255 - mean) / std``."""
    # One multiply-add per pixel: x * 1/(255 std) - mean/std.
    scale = paddle.to_tensor([1.0 / (255.0 * s) for s in std], dtype="float32")
    shift = paddle.to_tensor([-m / s for m, s in zip(mean, std, strict=True)], dtype="float32")
    return (frames_NTHWC.astype("float32") * scale + shift).transpose([0, 4, 1, 2, 3])


def slow_clip(clip: Tensor, alpha: int, rule: str) -> Tensor:
    """The slow pathway's frames of a clip, in the layout of ``layers/layout.py``.

    Raises:
        ValueError: the clip's T is not a multiple of alpha.
    """
    if alpha == 1:
        return clip
    num_frames = clip.shape[time_axis()]
    if num_frames % alpha:
        raise ValueError(f"a clip of {num_frames} frames is not divisible by alpha={alpha}")
    index = paddle.to_tensor(SLOW_FRAMES[rule](num_frames, alpha), dtype="int64")
    return paddle.index_select(clip, index, axis=time_axis())
