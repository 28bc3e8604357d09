"""Which frames of a clip the slow pathway sees. numpy only, no Paddle."""

from collections.abc import Callable

import numpy as np

from slowfast.config import ModelConfig


def linspace_frames(num_frames: int, alpha: int) -> list[int]:
    """``linspace(0, T-1, T/alpha)``, truncated: T=32, alpha=8 -> 0, 10, 20, 31.

    The rule of PySlowFast, PyTorchVideo and PaddleVideo.
    """
    return [int(i) for i in np.linspace(0, num_frames - 1, num_frames // alpha)]


def strided_frames(num_frames: int, alpha: int) -> list[int]:
    """Every alpha-th frame: T=32, alpha=8 -> 0, 8, 16, 24. The rule of mmaction2."""
    return list(range(0, num_frames, alpha))


SLOW_FRAMES: dict[str, Callable[[int, int], list[int]]] = {
    "linspace": linspace_frames,
    "strided": strided_frames,
}


def slow_frames_of(model: ModelConfig, num_frames: int) -> list[int]:
    """Those that the slow pathway of a network sees; none if it has no slow pathway."""
    if model.name == "fast_only":
        return []
    return SLOW_FRAMES[model.slow_frames](num_frames, model.alpha)
