"""What is between a network's convolutions, in the layout of ``layout.py``."""

import paddle.nn.functional as F
from paddle import Tensor

from slowfast.models.layers.cpu import onednn_pool, onednn_relu
from slowfast.models.layers.layout import is_channels_last
from slowfast.models.layers.recompute import may_overwrite


def relu_(x: Tensor) -> Tensor:
    """ReLU, which overwrites ``x`` where that is possible.

    For outputs of a batch norm, whose gradient needs only its input, and for sums.
    """
    return F.relu_(x) if may_overwrite() else F.relu(x)


def add_relu(x: Tensor, y: Tensor) -> Tensor:
    """``relu(x + y)``, which may overwrite ``x``."""
    if is_channels_last():
        return onednn_relu.add_relu(x, y)
    if may_overwrite() and x.dtype == y.dtype:
        return relu_(x.add_(y))
    return F.relu(x + y)


def max_pool(x: Tensor) -> Tensor:
    """The largest of 3 x 3 pixels, with stride 2, in each frame."""
    if is_channels_last():
        return onednn_pool.max_pool(x)
    return F.max_pool3d(x, (1, 3, 3), (1, 2, 2), (0, 1, 1))
