"""How clips lie in memory while they pass the network.

``[N, C, T, H, W]`` as Paddle has it; or, on a CPU with oneDNN, channels last: ``[N, T, H, W, C]``,
which its kernels read without gathering, and in which nothing is copied between two layers. The
layers of this folder and the functions here work in both; a network sees a difference only in the
shapes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import paddle
from paddle import Tensor

from slowfast.models.layers import onednn

_IS_LAST = ContextVar("channels_last", default=False)


def is_channels_last() -> bool:
    """Whether the layers are given clips with the channels last."""
    return _IS_LAST.get()


@contextmanager
def channels_last(wanted: bool = True) -> Iterator[None]:
    """A context in which they are; or are not."""
    token = _IS_LAST.set(wanted)
    try:
        yield
    finally:
        _IS_LAST.reset(token)


def suits(clip: Tensor) -> bool:
    """Whether there are kernels for a clip with the channels last: in float32 on a CPU, and for no
    graph that is traced."""
    if not paddle.in_dynamic_mode() or not clip.place.is_cpu_place():
        return False
    # With a GPU at hand new tensors would be there.
    is_plain = clip.dtype == paddle.float32 and paddle.get_device() == "cpu"
    return is_plain and onednn.library() is not None


def to_last(x_NCTHW: Tensor) -> Tensor:
    """``[N, T, H, W, C]``."""
    return x_NCTHW.transpose([0, 2, 3, 4, 1]).contiguous()


def to_first(x_NTHWC: Tensor) -> Tensor:
    """``[N, C, T, H, W]``."""
    return x_NTHWC.transpose([0, 4, 1, 2, 3]).contiguous()


def channel_axis() -> int:
    """Where a clip has its channels."""
    return -1 if is_channels_last() else 1
