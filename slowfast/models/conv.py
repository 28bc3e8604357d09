"""The convolution of all layers, with faster forms of it for training on a CPU.

On a CPU Paddle's conv3d copies every window of the input into a buffer, on one thread and for a
whole clip at once: for the stem of the fast pathway that is 735 times the frames, 1.2 GB, and
half the time of a training step. SlowFast's kernels do not need it:

- (1, k, k) looks at frames one by one: a 2D convolution, whose windows stay in the cache.
- (k, 1, 1) mixes channels and then adds frames: a matrix product that makes the outputs of all
  taps, which are shifted along time and added. No windows, and no copy of the input; for k = 1
  that is all, and both clips of a batch are multiplied at once.
- (t, k, k) over the 3 colours, the stem: the outputs of a square share one window, large enough
  for all of them. This takes 6 times fewer copies, and 3.4 times the multiply-adds of a matrix
  product that had too few to be busy.

Legend: N clips, C channels in, O channels out, T frames, H x W pixels, K taps along time.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn
from paddle.autograd import PyLayer

TILE = 4
"""Height and width of the square of outputs that shares a window in a stem: 2 copies twice as
much, 8 multiplies three times as much. Both were slower."""


SMALL_FRAME = 14 * 14
"""Pixels of a frame up to which the frames of a clip are better multiplied in one product."""


class Conv3D(nn.Conv3D):
    """Paddle's, with its parameters and their names; faster in float32 on a CPU."""

    def forward(self, x: Tensor) -> Tensor:
        if not (_is_float32_on_cpu(x) and _is_simple(self)):
            return super().forward(x)
        (t, h, w), (by_t, by_h, by_w) = self._kernel_size, self._stride
        in_t, in_h, in_w = self._updated_padding
        if t == 1 and h > 1 and by_t == 1 and in_t == 0 and x.shape[3] * x.shape[4] > SMALL_FRAME:
            return _by_frame(x, self.weight, (by_h, by_w), (in_h, in_w))
        if h == w == by_t == by_h == by_w == 1 and (in_t, in_h, in_w) == (t // 2, 0, 0):
            return _Temporal.apply(x, self.weight)
        is_square = h == w and by_h == by_w and in_h == in_w
        if x.shape[1] <= 3 and x.stop_gradient and is_square and by_t == 1:
            return _Tiled.apply(x, self.weight, by_h, (in_t, in_h))
        return super().forward(x)


def _is_float32_on_cpu(x: Tensor) -> bool:
    """Whether there is something to gain: a graph that is traced has no place yet."""
    return paddle.in_dynamic_mode() and x.place.is_cpu_place() and x.dtype == paddle.float32


def _is_simple(conv: nn.Conv3D) -> bool:
    """Whether it has no more than a kernel, a stride and zeros around."""
    return (
        conv.bias is None
        and conv._groups == 1
        and conv._dilation == [1, 1, 1]
        and conv._padding_mode == "zeros"
        and conv._padding_algorithm == "EXPLICIT"
        and len(conv._updated_padding) == 3
        and conv._data_format == "NCDHW"
        and conv._kernel_size[0] % 2 == 1
    )


def _by_frame(
    x: Tensor, weight: Tensor, stride: tuple[int, int], padding: tuple[int, int]
) -> Tensor:
    """A (1, k, k) convolution: ``[N, C, T, H, W] -> [N, O, T, H', W']``."""
    n, _, t, _, _ = x.shape
    # einsum copies; the view of a transpose would be copied 20 times more slowly by its reader.
    frames = paddle.einsum("ncthw->ntchw", x).flatten(0, 1)
    y = F.conv2d(frames, weight.squeeze(2), stride=stride, padding=padding)
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
        if not x.stop_gradient:
            dx = paddle.matmul(_tap_rows(weight), d_mixed, transpose_x=True).reshape(x.shape)
        if not weight.stop_gradient:
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


class _Tiled(PyLayer):
    """A (K, k, k) convolution of few channels, whose input has no gradient (a clip).

    Its stride is (1, stride, stride). ``[N, C, T, H, W] -> [N, O, T', H', W']``.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, stride: int, padding: tuple[int, int]
    ) -> Tensor:
        tiles = _tiles(x.shape, weight.shape, stride, padding)
        rows = _tile_rows(weight, stride)
        clips = []
        for clip in paddle.unbind(x, 0):
            y = paddle.stack([paddle.matmul(rows, part) for part in _windows(clip, tiles)])
            y = F.pixel_shuffle(y.reshape([tiles.frames, -1, tiles.down, tiles.across]), TILE)
            y = y[:, :, : tiles.height, : tiles.width].contiguous()
            clips.append(paddle.einsum("tohw->othw", y))
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.tiles = stride, tiles
        return paddle.stack(clips)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[None, Tensor]:
        x, weight = ctx.saved_tensor()
        tiles: _Tiles = ctx.tiles
        missing = [0, tiles.across * TILE - tiles.width, 0, tiles.down * TILE - tiles.height]
        total = paddle.zeros(_tile_rows(weight, ctx.stride).shape)
        for clip, d_clip in zip(paddle.unbind(x, 0), paddle.unbind(dy, 0), strict=True):
            d_frames = paddle.einsum("othw->tohw", d_clip)
            if any(missing):
                d_frames = F.pad(d_frames, missing)
            d_tiles = F.pixel_unshuffle(d_frames, TILE).flatten(2)
            for d_part, part in zip(d_tiles, _windows(clip, tiles), strict=True):
                total.add_(paddle.matmul(d_part, part, transpose_y=True))
        return None, _weight_of_tile_rows(total, weight.shape, ctx.stride)


class _Tiles(NamedTuple):
    """How outputs are tiled."""

    side: int
    """Height and width of a window."""
    step: int
    """Pixels from one window to the next."""
    pads: list[int]
    """Zeros above, left, below and right."""
    taps: int
    padding: int
    """Frames of zeros before and after."""
    frames: int
    height: int
    width: int
    """Of the output: T', H', W'."""
    down: int
    across: int
    """Number of tiles."""


def _tiles(
    shape: list[int], weight_shape: list[int], stride: int, padding: tuple[int, int]
) -> _Tiles:
    (_, _, t, h, w), (_, _, taps, k, _), (in_t, in_hw) = shape, weight_shape, padding
    side, step = k + (TILE - 1) * stride, TILE * stride
    height, width = (h + 2 * in_hw - k) // stride + 1, (w + 2 * in_hw - k) // stride + 1
    down, across = -(-height // TILE), -(-width // TILE)
    # Rows and columns that no output needs count below zero.
    below, right = (down - 1) * step + side - in_hw - h, (across - 1) * step + side - in_hw - w
    return _Tiles(
        side=side,
        step=step,
        pads=[in_hw, in_hw, max(below, 0), max(right, 0)],
        taps=taps,
        padding=in_t,
        frames=t + 2 * in_t - taps + 1,
        height=height,
        width=width,
        down=down,
        across=across,
    )


def _windows(clip_CTHW: Tensor, tiles: _Tiles) -> list[Tensor]:
    """The windows that each output frame sees: T' times ``[K C side side, down across]``."""
    c, _, h, w = clip_CTHW.shape
    zeros = paddle.zeros([tiles.padding, c, h, w])
    frames = paddle.concat([zeros, paddle.einsum("cthw->tchw", clip_CTHW), zeros], 0)
    windows = F.unfold(frames, tiles.side, tiles.step, tiles.pads)
    # One below the other: those of K frames in a row are views of a matrix, not copies.
    windows, size = windows.flatten(0, 1), windows.shape[1]
    return [windows[i * size : (i + tiles.taps) * size] for i in range(tiles.frames)]


def _tile_rows(weight: Tensor, stride: int) -> Tensor:
    """The kernel at each place in a window: ``[O, C, K, k, k] -> [O TILE TILE, K C side side]``."""
    o, c, t, k, _ = weight.shape
    rows = paddle.matmul(weight.reshape([o * c * t, k * k]), _places(k, stride))
    rows = rows.reshape([o, c, t, TILE * TILE, -1])
    return paddle.einsum("octpx->optcx", rows).reshape([o * TILE * TILE, -1])


def _weight_of_tile_rows(rows: Tensor, shape: list[int], stride: int) -> Tensor:
    """The transpose of ``_tile_rows``, for gradients."""
    o, c, t, k, _ = shape
    rows = paddle.einsum("optcx->octpx", rows.reshape([o, TILE * TILE, t, c, -1]))
    return paddle.matmul(
        rows.reshape([o * c * t, -1]), _places(k, stride), transpose_y=True
    ).reshape(shape)


@lru_cache
def _places(k: int, stride: int) -> Tensor:
    """Ones where a tap of the kernel lies in a window: ``[k k, TILE TILE side side]``."""
    side = k + (TILE - 1) * stride
    places = np.zeros([k, k, TILE, TILE, side, side], np.float32)
    for i, j, down, across in np.ndindex(k, k, TILE, TILE):
        places[i, j, down, across, down * stride + i, across * stride + j] = 1
    return paddle.to_tensor(places.reshape([k * k, -1]), place=paddle.CPUPlace())
