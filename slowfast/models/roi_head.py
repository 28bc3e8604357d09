"""The head of detection: the classifier of ``head.py`` for each box of a picture.

Legend: N clips, C channels, T frames, H x W cells of the last feature map, K boxes of all clips,
S x S cells of a box, A actions.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn
from paddle.vision.ops import roi_align

from slowfast.models.roi_pooling import STRIDE, RoiPooling


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
        features_KC = self.pool(pathways, boxes_K4, counts_N)
        if not self.pooling.dropout_first:
            features_KC = self.dropout(features_KC)
        return self.projection(features_KC)

    def pool(self, pathways: list[Tensor], boxes_K4: Tensor, counts_N: Tensor) -> Tensor:
        """The classifier's input for each box ``[K, C]``: slow channels, then fast ones; with
        context both of the box, then both of the picture."""
        size, aligned, sampling, time, context, dropout_first = self.pooling
        over_time = _largest_of_time if time == "max" else _mean_of_time
        x_NCHW = paddle.concat([over_time(x) for x in pathways], axis=1)
        cells = roi_features(x_NCHW, boxes_K4, counts_N, size, aligned, sampling)
        if context:
            whole = F.adaptive_avg_pool2d(x_NCHW, size)
            cells = paddle.concat([cells, whole.repeat_interleave(counts_N, axis=0)], axis=1)
        if dropout_first:
            cells = self.dropout(cells)
        # Not Tensor.max, which shares its gradient among equal cells; the peers' goes to the first.
        return F.max_pool2d(cells, size).flatten(1)


def _mean_of_time(x_NCTHW: Tensor) -> Tensor:
    return x_NCTHW.mean(axis=2)


def _largest_of_time(x_NCTHW: Tensor) -> Tensor:
    return F.max_pool3d(x_NCTHW, (x_NCTHW.shape[2], 1, 1)).squeeze(2)


def roi_features(
    x_NCHW: Tensor, boxes_K4: Tensor, counts_N: Tensor, size: int, aligned: bool, sampling: int
) -> Tensor:
    """RoIAlign (He et al. 2017) ``[K, C, S, S]``.

    If ``aligned``, boxes without area have zeros, as in torchvision with ``sampling`` 0; Paddle's
    own (3.3.1) gives nan. If not, all boxes are at least a cell wide and high.
    """
    ratio = sampling or -1
    boxes_K4 = near(boxes_K4, x_NCHW)
    x_NCHW = x_NCHW.astype(boxes_K4.dtype)  # the kernel has no form for bf16
    if not aligned:
        return roi_align(x_NCHW, boxes_K4, counts_N, size, 1 / STRIDE, ratio, aligned)
    corners = boxes_K4 / STRIDE - 0.5  # as the kernel rounds them
    least_side = (corners[:, 2:] - corners[:, :2]).min(axis=1, keepdim=True)
    has_area = (least_side > 0).astype(boxes_K4.dtype)
    cell = paddle.concat([paddle.zeros([1, 2]), paddle.full([1, 2], float(STRIDE))], axis=1)
    # Of one shape: else a trace asks for their places, which it warns of.
    sound = paddle.where(has_area.tile([1, 4]) > 0, boxes_K4, cell + 0 * has_area)
    cells = roi_align(x_NCHW, sound, counts_N, size, 1 / STRIDE, ratio, aligned)
    return cells * has_area.unsqueeze([2, 3])


@paddle.amp.auto_cast(enable=False)
def near(boxes_K4: Tensor, x_NCHW: Tensor) -> Tensor:
    """Boxes, cut off where they are further from the picture than it is wide, or high.

    The kernel's work and memory grow with a box's area, and Paddle's ends the process where a
    corner is nan or the memory is not enough. nan becomes the least corner.
    """
    height, width = (paddle.shape(x_NCHW)[axis : axis + 1] for axis in (2, 3))
    picture_4 = STRIDE * paddle.concat([width, height, width, height]).astype(boxes_K4.dtype)
    return paddle.minimum(paddle.fmax(boxes_K4, -picture_4), 2 * picture_4)


def joined(boxes: Sequence[Any]) -> tuple[Tensor, Tensor]:
    """The boxes of N clips, ``[K, 4]`` each, arrays or tensors, as ``RoiHead`` takes them.

    Raises:
        ValueError: a clip's are of another shape.
    """
    parts = [_of_clip(own, clip) for clip, own in enumerate(boxes)]
    counts_N = paddle.to_tensor([len(part) for part in parts], dtype="int32")
    return paddle.concat(parts), counts_N


def _of_clip(boxes: Any, clip: int) -> Tensor:
    if not isinstance(boxes, Tensor):
        boxes = paddle.to_tensor(np.asarray(boxes, np.float32))
    if boxes.size == 0:
        return paddle.zeros([0, 4])
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(
            f"the boxes of clip {clip} are of shape {list(boxes.shape)}, not [K, 4]: x1, y1, x2, y2"
        )
    return boxes.astype("float32")
