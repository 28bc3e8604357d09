"""The batch norm of clips with their channels last, by oneDNN, with the ReLU behind it.

Legend: N clips, C channels, T frames, H x W pixels.
"""

from ctypes import c_float, c_uint
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import paddle
from paddle import Tensor, nn
from paddle.autograd import PyLayer

from slowfast.models.layers.cpu import arena, onednn
from slowfast.models.layers.cpu.onednn import Primitive, last

_GIVEN, _SCALE, _SHIFT, _RELU = 1, 2, 4, 8  # dnnl_normalization_flags_t


class Kind(NamedTuple):
    """Of a batch norm."""

    epsilon: float
    is_given: bool
    """Mean and variance are given; else they are those of the clips."""
    has_relu: bool
    is_trained: bool
    """There may be a backward pass."""


def normalize(norm: nn.BatchNorm3D, x_NTHWC: Tensor, is_given: bool, has_relu: bool) -> Tensor:
    """The clips, normalised by the norm's running statistics, or by their own, which the running
    ones then follow as with Paddle."""
    kind = Kind(norm._epsilon, is_given, has_relu, paddle.is_grad_enabled() or not is_given)
    statistics = norm._mean, norm._variance
    if not is_given:
        statistics = paddle.empty_like(norm._mean), paddle.empty_like(norm._variance)
    y: Tensor = _Normalize.apply(x_NTHWC.contiguous(), norm.weight, norm.bias, *statistics, kind)
    if not is_given:
        for running, batch in zip((norm._mean, norm._variance), statistics, strict=True):
            paddle.assign(norm._momentum * running + (1.0 - norm._momentum) * batch, running)
    return y


class _Normalize(PyLayer):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, variance: Tensor,
        kind: Kind,
    ) -> Tensor:  # fmt: skip
        ctx.kernels = _kernels(tuple(x.shape), kind)
        ctx.needs = onednn.needs(x, scale, shift)
        y, *signs = ctx.kernels.forward(x, scale, shift, mean, variance)
        ctx.save_for_backward(x, scale, mean, variance, *signs)
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, scale, mean, variance, *signs = onednn.take_saved(ctx)
        found = ctx.kernels.backward(dy.contiguous(), x, scale, mean, variance, *signs)
        wanted = [d if needs else None for d, needs in zip(found, ctx.needs, strict=True)]
        return (*wanted, None, None)


class _Kernels:
    """oneDNN's primitives for one shape of clips."""

    def __init__(self, shape: tuple[int, ...], kind: Kind) -> None:
        n, t, h, w, c = shape
        layout = last([n, c, t * h, w])
        flags = _SCALE | _SHIFT | _GIVEN * kind.is_given | _RELU * kind.has_relu
        self._layout, self._details = layout, (c_float(kind.epsilon), c_uint(flags))
        self._has_signs = kind.has_relu and kind.is_trained
        purpose = onednn.TRAINING if kind.is_trained else onednn.INFERENCE
        self._forward = Primitive(
            "batch_normalization_forward", purpose, layout, layout, *self._details
        )

    def forward(
        self, x: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, variance: Tensor
    ) -> list[Tensor]:
        """The output; and, with ReLU in training, which of its elements are above zero."""
        y = arena.empty(x.shape)
        given = {
            onednn.SRC: x, onednn.SCALE: scale, onednn.SHIFT: shift, onednn.MEAN: mean,
            onednn.VARIANCE: variance, onednn.DST: y,
        }  # fmt: skip
        if not self._has_signs:
            self._forward(given)
            return [y]
        signs = self._forward.empty(onednn.WORKSPACE)
        self._forward(given | {onednn.WORKSPACE: signs})
        return [y, signs]

    def backward(
        self, dy: Tensor, x: Tensor, scale: Tensor, mean: Tensor, variance: Tensor, *signs: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The gradients of x, scale and shift."""
        dx, d_scale, d_shift = (
            arena.empty(x.shape),
            paddle.empty_like(scale),
            paddle.empty_like(scale),
        )
        given = {
            onednn.DIFF_DST: dy, onednn.SRC: x, onednn.SCALE: scale, onednn.MEAN: mean,
            onednn.VARIANCE: variance, onednn.DIFF_SRC: dx, onednn.DIFF_SCALE: d_scale,
            onednn.DIFF_SHIFT: d_shift,
        }  # fmt: skip
        if signs:
            given[onednn.WORKSPACE] = signs[0]
        self._backward(given)
        return dx, d_scale, d_shift

    @cached_property
    def _backward(self) -> Primitive:
        layouts = [self._layout] * 3
        name = "batch_normalization_backward"
        return Primitive(name, onednn.BACKWARD, *layouts, *self._details, self._forward)


_kernels = lru_cache(maxsize=onednn.KEPT)(_Kernels)
