"""The loss, where Paddle's own is wrong and where it is right."""

import math
from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest

from slowfast.train.recipe.loss import cross_entropy


def loss_and_gradient(loss: Any, logits: Any, *targets: Any) -> tuple[float, Any]:
    tensor = paddle.to_tensor(logits.astype("float32"), stop_gradient=False)
    value = loss(tensor, *targets)
    value.backward()
    return float(value), tensor.grad.numpy()


def test_value_and_gradient_are_those_of_paddle_where_paddle_is_right() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(0, 3, (8, 400)), paddle.to_tensor(rng.integers(0, 400, 8))
    ours, our_gradient = loss_and_gradient(cross_entropy, logits, labels)
    paddles, paddles_gradient = loss_and_gradient(F.cross_entropy, logits, labels)
    assert ours == pytest.approx(paddles, rel=1e-6)
    np.testing.assert_allclose(our_gradient, paddles_gradient, atol=1e-6)


def test_a_very_wrong_prediction_costs_all_it_should() -> None:
    logits = paddle.to_tensor([[1000.0, 0.0]])
    assert float(cross_entropy(logits, paddle.to_tensor([1]))) == 1000.0


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize(
    "targets", [np.arange(4), np.full((4, 24), 1 / 24, np.float32)], ids=["labels", "mixed"]
)
def test_logits_that_are_not_finite_give_a_loss_that_is_not(value: float, targets: Any) -> None:
    logits = paddle.full([4, 24], value)
    assert not math.isfinite(float(cross_entropy(logits, paddle.to_tensor(targets))))


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.7, 1.0])
def test_label_smoothing_is_the_cross_entropy_with_the_mixed_target(smoothing: float) -> None:
    rng = np.random.default_rng(1)
    logits, labels = rng.normal(0, 3, (5, 7)), rng.integers(0, 7, 5)
    target = (1 - smoothing) * np.eye(7)[labels] + smoothing / 7
    log_probabilities = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    expected = -(target * log_probabilities).sum(axis=1).mean()
    tensor = paddle.to_tensor(logits.astype("float32"))
    found = float(cross_entropy(tensor, paddle.to_tensor(labels), smoothing))
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_label_and_its_target_give_the_same_loss_and_gradient(smoothing: float) -> None:
    rng = np.random.default_rng(2)
    logits, labels = rng.normal(0, 3, (6, 9)), rng.integers(0, 9, 6)
    (by_label, gradient), (by_target, same_gradient) = (
        loss_and_gradient(cross_entropy, logits, paddle.to_tensor(targets), smoothing)
        for targets in (labels, np.eye(9, dtype="float32")[labels])
    )
    assert by_label == pytest.approx(by_target, rel=1e-6)
    np.testing.assert_allclose(gradient, same_gradient, atol=1e-7)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_mixed_target_costs_what_its_parts_cost(smoothing: float) -> None:
    """The papers of mixup and CutMix: lambda times one loss and 1 - lambda times the other."""
    rng = np.random.default_rng(3)
    logits = paddle.to_tensor(rng.normal(0, 3, (6, 9)).astype("float32"))
    first, second = rng.integers(0, 9, (2, 6))
    targets = (0.3 * np.eye(9)[first] + 0.7 * np.eye(9)[second]).astype("float32")
    parts = [float(cross_entropy(logits, paddle.to_tensor(k), smoothing)) for k in (first, second)]
    mixed = float(cross_entropy(logits, paddle.to_tensor(targets), smoothing))
    assert mixed == pytest.approx(0.3 * parts[0] + 0.7 * parts[1], rel=1e-6)


def test_the_loss_of_low_precision_is_computed_in_float32() -> None:
    logits = paddle.to_tensor([[30.0, 1.0, -7.0], [0.5, 4.0, 2.0]])
    labels = paddle.to_tensor([1, 2])
    low = cross_entropy(logits.astype("float16"), labels, 0.1)
    assert low.dtype == paddle.float32
    assert float(low) == float(cross_entropy(logits, labels, 0.1))
