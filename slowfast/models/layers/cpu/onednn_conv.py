"""The convolution of clips with their channels last, by oneDNN.

Legend: N clips, C channels in, O channels out, T frames, H x W pixels.
"""

from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import paddle
from paddle import Tensor
from paddle.autograd import PyLayer

from slowfast.models.layers.cpu import arena, onednn
from slowfast.models.layers.cpu.kernels import KEPT, needs, take_saved
from slowfast.models.layers.cpu.onednn import (
    MemoryDesc,
    Primitive,
    Reorder,
    int64s,
    last,
    plain,
)

LARGEST_BLOCK = 16
"""Channels that oneDNN computes at once: 8 with AVX2, 16 with AVX-512."""


class Geometry(NamedTuple):
    """Of a convolution, along time, height and width."""

    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]


def convolve(x_NTHWC: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
    """``[N, T, H, W, C] -> [N, T', H', W', O]``; the weights are Paddle's, ``[O, C, k, k, k]``.

    Raises:
        ValueError: the clips are too small, or have other channels than the weights.
    """
    if x_NTHWC.shape[-1] != weight.shape[1]:
        found = f"{x_NTHWC.shape[-1]} channels"
        raise ValueError(f"clips of {found}, and a convolution of {weight.shape[1]}")
    return _Convolve.apply(x_NTHWC.contiguous(), weight, geometry)


class _Convolve(PyLayer):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
        ctx.kernels = _kernels(tuple(x.shape), tuple(weight.shape), geometry)
        ctx.needs = needs(x, weight)
        ctx.save_for_backward(x if ctx.needs[1] else None, weight)
        return ctx.kernels.forward(x, weight)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = take_saved(ctx)
        kernels, dy = ctx.kernels, dy.contiguous()
        of_x, of_weight = ctx.needs
        dx = kernels.input_gradient(dy, weight) if of_x else None
        return dx, kernels.weight_gradient(x, dy) if of_weight else None


class _ConvKernels:
    """oneDNN's primitives for one shape of clips and weights; those of backward are created when
    they are wanted."""

    def __init__(self, shape: Sequence[int], weights: Sequence[int], geometry: Geometry) -> None:
        (n, *size, c), (o, _, *kernel) = shape, weights
        out = _sizes_out(size, kernel, geometry)
        self._shape_in, self._shape_out, self._shape_weights = shape, [n, *out, o], weights
        self.geometry = geometry
        has_plain_time = geometry.stride[0] == geometry.dilation[0] == 1
        self._has_time_and_space = min(kernel) > 1 and has_plain_time
        is_strided_point = max(kernel) == 1 < max(geometry.stride) and not any(geometry.padding)
        self._skips_pixels = is_strided_point and c < LARGEST_BLOCK
        if kernel[0] == geometry.stride[0] == 1 and geometry.padding[0] == 0:
            # Frame by frame: the kernels of pictures take a fifth of the time for some gradients.
            n, size, out, weights = n * size[0], size[1:], out[1:], [o, c, *kernel[1:]]
            geometry = Geometry(*(along[1:] for along in geometry))
        self._in, self._out, self._weights = [n, c, *size], [n, o, *out], weights
        padding = int64s(geometry.padding)
        skipped = int64s([d - 1 for d in geometry.dilation])
        self._geometry = (int64s(geometry.stride), skipped, padding, padding)
        self._forward = Primitive(
            "convolution_forward", onednn.TRAINING, onednn.DIRECT, last(self._in),
            MemoryDesc(self._weights), None, last(self._out), *self._geometry,
        )  # fmt: skip
        self._pack = Reorder(plain(self._weights), self._forward.layout(onednn.WEIGHTS))

    def forward(self, x: Tensor, weight: Tensor) -> Tensor:
        y = arena.empty(self._shape_out)
        packed = self._pack(weight)
        self._forward({onednn.SRC: x, onednn.WEIGHTS: packed, onednn.DST: y})
        return y

    def input_gradient(self, dy: Tensor, weight: Tensor) -> Tensor:
        primitive, pack = self._of_input
        dx = arena.empty(self._shape_in)
        packed = pack(weight)
        primitive({onednn.DIFF_DST: dy, onednn.WEIGHTS: packed, onednn.DIFF_SRC: dx})
        return dx

    def weight_gradient(self, x: Tensor, dy: Tensor) -> Tensor:
        if self._skips_pixels:
            return _weight_gradient_of_seen_pixels(x, dy, self._shape_weights, self.geometry)
        primitive, reorder_x, reorder_dy, unpack = self._of_weights
        if self._has_time_and_space and "gemm" in primitive.implementation:
            # The fast stem on AVX2, for which oneDNN has only a matrix product: 930 -> 270 ms.
            return _weight_gradient_by_taps(x, dy, self._shape_weights, self.geometry)
        gradient = paddle.empty(self._shape_weights)
        packed = gradient if unpack.is_none else primitive.empty(onednn.DIFF_WEIGHTS)
        x, dy = reorder_x(x), reorder_dy(dy)
        primitive({onednn.SRC: x, onednn.DIFF_DST: dy, onednn.DIFF_WEIGHTS: packed})
        return unpack(packed, gradient)

    @cached_property
    def _of_input(self) -> tuple[Primitive, Reorder]:
        primitive = Primitive(
            "convolution_backward_data", onednn.DIRECT, last(self._in), MemoryDesc(self._weights),
            last(self._out), *self._geometry, self._forward,
        )  # fmt: skip
        return primitive, Reorder(plain(self._weights), primitive.layout(onednn.WEIGHTS))

    @cached_property
    def _of_weights(self) -> tuple[Primitive, Reorder, Reorder, Reorder]:
        # Over time these kernels are up to twice as fast in a layout of their own (AVX-512).
        layout = MemoryDesc if len(self._in) == 5 and self._in[1] > 3 else last
        primitive = Primitive(
            "convolution_backward_weights", onednn.DIRECT, layout(self._in),
            MemoryDesc(self._weights), None, layout(self._out), *self._geometry, self._forward,
        )  # fmt: skip
        return (
            primitive,
            Reorder(last(self._in), primitive.layout(onednn.SRC)),
            Reorder(last(self._out), primitive.layout(onednn.DIFF_DST)),
            Reorder(primitive.layout(onednn.DIFF_WEIGHTS), plain(self._weights)),
        )


def _weight_gradient_of_seen_pixels(
    x: Tensor, dy: Tensor, weights: Sequence[int], geometry: Geometry
) -> Tensor:
    """For a kernel of one pixel and few channels: of the pixels that it sees, without a stride.

    oneDNN copies these to its scratchpad, but at offsets as if each had a whole block of channels.
    With fewer it writes behind the scratchpad, which damages the heap, and the gradient is wrong
    (3.6.2 with AVX2; open as uxlfoundation/oneDNN issue 6035, which names AVX-512, too).
    """
    t, h, w = geometry.stride
    seen = x[:, ::t, ::h, ::w].contiguous()
    geometry = Geometry((1, 1, 1), (0, 0, 0), (1, 1, 1))
    return _kernels(tuple(seen.shape), tuple(weights), geometry).weight_gradient(seen, dy)


def _weight_gradient_by_taps(
    x: Tensor, dy: Tensor, weights: Sequence[int], geometry: Geometry
) -> Tensor:
    """For a stride of 1 along time: of each tap the frames of a clip that it sees, as pictures."""
    o, c, taps, *kernel = weights
    before = geometry.padding[0]
    pictures = Geometry(
        *((of_time, *along[1:]) for of_time, along in zip((1, 0, 1), geometry, strict=True))
    )
    total = []
    for tap in range(taps):
        first = max(before - tap, 0)
        count = min(dy.shape[1], x.shape[1] + before - tap) - first
        begin = first + tap - before
        gradient = paddle.zeros([o, c, 1, *kernel])
        for clip in range(x.shape[0]) if count > 0 else ():
            seen = x[clip : clip + 1, begin : begin + count].contiguous()
            by = dy[clip : clip + 1, first : first + count].contiguous()
            kernels = _kernels(tuple(seen.shape), tuple(gradient.shape), pictures)
            gradient.add_(kernels.weight_gradient(seen, by))
        total.append(gradient)
    return paddle.concat(total, 2)


def _sizes_out(size: Sequence[int], kernel: Sequence[int], geometry: Geometry) -> list[int]:
    sizes = [
        (along + 2 * padding - dilation * (taps - 1) - 1) // stride + 1
        for along, taps, stride, padding, dilation in zip(size, kernel, *geometry, strict=True)
    ]
    if min(sizes) < 1:
        raise ValueError(f"clips of {size} frames and pixels are too small for a kernel {kernel}")
    return sizes


_kernels = lru_cache(maxsize=KEPT)(_ConvKernels)
