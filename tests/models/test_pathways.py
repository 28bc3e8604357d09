"""The slow pathway's clip; how clips are normalised."""

import numpy as np
import paddle
import pytest
from support.small_nets import numbered_clip

from slowfast.models.pathways import normalize, slow_clip


def test_a_slow_clip_is_those_frames() -> None:
    clip = slow_clip(numbered_clip(32, 2), 8, "linspace")
    assert clip.shape == [1, 3, 4, 2, 2]
    for place, frame in enumerate([0, 10, 20, 31]):
        assert (clip[:, :, place].numpy() == frame).all()
    with pytest.raises(ValueError, match="a clip of 30 frames is not divisible by alpha=8"):
        slow_clip(numbered_clip(30), 8, "linspace")


def test_normalised_clips() -> None:
    """``(x / 255 - mean) / std`` of each colour, colours first."""
    frames = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 5, 3), np.uint8)
    mean, std = [0.45, 0.4, 0.3], [0.225, 0.2, 0.5]
    found = normalize(paddle.to_tensor(frames), mean, std)
    assert (found.shape, found.dtype) == ([2, 3, 3, 4, 5], paddle.float32)
    expected = ((frames / 255 - mean) / std).transpose(0, 4, 1, 2, 3)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)
