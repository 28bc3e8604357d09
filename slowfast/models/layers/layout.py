"""How clips lie in memory while they pass the network.

``[N, C, T, H, W]`` as Paddle has it; or, on a CPU with oneDNN, channels last: ``[N, T, H, W, C]``,
which its kernels read without gathering; nothing is copied between two layers. The layers of this
folder work in both.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import paddle
from paddle import Tensor

from slowfast.models.layers.cpu import onednn

_IS_LAST = ContextVar("channels_last", default=False)


def is_channels_last() -> bool:
    """Whether the layers are given clips with the channels last."""
    return _IS_LAST.get()


@contextmanager
def channels_last(wanted: bool = True) -> Iterator[None]:
    """Within it the layers take and give ``[N, T, H, W, C]``; or, if not wanted, Paddle's."""
    token = _IS_LAST.set(wanted)
    try:
        yield
    finally:
        _IS_LAST.reset(token)


def in_paddles(layer: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """What a layer without a form for channels last makes of ``x``, in the layout of the moment."""
    if not is_channels_last():
        return layer(x)
    with channels_last(False):
        return to_last(layer(to_first(x)))


def suits(clip: Tensor, weight: Tensor) -> bool:
    """Whether there are kernels for a clip with the channels last: if it and the network's weights
    are float32 on the CPU, and no graph is traced."""
    if not paddle.in_dynamic_mode() or paddle.get_device() != "cpu":
        return False  # on a machine with a GPU new tensors would be there
    for x in (clip, weight):
        if x.dtype != paddle.float32 or not x.place.is_cpu_place():
            return False
    return onednn.library() is not None


def to_last(x_NCTHW: Tensor) -> Tensor:
    """``[N, T, H, W, C]``."""
    return x_NCTHW.transpose([0, 2, 3, 4, 1]).contiguous()


def to_first(x_NTHWC: Tensor) -> Tensor:
    """``[N, C, T, H, W]``."""
    return x_NTHWC.transpose([0, 4, 1, 2, 3]).contiguous()


def channel_axis() -> int:
    """Where a clip has its channels."""
    return 4 if is_channels_last() else 1


def time_axis() -> int:
    """Where a clip has its frames."""
    return 1 if is_channels_last() else 2
