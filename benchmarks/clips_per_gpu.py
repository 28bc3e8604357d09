"""How many clips a GPU's memory holds in training: computed from what backward keeps, not run.

    python -m benchmarks.clips_per_gpu

A forward pass of one clip on the CPU, through Paddle's own layers as on a GPU, counts the bytes of
all tensors that are kept for backward. With 16 bits they are half as many. Beside them a GPU holds
weights, gradients and momentum in float32, two gradients as large as the largest activation for
each clip, and RESERVED.
"""

# ruff: noqa: E402  (Paddle's libraries read the environment as they are loaded)
from slowfast import machine

machine.import_paddle()

from collections.abc import Callable
from typing import Any

import paddle
from paddle import Tensor, nn

import slowfast.models
from benchmarks.timing import progress
from slowfast.models.layers.conv import Conv3D
from slowfast.models.layers.cpu import onednn
from slowfast.models.resnet3d import Bottleneck, Stage

NETWORKS = {"slowfast_r50_4x16": 32, "slowfast_r50": 32, "slowfast_r101": 32}
"""Constructors, and the frames of their clips."""
GPUS = (12, 24, 80)
"""GB."""
RESERVED = 1.5e9
"""Bytes for CUDA and cuDNN: assumed, not measured."""
SIDE = 224


class Kept:
    """The tensors that backward needs, by their place: each counts once."""

    def __init__(self) -> None:
        self.bytes: dict[int, int] = {}

    def note(self, x: Tensor) -> Tensor:
        """What Paddle calls for each tensor that an operation keeps."""
        if x is not None and not x.persistable and x.numel():
            size = int(x.size) * x.element_size()
            self.bytes[x.data_ptr()] = max(size, self.bytes.get(x.data_ptr(), 0))
        return x

    def total(self) -> int:
        """Bytes."""
        return sum(self.bytes.values())


def per_clip(constructor: str, frames: int) -> tuple[dict[str, float], float]:
    """Bytes of float32 a clip for each ``train.recompute``, and the fixed ones."""
    model = getattr(slowfast.models, constructor)()
    kept, alive = Kept(), []
    parts: dict[type, list[tuple[int, int]]] = {Stage: [], Bottleneck: []}
    for layer in model.sublayers():
        for kind, found in parts.items():
            if isinstance(layer, kind):
                _watch(layer, kept, found)
    clip = paddle.zeros([1, 3, frames, SIDE, SIDE])

    def pack(x: Tensor) -> Tensor:
        alive.append(x)  # so that no two have one place
        return kept.note(x)

    with paddle.autograd.saved_tensors_hooks(pack, lambda x: x):
        logits = model(clip)
    gradients = 2 * max(kept.bytes.values())
    sizes = {"none": float(kept.total() + gradients)}
    for units, kind in (("stages", Stage), ("blocks", Bottleneck)):
        inside = sum(own for _, own in parts[kind])
        inputs = sum(entering for entering, _ in parts[kind])
        largest = max(own for _, own in parts[kind])
        sizes[units] = kept.total() - inside + inputs + largest + gradients
    del logits
    return sizes, 12 * sum(int(p.size) for p in model.parameters())


def _watch(layer: nn.Layer, kept: Kept, found: list[tuple[int, int]]) -> None:
    """Adds a layer's bytes of inputs, and of what is kept inside of it, to ``found``."""
    before = []

    def enter(_: nn.Layer, inputs: Any) -> None:
        before.append(kept.total())

    def leave(_: nn.Layer, inputs: Any, outputs: Any) -> None:
        entering = inputs[0] if isinstance(inputs[0], list) else inputs
        size = sum(int(x.size) * x.element_size() for x in entering)
        found.append((size, kept.total() - before.pop()))

    layer.register_forward_pre_hook(enter)
    layer.register_forward_post_hook(leave)


def main() -> None:
    """Prints a table in Markdown."""
    onednn.library = lambda: None  # type: ignore[assignment]
    forward: Callable[..., Tensor] = nn.Conv3D.forward
    Conv3D.forward = forward  # type: ignore[method-assign]
    heads = ["network", "numbers", "train.recompute", "GB a clip", *(f"{gb} GB" for gb in GPUS)]
    print(
        f"Clips of {SIDE} x {SIDE} that a GPU holds in training: computed, not run; "
        f"{RESERVED / 1e9:g} GB are assumed for CUDA and cuDNN.\n"
    )
    print(f"| {' | '.join(heads)} |\n|---|---|---|" + "--:|" * (len(heads) - 3))
    for constructor, frames in NETWORKS.items():
        progress(constructor)
        sizes, fixed = per_clip(constructor, frames)
        for numbers, share in (("float32", 1.0), ("16 bits", 0.5)):
            for units, size in sizes.items():
                clips = [int((gb * 1e9 - RESERVED - fixed) / (size * share)) for gb in GPUS]
                row = [constructor, numbers, units, f"{size * share / 1e9:.2f}", *map(str, clips)]
                print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    paddle.set_device("cpu")
    main()
