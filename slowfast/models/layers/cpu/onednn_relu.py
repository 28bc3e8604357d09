"""The sum at the end of a residual block, and its ReLU, by oneDNN."""

from ctypes import c_float
from functools import cached_property, lru_cache
from typing import Any

from paddle import Tensor
from paddle.autograd import PyLayer

from slowfast.models.layers.cpu import arena, onednn
from slowfast.models.layers.cpu.onednn import Primitive, plain


def add_relu(x: Tensor, y: Tensor) -> Tensor:
    """``relu(x + y)``, of the same shape and layout.

    In backward both get one and the same tensor, and Paddle adds to it in place what other readers
    of x give. So their gradients must come through y, as in a residual block.
    """
    z: Tensor = _AddRelu.apply(x.contiguous(), y.contiguous())
    return z


class _AddRelu(PyLayer):
    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        ctx.needs = onednn.needs(x, y)
        ctx.kernels = _kernels(int(x.size))
        z: Tensor = ctx.kernels.forward(x, y)
        ctx.save_for_backward(z)
        return z

    @staticmethod
    def backward(ctx: Any, dz: Tensor) -> tuple[Tensor | None, Tensor | None]:
        (z,) = onednn.take_saved(ctx)
        gradient = ctx.kernels.backward(dz.contiguous(), z)
        of_x, of_y = ctx.needs
        # One tensor for both: Paddle adds the block's gradient to the shortcut's in place, but by
        # then the block has used its own.
        return gradient if of_x else None, gradient if of_y else None


class _Kernels:
    """oneDNN's primitives for tensors of one size."""

    def __init__(self, size: int) -> None:
        self._layout = layout = plain([size])
        self._add = Primitive("binary", onednn.ADD, layout, layout, layout, relu=True)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        z = arena.empty(x.shape)
        self._add({onednn.SRC: x, onednn.SRC_1: y, onednn.DST: z})
        return z

    def backward(self, dz: Tensor, z: Tensor) -> Tensor:
        gradient = arena.empty(z.shape)
        self._backward({onednn.DIFF_DST: dz, onednn.DST: z, onednn.DIFF_SRC: gradient})
        return gradient

    @cached_property
    def _backward(self) -> Primitive:
        layouts, details = [self._layout] * 2, (c_float(0), c_float(0))
        relu = onednn.RELU_BY_OUTPUT
        forward = Primitive("eltwise_forward", onednn.TRAINING, relu, *layouts, *details)
        return Primitive("eltwise_backward", relu, *layouts, self._layout, *details, forward)


_kernels = lru_cache(maxsize=onednn.KEPT)(_Kernels)
