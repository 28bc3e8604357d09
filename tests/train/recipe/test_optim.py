"""What one step does to each kind of parameter."""

import dataclasses
import math

import numpy as np
import paddle
import pytest
from paddle import nn
from support.small_nets import small

from slowfast.config import OptimConfig
from slowfast.models.freeze import freeze
from slowfast.train.recipe.optim import build_optimizer, take_step

RECIPE = OptimConfig()


def step(optim: OptimConfig, net: nn.Layer, lr: float, gradients: float) -> None:
    """One step in which every parameter's gradient is ``gradients``."""
    optimizer = build_optimizer(net, optim)
    optimizer.set_lr(lr)
    parameters = [p for p in net.parameters() if not p.stop_gradient]
    paddle.add_n([(p * gradients).sum() for p in parameters]).backward()
    optimizer.step()


@pytest.mark.parametrize(("bn_decay", "decay"), [(0.0, 0.5), (0.25, 0.0), (0.25, 0.5)])
def test_weight_decay_of_batch_norm_and_of_the_rest(bn_decay: float, decay: float) -> None:
    """With gradients of zero, plain momentum's first step is ``p - lr * decay * p``."""
    net = small(train_crop=32)
    freeze(net, ["stem"])
    for parameter in net.parameters():
        parameter.set_value(paddle.full_like(parameter, 2.0))
    optim = dataclasses.replace(
        RECIPE, nesterov=False, weight_decay=decay, bn_weight_decay=bn_decay
    )
    step(optim, net, lr=0.1, gradients=0.0)
    kinds = {"bn": 0, "other": 0}
    for name, parameter in net.named_parameters():
        if parameter.stop_gradient:  # frozen, or running statistics
            assert (parameter.numpy() == 2.0).all(), name
            continue
        kind = "bn" if name.rpartition(".")[0].endswith("bn") else "other"
        kinds[kind] += 1
        expected = 2.0 * (1 - 0.1 * (bn_decay if kind == "bn" else decay))
        np.testing.assert_allclose(parameter.numpy(), expected, rtol=1e-6, err_msg=name)
    # Four blocks a pathway of which all project (conv + bn), laterals, the linear layer.
    convolutions = 2 * 4 * 4 + 3
    assert kinds == {"bn": 2 * convolutions, "other": convolutions + 2}


@pytest.mark.parametrize("nesterov", [True, False])
def test_steps_follow_the_formula(nesterov: bool) -> None:
    """``v = mu v + g``; Nesterov ``p -= lr (g + mu v)``, else ``p -= lr v``; g has the decay."""
    optim = dataclasses.replace(RECIPE, nesterov=nesterov, weight_decay=0.01)
    net = nn.Linear(2, 1)
    start = np.array([[1.0], [-3.0]])
    net.weight.set_value(start.astype(np.float32))
    optimizer = build_optimizer(net, optim)
    p, v = start, np.zeros_like(start)
    for lr, slope in [(0.1, 0.5), (0.05, -2.0), (0.2, 0.25)]:
        optimizer.set_lr(lr)
        (net.weight.sum() * slope).backward()
        optimizer.step()
        optimizer.clear_grad()
        g = slope + 0.01 * p
        v = 0.9 * v + g
        p = p - lr * (g + 0.9 * v if nesterov else v)
        np.testing.assert_allclose(net.weight.numpy(), p, rtol=1e-6)


def test_every_trainable_parameter_is_optimized_once() -> None:
    """Without decay, Nesterov's first step is ``p - lr (1 + mu) g`` for each of them."""
    net = small(train_crop=32)
    before = {name: p.numpy() for name, p in net.named_parameters()}
    step(dataclasses.replace(RECIPE, weight_decay=0.0), net, lr=0.1, gradients=3.0)
    for name, parameter in net.named_parameters():
        moved = before[name] - parameter.numpy()
        expected = 0.0 if parameter.stop_gradient else 0.1 * 1.9 * 3.0
        np.testing.assert_allclose(moved, expected, rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.parametrize(("largest", "norm"), [(0.0, 13.0), (40.0, 13.0), (2.6, 2.6)])
@pytest.mark.parametrize("is_told", [True, False])
def test_gradients_are_clipped_together(largest: float, norm: float, is_told: bool) -> None:
    """3, 4 and 12 in two layers of different groups: their norm is 13, which is told; where they
    are not clipped, only if it is asked for."""
    net = nn.Sequential(nn.Linear(1, 2), nn.BatchNorm3D(1))
    ((net[0].weight * paddle.to_tensor([[3.0, 4.0]])).sum() + 12 * net[1].weight.sum()).backward()
    told = take_step(net, build_optimizer(net, RECIPE), 0.1, largest, is_told=is_told)
    assert told == pytest.approx(13) if is_told or largest else math.isnan(told)
    found = np.concatenate([net[0].weight.grad.numpy().ravel(), net[1].weight.grad.numpy()])
    np.testing.assert_allclose(found, np.array([3.0, 4.0, 12.0]) * norm / 13, rtol=1e-5)
