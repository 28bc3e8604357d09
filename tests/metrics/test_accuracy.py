"""Counts with ties, numbers that are none and few classes; mean class accuracy; intervals."""

import numpy as np
import pytest
from numpy.typing import NDArray

from slowfast.metrics.accuracy import (
    accuracies,
    average_views,
    bootstrap,
    calibration_error,
    class_table,
    expected_error,
    rank_of_label,
    reliability,
    sigmoid,
)
from slowfast.metrics.meter import Meter

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("scores", "places"),
    [
        ([-1.0, 9.0, 2.5, 3.0], [3, 0, 2, 1]),
        ([0.5, 0.5, 0.5, 0.9], [1, 2, 3, 0]),  # of equal ones the lower class stands first
        ([NAN, -5.0, 1.0], [3, 1, 0]),  # what is not a number is never right
        ([1.0, NAN, -INF], [0, 3, 1]),
        ([NAN] * 24, [24] * 24),
    ],
)
def test_the_place_of_each_label(scores: list[float], places: list[int]) -> None:
    found = rank_of_label(np.array([scores] * len(scores)), np.arange(len(scores)))
    assert found.tolist() == places


def test_places_are_those_of_a_sort() -> None:
    rng = np.random.default_rng(0)
    scores = rng.standard_normal((200, 17)).astype(np.float32)
    scores[:100] = scores[:100].round()  # many ties
    labels = rng.integers(0, 17, 200)
    order = np.argsort(-scores, axis=1, kind="stable")
    expected = (order == labels[:, None]).argmax(axis=1)
    assert rank_of_label(scores, labels).tolist() == expected.tolist()


def mmaction2_mean_class_accuracy(scores: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """By its definition: over the rows of the confusion matrix of all classes seen or predicted."""
    predicted = scores.argmax(axis=1)
    shares = []
    for label in np.unique(np.concatenate([predicted, labels])):
        own = labels == label
        shares.append((predicted[own] == label).mean() if own.any() else 0.0)
    return float(np.mean(shares))


def mean_class_accuracy(scores: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    table = class_table(rank_of_label(scores, labels), labels, scores.shape[1])
    return float(accuracies(table)["mean_class_accuracy"])


def test_mean_class_accuracy_is_mmaction2s_where_all_classes_occur() -> None:
    rng = np.random.default_rng(0)
    labels = np.concatenate([np.arange(9), rng.choice(9, 200, p=np.arange(9) / 36)])
    scores = rng.random((209, 9)) + 0.5 * np.eye(9)[labels]
    found = mean_class_accuracy(scores, labels)
    assert found == pytest.approx(mmaction2_mean_class_accuracy(scores, labels))
    assert found != pytest.approx((scores.argmax(1) == labels).mean(), abs=1e-3)  # not top-1


def test_a_class_that_is_only_predicted_is_no_class_of_the_list() -> None:
    scores, labels = np.eye(4)[[0, 3, 1]], np.array([0, 0, 1])
    assert mean_class_accuracy(scores, labels) == 0.75
    assert mmaction2_mean_class_accuracy(scores, labels) == 0.5


def test_tables_add_up_to_the_meters_numbers() -> None:
    rng = np.random.default_rng(1)
    scores, labels = rng.random((50, 12)), rng.integers(0, 12, 50)
    meter = Meter()
    meter.add(scores, labels)
    places = rank_of_label(scores, labels)
    parts = [class_table(places[i::3], labels[i::3], 12) for i in range(3)]
    found = accuracies(sum(parts[1:], parts[0]))
    wanted = Meter.result(meter.sums())
    assert (found["top1"], found["top5"]) == (wanted["top1"], wanted["top5"])


def test_intervals_are_those_of_drawing_videos() -> None:
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 5, 300)
    places = rng.choice([0, 0, 2, 7], 300)
    table = class_table(places, labels, 5)
    found = bootstrap(table, times=4000, seed=0)
    assert found == bootstrap(table, times=4000, seed=0)
    draws = []
    for _ in range(4000):
        which = rng.integers(0, 300, 300)
        draws.append(accuracies(class_table(places[which], labels[which], 5)))
    for name, ends in found.items():
        wanted = np.percentile([draw[name] for draw in draws], (2.5, 97.5))
        assert ends == pytest.approx(tuple(wanted), abs=0.008)


def test_calibration_error_of_an_example() -> None:
    """Bins (0.6, 0.667] and (0.933, 1]: 2/4 * |0.5 - 0.65| + 2/4 * |1 - 0.95|."""
    confidence = np.array([0.64, 0.66, 0.94, 0.96])
    right = np.array([True, False, True, True])
    assert calibration_error(confidence, right) == pytest.approx(0.1)
    assert calibration_error(np.array([1.0, 0.0]), np.array([True, False])) == 0.0
    # 1/15 itself belongs to the first bin, with 0.01
    assert calibration_error(np.array([1 / 15, 0.01]), np.array([True, False])) == pytest.approx(
        abs(1 - 1 / 15 - 0.01) / 2
    )


def test_reliability_has_the_sums_of_each_bin() -> None:
    bins = reliability(np.array([0.64, 0.66, 0.94, 0.0]), np.array([True, False, True, False]))
    assert bins.shape == (15, 3)
    assert bins[[0, 9, 14]] == pytest.approx(np.array([[1, 0, 0], [2, 1.3, 1], [1, 0.94, 1]]))
    assert bins.sum() == pytest.approx(4 + 2.24 + 2)
    assert expected_error(bins) == pytest.approx((0.3 + 0.06) / 4)


def test_averages_of_probabilities_and_of_logits_differ() -> None:
    logits = np.array([[4.0, 0.0, 0.0], [0.0, 1.0, 0.5]], dtype=np.float32)
    powers = np.exp(logits.mean(axis=0))
    np.testing.assert_allclose(average_views(logits, "score"), powers / powers.sum(), rtol=1e-6)
    np.testing.assert_allclose(average_views(logits, "prob"), logits.mean(axis=0))


@pytest.mark.parametrize(
    ("lowest", "highest"), [(-700, -80), (-80, -20), (-35, -33), (-20, 0), (0, 30)]
)
def test_a_sigmoid_keeps_the_order_of_its_logits(lowest: float, highest: float) -> None:
    """Of those that are 0.01 apart. From 30 up 1 is near, and below -708 the least number is."""
    logits = np.arange(lowest, highest, 0.01)
    found = sigmoid(logits)
    assert (np.diff(found) > 0).all() and found[0] > 0
    np.testing.assert_allclose(found, np.exp(-np.logaddexp(0.0, -logits)), rtol=1e-12)


def test_a_sigmoid_without_overflow_and_of_what_is_not_finite() -> None:
    found = sigmoid(np.array([[0.0, 1e4, -1e4], [NAN, INF, -INF]]))
    np.testing.assert_array_equal(found, [[0.5, 1.0, 0.0], [NAN, 1.0, 0.0]])


def test_the_largest_of_each_class_and_the_sigmoid_of_the_mean() -> None:
    views = np.array([[0.25, 0.5, 0.0], [0.75, 0.25, 0.125]], np.float32)
    for task in ("single", "multi"):
        assert average_views(views, "max", task).tolist() == [0.75, 0.5, 0.125]
    logits = np.array([[-60.0, 2.0], [-62.0, 0.0]], np.float32)
    found = average_views(logits, "score", "multi")
    np.testing.assert_allclose(found, [np.exp(-61), 1 / (1 + np.exp(-1))], rtol=1e-12)
