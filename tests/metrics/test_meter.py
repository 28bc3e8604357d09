"""Counts over batches and processes, with ties and few classes; several labels a clip."""

import numpy as np
import pytest
import sklearn.metrics

from slowfast.metrics.meter import METERS, LabelMeter, Meter


def result(meter: Meter | LabelMeter) -> dict[str, float]:
    return meter.result(meter.sums())


def test_a_constant_answer_is_right_for_one_class_only() -> None:
    meter = Meter()
    meter.add(np.zeros((10, 10)), np.arange(10))
    assert result(meter) == {"loss": 0.0, "top1": 0.1, "top5": 0.5, "seen": 10}


@pytest.mark.parametrize("classes", [2, 4, 5])
def test_with_up_to_five_classes_everything_is_in_the_top_five(classes: int) -> None:
    meter = Meter()
    meter.add(np.tile(np.arange(classes, dtype=float), (classes, 1)), np.arange(classes))
    found = result(meter)
    assert found["top1"] == pytest.approx(1 / classes)
    assert found["top5"] == 1.0


def test_the_sixth_place_is_not_in_the_top_five() -> None:
    scores = np.arange(10.0)[::-1][None]
    for label, share in [(4, 1.0), (5, 0.0)]:
        meter = Meter()
        meter.add(scores, np.array([label]))
        assert result(meter)["top5"] == share


def test_batches_weigh_by_their_samples() -> None:
    meter = Meter()
    meter.add(np.eye(8)[:3], np.array([0, 1, 7]), loss=2.0)
    meter.add(np.eye(8)[:1], np.array([0]), loss=6.0)
    assert result(meter) == {"loss": 3.0, "top1": 0.75, "top5": 0.75, "seen": 4}


def test_nothing_seen() -> None:
    assert result(Meter()) == {"loss": 0.0, "top1": 0.0, "top5": 0.0, "seen": 0}


def test_sums_and_counts_are_added_over_the_processes() -> None:
    """As if another process had seen 6 samples, none of them right, with a loss of 1."""
    meter = Meter()
    meter.add(np.eye(8)[:2], np.array([0, 1]), loss=5.0)
    loss, top1, top5, seen = meter.sums()
    both = Meter.result([loss + 6.0, top1, top5 + 3, seen + 6])
    assert both == {"loss": 2.0, "top1": 0.25, "top5": 0.625, "seen": 8}
    assert result(meter) == {"loss": 5.0, "top1": 1.0, "top5": 1.0, "seen": 2}


def test_f1_is_scikit_learns_micro_average_over_all_batches() -> None:
    rng = np.random.default_rng(3)
    logits, labels = rng.normal(0, 3, (40, 6)).astype(np.float32), rng.integers(0, 2, (40, 6))
    for threshold in (0.3, 0.5, 0.9):
        one, other = (METERS["multi"](threshold) for _ in range(2))  # of two processes
        one.add(logits[:25], labels[:25], loss=2.0)
        other.add(logits[25:], labels[25:], loss=27.0)
        total = [*map(sum, zip(one.sums(), other.sums(), strict=True))]
        predicted = 1 / (1 + np.exp(-logits)) >= threshold
        wanted = sklearn.metrics.f1_score(labels, predicted, average="micro")
        found = LabelMeter.result(total)
        assert found == pytest.approx({"loss": (25 * 2 + 15 * 27) / 40, "f1": wanted, "seen": 40})


def test_clips_without_labels_in_which_nothing_is_found() -> None:
    meter = LabelMeter(0.5)
    assert result(meter) == {"loss": 0.0, "f1": 0.0, "seen": 0}
    meter.add(np.full((3, 4), -9.0), np.zeros((3, 4)), loss=1.0)
    assert result(meter) == {"loss": 1.0, "f1": 0.0, "seen": 3}


def test_at_the_threshold_a_class_is_predicted() -> None:
    meter = LabelMeter(0.5)
    meter.add(np.array([[0.0, -1e-3, 5.0]]), np.array([[1, 1, 1]]))
    assert meter.sums() == [0.0, 2.0, 2.0, 3.0, 1.0]
