"""Training steps of our network in Paddle, asked for on stdin by benchmarks/train_step.py.

Contenders: ``ours``, with ``:stages`` or ``:blocks`` for what is computed again in backward;
``conv3d``, which is the same with Paddle's conv3d in all layers; and ``before``, the network of the
checkout that the variable CHECKOUT names.
"""

# ruff: noqa: E402  (Paddle's libraries read the environment as they are loaded)
import os
import sys

from benchmarks.step_server import Answer, Step, draw, fast_clips, serve  # ours, in any case

if checkout := os.environ.get("CHECKOUT"):
    sys.path.insert(0, checkout)

from slowfast import machine

machine.import_paddle()

from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import nn

import slowfast.models
from slowfast.models.layers.conv import Conv3D

if not checkout:
    from slowfast.models.layers.cpu import onednn
    from slowfast.models.resnet3d import set_recompute

CONSTRUCTORS = {"8x8": "slowfast_r50", "4x16": "slowfast_r50_4x16"}


def build(contender: str, network: str, clips: int) -> Step:
    """The step of one contender."""
    name, _, units = contender.partition(":")
    if name == "conv3d":
        onednn.library = lambda: None  # type: ignore[assignment]
        Conv3D.forward = nn.Conv3D.forward  # type: ignore[method-assign]
    model = getattr(slowfast.models, CONSTRUCTORS[network])(dropout=0.0)
    linear = {f"{n}.weight" for n, m in model.named_sublayers() if isinstance(m, nn.Linear)}
    state = {}
    for name, tensor in model.state_dict().items():
        # Paddle keeps a linear layer as [in, out].
        shape = tensor.shape[::-1] if name in linear else tensor.shape
        values = draw(name, shape)
        state[name] = paddle.to_tensor(values.T.copy() if name in linear else values)
    model.set_state_dict(state)
    if units:
        set_recompute(model, units)
    optimizer = paddle.optimizer.Momentum(1e-4, 0.9, model.parameters())
    clip, labels = fast_clips(clips)
    clip, labels = paddle.to_tensor(clip), paddle.to_tensor(labels)

    def step(wants_gradients: bool) -> Answer:
        loss = F.cross_entropy(model(clip), labels)
        loss.backward()
        gradients: dict[str, Any] = {}
        if wants_gradients:
            gradients = {
                n: p.grad.numpy() for n, p in model.named_parameters() if p.grad is not None
            }
            gradients = {n: g.T if n in linear else g for n, g in gradients.items()}
        optimizer.step()
        optimizer.clear_grad()
        return float(loss), gradients

    return step


if __name__ == "__main__":
    paddle.set_device("cpu")
    sys.exit(serve(build, f"paddlepaddle {paddle.__version__}, numpy {np.__version__}"))
