"""The 3D ResNet that both pathways are made of: stem, bottleneck, stage.

Legend: N clips, C channels, T frames, H x W pixels. Kernels are (time, height, width). No
convolution has a bias. Parameter names are those of PaddleVideo's and PySlowFast's checkpoints.
"""

from collections.abc import Sequence

from paddle import Tensor, nn

from slowfast.models.layers.conv import Conv3D
from slowfast.models.layers.functional import add_relu, max_pool
from slowfast.models.layers.norm import BatchNorm3D
from slowfast.models.layers.recompute import recomputed
from slowfast.models.nonlocal_block import NonLocal

EXPANSION = 4
"""Output channels of a bottleneck per channel of its middle convolution."""


class Stem(nn.Layer):
    """Convolution, batch norm, ReLU, max pool: ``[N, 3, T, H, W] -> [N, C, T, H/4, W/4]``."""

    def __init__(self, channels: int, temporal_kernel: int, spatial_kernel: int) -> None:
        super().__init__()
        t, s = temporal_kernel, spatial_kernel
        padding = (t // 2, s // 2, s // 2)
        self.conv = Conv3D(3, channels, (t, s, s), (1, 2, 2), padding, bias_attr=False)
        self.bn = BatchNorm3D(channels)

    def forward(self, x: Tensor) -> Tensor:
        return max_pool(self.bn(self.conv(x), relu=True))


class BottleneckBranch(nn.Layer):
    """The residual branch: (t,1,1), (1,3,3) with the stride, (1,1,1), each with batch norm."""

    def __init__(
        self, inputs: int, width: int, temporal_kernel: int, stride: int, dilation: int
    ) -> None:
        super().__init__()
        t, s, d = temporal_kernel, stride, dilation
        outputs = EXPANSION * width
        self.a = Conv3D(inputs, width, (t, 1, 1), 1, (t // 2, 0, 0), bias_attr=False)
        self.a_bn = BatchNorm3D(width)
        self.b = Conv3D(width, width, (1, 3, 3), (1, s, s), (0, d, d), (1, d, d), bias_attr=False)
        self.b_bn = BatchNorm3D(width)
        self.c = Conv3D(width, outputs, 1, bias_attr=False)
        self.c_bn = BatchNorm3D(outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.a_bn(self.a(x), relu=True)
        x = self.b_bn(self.b(x), relu=True)
        return self.c_bn(self.c(x))


class Bottleneck(nn.Layer):
    """A residual block, with a projection shortcut where the shape changes."""

    def __init__(
        self, inputs: int, width: int, temporal_kernel: int, stride: int, dilation: int
    ) -> None:
        super().__init__()
        outputs = EXPANSION * width
        self.projects = inputs != outputs or stride != 1
        if self.projects:
            self.branch1 = Conv3D(inputs, outputs, 1, (1, stride, stride), bias_attr=False)
            self.branch1_bn = BatchNorm3D(outputs)
        self.branch2 = BottleneckBranch(inputs, width, temporal_kernel, stride, dilation)

    def forward(self, x: Tensor) -> Tensor:
        shortcut = self.branch1_bn(self.branch1(x)) if self.projects else x
        residual = self.branch2(x)
        return add_relu(residual, shortcut)


class Stems(nn.Layer):
    """One stem per pathway, named ``pathway{p}_stem``; ``kernels`` are those over time."""

    def __init__(self, channels: Sequence[int], kernels: Sequence[int], spatial: int) -> None:
        super().__init__()
        for p, (width, kernel) in enumerate(zip(channels, kernels, strict=True)):
            self.add_sublayer(f"pathway{p}_stem", Stem(width, kernel, spatial))

    def forward(self, pathways: list[Tensor]) -> list[Tensor]:
        return [getattr(self, f"pathway{p}_stem")(x) for p, x in enumerate(pathways)]


class Stage(nn.Layer):
    """One of res2..res5: for each pathway a row of bottlenecks, named ``pathway{p}_res{i}``.

    Args:
        inputs: channels that enter, per pathway.
        widths: channels of the middle convolutions, per pathway (4x as many come out).
        depths: number of blocks, per pathway.
        temporal_kernels: temporal kernel of each block's first convolution, per pathway.
        temporal_blocks: blocks that have it; later ones have kernel 1. None: all.
        stride: spatial stride of the first block.
        dilations: spatial dilation of all blocks, per pathway; None: 1.
        nonlocal_blocks: those of the slow pathway that a ``NonLocal`` follows, named
            ``pathway0_nonlocal{i}``.
    """

    def __init__(
        self, *, inputs: Sequence[int], widths: Sequence[int], depths: Sequence[int],
        temporal_kernels: Sequence[int], temporal_blocks: int | None, stride: int,
        dilations: Sequence[int] | None = None, nonlocal_blocks: Sequence[int] = (),
    ) -> None:  # fmt: skip
        super().__init__()
        self.recompute = "none"  # see set_recompute
        self.depths = tuple(depths)
        self.nonlocal_blocks = frozenset(nonlocal_blocks)
        for i in nonlocal_blocks:
            self.add_sublayer(f"pathway0_nonlocal{i}", NonLocal(EXPANSION * widths[0]))
        for p, depth in enumerate(depths):
            for i in range(depth):
                is_temporal = temporal_blocks is None or i < temporal_blocks
                kernel = temporal_kernels[p] if is_temporal else 1
                entering, step = (inputs[p], stride) if i == 0 else (EXPANSION * widths[p], 1)
                dilation = dilations[p] if dilations else 1
                bottleneck = Bottleneck(entering, widths[p], kernel, step, dilation)
                self.add_sublayer(f"pathway{p}_res{i}", bottleneck)

    def forward(self, pathways: list[Tensor]) -> list[Tensor]:
        if self.recompute == "stages":
            return recomputed(self._bottlenecks, pathways)
        return self._bottlenecks(pathways)

    def _bottlenecks(self, pathways: list[Tensor]) -> list[Tensor]:
        outputs = []
        for p, x in enumerate(pathways):
            for i in range(self.depths[p]):
                block = getattr(self, f"pathway{p}_res{i}")
                x = recomputed(block, x) if self.recompute == "blocks" else block(x)
                if p == 0 and i in self.nonlocal_blocks:
                    x = getattr(self, f"pathway0_nonlocal{i}")(x)
            outputs.append(x)
        return outputs


def set_recompute(model: nn.Layer, units: str) -> None:
    """From here on, training keeps only what enters these, and computes them again in backward.

    Args:
        units: ``none``, ``stages``: res2..res5, or ``blocks``: each bottleneck.
    """
    assert units in ("none", "stages", "blocks"), units
    for layer in model.sublayers():
        if isinstance(layer, Stage):
            layer.recompute = units
