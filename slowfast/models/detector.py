"""The networks for boxes: what ``slowfast.py`` has, told where to look.

Legend: N clips, C channels, T frames, H x W pixels, K boxes of all clips, A actions.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import paddle
from numpy.typing import NDArray
from paddle import Tensor

from slowfast.models.roi_head import RoiHead, joined
from slowfast.models.slowfast import SinglePathway, SlowFast, VideoClassifier


class Detector(VideoClassifier):
    """What a network for boxes has of its own: it is told where to look.

    Boxes are ``[K, 4]``: x1, y1, x2, y2 in pixels of the clip, the first clip's first, and
    ``counts_N`` says how many are each clip's (int32).
    """

    has_boxes = True
    head: RoiHead

    def forward(self, clip_NCTHW: Tensor, boxes_K4: Tensor, counts_N: Tensor) -> Tensor:  # type: ignore[override]
        """Logits of each box ``[K, A]``."""
        logits_KA: Tensor = self.head(self.features(clip_NCTHW), boxes_K4, counts_N)
        return logits_KA

    def embed(self, clip_NCTHW: Tensor, boxes_K4: Tensor, counts_N: Tensor) -> Tensor:  # type: ignore[override]
        """The classifier's input for each box ``[K, C]``."""
        return self.head.pool(self.features(clip_NCTHW), boxes_K4, counts_N)

    def probabilities_of(self, clip_NCTHW: Tensor, boxes_K4: Tensor, counts_N: Tensor) -> Tensor:
        """Probabilities of each box ``[K, A]``."""
        return self.probabilities(self(clip_NCTHW, boxes_K4, counts_N))

    def predict(self, clip_NCTHW: Tensor, boxes: Sequence[Any]) -> list[Tensor]:  # type: ignore[override]
        """Probabilities ``[K, A]`` for each clip, of its boxes ``[K, 4]``, which may be none.

        Raises:
            ValueError: the clips are none, there are not boxes for each clip, or a box is none.
        """
        _check_clips(clip_NCTHW)
        if not isinstance(boxes, list | tuple) or len(boxes) != clip_NCTHW.shape[0]:
            is_list = isinstance(boxes, list | tuple)
            given = f"of {len(boxes)} clips" if is_list else f"in a {type(boxes).__name__}"
            raise ValueError(
                f"boxes {given} for {clip_NCTHW.shape[0]} clips: a list is wanted, of an array "
                "[K, 4] for each clip"
            )
        boxes_K4, counts_N = joined(boxes)
        for clip, own in enumerate(paddle.split(boxes_K4, counts_N.tolist())):
            _check_finite(own.numpy(), clip)
        if not len(boxes_K4):
            classes = self.head.projection.weight.shape[1]
            return [paddle.zeros([0, classes]) for _ in boxes]
        rows_KA = self.probabilities_of(clip_NCTHW, boxes_K4, counts_N)
        return paddle.split(rows_KA, counts_N.tolist())


def _check_clips(clips: Any) -> None:
    is_tensor = isinstance(clips, Tensor)
    shape = [*clips.shape] if is_tensor else []
    if not is_tensor or len(shape) != 5 or not shape[0] or not clips.is_floating_point():
        found = f"{clips.dtype} {shape}" if is_tensor else type(clips).__name__
        raise ValueError(
            f"the clips are {found}: a Tensor [N, 3, T, H, W] of normalised floats is wanted"
        )


def _check_finite(boxes_K4: NDArray[np.float32], clip: int) -> None:
    for place, box in enumerate(boxes_K4):
        if not np.isfinite(box).all():
            raise ValueError(f"box {place} of clip {clip} is not finite: {box.tolist()}")


class SlowFastDetector(Detector, SlowFast):
    """SlowFast for boxes."""


class SinglePathwayDetector(Detector, SinglePathway):
    """One pathway alone for boxes."""
