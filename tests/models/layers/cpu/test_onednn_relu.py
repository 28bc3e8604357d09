"""The sum of a residual block and its ReLU, against Paddle's."""

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from support.small_nets import outcome, random_clip

from slowfast.models.layers.cpu import onednn
from slowfast.models.layers.cpu.onednn_relu import add_relu

pytestmark = pytest.mark.skipif(onednn.library() is None, reason="Paddle's wheel has no oneDNN 3")


@pytest.mark.parametrize("shape", [(2, 3, 4, 5, 8), (1, 1, 1, 1, 1), (1, 3, 5, 7, 3)])
@pytest.mark.parametrize("trains", ["both", "first", "second"])
def test_it_is_the_relu_of_the_sum_and_so_are_its_gradients(
    trains: str, shape: tuple[int, ...]
) -> None:
    x, y = random_clip(*shape), paddle.flip(random_clip(*shape), axis=list(range(5)))
    x[..., :1] = -y[..., :1]  # sums of 0, whose gradient is 0
    x, y = x.detach(), y.detach()
    x.stop_gradient, y.stop_gradient = trains == "second", trains == "first"
    mine, theirs = outcome(add_relu(x, y), x, y), outcome(F.relu(x + y), x, y)
    assert len(mine) == (3 if trains == "both" else 2)
    for a, b in zip(mine, theirs, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_the_gradients_of_a_residual_block() -> None:
    """Whose input is a summand, and is read by the branch, too."""

    def gradient(block: bool) -> paddle.Tensor:
        x = start = random_clip(2, 3, 2, 4, 4)
        start.stop_gradient = False
        for _ in range(3):
            branch = F.sigmoid(3 * x)
            x = add_relu(branch, x) if block else F.relu(branch + x)
        return paddle.grad(x, start, random_clip(*x.shape))[0]

    np.testing.assert_allclose(gradient(True).numpy(), gradient(False).numpy(), rtol=1e-6)


def test_summands_in_another_order_in_memory() -> None:
    x, y = random_clip(2, 3, 4, 5, 6), random_clip(2, 6, 3, 4, 5)
    turned = y.transpose([0, 2, 3, 4, 1])
    np.testing.assert_array_equal(add_relu(x, turned).numpy(), F.relu(x + turned).numpy())
