"""Mixup and CutMix: mixes the clips of a batch with one another, and their labels too.

Clips are mixed before the network splits them, so that both pathways see the same mixture.

Legend: N clips, T frames, H x W pixels, K classes.
"""

import math
from typing import Any

import numpy as np
import paddle
from numpy.typing import NDArray
from paddle import Tensor


def mix(
    clip_NCTHW: Tensor, labels: NDArray[Any], *, num_classes: int, mixup: float, cutmix: float,
    rng: np.random.Generator,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The mixed clips, and their targets ``[N, K]`` float32; of one label a clip, rows sum to 1.

    Mixup (Zhang et al. 2018) blends each clip with a partner; its own share is lambda, drawn from
    Beta(mixup, mixup). CutMix (Yun et al. 2019) pastes a box of the partner into all frames; the
    box has the share 1 - lambda of the area, with lambda from Beta(cutmix, cutmix). The whole
    batch has the same lambda, as in timm and PySlowFast.

    The partners are a random permutation of the batch, as in both papers, so N may be odd. A clip
    may be its own partner; a single clip stays as it is.

    Args:
        labels: of each clip the class ``[N]``, or 1 for each of its classes ``[N, K]``.
        mixup, cutmix: 0 for none; at least one is above 0. If both are, each batch uses one of
            them, with equal probability.
    """
    if mixup > 0 and cutmix > 0:
        mixup, cutmix = (mixup, 0.0) if rng.random() < 0.5 else (0.0, cutmix)
    alpha = mixup or cutmix
    share = float(rng.beta(alpha, alpha))
    partners = rng.permutation(len(labels))
    if len(labels) > 1:
        partner_NCTHW = paddle.index_select(clip_NCTHW, paddle.to_tensor(partners), axis=0)
        if mixup:
            clip_NCTHW = paddle.lerp(partner_NCTHW, clip_NCTHW, share)  # one pass, not three
        else:
            height, width = clip_NCTHW.shape[-2:]
            y, x = int(rng.integers(height)), int(rng.integers(width))
            is_cut = box_mask(height, width, share, (y, x))
            share = 1.0 - float(is_cut.mean())
            clip_NCTHW = paddle.where(paddle.to_tensor(is_cut), partner_NCTHW, clip_NCTHW)
    targets = labels
    if labels.ndim == 1:
        targets = np.zeros((len(labels), num_classes), np.float32)
        targets[np.arange(len(labels)), labels] = 1.0
    return clip_NCTHW, paddle.to_tensor(share * targets + (1.0 - share) * targets[partners])


def box_mask(height: int, width: int, share: float, centre: tuple[int, int]) -> NDArray[np.bool_]:
    """``[H, W]``: where CutMix pastes: a box of 1 - share of the area, cut off at the borders."""
    (y, x), side = centre, math.sqrt(1.0 - share)
    half_height, half_width = int(height * side) // 2, int(width * side) // 2
    mask = np.zeros((height, width), bool)
    mask[max(y - half_height, 0) : y + half_height, max(x - half_width, 0) : x + half_width] = True
    return mask
