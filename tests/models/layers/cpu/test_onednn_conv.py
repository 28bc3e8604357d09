"""oneDNN's convolution of clips with their channels last: it is Paddle's conv3d."""

import math
from collections.abc import Sequence
from typing import Any
from unittest import mock

import numpy as np
import paddle
import pytest
from numpy.typing import NDArray
from paddle import Tensor, nn
from support.convolutions import DILATED, OTHERS, STEMS
from support.small_nets import assert_equal_sums, outcome, random_clip

from slowfast.models.layers.conv import Conv3D
from slowfast.models.layers.cpu import arena, onednn, onednn_conv
from slowfast.models.layers.layout import channels_last, to_first, to_last

pytestmark = pytest.mark.skipif(onednn.library() is None, reason="Paddle's wheel has no oneDNN 3")

PLAIN = [
    ((c, o, kernel, stride, tuple(k // 2 for k in kernel)), shape)
    for c, o, kernel, stride, shape in [*STEMS, *OTHERS]
]
CASES: list[Any] = PLAIN + [
    ((c, o, (1, 3, 3), stride, (0, *spread), (1, *spread)), shape)
    for c, o, spread, stride, shape in DILATED
]
"""What a convolution is made of, and the clips' shape."""


def last(conv: nn.Layer, x: Tensor) -> Tensor:
    """``[N, C, T, H, W] -> [N, O, T', H', W']``, computed with the channels last."""
    with channels_last():
        return to_first(conv(to_last(x)))


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("trains", ["both", "weight", "input"])
def test_it_is_conv3d_and_so_are_the_gradients_of_what_is_trained(trains: str, case: Any) -> None:
    given, shape = case
    conv = Conv3D(*given, bias_attr=False)
    conv.weight.stop_gradient = trains == "input"
    x = random_clip(*shape)
    x.stop_gradient = trains == "weight"
    theirs = outcome(nn.Conv3D.forward(conv, x), conv.weight, x)
    with mock.patch.object(nn.Conv3D, "forward", side_effect=AssertionError("conv3d")):
        mine = outcome(last(conv, x), conv.weight, x)
    assert len(mine) == (3 if trains == "both" else 2)
    assert_equal_sums(mine, theirs)


@pytest.mark.parametrize("case", [case for case in PLAIN if min(case[0][2]) > 1], ids=str)
def test_the_gradient_of_a_stem_tap_by_tap(case: Any) -> None:
    """As without AVX-512."""
    given, shape = case
    conv, x = Conv3D(*given, bias_attr=False), random_clip(*shape)
    with mock.patch.object(onednn.Primitive, "implementation", "x64:gemm:jit"):
        mine = outcome(last(conv, x), conv.weight)
    assert_equal_sums(mine, outcome(nn.Conv3D.forward(conv, x), conv.weight))


def test_a_bias_is_added() -> None:
    """As in a non-local block."""
    conv, x = Conv3D(6, 3, 1), random_clip(2, 6, 3, 5, 7)
    conv.bias.set_value(paddle.to_tensor([1.0, 2.0, -3.0]))
    x.stop_gradient = False
    mine = outcome(last(conv, x), conv.weight, conv.bias, x)
    assert_equal_sums(mine, outcome(nn.Conv3D.forward(conv, x), conv.weight, conv.bias, x))


def test_it_reads_clips_and_gradients_that_do_not_lie_in_order() -> None:
    conv = Conv3D(6, 4, (1, 3, 3), 1, (0, 1, 1), bias_attr=False)
    x = random_clip(2, 6, 3, 5, 7)
    x.stop_gradient = False
    view = x.transpose([0, 2, 3, 4, 1])
    assert not view.is_contiguous()
    with channels_last():
        y = conv(view)
    slope = random_clip(2, 4, 3, 5, 7)
    mine = [to_first(y), *paddle.grad(y, [conv.weight, x], slope.transpose([0, 2, 3, 4, 1]))]
    assert_equal_sums(mine, outcome(nn.Conv3D.forward(conv, x), conv.weight, x))


def test_a_shape_is_compiled_once() -> None:
    conv, x = Conv3D(5, 3, 1, bias_attr=False), random_clip(1, 5, 2, 3, 3)
    last(conv, x)
    kept = onednn_conv._kernels.cache_info()
    last(conv, x)
    last(conv, random_clip(1, 5, 2, 3, 4))
    after = onednn_conv._kernels.cache_info()
    assert (after.hits - kept.hits, after.misses - kept.misses) == (1, 1)


GUARD = 12345


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> list[NDArray[np.float32]]:
    """All memory that oneDNN is given for outputs and scratchpads, each with guards at its end."""
    kept: list[NDArray[np.float32]] = []

    def empty(shape: Sequence[int]) -> Tensor:
        size = math.prod(shape)
        kept.append(np.full(size + 1024, GUARD, np.float32))
        return paddle.base.core.eager.Tensor(
            value=kept[-1][:size].reshape(shape), place=paddle.CPUPlace(), persistable=False,
            zero_copy=True, stop_gradient=True,
        )  # fmt: skip

    monkeypatch.setattr(arena, "empty", empty)
    return kept


@pytest.mark.parametrize("case", CASES, ids=str)
def test_nothing_is_written_behind_outputs_and_scratchpads(
    case: Any, guarded: list[NDArray[np.float32]]
) -> None:
    """On one thread, as the tests run, a scratchpad is smallest."""
    given, shape = case
    x = random_clip(*shape)
    x.stop_gradient = False
    last(Conv3D(*given, bias_attr=False), x).sum().backward()
    assert len(guarded) > 2 and all((own[-1024:] == GUARD).all() for own in guarded)
