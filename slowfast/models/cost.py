"""Parameters, multiply-adds and output shapes of a network, traced without computing anything."""

import math
from functools import partial
from typing import Any, NamedTuple

import paddle
from paddle import nn

from slowfast import models
from slowfast.models.nonlocal_block import NonLocal


class Row(NamedTuple):
    """One part of the network: its output shapes, trainable parameters and multiply-adds."""

    name: str
    shapes: list[list[int]]
    params: int
    macs: int


def count_parameters(layer: nn.Layer) -> int:
    """Trainable parameters; Paddle lists batch norm's running statistics too, which are not."""
    return sum(int(p.size) for p in layer.parameters() if not p.stop_gradient)


def summarize(
    model: nn.Layer, clip_shape: tuple[int, int, int, int, int], boxes: int = 0
) -> list[Row]:
    """One row per top-level part, in the order in which a clip ``[N, 3, T, H, W]`` passes them.

    Args:
        model: a network of ``models/slowfast.py``.
        clip_shape: N, 3, T, H, W.
        boxes: of all clips together, for a detector.

    Multiply-adds are those of convolutions and linear layers, as published for SlowFast, and of the
    products of positions in non-local blocks. The model is traced through Paddle's static graph,
    which infers shapes; it is not usable afterwards.
    """
    macs: dict[str, int] = {}
    shapes: dict[str, list[list[int]]] = {}
    parts = dict(model.named_children())
    for name, part in parts.items():
        macs[name] = 0
        part.register_forward_post_hook(partial(_record_shapes, shapes, name))
        for layer in part.sublayers(include_self=True):
            if isinstance(layer, nn.Conv3D | nn.Linear | NonLocal):
                layer.register_forward_post_hook(partial(_add_macs, macs, name))
    model.eval()
    # No network asks for a tensor's values, so its functions need not be rewritten for the static
    # graph, which takes Paddle ten times as long as all the rest.
    paddle.jit.ignore_module([models])
    spec = [paddle.static.InputSpec(clip_shape, "float32")]
    if model.has_boxes:
        spec.append(paddle.static.InputSpec((boxes, 4), "float32"))
        spec.append(paddle.static.InputSpec(clip_shape[:1], "int32"))
    paddle.jit.to_static(model, input_spec=spec, full_graph=True).forward.concrete_program  # noqa: B018
    return [Row(name, shapes[name], count_parameters(parts[name]), macs[name]) for name in shapes]


def _record_shapes(
    shapes: dict[str, list[list[int]]], name: str, layer: nn.Layer, inputs: Any, output: Any
) -> None:
    tensors = output if isinstance(output, list | tuple) else [output]
    shapes[name] = [list(t.shape) for t in tensors]


def _add_macs(macs: dict[str, int], name: str, layer: nn.Layer, inputs: Any, output: Any) -> None:
    if isinstance(layer, nn.Linear):
        per_output = layer.weight.shape[0]
    elif isinstance(layer, NonLocal):  # theta by phi, and that by g, with half of the channels
        per_output = math.prod(size // 2 for size in output.shape[2:])
    else:
        per_output = math.prod(layer.weight.shape[1:])  # [out, in / groups, t, h, w]
    macs[name] += math.prod(output.shape) * per_output
