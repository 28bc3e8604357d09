"""ReLU, sums and pools are Paddle's in both layouts, and overwrite only where that is possible."""

import paddle
import paddle.nn.functional as F
import pytest
from paddle import Tensor
from support.small_nets import random_clip

from slowfast.models.layers import functional
from slowfast.models.layers.layout import channels_last, to_first, to_last
from slowfast.models.layers.recompute import recomputed


@pytest.mark.parametrize("is_last", [False, True])
def test_they_are_paddles(is_last: bool) -> None:
    x, y = random_clip(2, 5, 3, 7, 6), random_clip(2, 5, 3, 7, 6) * 2

    def there(clip: Tensor) -> Tensor:
        return to_last(clip) if is_last else clip.clone()

    def back(clip: Tensor) -> Tensor:
        return to_first(clip) if is_last else clip

    with channels_last(is_last):
        total = back(functional.add_relu(there(x), there(y)))
        pooled = back(functional.max_pool(there(x)))
        positive = back(functional.relu_(there(x)))
    assert total.tolist() == F.relu(x + y).tolist()
    assert pooled.tolist() == F.max_pool3d(x, (1, 3, 3), (1, 2, 2), (0, 1, 1)).tolist()
    assert positive.tolist() == F.relu(x).tolist()


def test_they_overwrite_but_not_what_is_recomputed() -> None:
    x = random_clip(4)
    assert functional.relu_(x) is x and (x >= 0).all()
    kept = random_clip(4)
    recomputed(functional.relu_, kept)
    recomputed(functional.add_relu, kept, paddle.ones([4]))
    assert kept.tolist() == random_clip(4).tolist()
