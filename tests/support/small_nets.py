"""Networks small enough for tests, and their tensors."""

from typing import Any

import numpy as np
import paddle
from paddle import Tensor, nn

from slowfast.config import ModelConfig
from slowfast.models import build_model
from slowfast.models.layers.layout import is_channels_last, to_first
from slowfast.weights.systems import Tensors

SMALL: dict[str, Any] = dict(slow_depth=14, fast_depth=14, width=16, alpha=4, num_classes=6)


def small(train_crop: int = 64, task: str = "single", **changes: Any) -> Any:
    """A network of few blocks and channels; ``changes`` are the config's."""
    return build_model(ModelConfig(**(SMALL | changes)), train_crop, task)


def wake_up(net: nn.Layer) -> None:
    """Gives the last batch norm of each block a scale, which starts at 0, and the logits size."""
    for name, parameter in net.named_parameters():
        if name.endswith("branch2.c_bn.weight"):
            parameter.set_value(paddle.full_like(parameter, 0.5))
    weight = net.head.projection.weight
    weight.set_value(paddle.randn(weight.shape))


def random_clip(*shape: int) -> Tensor:
    """The same numbers for the same shape."""
    return paddle.to_tensor(np.random.default_rng(0).standard_normal(shape, dtype=np.float32))


def outcome(y: Tensor, *inputs: Tensor) -> list[Tensor]:
    """An output, and the gradients of the inputs that have one, under random ones from above."""
    wanted = [x for x in inputs if not x.stop_gradient]
    return [y, *paddle.grad(y, wanted, random_clip(*y.shape))]


def assert_equal_sums(ours: list[Tensor], theirs: list[Tensor]) -> None:
    """But for the order in which float32 numbers are added: 2e-6 of the largest value."""
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.shape == other.shape
        assert float((mine - other).abs().max()) <= 2e-6 * float(other.abs().max())


def numbered_clip(num_frames: int, size: int = 1) -> Tensor:
    """A clip ``[1, 3, T, size, size]`` whose frame i has the value i."""
    frames = paddle.arange(num_frames, dtype="float32").reshape([1, 1, num_frames, 1, 1])
    return frames.expand([1, 3, num_frames, size, size])


def temporal_kernels(net: nn.Layer, stage: int, pathway: int) -> list[int]:
    """Of the blocks of a stage."""
    layers = getattr(net, f"s{stage}").named_children()
    blocks = [block for name, block in layers if name.startswith(f"pathway{pathway}_res")]
    return [block.branch2.a.weight.shape[2] for block in blocks]


def tensors_of(net: nn.Layer) -> Tensors:
    """By our names."""
    return {name: tensor.numpy() for name, tensor in net.state_dict().items()}


def scrambled(net: nn.Layer) -> Tensors:
    """Random numbers in the shapes of a network's tensors; variances are not below 0."""
    rng = np.random.default_rng(0)
    state = {
        name: np.asarray(rng.standard_normal(x.shape), np.float32)
        for name, x in net.state_dict().items()
    }
    return {name: abs(x) if name.endswith("_variance") else x for name, x in state.items()}


def channels_first(x: Tensor) -> Tensor:
    """``[N, C, T, H, W]`` of what a layer was given inside a network, whichever its layout."""
    return to_first(x) if is_channels_last() else x
