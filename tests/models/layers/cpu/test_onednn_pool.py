"""The max pool of the stems, against Paddle's."""

import numpy as np
import paddle.nn.functional as F
import pytest
from support.small_nets import outcome, random_clip

from slowfast.models.layers.cpu import onednn
from slowfast.models.layers.cpu.onednn_pool import max_pool
from slowfast.models.layers.layout import to_first, to_last

pytestmark = pytest.mark.skipif(onednn.library() is None, reason="Paddle's wheel has no oneDNN 3")

SHAPES = [(2, 8, 3, 8, 8), (1, 3, 2, 7, 10), (2, 5, 1, 9, 9), (1, 17, 4, 1, 2), (1, 2, 1, 1, 1)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("values", ["random", "below 0", "with equal ones"])
def test_it_is_paddles_and_so_is_its_gradient(values: str, shape: tuple[int, ...]) -> None:
    """Zeros around never win, and of equal ones, as a ReLU leaves them, the first has it all."""
    x = random_clip(*shape)
    x = {"random": x, "below 0": x - 9, "with equal ones": F.relu(x.round())}[values]
    x.stop_gradient = False
    mine = outcome(to_first(max_pool(to_last(x))), x)
    theirs = outcome(F.max_pool3d(x, (1, 3, 3), (1, 2, 2), (0, 1, 1)), x)
    np.testing.assert_array_equal(mine[0].numpy(), theirs[0].numpy())
    np.testing.assert_allclose(mine[1].numpy(), theirs[1].numpy(), rtol=1e-6, atol=1e-6)


def test_without_a_gradient() -> None:
    x = random_clip(1, 3, 2, 7, 10)
    y = max_pool(to_last(x))
    assert y.stop_gradient and y.shape == [1, 2, 4, 5, 3]
