"""The head of detection: the classifier of ``head.py`` for each box of a picture.

Legend: N clips, C channels, T frames, H x W cells of the last feature map, K boxes of all clips,
S x S cells of a box, A actions.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import paddle
import paddle.nn.functional as F
from numpy.typing import NDArray
from paddle import Tensor, nn
from paddle.vision.ops import roi_align

STRIDE = 16
"""Pixels of the clip for one cell of the last feature map, each way: res5 has stride 1 here."""


class RoiPooling(NamedTuple):
    """How the features of a box are taken; the systems differ in it."""

    size: int = 7
    """S."""
    aligned: bool = True
    """Boxes are shifted by half a cell."""
    sampling: int = 0
    """Points in each cell each way; 0: as many as cells of the feature map lie in it."""
    time: str = "mean"
    """``mean`` or ``max`` over the frames, before RoIAlign."""
    context: bool = False
    """The classifier also gets the features of the whole picture."""
    dropout_first: bool = False
    """Dropout before the largest cell is taken."""


class RoiHead(nn.Layer):
    """Pool over time, concatenation, RoIAlign, the largest cell, dropout, linear classifier.

    Args:
        channels: of all pathways together.
        num_classes: A.
        pooling: how a box's features are taken.
        dropout: probability of dropping a feature in training.
    """

    def __init__(
        self, channels: int, num_classes: int, pooling: RoiPooling, dropout: float
    ) -> None:
        super().__init__()
        self.pooling = pooling
        self.dropout = nn.Dropout(dropout)
        self.projection = nn.Linear((1 + pooling.context) * channels, num_classes)

    def forward(self, pathways: list[Tensor], boxes_K4: Tensor, counts_N: Tensor) -> Tensor:
        """Logits of each box ``[K, A]``, from one ``[N, C, T, H, W]`` per pathway.

        Args:
            boxes_K4: x1, y1, x2, y2 in pixels of the clip, those of the first clip first.
            counts_N: how many are each clip's, int32.
        """
        return self.projection(self.dropout_of(self.pool(pathways, boxes_K4, counts_N)))

    def dropout_of(self, boxes_KC: Tensor) -> Tensor:
        """Dropout, unless it came before the largest cell."""
        return boxes_KC if self.pooling.dropout_first else self.dropout(boxes_KC)

    def pool(self, pathways: list[Tensor], boxes_K4: Tensor, counts_N: Tensor) -> Tensor:
        """The classifier's input for each box ``[K, C]``: slow channels, then fast ones; with
        context both of the box, then both of the picture."""
        size, aligned, sampling, time, context, dropout_first = self.pooling
        over_time = paddle.max if time == "max" else paddle.mean
        x_NCHW = paddle.concat([over_time(x, axis=2) for x in pathways], axis=1)
        cells = roi_features(x_NCHW, boxes_K4, counts_N, size, aligned, sampling)
        if context:
            whole = F.adaptive_avg_pool2d(x_NCHW, size)
            cells = paddle.concat([cells, whole.repeat_interleave(counts_N, axis=0)], axis=1)
        if dropout_first:
            cells = self.dropout(cells)
        return cells.max(axis=[2, 3])


def roi_features(
    x_NCHW: Tensor, boxes_K4: Tensor, counts_N: Tensor, size: int, aligned: bool, sampling: int
) -> Tensor:
    """RoIAlign (He et al. 2017) ``[K, C, S, S]``; 0 for a box without area, as torchvision has it.

    Paddle's gives nan for such a box if ``aligned`` (3.3.1).
    """
    least_side = (boxes_K4[:, 2:] - boxes_K4[:, :2]).min(axis=1, keepdim=True)
    has_area = (least_side > 0).astype(boxes_K4.dtype)
    sound = boxes_K4 * has_area + unit_box() * (1 - has_area)
    ratio = sampling or -1
    x_NCHW = x_NCHW.astype(boxes_K4.dtype)  # Paddle's has no form for bf16
    cells = roi_align(x_NCHW, sound, counts_N, size, 1 / STRIDE, ratio, aligned)
    if aligned:
        cells = cells * has_area.unsqueeze([2, 3])
    return cells


def unit_box() -> Tensor:
    """A box of one cell, in place of one that has no area."""
    return paddle.to_tensor([0.0, 0.0, STRIDE, STRIDE], dtype="float32")


def joined(boxes: Sequence[NDArray[np.float32] | Tensor]) -> tuple[Tensor, Tensor]:
    """The boxes of N clips, ``[K, 4]`` each, as ``RoiHead`` takes them."""
    parts = [paddle.to_tensor(own, dtype="float32").reshape([-1, 4]) for own in boxes]
    counts_N = paddle.to_tensor([len(part) for part in parts], dtype="int32")
    return paddle.concat(parts), counts_N
