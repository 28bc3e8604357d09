"""What PyLayers on a CPU keep, and for how long."""

from typing import Any
from unittest import mock

import numpy as np
from paddle import Tensor
from paddle.autograd import PyLayer
from support.small_nets import random_clip

from slowfast.models.layers.cpu.kernels import Kernels, needs, take_saved


def test_a_backward_pass_is_made_once_and_when_it_is_wanted() -> None:
    make = mock.Mock(return_value=mock.sentinel.backward)
    kernels = Kernels(mock.sentinel.forward, make)
    assert kernels.forward is mock.sentinel.forward
    make.assert_not_called()
    assert kernels.backward is mock.sentinel.backward
    assert kernels.backward is mock.sentinel.backward
    make.assert_called_once_with()


def test_which_tensors_need_a_gradient() -> None:
    one, other = random_clip(2), random_clip(2)
    other.stop_gradient = False
    assert needs(one, other) == [False, True]


def test_saved_tensors_end_before_the_graph_does() -> None:
    class Twice(PyLayer):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x * 1)
            return 2 * x

        @staticmethod
        def backward(ctx: Any, dy: Tensor) -> Tensor:
            (x,) = take_saved(ctx)
            np.testing.assert_array_equal(x.numpy(), random_clip(3).numpy())
            left.append(ctx.saved_tensor())
            return 2 * dy

    left: list[Any] = []
    x = random_clip(3)
    x.stop_gradient = False
    Twice.apply(x).sum().backward()
    assert [tuple(found or ()) for found in left] == [()]
    assert x.grad.tolist() == [2, 2, 2]
