"""The losses: the same numbers as Paddle's and PyTorch's where these are right."""

import json
import math
from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from support.paths import REPOSITORY

from slowfast.config import TrainConfig
from slowfast.train.recipe.loss import (
    LOSSES,
    binary_cross_entropy,
    cross_entropy,
    cross_entropy_of_boxes,
    training_loss,
)

PYTORCHS = json.loads((REPOSITORY / "tests/golden/losses.json").read_text())
"""Made by tests/golden/make_losses.py."""
LABELS, TRUTH = np.array(PYTORCHS["labels"]), np.array(PYTORCHS["truth"], np.float32)
BLENDED = np.array(PYTORCHS["mixed"], np.float32)
"""Of several labels; of one the rows are made to sum to 1."""
SHARES = BLENDED / BLENDED.sum(axis=1, keepdims=True)
WEIGHTS = np.array(PYTORCHS["weights"], np.float32)


def loss_and_gradient(loss: Any, logits: Any, *targets: Any) -> tuple[float, Any]:
    tensor = paddle.to_tensor(logits.astype("float32"), stop_gradient=False)
    value = loss(tensor, *targets)
    value.backward()
    return float(value), tensor.grad.numpy()


def test_boxes_with_one_label_each_have_mmaction2s_loss() -> None:
    """``F.cross_entropy(logits, labels / labels.sum(dim=1, keepdim=True), reduction="none")`` of
    torch 2.13, its mean and gradient; two of the boxes have several labels."""
    rows = [[-2.41, -3.97, -0.75, 1.26, 3.41], [0.33, -1.66, -2.35, 2.25, 4.9],
            [0.82, -3.7, -2.87, 4.8, 0.61], [-5.2, -0.25, -3.49, -1.89, -1.46]]  # fmt: skip
    logits = np.array(rows)
    truth = np.array([[0, 1, 0, 0, 0], [1, 0, 0, 0, 1], [0, 0, 0, 1, 0], [0, 1, 1, 0, 1]])
    targets = paddle.to_tensor(truth.astype(np.float32))
    loss, gradient = loss_and_gradient(cross_entropy_of_boxes, logits, targets)
    assert loss == pytest.approx(2.955026626586914, rel=1e-6)
    expected = [[0.000653, -0.249863, 0.003436, 0.025642, 0.220132],
                [-0.122609, 0.000327, 0.000164, 0.016307, 0.105811],
                [0.004516, 0.000049, 0.000113, -0.008338, 0.003660],
                [0.001151, 0.079171, -0.076969, 0.031523, -0.034875]]  # fmt: skip
    np.testing.assert_allclose(gradient, expected, atol=1e-6)


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


# ---------------------------------------------------------------------------- PyTorch's


@pytest.mark.parametrize(
    ("name", "targets", "settings", "weights"),
    [
        ("single 0.0", LABELS, {}, WEIGHTS),
        ("single mixed 0.0", SHARES, {}, WEIGHTS),
        ("single 0.1", LABELS, {"label_smoothing": 0.1}, WEIGHTS),
        ("single mixed 0.1", SHARES, {"label_smoothing": 0.1}, WEIGHTS),
        ("multi", TRUTH, {}, None),
        ("multi weights", TRUTH, {}, WEIGHTS),
        ("multi focal 0.5", TRUTH, {"focal_gamma": 0.5}, None),
        ("multi focal 2.0", TRUTH, {"focal_gamma": 2.0}, None),
        ("multi focal weights", TRUTH, {"focal_gamma": 2.0}, WEIGHTS),
        ("multi mixed", BLENDED, {}, None),
        ("multi mixed weights", BLENDED, {}, WEIGHTS),
        ("multi mixed focal 0.5", BLENDED, {"focal_gamma": 0.5}, None),
        ("multi mixed focal 2.0", BLENDED, {"focal_gamma": 2.0}, None),
        ("multi mixed focal weights", BLENDED, {"focal_gamma": 2.0}, WEIGHTS),
    ],
)
def test_value_and_gradient_are_those_of_pytorch(
    name: str, targets: Any, settings: Any, weights: Any
) -> None:
    train = TrainConfig(task="multi" if "multi" in name else "single", **settings)
    logits, wanted = np.array(PYTORCHS["logits"]), PYTORCHS["found"][name]
    found = loss_and_gradient(training_loss, logits, paddle.to_tensor(targets), train, weights)
    assert found[0] == pytest.approx(wanted["loss"], rel=1e-6)
    np.testing.assert_allclose(found[1], wanted["gradient"], rtol=1e-5, atol=1e-7)


def test_smoothing_of_several_labels_moves_each_target_towards_a_half() -> None:
    logits = paddle.to_tensor(np.array(PYTORCHS["logits"], np.float32))
    moved = 0.9 * TRUTH + 0.05
    for options in ({}, {"weights_K": paddle.to_tensor(WEIGHTS)}, {"gamma": 2.0}):
        smoothed = binary_cross_entropy(logits, paddle.to_tensor(TRUTH), 0.1, **options)
        wanted = binary_cross_entropy(logits, paddle.to_tensor(moved), **options)
        assert float(smoothed) == pytest.approx(float(wanted), rel=1e-6)


def test_weights_of_one_change_nothing() -> None:
    logits = np.array(PYTORCHS["logits"])
    ones = np.ones(4, np.float32)
    trains = TrainConfig(label_smoothing=0.1), TrainConfig(task="multi", label_smoothing=0.1)
    for train, targets in zip(trains, (LABELS, TRUTH), strict=True):
        wanted = paddle.to_tensor(targets)
        plain, weighted = (
            loss_and_gradient(training_loss, logits, wanted, train, weights)
            for weights in (None, ones)
        )
        assert weighted[0] == pytest.approx(plain[0], rel=1e-6)
        np.testing.assert_allclose(weighted[1], plain[1], atol=1e-7)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weights"])
def test_one_logit_that_is_not_finite_gives_a_loss_that_is_not(
    value: float, gamma: float, weights: Any
) -> None:
    train = TrainConfig(task="multi", focal_gamma=gamma)
    for place in np.ndindex(TRUTH.shape):
        logits = np.array(PYTORCHS["logits"], np.float32)
        logits[place] = value
        loss = training_loss(paddle.to_tensor(logits), paddle.to_tensor(TRUTH), train, weights)
        assert not math.isfinite(float(loss)), place
    if weights is not None and not gamma:
        labels, one = paddle.to_tensor(LABELS), TrainConfig()
        loss = training_loss(paddle.to_tensor(logits), labels, one, weights)
        assert not math.isfinite(float(loss))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_very_sure_answers_have_finite_losses_and_gradients(gamma: float) -> None:
    """Of which 1 - p_t is 0 in float32, where a power below 1 has no derivative."""
    logits = np.array([[200.0, -200.0, 1000.0, -1000.0, 0.0]])
    for truth in ([[1, 0, 1, 0, 1]], [[0, 1, 0, 1, 0]]):
        targets = paddle.to_tensor(np.array(truth, np.float32))
        train = TrainConfig(task="multi", focal_gamma=gamma)
        loss, gradient = loss_and_gradient(training_loss, logits, targets, train, None)
        half = 0.5**gamma * math.log(2)
        wanted = half / 5 if truth[0][0] else (2400 + half) / 5
        assert loss == pytest.approx(wanted, rel=1e-6)
        assert np.isfinite(gradient).all()


def test_several_labels_in_low_precision_are_computed_in_float32() -> None:
    logits, truth = paddle.to_tensor(PYTORCHS["logits"]), paddle.to_tensor(TRUTH)
    low = LOSSES["multi"](logits.astype("float16"), truth)
    assert low.dtype == paddle.float32
    assert float(low) == float(LOSSES["multi"](logits, truth))


@pytest.mark.parametrize(
    ("alpha", "gamma", "wanted", "slope"),
    [
        (1.0, 0.0, 3.9676397748288132, -0.022803190475794544),
        (3.0, 1.0, 11.463588914161587, -0.02374468033012751),
        (0.5, 2.0, 1.888078045820509, -0.0010644440764522455),
    ],
)
def test_the_loss_of_boxes_is_mmaction2s(
    alpha: float, gamma: float, wanted: float, slope: float
) -> None:
    """That of ``BBoxHeadAVA`` of 1.2.0, which leaves out boxes without labels; and its derivative
    of the first logit."""
    train = TrainConfig(task="detection", focal_alpha=alpha, focal_gamma=gamma)
    logits, truth = np.array(PYTORCHS["logits"])[[0, 2]], paddle.to_tensor(TRUTH[[0, 2]])
    loss, gradient = loss_and_gradient(training_loss, logits, truth, train, None)
    assert loss == pytest.approx(wanted, rel=1e-6)
    assert gradient[0, 0] == pytest.approx(slope, rel=1e-5)
