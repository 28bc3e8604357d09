"""A convolution of few channels, fast on a CPU: a square of outputs shares a window of the input.

With a window for each output, the buffer has each pixel of the input k k times, and copying takes
longer than the matrix product of so few channels. One window for 2 x 2 outputs of the fast
pathway's stem (7 x 7, stride 2) needs 2.4 times fewer copies. Its matrix has the kernel for each
output, at its place in the window, and zeros elsewhere: 1.7 times the cheap multiply-adds.

Legend: N clips, C channels in, O channels out, T frames, H x W pixels, K taps along time, S x S
outputs in a tile, L tiles in a frame.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import Tensor
from paddle.autograd import PyLayer

from slowfast.models.layers.cpu.kernels import needs


class TiledConv(PyLayer):
    """A (K, k, k) convolution: ``[N, C, T, H, W] -> [N, O, T', H', W']``.

    Its stride is (1, stride, stride), its padding (along time, along height and width). The input
    has a gradient only if K is 1.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, tile: int, stride: int, padding: tuple[int, int]
    ) -> Tensor:
        tiles = _tiles(x.shape, weight.shape, tile, stride, padding)
        rows = _tile_rows(weight, tiles)
        clips = []
        for clip in paddle.unbind(x, 0):
            y = _multiplied(rows, _windows(clip, tiles), tiles)
            y = F.pixel_shuffle(y.reshape([tiles.frames, -1, tiles.down, tiles.across]), tile)
            y = y[:, :, : tiles.height, : tiles.width].contiguous()
            clips.append(paddle.einsum("tohw->othw", y))
        ctx.needs = needs(x, weight)
        ctx.save_for_backward(x, weight)
        ctx.tiles = tiles
        return paddle.stack(clips)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensor()
        tiles: _Tiles = ctx.tiles
        right = tiles.across * tiles.tile - tiles.width
        below = tiles.down * tiles.tile - tiles.height
        rows = _tile_rows(weight, tiles)
        d_rows = paddle.zeros_like(rows)
        d_clips = []
        of_x, of_weight = ctx.needs
        for clip, d_clip in zip(paddle.unbind(x, 0), paddle.unbind(dy, 0), strict=True):
            d_frames = paddle.einsum("othw->tohw", d_clip)
            if right or below:
                d_frames = F.pad(d_frames, [0, right, 0, below])
            d_tiles = F.pixel_unshuffle(d_frames, tiles.tile).flatten(2)  # [T', O S S, L]
            if of_x:
                d_windows = paddle.matmul(rows, d_tiles, transpose_x=True)
                d_clips.append(_clip_of_windows(d_windows, clip.shape, tiles))
            if of_weight:
                d_rows.add_(_rows_gradient(d_tiles, _windows(clip, tiles), tiles))
        d_weight = _weight_of_rows(d_rows, weight.shape, tiles) if of_weight else None
        return paddle.stack(d_clips) if d_clips else None, d_weight


class _Tiles(NamedTuple):
    """How outputs are tiled."""

    tile: int  # height and width of a tile: S
    stride: int
    side: int  # height and width of a window
    step: int  # pixels from one window to the next
    pads: list[int]  # zeros above, left, below and right
    taps: int
    padding: int  # frames of zeros before and after
    frames: int  # of the output: T', H', W'
    height: int
    width: int
    down: int  # number of tiles
    across: int


def _tiles(
    shape: list[int], weight_shape: list[int], tile: int, stride: int, padding: tuple[int, int]
) -> _Tiles:
    (_, _, t, h, w), (_, _, taps, k, _), (in_t, in_hw) = shape, weight_shape, padding
    side, step = k + (tile - 1) * stride, tile * stride
    height, width = (h + 2 * in_hw - k) // stride + 1, (w + 2 * in_hw - k) // stride + 1
    down, across = -(-height // tile), -(-width // tile)
    # Rows and columns that no output needs count below zero.
    below, right = (down - 1) * step + side - in_hw - h, (across - 1) * step + side - in_hw - w
    pads = [in_hw, in_hw, max(below, 0), max(right, 0)]
    frames = t + 2 * in_t - taps + 1
    return _Tiles(tile, stride, side, step, pads, taps, in_t, frames, height, width, down, across)


def _windows(clip_CTHW: Tensor, tiles: _Tiles) -> Tensor:
    """The windows of the frames, those before and after them included: ``[.., C side side, L]``."""
    c, _, h, w = clip_CTHW.shape
    frames = paddle.einsum("cthw->tchw", clip_CTHW)
    if tiles.padding:
        zeros = paddle.zeros([tiles.padding, c, h, w])
        frames = paddle.concat([zeros, frames, zeros], 0)
    return F.unfold(frames, tiles.side, tiles.step, tiles.pads)


def _clip_of_windows(windows: Tensor, shape: list[int], tiles: _Tiles) -> Tensor:
    """The transpose of ``_windows``, for gradients: ``[T, C side side, L] -> [C, T, H, W]``."""
    _, _, h, w = shape
    above, left, below, right = tiles.pads
    # F.fold wants the same padding on all sides; windows may reach further.
    size = [h + max(below - above, 0), w + max(right - left, 0)]
    frames = F.fold(windows, size, tiles.side, tiles.step, above)
    if size != [h, w]:
        frames = frames[:, :, :h, :w].contiguous()
    return paddle.einsum("tchw->cthw", frames)


def _multiplied(rows: Tensor, windows: Tensor, tiles: _Tiles) -> Tensor:
    """The tiles of the output: ``[T', O S S, L]``."""
    if tiles.taps == 1:
        return paddle.matmul(rows, windows)
    return paddle.stack([paddle.matmul(rows, seen) for seen in _seen(windows, tiles)])


def _rows_gradient(d_tiles: Tensor, windows: Tensor, tiles: _Tiles) -> Tensor:
    """``[O S S, K C side side]``."""
    if tiles.taps == 1:
        return paddle.matmul(d_tiles, windows, transpose_y=True).sum(0)
    total = paddle.zeros([d_tiles.shape[1], tiles.taps * windows.shape[1]])
    for d_tile, seen in zip(d_tiles, _seen(windows, tiles), strict=True):
        total.add_(paddle.matmul(d_tile, seen, transpose_y=True))
    return total


def _seen(windows: Tensor, tiles: _Tiles) -> list[Tensor]:
    """What each output frame sees: T' times ``[K C side side, L]``."""
    # One below the other: those of K frames in a row are views of a matrix, not copies.
    windows, size = windows.flatten(0, 1), windows.shape[1]
    return [windows[i * size : (i + tiles.taps) * size] for i in range(tiles.frames)]


def _tile_rows(weight: Tensor, tiles: _Tiles) -> Tensor:
    """The kernel at each place in a window: ``[O, C, K, k, k] -> [O S S, K C side side]``."""
    o, c, t, k, _ = weight.shape
    places = _places(k, tiles.tile, tiles.stride)
    rows = paddle.matmul(weight.reshape([o * c * t, k * k]), places)
    rows = rows.reshape([o, c, t, tiles.tile**2, -1])
    return paddle.einsum("octpx->optcx", rows).reshape([o * tiles.tile**2, -1])


def _weight_of_rows(rows: Tensor, shape: list[int], tiles: _Tiles) -> Tensor:
    """The transpose of ``_tile_rows``, for gradients."""
    o, c, t, k, _ = shape
    rows = paddle.einsum("optcx->octpx", rows.reshape([o, tiles.tile**2, t, c, -1]))
    places = _places(k, tiles.tile, tiles.stride)
    return paddle.matmul(rows.reshape([o * c * t, -1]), places, transpose_y=True).reshape(shape)


@lru_cache
def _places(k: int, tile: int, stride: int) -> Tensor:
    """Ones where a tap of the kernel lies in a window: ``[k k, S S side side]``."""
    side = k + (tile - 1) * stride
    places = np.zeros([k, k, tile, tile, side, side], np.float32)
    for i, j, down, across in np.ndindex(k, k, tile, tile):
        places[i, j, down, across, down * stride + i, across * stride + j] = 1
    return paddle.to_tensor(places.reshape([k * k, -1]), place=paddle.CPUPlace())
