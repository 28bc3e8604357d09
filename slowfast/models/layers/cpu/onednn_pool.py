"""The max pool of clips with their channels last, by oneDNN.

Legend: N clips, C channels, T frames, H x W pixels.
"""

from functools import lru_cache
from typing import Any

from paddle import Tensor
from paddle.autograd import PyLayer

from slowfast.models.layers.cpu import arena, onednn
from slowfast.models.layers.cpu.kernels import KEPT, Kernels, take_saved
from slowfast.models.layers.cpu.onednn import Primitive, int64s, last


def max_pool(x_NTHWC: Tensor) -> Tensor:
    """The largest of 3 x 3 pixels, with stride 2: ``[N, T, H, W, C] -> [N, T, H/2, W/2, C]``."""
    y: Tensor = _MaxPool.apply(x_NTHWC.contiguous())
    return y


class _MaxPool(PyLayer):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.shape, ctx.kernels = x.shape, _kernels(tuple(x.shape))
        n, t, h, w, c = x.shape
        y = arena.empty([n, t, _halved(h), _halved(w), c])
        # From which place of its window each element is.
        places = ctx.kernels.forward.empty(onednn.WORKSPACE)
        ctx.kernels.forward({onednn.SRC: x, onednn.DST: y, onednn.WORKSPACE: places})
        ctx.save_for_backward(places)
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Tensor:
        (places,) = take_saved(ctx)
        dx = arena.empty(ctx.shape)
        given = {onednn.DIFF_DST: dy.contiguous(), onednn.WORKSPACE: places, onednn.DIFF_SRC: dx}
        ctx.kernels.backward(given)
        return dx


def _halved(size: int) -> int:
    """Height or width behind the pool."""
    return (size - 1) // 2 + 1


@lru_cache(maxsize=KEPT)
def _kernels(shape: tuple[int, ...]) -> Kernels:
    n, t, h, w, c = shape
    ones = int64s([1, 1])
    details = (
        last([n * t, c, h, w]), last([n * t, c, _halved(h), _halved(w)]),
        int64s([2, 2]), int64s([3, 3]), int64s([0, 0]), ones, ones,
    )  # fmt: skip
    forward = Primitive("pooling_forward", onednn.TRAINING, onednn.MAX_POOL, *details)
    return Kernels(
        forward, lambda: Primitive("pooling_backward", onednn.MAX_POOL, *details, forward)
    )
