"""What the layers of this folder have in common: primitives that are kept for each shape, and what
PyLayers ask Paddle."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

from paddle import Tensor

from slowfast.models.layers.cpu.onednn import Primitive

KEPT = 1024
"""Shapes whose kernels are kept, for each kind of layer."""


class Kernels:
    """The primitives of a layer for one shape of clips.

    Args:
        forward: the forward pass.
        make_backward: makes that of the backward pass, when it is first wanted.
    """

    def __init__(self, forward: Primitive, make_backward: Callable[[], Primitive]) -> None:
        self.forward, self._make_backward = forward, make_backward

    @cached_property
    def backward(self) -> Primitive:
        """The backward pass."""
        return self._make_backward()


def needs(*tensors: Tensor) -> list[bool]:
    """Which of them want a gradient; recomputed tensors do not tell in backward."""
    return [not tensor.stop_gradient for tensor in tensors]


def take_saved(ctx: Any) -> tuple[Tensor, ...]:
    """The saved tensors of a PyLayer's context, which lets go of them: Paddle keeps them until the
    whole graph ends."""
    tensors: tuple[Tensor, ...] = ctx.saved_tensor()
    ctx.save_for_backward()
    return tensors
