"""The sum at the end of a residual block, and its ReLU, by oneDNN."""

from ctypes import c_float
from functools import lru_cache
from typing import Any

from paddle import Tensor
from paddle.autograd import PyLayer

from slowfast.models.layers.cpu import arena, onednn
from slowfast.models.layers.cpu.kernels import KEPT, Kernels, needs, take_saved
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
        ctx.needs, ctx.kernels = needs(x, y), _kernels(int(x.size))
        z = arena.empty(x.shape)
        ctx.kernels.forward({onednn.SRC: x, onednn.SRC_1: y, onednn.DST: z})
        ctx.save_for_backward(z)
        return z

    @staticmethod
    def backward(ctx: Any, dz: Tensor) -> tuple[Tensor | None, Tensor | None]:
        (z,) = take_saved(ctx)
        gradient = arena.empty(z.shape)
        given = {onednn.DIFF_DST: dz.contiguous(), onednn.DST: z, onednn.DIFF_SRC: gradient}
        ctx.kernels.backward(given)
        of_x, of_y = ctx.needs
        # One tensor for both: Paddle adds the block's gradient to the shortcut's in place, but by
        # then the block has used its own.
        return gradient if of_x else None, gradient if of_y else None


@lru_cache(maxsize=KEPT)
def _kernels(size: int) -> Kernels:
    """For tensors of one size, of any shape."""
    layout, none, relu = plain([size]), (c_float(0), c_float(0)), onednn.RELU_BY_OUTPUT

    def make_backward() -> Primitive:
        forward = Primitive("eltwise_forward", onednn.TRAINING, relu, layout, layout, *none)
        return Primitive("eltwise_backward", relu, layout, layout, layout, *none, forward)

    return Kernels(
        Primitive("binary", onednn.ADD, layout, layout, layout, relu=True), make_backward
    )
