"""Weights, clips and videos that are functions of a name, a seed or a size, so that two frameworks
can hold the same ones without a file passing between them. Needs numpy only.

A tensor is known by its name in our state dict (`s2.pathway1_res0.branch2.a_bn._variance`) and
filled in PyTorch's layout: convolutions `[out, in, t, h, w]`, the linear layer `[out, in]`
(Paddle stores `[in, out]`).
"""

import zlib

import numpy as np

# The scale of the last batch norm of each block: small, so that over 16 (R50) or 33 (R101) blocks
# the activations grow 2 or 3 times, not 10 or 20 times as with a scale of 0.25.
RESIDUAL_SCALE = 0.1
# Gives the 400 logits a standard deviation of 1.4 (R50) and 2.0 (R101).
LINEAR_STD = 0.01


def name_seeded(name: str, shape: tuple[int, ...] | list[int]) -> np.ndarray:
    """The float32 tensor that belongs to a name.

    Convolutions are N(0, 2 / fan_in) (He et al. 2015, arXiv:1502.01852), the biases of those of a
    non-local block N(0, 0.1^2). Nothing of a batch norm
    is left at its default: weight and variance are in [0.5, 1.5), bias and mean are N(0, 0.1^2).

    Args:
        name: canonical name, `<layer>.{weight,bias,_mean,_variance}`.
        shape: canonical (PyTorch) shape.

    Raises:
        ValueError: the name is of no kind of tensor that SlowFast has.
    """
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    layer, _, kind = name.rpartition(".")
    is_norm = layer.endswith("bn")

    if is_norm and kind in ("weight", "_variance"):
        scale = RESIDUAL_SCALE if name.endswith("branch2.c_bn.weight") else 1.0
        values = scale * (0.5 + rng.random(shape, dtype=np.float32))
    elif (is_norm and kind in ("bias", "_mean")) or (layer.startswith("conv_") and kind == "bias"):
        values = 0.1 * rng.standard_normal(shape, dtype=np.float32)
    elif layer == "head.projection" and kind in ("weight", "bias"):
        values = LINEAR_STD * rng.standard_normal(shape, dtype=np.float32)
    elif kind == "weight" and len(shape) == 5:
        fan_in = int(np.prod(shape[1:]))
        values = np.sqrt(2.0 / fan_in) * rng.standard_normal(shape, dtype=np.float32)
    else:
        raise ValueError(f"tensor {name!r} of shape {tuple(shape)} is of no known kind")
    return values.astype(np.float32)


def seeded_clip(seed: int, shape: tuple[int, ...] | list[int]) -> np.ndarray:
    """A normalised clip `[N, 3, T, H, W]`, float32, standard normal."""
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def patterned_frames(num_frames: int, height: int, width: int) -> np.ndarray:
    """A video ``[F, H, W, 3]`` of uint8: bars that move ever faster, before a light that grows.

    Whole numbers only, so that every machine makes the same bytes.
    """
    t, y, x, colour = np.ogrid[:num_frames, :height, :width, :3]
    phase = (3 + colour) * x + (5 - 2 * colour) * y + t * (8 + 3 * colour) + t * t // 12
    bars = np.abs(phase % 256 - 128)
    light = 127 * (t + 1) // num_frames
    return (bars + np.where(colour == 1, light, 127 - light)).astype(np.uint8)
