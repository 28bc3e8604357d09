"""The max pool of clips with their channels last, by oneDNN.

Legend: N clips, C channels, T frames, H x W pixels.
"""

from functools import cached_property, lru_cache
from typing import Any

from paddle import Tensor
from paddle.autograd import PyLayer

from slowfast.models.layers.cpu import arena, onednn
from slowfast.models.layers.cpu.onednn import Primitive, int64s, last


def max_pool(x_NTHWC: Tensor) -> Tensor:
    """The largest of 3 x 3 pixels, with stride 2: ``[N, T, H, W, C] -> [N, T, H/2, W/2, C]``."""
    y: Tensor = _MaxPool.apply(x_NTHWC.contiguous())
    return y


class _MaxPool(PyLayer):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.kernels = _kernels(tuple(x.shape))
        y, places = ctx.kernels.forward(x)
        ctx.save_for_backward(places)
        return y

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Tensor:
        (places,) = onednn.take_saved(ctx)
        dx: Tensor = ctx.kernels.backward(dy.contiguous(), places)
        return dx


class _Kernels:
    """oneDNN's primitives for one shape of clips."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        n, t, h, w, c = shape
        out = [(size - 1) // 2 + 1 for size in (h, w)]
        self._shape_in, self._shape_out = shape, [n, t, *out, c]
        ones = int64s([1, 1])
        self._details = (
            last([n * t, c, h, w]), last([n * t, c, *out]),
            int64s([2, 2]), int64s([3, 3]), int64s([0, 0]), ones, ones,
        )  # fmt: skip
        self._forward = Primitive(
            "pooling_forward", onednn.TRAINING, onednn.MAX_POOL, *self._details
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The output, and from which place of its window each element is."""
        y, places = arena.empty(self._shape_out), self._forward.empty(onednn.WORKSPACE)
        self._forward({onednn.SRC: x, onednn.DST: y, onednn.WORKSPACE: places})
        return y, places

    def backward(self, dy: Tensor, places: Tensor) -> Tensor:
        dx = arena.empty(self._shape_in)
        self._backward({onednn.DIFF_DST: dy, onednn.WORKSPACE: places, onednn.DIFF_SRC: dx})
        return dx

    @cached_property
    def _backward(self) -> Primitive:
        return Primitive("pooling_backward", onednn.MAX_POOL, *self._details, self._forward)


_kernels = lru_cache(maxsize=onednn.KEPT)(_Kernels)
