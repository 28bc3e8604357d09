"""The SlowFast network, in the order of the paper (Feichtenhofer et al., ICCV 2019, section 3), and
its first weights.

Legend: N clips, C channels, T frames, H x W pixels, P positions, K classes. ``pathways`` lists
hold the slow pathway first, then the fast one.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

import paddle
from paddle import Tensor, nn

from slowfast.models.head import PROBABILITIES, Head
from slowfast.models.layers import layout
from slowfast.models.layers.conv import Conv3D
from slowfast.models.layers.layout import channel_axis
from slowfast.models.layers.norm import BatchNorm3D
from slowfast.models.pathways import slow_clip
from slowfast.models.resnet3d import EXPANSION, Stage, Stems
from slowfast.models.roi_head import RoiHead
from slowfast.models.roi_pooling import RoiPooling

STRIDES = (1, 2, 2, 2)
"""Spatial strides of res2..res5; with boxes res5 has 1."""


class Pathway(NamedTuple):
    """What sets one pathway apart: its width, its depth, and where it looks along time."""

    width: int
    """Channels of the stem."""
    depths: tuple[int, ...]
    """Blocks of res2..res5."""
    stem_temporal_kernel: int
    """Temporal kernel of the stem."""
    temporal_kernels: tuple[int, ...]
    """Temporal kernels of res2..res5."""


class Fusion(nn.Layer):
    """The lateral connection: a time-strided convolution brings fast features to the slow rate.

    ``slow [N, Cs, T/alpha, H, W], fast [N, Cf, T, H, W] -> slow [N, Cs + 2 Cf, T/alpha, H, W]``
    """

    def __init__(self, fast_channels: int, alpha: int, kernel: int, norm: bool) -> None:
        super().__init__()
        outputs = 2 * fast_channels
        window, stride, padding = (kernel, 1, 1), (alpha, 1, 1), (kernel // 2, 0, 0)
        self.conv_f2s = Conv3D(fast_channels, outputs, window, stride, padding, bias_attr=False)
        self.bn = BatchNorm3D(outputs) if norm else None

    def forward(self, slow: Tensor, fast: Tensor) -> Tensor:
        lateral = self.conv_f2s(fast)
        if self.bn is not None:
            lateral = self.bn(lateral, relu=True)
        return paddle.concat([slow, lateral], axis=channel_axis())


class VideoClassifier(nn.Layer):
    """What the network has in common with its single-pathway baselines.

    Args:
        pathways: the slow one first.
        fuse: makes the lateral connection from as many fast channels; None: a single pathway.
        num_classes: K.
        alpha: fast frames per slow frame.
        slow_frames: ``linspace`` or ``strided``, see ``pathways.py``.
        temporal_blocks: blocks of res2..res5 that keep their temporal kernel; None: all.
        stem_kernel: spatial kernel of the stems.
        pool_size, dropout: see ``Head``.
        average_positions: ``prob`` or ``score``, see ``predict``.
        task: ``single``: one class a clip; ``multi``: any number of them; ``detection``: any number
            for each box, see ``detector.py``.
        nonlocal_blocks: blocks of the slow pathway's res4 that a ``NonLocal`` follows.
        dilations: with detection, of res5, per pathway.
        pooling: with detection, how a box's features are taken.
        labels_per_box: with detection, ``several`` or ``one``: then a box's classes exclude each
            other.
    """

    has_boxes: ClassVar = False
    """Whether it classifies boxes, and not clips."""
    head: Head

    def __init__(
        self,
        pathways: Sequence[Pathway],
        fuse: Callable[[int], Fusion] | None,
        *,
        num_classes: int,
        alpha: int,
        slow_frames: str = "linspace",
        temporal_blocks: tuple[int, ...] | None = None,
        stem_kernel: int = 7,
        pool_size: int | None = 7,
        dropout: float = 0.5,
        average_positions: str = "prob",
        task: str = "single",
        nonlocal_blocks: Sequence[int] = (),
        dilations: Sequence[int] = (2, 2),
        pooling: RoiPooling = RoiPooling(),  # noqa: B008
        labels_per_box: str = "several",
    ) -> None:
        super().__init__()
        if task not in PROBABILITIES:
            raise ValueError(f"task={task!r} is neither {' nor '.join(PROBABILITIES)}")
        assert self.has_boxes == (task == "detection"), "detector.py has the networks for boxes"
        has_one = self.has_boxes and labels_per_box == "one"
        self.probabilities = PROBABILITIES["single" if has_one else task]
        self.alpha, self.slow_frames = alpha, slow_frames
        self.average_positions = average_positions
        channels = [p.width for p in pathways]
        self.s1 = Stems(channels, [p.stem_temporal_kernel for p in pathways], stem_kernel)
        for i, stride in enumerate(STRIDES):
            if fuse is not None:
                self.add_sublayer(f"s{i + 1}_fuse", fuse(channels[1]))
                channels[0] += 2 * channels[1]
            stage = Stage(
                inputs=channels,
                widths=[p.width * 2**i for p in pathways],
                depths=[p.depths[i] for p in pathways],
                temporal_kernels=[p.temporal_kernels[i] for p in pathways],
                temporal_blocks=temporal_blocks[i] if temporal_blocks else None,
                stride=1 if self.has_boxes and i == 3 else stride,
                dilations=dilations if self.has_boxes and i == 3 else None,
                nonlocal_blocks=nonlocal_blocks if i == 2 else (),
            )
            self.add_sublayer(f"s{i + 2}", stage)
            channels = [EXPANSION * p.width * 2**i for p in pathways]
        inputs = sum(channels)
        if self.has_boxes:
            self.head = RoiHead(inputs, num_classes, pooling, dropout)
        else:
            self.head = Head(inputs, num_classes, pool_size, dropout)
        initialize(self)

    def features(self, clip_NCTHW: Tensor) -> list[Tensor]:
        """The last stage's output of each pathway ``[N, C, T, H, W]``, from a normalised RGB
        clip."""
        if not layout.suits(clip_NCTHW, self.head.projection.weight):
            return self.last_stage(clip_NCTHW)
        with layout.channels_last():
            return [layout.to_first(x) for x in self.last_stage(layout.to_last(clip_NCTHW))]

    def last_stage(self, clip: Tensor) -> list[Tensor]:
        """The same, with the clip and what comes of it in the layout of ``layout.py``."""
        raise NotImplementedError

    def embed(self, clip_NCTHW: Tensor) -> Tensor:
        """Clip features ``[N, C]``: the classifier's input, the mean over positions.

        In evaluation ``head.projection`` of them are the logits of ``forward``.
        """
        return self.head.pool(self.features(clip_NCTHW)).mean(axis=1)

    def forward(self, clip_NCTHW: Tensor) -> Tensor:
        """Logits ``[N, K]``, the mean over positions, of a normalised RGB clip."""
        return self.head(self.features(clip_NCTHW)).mean(axis=1)

    def predict(self, clip_NCTHW: Tensor) -> Tensor:
        """Probabilities ``[N, K]``: those at each position, then the mean (PySlowFast).

        With ``average_positions`` of ``score`` those of the mean logits (PyTorchVideo).
        """
        if self.average_positions == "score":
            return self.probabilities(self(clip_NCTHW))
        return self.probabilities(self.head(self.features(clip_NCTHW))).mean(axis=1)


class SlowFast(VideoClassifier):
    """Two pathways over the same clip: slow sees few frames and has the channels, fast sees all.

    Args:
        slow, fast: the two pathways.
        alpha: fast frames per slow frame.
        fusion_kernel: temporal kernel of the lateral connections.
        lateral_norm: batch norm and ReLU after them.
        given: further arguments of ``VideoClassifier``.
    """

    def __init__(
        self, slow: Pathway, fast: Pathway, *, alpha: int, fusion_kernel: int,
        lateral_norm: bool = True, **given: Any,
    ) -> None:  # fmt: skip
        def fuse(fast_channels: int) -> Fusion:
            return Fusion(fast_channels, alpha, fusion_kernel, lateral_norm)

        super().__init__([slow, fast], fuse, alpha=alpha, **given)

    def last_stage(self, clip: Tensor) -> list[Tensor]:
        slow = slow_clip(clip, self.alpha, self.slow_frames)
        slow, fast = self.s1([slow, clip])
        slow = self.s1_fuse(slow, fast)
        laterals = ((self.s2, self.s2_fuse), (self.s3, self.s3_fuse), (self.s4, self.s4_fuse))
        for stage, fuse in laterals:
            slow, fast = stage([slow, fast])
            slow = fuse(slow, fast)
        return self.s5([slow, fast])


class SinglePathway(VideoClassifier):
    """One pathway alone, the paper's Slow-only and Fast-only baselines (its table 5).

    ``alpha`` > 1 lets it see the slow pathway's frames, 1 every frame.
    """

    def __init__(self, pathway: Pathway, **given: Any) -> None:
        super().__init__([pathway], None, **given)

    def last_stage(self, clip: Tensor) -> list[Tensor]:
        x = self.s1([slow_clip(clip, self.alpha, self.slow_frames)])
        for stage in (self.s2, self.s3, self.s4, self.s5):
            x = stage(x)
        return x


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
            if layer.bias is not None:
                nn.initializer.Constant(0.0)(layer.bias)
        elif isinstance(layer, nn.BatchNorm3D):
            is_last = name.endswith("branch2.c_bn") or "_nonlocal" in name
            scale = 0.0 if is_last else 1.0
            nn.initializer.Constant(scale)(layer.weight)
            nn.initializer.Constant(0.0)(layer.bias)
        elif isinstance(layer, nn.Linear):
            nn.initializer.Normal(0.0, 0.01)(layer.weight)
            nn.initializer.Constant(0.0)(layer.bias)
