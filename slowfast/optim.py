"""The learning rate as a pure function of the epoch, and SGD with its parameter groups."""

import math

from paddle import Tensor, nn, optimizer, regularizer

from slowfast.config import OptimConfig


def lr_scale(optim: OptimConfig, total_batch: int) -> float:
    """Factor of both learning rates for the real total batch (Goyal et al. 2017)."""
    return total_batch / optim.base_batch_size if optim.scale_lr else 1.0


def learning_rate(epoch: float, optim: OptimConfig, epochs: int) -> float:
    """The rate at a fractional epoch, for a total batch of ``base_batch_size``.

    Half-cosine ``base_lr * (cos(pi * e / epochs) + 1) / 2``, reached from ``warmup_start_lr`` by a
    straight line over the first ``warmup_epochs`` (PySlowFast).
    """
    warmup = optim.warmup_epochs
    if epoch < warmup:
        end = _half_cosine(warmup, optim.base_lr, epochs)
        return optim.warmup_start_lr + epoch * (end - optim.warmup_start_lr) / warmup
    return _half_cosine(epoch, optim.base_lr, epochs)


def _half_cosine(epoch: float, base_lr: float, epochs: int) -> float:
    return base_lr * (math.cos(math.pi * epoch / epochs) + 1.0) / 2.0


def build_optimizer(model: nn.Layer, optim: OptimConfig) -> optimizer.Momentum:
    """SGD with momentum; batch norm's scale and shift have a weight decay of their own."""
    norms: list[Tensor] = []
    others: list[Tensor] = []
    for layer in model.sublayers(include_self=True):
        group = norms if isinstance(layer, nn.BatchNorm3D) else others
        group += [p for p in layer.parameters(include_sublayers=False) if not p.stop_gradient]
    groups = [
        {"params": others, "weight_decay": regularizer.L2Decay(optim.weight_decay)},
        {"params": norms, "weight_decay": regularizer.L2Decay(optim.bn_weight_decay)},
    ]
    return optimizer.Momentum(
        learning_rate=optim.base_lr,
        momentum=optim.momentum,
        parameters=groups,
        use_nesterov=optim.nesterov,
    )
