"""A square of outputs that shares a window is a convolution, with every size of square."""

from typing import Any

import paddle.nn.functional as F
import pytest
from support.small_nets import assert_equal_sums, outcome, random_clip

from slowfast.models.layers.cpu.tiled_conv import TiledConv

# Shapes of weight and input with odd and very small sizes, and the stride.
CASES = [
    ((8, 3, 5, 7, 7), (1, 3, 5, 33, 46), 2),
    ((8, 3, 3, 3, 3), (2, 3, 1, 7, 9), 2),
    ((4, 6, 1, 3, 3), (2, 6, 3, 30, 29), 1),
    ((6, 4, 1, 3, 3), (1, 4, 2, 1, 2), 2),
]


@pytest.mark.parametrize("tile", [1, 2, 3])
@pytest.mark.parametrize(("weight_shape", "shape", "stride"), CASES)
def test_it_is_conv3d(weight_shape: Any, shape: Any, stride: int, tile: int) -> None:
    weight, x = random_clip(*weight_shape), random_clip(*shape)
    padding = (weight_shape[2] // 2, weight_shape[3] // 2)
    weight.stop_gradient = False
    x.stop_gradient = weight_shape[2] > 1  # the input has a gradient only without taps along time
    ours = TiledConv.apply(x, weight, tile, stride, padding)
    strides, around = (1, stride, stride), (padding[0], padding[1], padding[1])
    paddles = F.conv3d(x, weight, stride=strides, padding=around)
    assert_equal_sums(outcome(ours, weight, x), outcome(paddles, weight, x))


def test_a_weight_that_is_frozen_has_no_gradient() -> None:
    weight, x = random_clip(4, 6, 1, 3, 3), random_clip(1, 6, 2, 8, 8)
    x.stop_gradient = False
    y = TiledConv.apply(x, weight, 2, 1, (0, 1))
    expected = F.conv3d(x, weight, padding=(0, 1, 1))
    assert_equal_sums(outcome(y, x), outcome(expected, x))
