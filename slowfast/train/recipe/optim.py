"""SGD with its parameter groups, its step, and the norm of the gradients."""

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


def take_step(
    model: nn.Layer, sgd: optimizer.Optimizer, lr: float, grad_clip: float, *, is_told: bool
) -> float:
    """One optimizer step from the gradients, see ``Precision.unscale``; returns their L2 norm
    before they are clipped, see ``clip_gradients``; nan unless it ``is_told`` or needed."""
    if grad_clip:
        norm = clip_gradients(model, grad_clip)
    else:
        norm = gradient_norm(model) if is_told else math.nan
    sgd.set_lr(lr)
    sgd.step()
    return norm


@paddle.no_grad()
def gradient_norm(model: nn.Layer) -> float:
    """The L2 norm of all gradients together; nan if there are none."""
    found = [p.grad for p in model.parameters() if not p.stop_gradient and p.grad is not None]
    if not found:
        return math.nan
    return float(paddle.stack([paddle.linalg.norm(gradient) for gradient in found]).norm())


def clip_gradients(model: nn.Layer, largest: float) -> float:
    """Scales all gradients so that their joint L2 norm is at most ``largest``; returns the norm
    before. Paddle's ``grad_clip`` would clip each parameter group by itself."""
    trained = [p for p in model.parameters() if not p.stop_gradient and p.grad is not None]
    return float(nn.utils.clip_grad_norm_(trained, largest))
