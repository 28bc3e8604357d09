"""The classifier: windows, their averages, dropout."""

import numpy as np
import paddle
import pytest
from support.small_nets import random_clip

from slowfast.models.head import Head, sigmoid, softmax


def test_the_head_averages_windows_and_joins_slow_before_fast() -> None:
    head = Head(3, 3, pool_size=2, dropout=0.5)
    head.eval()
    head.projection.weight.set_value(paddle.eye(3))
    head.projection.bias.set_value(paddle.to_tensor([0.0, 0.0, 100.0]))
    slow = random_clip(1, 2, 2, 2, 3)
    fast = random_clip(1, 1, 8, 2, 3)
    for position in (0, 1):
        window = np.s_[0, :, :, :, position : position + 2]
        means = [x.numpy()[window].mean(axis=(1, 2, 3)) for x in (slow, fast)]
        expected = np.concatenate(means) + [0, 0, 100]
        found = head([slow, fast]).numpy()[0, position]
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("channels", [(2, 1), (3,)], ids=["two pathways", "one"])
def test_the_logits_split_into_what_each_pathway_adds(channels: tuple[int, ...]) -> None:
    paddle.seed(0)
    head = Head(3, 4, pool_size=2, dropout=0.5)
    head.eval()
    pathways = [
        random_clip(2, number, frames, 3, 2)
        for number, frames in zip(channels, (2, 8), strict=False)
    ]
    parts = head.split(pathways)
    assert [part.shape for part in parts] == [[2, 2, 4]] * len(channels)
    bias = paddle.to_tensor([1.0, 2, 3, 4])
    head.projection.bias.set_value(bias)
    np.testing.assert_allclose((sum(parts) + bias).numpy(), head(pathways).numpy(), atol=1e-6)
    quiet = head.split([paddle.zeros_like(pathways[0]), *pathways[1:]])
    assert float(quiet[0].abs().max()) == 0 < float(parts[0].abs().max())


def test_dropout_is_on_in_training_only() -> None:
    paddle.seed(0)
    head = Head(200, 2, pool_size=None, dropout=0.5)
    pathways = [paddle.ones([1, 200, 2, 2, 2])]
    head.projection.weight.set_value(paddle.ones([200, 2]))
    head.train()
    kept = {float(head(pathways)[0, 0, 0]) for _ in range(20)}
    assert len(kept) > 5
    assert all(100 < total < 300 for total in kept)  # 200 +- 14 where the kept count twice
    head.eval()
    assert float(head(pathways)[0, 0, 0]) == pytest.approx(200)


@pytest.mark.parametrize("classes", [3, 24, 400])
def test_logits_that_are_not_finite_are_no_softmax(classes: int) -> None:
    logits = np.random.default_rng(0).normal(size=(4, classes)).astype(np.float32)
    powers = np.exp(logits.astype(np.float64))
    expected = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(softmax(paddle.to_tensor(logits)).numpy(), expected, 1e-5)
    logits[0], logits[1, 1], logits[2, 2] = np.nan, np.inf, -np.inf
    finite = np.isfinite(softmax(paddle.to_tensor(logits)).numpy()).all(axis=1)
    assert finite.tolist() == [False, False, False, True]


@pytest.mark.parametrize("classes", [3, 24, 400])
def test_a_sigmoid_keeps_the_order_of_low_logits_and_shows_what_is_not_finite(classes: int) -> None:
    """Paddle's, in float32: down to -87, where its least numbers begin."""
    logits = np.tile(np.linspace(-87, 10, classes, dtype=np.float32), (4, 1))
    found = sigmoid(paddle.to_tensor(logits)).numpy()
    assert (np.diff(found, axis=1) > 0).all() and (found > 0).all()
    expected = np.exp(-np.logaddexp(0.0, -logits.astype(np.float64)))
    np.testing.assert_allclose(found, expected, 1e-6)
    logits[0, 0], logits[1, 1], logits[2, 2] = np.nan, np.inf, -np.inf
    finite = np.isfinite(sigmoid(paddle.to_tensor(logits)).numpy())
    assert (~finite).nonzero()[0].tolist() == (~finite).nonzero()[1].tolist() == [0, 1, 2]
