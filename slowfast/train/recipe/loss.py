"""The losses: exact, and not finite if the logits are not.

Legend: N clips, K classes.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F
from numpy.typing import NDArray
from paddle import Tensor

from slowfast.config import Config, TrainConfig

LEAST = 1e-30
"""The least that a power of focal loss is taken of: at 0 its derivative may be infinite."""


def cross_entropy(
    logits_NK: Tensor, targets: Tensor, smoothing: float = 0.0, weights_K: Tensor | None = None
) -> Tensor:
    """The mean of ``logsumexp(logits) - logits[label]``, a scalar, always computed in float32.

    With ``smoothing`` e the label gets 1 - e, and all classes share e (Szegedy et al. 2016). A
    class's term, in both, counts ``weights`` times. The mean is over the clips, whatever their
    weights: PyTorch divides by the sum of the labels' weights instead.

    Paddle's own ``F.cross_entropy`` cuts log-probabilities off at -64 on CPU, and gives a finite
    loss for logits that are nan or infinite, so that training would not notice them (Paddle issues
    #20994 and #69859; seen in 3.3.1).

    Args:
        targets: the label of each clip ``[N]``, integers; or its share of each class ``[N, K]``
            float32, with rows that sum to 1.
    """
    logits_NK = logits_NK.astype("float32")
    if weights_K is not None:
        num_classes = logits_NK.shape[1]
        shares_NK = F.one_hot(targets, num_classes) if targets.ndim == 1 else targets
        shares_NK = (1.0 - smoothing) * shares_NK + smoothing / num_classes
        costs_NK = paddle.logsumexp(logits_NK, axis=1, keepdim=True) - logits_NK
        return (weights_K * shares_NK * costs_NK).sum(axis=1).mean()
    if targets.ndim == 1:
        own_N1 = paddle.take_along_axis(logits_NK, targets.unsqueeze(1), axis=1)
        wanted_N = own_N1.squeeze(1)
    else:
        wanted_N = (logits_NK * targets).sum(axis=1)
    if smoothing:
        wanted_N = (1.0 - smoothing) * wanted_N + smoothing * logits_NK.mean(axis=1)
    return (paddle.logsumexp(logits_NK, axis=1) - wanted_N).mean()


def binary_cross_entropy(
    logits_NK: Tensor, targets_NK: Tensor, smoothing: float = 0.0, weights_K: Tensor | None = None,
    gamma: float = 0.0,
) -> Tensor:  # fmt: skip
    """The mean over clips and classes of ``-t log(p) - (1 - t) log(1 - p)``, p the sigmoid of a
    logit, a scalar, always computed in float32 (PySlowFast's ``bce_logit``).

    With ``smoothing`` e a target t becomes ``t (1 - e) + e / 2``. A class's yes, the first term,
    counts ``weights`` times, as PyTorch's ``pos_weight``. With ``gamma`` it is focal loss (Lin et
    al. 2017) without its alpha: each element counts ``(1 - p_t)^gamma``,
    ``p_t = t p + (1 - t) (1 - p)``.

    Args:
        targets_NK: 1 where a clip shows a class, else 0, or shares of 1; float32.
    """
    logits_NK = logits_NK.astype("float32")
    if smoothing:
        targets_NK = targets_NK * (1.0 - smoothing) + smoothing / 2
    yes_NK = -targets_NK * F.log_sigmoid(logits_NK)
    no_NK = -(1.0 - targets_NK) * F.log_sigmoid(-logits_NK)
    loss_NK = (yes_NK if weights_K is None else weights_K * yes_NK) + no_NK
    if gamma:
        # Not 1 - p_t, which is 0 where p_t is only close to 1.
        wrong_NK = targets_NK * F.sigmoid(-logits_NK) + (1.0 - targets_NK) * F.sigmoid(logits_NK)
        loss_NK = wrong_NK.clip(min=LEAST) ** gamma * loss_NK
    return loss_NK.mean()


def cross_entropy_of_boxes(logits_KA: Tensor, targets_KA: Tensor, smoothing: float = 0.0) -> Tensor:
    """``cross_entropy`` of boxes with a label each; several have equal shares (mmaction2).

    Args:
        targets_KA: 1 where a box shows a class, at least one of them, else 0; float32.
    """
    return cross_entropy(logits_KA, targets_KA / targets_KA.sum(axis=1, keepdim=True), smoothing)


LOSSES: dict[str, Callable[..., Tensor]] = {
    "single": cross_entropy, "multi": binary_cross_entropy, "detection": binary_cross_entropy,
}  # fmt: skip
"""By task: from logits ``[N, K]`` and targets to the loss; for detection N is the number of
boxes."""


def loss_of(cfg: Config) -> Callable[..., Tensor]:
    """The one of ``LOSSES``, or that of boxes with one label each."""
    return cross_entropy_of_boxes if cfg.has_one_label else LOSSES[cfg.train.task]


def training_loss(
    logits_NK: Tensor, targets: Tensor, train: TrainConfig, weights_K: NDArray[np.float32] | None,
    loss_function: Callable[..., Tensor] | None = None,
) -> Tensor:  # fmt: skip
    """The loss of the task, or the given one, as the config wants it, with the
    ``class_weights``."""
    options: dict[str, Any] = {"smoothing": train.label_smoothing}
    if weights_K is not None:
        options["weights_K"] = paddle.to_tensor(weights_K)
    if train.focal_gamma:
        options["gamma"] = train.focal_gamma
    loss = (loss_function or LOSSES[train.task])(logits_NK, targets, **options)
    return loss if train.focal_alpha == 1 else train.focal_alpha * loss
