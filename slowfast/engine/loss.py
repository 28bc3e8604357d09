"""The loss: cross entropy, exact and honest about numbers that are not finite."""

import paddle
from paddle import Tensor


def cross_entropy(logits_NK: Tensor, labels_N: Tensor) -> Tensor:
    """The mean of ``logsumexp(logits) - logits[label]``, a scalar.

    Paddle's own ``F.cross_entropy`` cuts the log-probabilities off at -64 on CPU, and turns logits
    that are nan or infinite into a loss that is finite, so that training would go on with them
    (Paddle issues #20994 and #69859; seen in 3.3.1).
    """
    own_N1 = paddle.take_along_axis(logits_NK, labels_N.unsqueeze(1), axis=1)
    return (paddle.logsumexp(logits_NK, axis=1) - own_N1.squeeze(1)).mean()
