"""Initial weights (paper section 4; PySlowFast's init_helper)."""

import math

from paddle import nn


def initialize(model: nn.Layer) -> None:
    """Fills a network anew from Paddle's global random generator.

    Convolutions N(0, sqrt(2 / fan_out)) (He et al. 2015), batch norm scale 1 and shift 0 except
    for the last one of each residual block, whose scale is 0 so that the block starts as the
    identity (Goyal et al. 2017), linear layers N(0, 0.01) with bias 0.
    """
    for name, layer in model.named_sublayers():
        if isinstance(layer, nn.Conv3D):
            outputs, _, *kernel = layer.weight.shape
            fan_out = outputs * math.prod(kernel)
            nn.initializer.Normal(0.0, math.sqrt(2.0 / fan_out))(layer.weight)
        elif isinstance(layer, nn.BatchNorm3D):
            scale = 0.0 if name.endswith("branch2.c_bn") else 1.0
            nn.initializer.Constant(scale)(layer.weight)
            nn.initializer.Constant(0.0)(layer.bias)
        elif isinstance(layer, nn.Linear):
            nn.initializer.Normal(0.0, 0.01)(layer.weight)
            nn.initializer.Constant(0.0)(layer.bias)
