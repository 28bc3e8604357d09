"""The batch norm of clips with their channels last, by oneDNN, with the ReLU behind it.

Legend: N clips, C channels, T frames, H x W pixels.
"""

from ctypes import c_float, c_uint
from functools import lru_cache
from typing import Any, NamedTuple

import paddle
from paddle import Tensor, nn
from paddle.autograd import PyLayer

from slowfast.models.layers.cpu import arena, onednn
from slowfast.models.layers.cpu.kernels import KEPT, Kernels, needs, take_saved
from slowfast.models.layers.cpu.onednn import Primitive, last

_GIVEN, _SCALE, _SHIFT, _RELU = 1, 2, 4, 8  # dnnl_normalization_flags_t


class NormSettings(NamedTuple):
    """How a batch norm computes."""

    epsilon: float
    is_given: bool
    """Mean and variance are given; else they are those of the clips."""
    has_relu: bool
    is_trained: bool
    """There may be a backward pass."""


def normalize(norm: nn.BatchNorm3D, x_NTHWC: Tensor, is_given: bool, has_relu: bool) -> Tensor:
    """The clips, normalised by the norm's running statistics, or by their own, which the running
    ones then follow as with Paddle."""
    is_trained = paddle.is_grad_enabled() or not is_given
    settings = NormSettings(norm._epsilon, is_given, has_relu, is_trained)
    statistics = norm._mean, norm._variance
    if not is_given:
        statistics = paddle.empty_like(norm._mean), paddle.empty_like(norm._variance)
    parameters = norm.weight, norm.bias, *statistics
    y: Tensor = _Normalize.apply(x_NTHWC.contiguous(), *parameters, settings)
    if not is_given:
        for running, batch in zip((norm._mean, norm._variance), statistics, strict=True):
            paddle.assign(norm._momentum * running + (1.0 - norm._momentum) * batch, running)
    return y


class _Normalize(PyLayer):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, scale: Tensor, shift: Tensor, mean: Tensor, variance: Tensor,
        settings: NormSettings,
    ) -> Tensor:  # fmt: skip
        ctx.needs, ctx.kernels = needs(x, scale, shift), _kernels(tuple(x.shape), settings)
        y = arena.empty(x.shape)
        given = {
            onednn.SRC: x, onednn.SCALE: scale, onednn.SHIFT: shift, onednn.MEAN: mean,
            onednn.VARIANCE: variance, onednn.DST: y,
        }  # fmt: skip
        signs: list[Tensor] = []  # which elements are above zero, if backward will ask
        if settings.has_relu and settings.is_trained:
            signs = [ctx.kernels.forward.empty(onednn.WORKSPACE)]
            given[onednn.WORKSPACE] = signs[0]
        ctx.kernels.forward(given)
        ctx.save_for_backward(x, scale, mean, variance, *signs)
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        x, scale, mean, variance, *signs = take_saved(ctx)
        found = arena.empty(x.shape), paddle.empty_like(scale), paddle.empty_like(scale)
        dx, d_scale, d_shift = found
        given = {
            onednn.DIFF_DST: dy.contiguous(), onednn.SRC: x, onednn.SCALE: scale,
            onednn.MEAN: mean, onednn.VARIANCE: variance, onednn.DIFF_SRC: dx,
            onednn.DIFF_SCALE: d_scale, onednn.DIFF_SHIFT: d_shift,
        }  # fmt: skip
        if signs:
            given[onednn.WORKSPACE] = signs[0]
        ctx.kernels.backward(given)
        wanted = [d if needed else None for d, needed in zip(found, ctx.needs, strict=True)]
        return (*wanted, None, None)


@lru_cache(maxsize=KEPT)
def _kernels(shape: tuple[int, ...], settings: NormSettings) -> Kernels:
    n, t, h, w, c = shape
    layout = last([n, c, t * h, w])
    flags = _SCALE | _SHIFT | _GIVEN * settings.is_given | _RELU * settings.has_relu
    details = c_float(settings.epsilon), c_uint(flags)
    purpose = onednn.TRAINING if settings.is_trained else onednn.INFERENCE
    forward = Primitive("batch_normalization_forward", purpose, layout, layout, *details)
    return Kernels(
        forward,
        lambda: Primitive(
            "batch_normalization_backward", onednn.BACKWARD, layout, layout, layout, *details,
            forward,
        ),
    )  # fmt: skip
