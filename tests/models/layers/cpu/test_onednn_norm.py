"""oneDNN's batch norm with its ReLU, against Paddle's."""

from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import Tensor, nn
from support.small_nets import outcome, random_clip

from slowfast.models.layers.cpu import onednn
from slowfast.models.layers.layout import channels_last, to_first, to_last
from slowfast.models.layers.norm import BatchNorm3D

pytestmark = pytest.mark.skipif(onednn.library() is None, reason="Paddle's wheel has no oneDNN 3")

SHAPES = [(2, 8, 3, 4, 4), (1, 3, 2, 7, 5), (3, 17, 1, 1, 3), (1, 2, 1, 1, 2)]
TRAINED = {
    "all": "x weight bias", "parameters": "weight bias", "clips": "x", "scale": "weight",
    "shift": "bias",
}  # fmt: skip


def twins(channels: int) -> list[nn.BatchNorm3D]:
    """Ours and Paddle's, with the same numbers, none of which is 0 or 1."""
    norms = [kind(channels, epsilon=1e-3) for kind in (BatchNorm3D, nn.BatchNorm3D)]
    for norm in norms:
        norm.weight.set_value(paddle.linspace(-0.5, 2.0, channels))
        norm.bias.set_value(paddle.linspace(1.5, -1.0, channels))
        norm._mean.set_value(paddle.linspace(-0.3, 0.3, channels))
        norm._variance.set_value(paddle.linspace(0.5, 4.0, channels))
    return norms


def last(norm: Any, x: Tensor, relu: bool) -> Tensor:
    with channels_last():
        return to_first(norm(to_last(x), relu=relu))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("relu", [True, False], ids=["relu", "linear"])
@pytest.mark.parametrize("trained", TRAINED)
@pytest.mark.parametrize("mode", ["training", "evaluation", "frozen"])
def test_it_is_paddles_and_so_are_gradients_and_statistics(
    mode: str, trained: str, relu: bool, shape: tuple[int, ...]
) -> None:
    trains = TRAINED[trained].split()
    found: list[dict[str, Tensor]] = []
    for norm in twins(shape[1]):
        if mode == "frozen":
            norm._use_global_stats = True
        norm.training = mode != "evaluation"
        own = {"x": 2 * random_clip(*shape) + 0.5, "weight": norm.weight, "bias": norm.bias}
        is_ours = isinstance(norm, BatchNorm3D)
        for name, tensor in own.items():  # Paddle's has no gradient of one parameter alone
            tensor.stop_gradient = is_ours and name not in trains
        if is_ours:
            y = last(norm, own["x"], relu)
        else:
            y = F.relu(norm(own["x"])) if relu else norm(own["x"])
        y, *gradients = outcome(y, *own.values())
        names = trains if is_ours else own
        found.append({"y": y, **dict(zip(names, gradients, strict=True))})
        found[-1] |= {"mean": norm._mean, "variance": norm._variance}
    mine, theirs = found
    size = float(theirs["y"].abs().max())
    for name in ("y", *trains):
        tolerance = 1e-5 * max(float(theirs[name].abs().max()), size)
        np.testing.assert_allclose(mine[name].numpy(), theirs[name].numpy(), 0.0, tolerance)
    for name in ("mean", "variance"):
        np.testing.assert_allclose(mine[name].numpy(), theirs[name].numpy(), 1e-6, 1e-7)


def test_statistics_follow_one_batch_after_the_other() -> None:
    ours, paddles = twins(5)
    for number in range(4):
        x = random_clip(2, 5, 2, 3, 3 + number) * (1 + number)
        last(ours, x, relu=True)
        paddles(x)
    for a, b in ((ours._mean, paddles._mean), (ours._variance, paddles._variance)):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)
