"""The networks for boxes: what ``slowfast.py`` has, told where to look.

Legend: N clips, C channels, T frames, H x W pixels, K boxes of all clips, A actions.
"""

from collections.abc import Sequence
from typing import Any

import paddle
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
            ValueError: there are not boxes for each clip.
        """
        if len(boxes) != clip_NCTHW.shape[0]:
            raise ValueError(f"boxes of {len(boxes)} clips for {clip_NCTHW.shape[0]} clips")
        boxes_K4, counts_N = joined(boxes)
        if not len(boxes_K4):
            classes = self.head.projection.weight.shape[1]
            return [paddle.zeros([0, classes]) for _ in boxes]
        rows_KA = self.probabilities_of(clip_NCTHW, boxes_K4, counts_N)
        return paddle.split(rows_KA, counts_N.tolist())


class SlowFastDetector(Detector, SlowFast):
    """SlowFast for boxes."""


class SinglePathwayDetector(Detector, SinglePathway):
    """One pathway alone for boxes."""
