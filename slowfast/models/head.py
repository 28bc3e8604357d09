"""The classifier on top of the pathways.

Legend: N clips, C channels, T frames, H x W pixels, P positions, K classes.
"""

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn


def softmax(logits: Tensor) -> Tensor:
    """Softmax over the last axis; nan where a logit is not finite.

    Paddle's own then gives about 1 / K on CPU (K from 8 on; seen in 3.3.1): no check would see it.
    """
    return F.softmax(logits, axis=-1) + (logits - logits)


def sigmoid(logits: Tensor) -> Tensor:
    """Sigmoid of each; nan where a logit is not finite, as for ``softmax``."""
    return F.sigmoid(logits) + (logits - logits)


PROBABILITIES = {"single": softmax, "multi": sigmoid, "detection": sigmoid}
"""By task: from logits ``[..., K]`` to as many probabilities."""


class Head(nn.Layer):
    """Average pool of each pathway, concatenation, dropout, linear classifier.

    Args:
        channels: of all pathways together.
        num_classes: K.
        pool_size: side of the pooling window, which slides by 1, so that a crop larger than in
            training is classified at several positions (PySlowFast's dense head). None: one
            window over everything.
        dropout: probability of dropping a feature in training.
    """

    def __init__(
        self, channels: int, num_classes: int, pool_size: int | None, dropout: float
    ) -> None:
        super().__init__()
        self.pool_size = pool_size
        self.dropout = nn.Dropout(dropout)
        self.projection = nn.Linear(channels, num_classes)

    def forward(self, pathways: list[Tensor]) -> Tensor:
        """Logits at each position, ``[N, P, K]``, from one ``[N, C, T, H, W]`` per pathway."""
        return self.projection(self.dropout(self.pool(pathways)))

    def pool(self, pathways: list[Tensor]) -> Tensor:
        """The classifier's input at each position, ``[N, P, C]``: slow channels, then fast ones."""
        x_NCHW = paddle.concat([self._average(x) for x in pathways], axis=1)
        return x_NCHW.flatten(2).transpose([0, 2, 1])

    def split(self, pathways: list[Tensor]) -> list[Tensor]:
        """What each pathway's features add to the logits, ``[N, P, K]`` each: with the classifier's
        bias they are the logits of evaluation."""
        weights = paddle.split(self.projection.weight, [x.shape[1] for x in pathways])
        return [self.pool([x]) @ own for x, own in zip(pathways, weights, strict=True)]

    def _average(self, x_NCTHW: Tensor) -> Tensor:
        x_NCHW = x_NCTHW.mean(axis=2)
        height, width = x_NCHW.shape[2:]
        if height < 0:  # unknown: a graph is traced, for pictures that no window is too large for
            if self.pool_size is None:
                return x_NCHW.mean(axis=[2, 3], keepdim=True)
            return F.avg_pool2d(x_NCHW, self.pool_size, stride=1)
        size = self.pool_size or max(height, width)
        return F.avg_pool2d(x_NCHW, (min(size, height), min(size, width)), stride=1)
