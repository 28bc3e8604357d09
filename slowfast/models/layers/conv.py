"""The convolution of all layers, with faster forms of it for training on a CPU.

On a CPU Paddle's conv3d copies every window of the input into a buffer, on one thread and for a
whole clip at once: for the stem of the fast pathway that is 735 times the frames, 1.2 GB, and
half the time of a training step. SlowFast's kernels do not need it:

- (1, k, k), dilated or not, looks at frames one by one: a 2D convolution, whose windows stay in the
  cache.
- (k, 1, 1) mixes channels and then adds frames: a matrix product that makes the outputs of all
  taps, which are shifted along time and added. No windows, and no copy of the input; for k = 1
  that is all, and both clips of a batch are multiplied at once.
- (t, k, k) over the 3 colours, the stem, and (1, k, k) over few channels, the fast pathway: the
  outputs of a square share one window (``tiled_conv.py``).

Legend: N clips, C channels in, O channels out, T frames, H x W pixels, K taps along time.
"""

from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn
from paddle.autograd import PyLayer

from slowfast.models.layers.cpu.kernels import needs
from slowfast.models.layers.cpu.onednn_conv import Geometry, convolve
from slowfast.models.layers.cpu.tiled_conv import TiledConv
from slowfast.models.layers.layout import in_paddles, is_channels_last

TILE = 2
"""Height and width of the square of outputs that shares a window. Forward and backward, the fast
stem takes 1.1 times as long with 4, 1.9 times with 7."""
FEW_CHANNELS = 16
"""Inputs and outputs up to which squares of outputs pay in a (1, k, k) convolution."""
SMALL_FRAME = 28 * 28
"""Pixels of a frame up to which the frames of a clip are better multiplied in one product."""


class Conv3D(nn.Conv3D):
    """Paddle's, with its parameters and their names; faster in float32 on a CPU."""

    def forward(self, x: Tensor) -> Tensor:
        if not is_channels_last():
            return self._in_paddles_layout(x)
        if not _is_simple(self):
            return in_paddles(super().forward, x)
        along = self._stride, self._updated_padding, self._dilation
        y = convolve(x, self.weight, Geometry(*map(tuple, along)))
        return y if self.bias is None else y + self.bias

    def _in_paddles_layout(self, x: Tensor) -> Tensor:
        y = self._faster(x) if _is_float32_on_cpu(x) and _is_simple(self) else None
        if y is None:
            return super().forward(x)
        return y if self.bias is None else y + self.bias.reshape([-1, 1, 1, 1])

    def _faster(self, x: Tensor) -> Tensor | None:
        """Without the bias; None if there is no faster form."""
        (t, h, w), (by_t, by_h, by_w) = self._kernel_size, self._stride
        in_t, in_h, in_w = self._updated_padding
        of_t, of_h, of_w = self._dilation
        is_frames = t == by_t == of_t == 1 and in_t == 0
        if (of_h, of_w) != (1, 1):
            if not is_frames or h == 1:
                return None
            return _by_frame(x, self.weight, (by_h, by_w), (in_h, in_w), (of_h, of_w))
        if h == w == by_t == by_h == by_w == of_t == 1 and (in_t, in_h, in_w) == (t // 2, 0, 0):
            return _Temporal.apply(x, self.weight)
        is_square = h == w and by_h == by_w and in_h == in_w
        if is_frames and h > 1 and x.shape[3] * x.shape[4] > SMALL_FRAME:
            if is_square and max(self.weight.shape[:2]) <= FEW_CHANNELS:
                return TiledConv.apply(x, self.weight, TILE, by_h, (0, in_h))
            return _by_frame(x, self.weight, (by_h, by_w), (in_h, in_w), (1, 1))
        if x.shape[1] <= 3 and x.stop_gradient and is_square and by_t == of_t == 1:
            return TiledConv.apply(x, self.weight, TILE, by_h, (in_t, in_h))
        return None


def _is_float32_on_cpu(x: Tensor) -> bool:
    """Whether there is something to gain: a graph that is traced has no place yet."""
    return paddle.in_dynamic_mode() and x.place.is_cpu_place() and x.dtype == paddle.float32


def _is_simple(conv: nn.Conv3D) -> bool:
    """Whether it has no more than a kernel, a stride, a dilation, a bias and zeros around."""
    return (
        conv._groups == 1
        and conv._padding_mode == "zeros"
        and conv._padding_algorithm == "EXPLICIT"
        and len(conv._updated_padding) == 3
        and conv._data_format == "NCDHW"
        and conv._kernel_size[0] % 2 == 1
    )


def _by_frame(
    x: Tensor, weight: Tensor, stride: tuple[int, int], pad: tuple[int, int],
    dilation: tuple[int, int],
) -> Tensor:  # fmt: skip
    """A (1, k, k) convolution: ``[N, C, T, H, W] -> [N, O, T, H', W']``."""
    n, _, t, _, _ = x.shape
    # einsum copies; the view of a transpose would be copied 20 times more slowly by its reader.
    frames = paddle.einsum("ncthw->ntchw", x).flatten(0, 1)
    y = F.conv2d(frames, weight.squeeze(2), stride=stride, padding=pad, dilation=dilation)
    return paddle.einsum("ntohw->nothw", y.reshape([n, t, *y.shape[1:]]))


class _Temporal(PyLayer):
    """A (K, 1, 1) convolution of stride 1 that keeps T: ``[N, C, T, H, W] -> [N, O, T, H, W]``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        o, _, taps = weight.shape[:3]
        mixed = paddle.matmul(_tap_rows(weight), x.flatten(2))  # [N, K O, T H W]
        parts = paddle.split(mixed, taps, 1) if taps > 1 else [mixed]
        y, *others = (_shifted(part, i - taps // 2, x.shape[2]) for i, part in enumerate(parts))
        for other in others:
            y.add_(other)
        ctx.needs = needs(x, weight)
        ctx.save_for_backward(x, weight)
        return y.reshape([x.shape[0], o, *x.shape[2:]])

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensor()
        o, c, taps = weight.shape[:3]
        dy = dy.flatten(2)
        parts = [_shifted(dy, taps // 2 - tap, x.shape[2]) for tap in range(taps)]
        d_mixed = dy if taps == 1 else paddle.concat(parts, 1)  # [N, K O, T H W]
        dx = d_weight = None  # as Paddle demands of what has no gradient
        of_x, of_weight = ctx.needs
        if of_x:
            dx = paddle.matmul(_tap_rows(weight), d_mixed, transpose_x=True).reshape(x.shape)
        if of_weight:
            d_rows = paddle.matmul(d_mixed, x.flatten(2), transpose_y=True).sum(0)
            d_weight = paddle.einsum("koc->ock", d_rows.reshape([taps, o, c]))
            d_weight = d_weight.reshape(weight.shape)
        return dx, d_weight


def _tap_rows(weight: Tensor) -> Tensor:
    """``[O, C, K, 1, 1] -> [K O, C]``."""
    if weight.shape[2] == 1:
        return weight.flatten(1)
    return paddle.einsum("ock->koc", weight.flatten(2)).flatten(0, 1)


def _shifted(y: Tensor, by: int, frames: int) -> Tensor:
    """Frame ``t + by`` of ``[N, O, T H W]`` in the place of frame t, zeros where there is none."""
    n, o, length = y.shape
    if by == 0:
        return y
    lost = min(abs(by), frames) * (length // frames)
    zeros = paddle.zeros([n, o, lost])
    if lost == length:
        return zeros
    if by > 0:
        return paddle.concat([paddle.split(y, [lost, length - lost], 2)[1], zeros], 2)
    return paddle.concat([zeros, paddle.split(y, [length - lost, lost], 2)[0]], 2)
