"""Training steps of our network in Paddle, asked for on stdin by benchmarks/train_step.py.

Contenders: ``ours``, and ``conv3d``, which is the same with Paddle's conv3d in all layers.
"""

# ruff: noqa: E402  (Paddle's libraries read the environment as they are loaded)
from slowfast import machine

machine.import_paddle()

import sys
from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import nn

import slowfast.models
from benchmarks.step_server import Answer, Step, draw, fast_clip, serve
from slowfast.models.layers.conv import Conv3D

CONSTRUCTORS = {"8x8": "slowfast_r50", "4x16": "slowfast_r50_4x16"}


def build(contender: str, network: str) -> Step:
    """The step of one contender."""
    model = getattr(slowfast.models, CONSTRUCTORS[network])(dropout=0.0)
    linear = {f"{n}.weight" for n, m in model.named_sublayers() if isinstance(m, nn.Linear)}
    state = {}
    for name, tensor in model.state_dict().items():
        # Paddle keeps a linear layer as [in, out].
        shape = tensor.shape[::-1] if name in linear else tensor.shape
        values = draw(name, shape)
        state[name] = paddle.to_tensor(values.T.copy() if name in linear else values)
    model.set_state_dict(state)
    forward = {"ours": Conv3D.forward, "conv3d": nn.Conv3D.forward}[contender]
    optimizer = paddle.optimizer.Momentum(1e-4, 0.9, model.parameters())
    clip, labels = fast_clip()
    clip, labels = paddle.to_tensor(clip), paddle.to_tensor(labels)

    def step(wants_gradients: bool) -> Answer:
        Conv3D.forward = forward  # type: ignore[method-assign]
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
