"""The learning rate as a function of the epoch, and SGD with its parameter groups."""

import bisect
import math

import paddle
from paddle import Tensor, nn, optimizer, regularizer

from slowfast.config import OptimConfig


def lr_scale(optim: OptimConfig, total_batch: int) -> float:
    """Factor of the learning rate for the real total batch (Goyal et al. 2017)."""
    return total_batch / optim.base_batch_size if optim.scale_lr else 1.0


def learning_rate(epoch: float, optim: OptimConfig, epochs: int) -> float:
    """The rate at a fractional epoch, for a total batch of ``base_batch_size``.

    Over the first ``warmup_epochs`` it grows linearly from ``warmup_start_lr``; then it follows
    ``schedule`` (PySlowFast).
    """
    schedule, warmup = SCHEDULES[optim.schedule], optim.warmup_epochs
    if epoch < warmup:
        end = schedule(warmup, optim, epochs)
        return optim.warmup_start_lr + epoch * (end - optim.warmup_start_lr) / warmup
    return schedule(epoch, optim, epochs)


def half_cosine(epoch: float, optim: OptimConfig, epochs: int) -> float:
    """``base_lr * (cos(pi * e / epochs) + 1) / 2`` (paper section 4.1)."""
    return optim.base_lr * (math.cos(math.pi * epoch / epochs) + 1.0) / 2.0


def stepwise(epoch: float, optim: OptimConfig, epochs: int) -> float:
    """``base_lr`` times the factor of the current step (PySlowFast)."""
    return optim.base_lr * optim.step_factors[bisect.bisect_right(optim.steps, epoch) - 1]


SCHEDULES = {"cosine": half_cosine, "step": stepwise}


def build_optimizer(model: nn.Layer, optim: OptimConfig) -> optimizer.Momentum:
    """SGD with momentum; batch norm's scale and shift have their own weight decay."""
    others: list[Tensor] = []
    norms: list[Tensor] = []
    for layer in model.sublayers(include_self=True):
        group = norms if isinstance(layer, nn.BatchNorm3D) else others
        group += [p for p in layer.parameters(include_sublayers=False) if not p.stop_gradient]
    decays = ((others, optim.weight_decay), (norms, optim.bn_weight_decay))
    groups = [{"params": p, "weight_decay": regularizer.L2Decay(decay)} for p, decay in decays]
    given = dict(momentum=optim.momentum, use_nesterov=optim.nesterov)
    return optimizer.Momentum(learning_rate=optim.base_lr, parameters=groups, **given)


@paddle.no_grad()
def gradient_norm(model: nn.Layer) -> float:
    """The L2 norm of all gradients together; nan if there are none."""
    found = [p.grad for p in model.parameters() if not p.stop_gradient and p.grad is not None]
    if not found:
        return math.nan
    return float(paddle.stack([paddle.linalg.norm(gradient) for gradient in found]).norm())


def clip_gradients(model: nn.Layer, largest: float) -> float:
    """Scales all gradients so that their joint L2 norm is at most ``largest``; 0 does nothing.

    Paddle's ``grad_clip`` would clip each parameter group by itself. Returns the norm before; 0 if
    ``largest`` is 0.
    """
    if not largest:
        return 0.0
    trained = [p for p in model.parameters() if not p.stop_gradient and p.grad is not None]
    return float(nn.utils.clip_grad_norm_(trained, largest))
