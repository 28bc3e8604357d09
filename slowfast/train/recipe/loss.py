"""The loss: cross entropy, exact and honest about numbers that are not finite."""

import paddle
from paddle import Tensor


def cross_entropy(logits_NK: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
    """The mean of ``logsumexp(logits) - logits[label]``, a scalar.

    With ``smoothing`` e the target has 1 - e, and all classes share e (Szegedy et al. 2016).

    Paddle's own ``F.cross_entropy`` cuts the log-probabilities off at -64 on CPU, and turns logits
    that are nan or infinite into a loss that is finite, so that training would go on with them
    (Paddle issues #20994 and #69859; seen in 3.3.1).

    It is computed in float32, whatever the logits are.

    Args:
        targets: the label of each clip ``[N]``, whole numbers; or what share of each class it is
            ``[N, K]`` float32, rows of which sum to 1.
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
