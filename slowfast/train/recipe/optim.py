"""SGD with its parameter groups, and the norm of the gradients."""

import math

import paddle
from paddle import Tensor, nn, optimizer, regularizer

from slowfast.config import OptimConfig


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
