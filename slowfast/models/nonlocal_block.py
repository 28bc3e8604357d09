"""The non-local block (Wang et al., CVPR 2018): each position sees all others of its clip.

Legend: N clips, C channels, I inner channels, T frames, H x W pixels, P positions.
"""

import paddle
import paddle.nn.functional as F
from paddle import Tensor

from slowfast.models.layers.conv import Conv3D
from slowfast.models.layers.layout import in_paddles
from slowfast.models.layers.norm import BatchNorm3D


class NonLocal(paddle.nn.Layer):
    """``x + bn(out(theta(x) . phi(x) / P . g(x)))``, PySlowFast's ``dot_product`` form: the
    products are divided by the number of positions, without a softmax. phi and g see the largest
    of 2 x 2 x 2 neighbours.

    Args:
        channels: C; half as many inside.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = channels // 2
        self.conv_theta = Conv3D(channels, inner, 1)
        self.conv_phi = Conv3D(channels, inner, 1)
        self.conv_g = Conv3D(channels, inner, 1)
        self.conv_out = Conv3D(inner, channels, 1)
        self.bn = BatchNorm3D(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Clips to clips of the same shape, in the layout of ``layers/layout.py``."""
        return in_paddles(self._forward, x)

    def _forward(self, x: Tensor) -> Tensor:
        pooled = F.max_pool3d(x, 2, 2)
        theta = self.conv_theta(x)
        phi_NIp, g_NIp = self.conv_phi(pooled).flatten(2), self.conv_g(pooled).flatten(2)
        shares_NPp = paddle.matmul(theta.flatten(2), phi_NIp, transpose_x=True)
        # Not phi_NIp.shape, which is not known where a graph is traced.
        shares_NPp = shares_NPp / paddle.shape(phi_NIp)[2].astype(x.dtype)
        seen_NIP = paddle.matmul(g_NIp, shares_NPp, transpose_y=True)
        seen = seen_NIP.reshape(paddle.shape(theta))
        return x + self.bn(self.conv_out(seen))
