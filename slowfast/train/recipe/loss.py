"""The cross-entropy loss: exact, and not finite if the logits are not."""

import paddle
from paddle import Tensor


def cross_entropy(logits_NK: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
    """The mean of ``logsumexp(logits) - logits[label]``, a scalar, always computed in float32.

    With ``smoothing`` e the label gets 1 - e, and all classes share e (Szegedy et al. 2016).

    Paddle's own ``F.cross_entropy`` cuts log-probabilities off at -64 on CPU, and gives a finite
    loss for logits that are nan or infinite, so that training would not notice them (Paddle issues
    #20994 and #69859; seen in 3.3.1).

    Args:
        targets: the label of each clip ``[N]``, integers; or its share of each class ``[N, K]``
            float32, with rows that sum to 1.
    """
    logits_NK = logits_NK.astype("float32")
    if targets.ndim == 1:
        own_N1 = paddle.take_along_axis(logits_NK, targets.unsqueeze(1), axis=1)
        wanted_N = own_N1.squeeze(1)
    else:
        wanted_N = (logits_NK * targets).sum(axis=1)
    if smoothing:
        wanted_N = (1.0 - smoothing) * wanted_N + smoothing * logits_NK.mean(axis=1)
    return (paddle.logsumexp(logits_NK, axis=1) - wanted_N).mean()
