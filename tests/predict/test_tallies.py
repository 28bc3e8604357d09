"""The numbers of each task, from the videos of all processes in any order."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from slowfast import distributed
from slowfast.config import Config, ConfigError
from slowfast.data.samples import Label, Sample
from slowfast.evaluate.tallies import METRICS, USUAL, OneLabel, SeveralLabels, check_metrics
from slowfast.metrics.average_precision import NoPositivesError, multi_hot, multi_label_numbers

SCORES = np.random.default_rng(0).random((6, 3)).round(1)  # with ties
LABELS = [(0,), (1, 2), (), (0, 2), (2,), (1,)]


def config(threshold: float = 0.5) -> Config:
    cfg = Config()
    model = dataclasses.replace(cfg.model, num_classes=3)
    test = dataclasses.replace(cfg.test, threshold=threshold)
    return dataclasses.replace(cfg, model=model, test=test)


def samples(labels: list[Any]) -> list[Sample]:
    return [Sample(f"{i}.mp4", label) for i, label in enumerate(labels)]


def test_one_label() -> None:
    tally = OneLabel(samples([0, 1, 1]), config())
    for index in (2, 0, 1):
        tally.add(index, np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.8, 0.1, 0.1]][index]))
    assert tally.numbers() == {"top1": 2 / 3, "top5": 1.0, "mean_class_accuracy": 0.75}


def test_several_labels_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """As two processes have them, one of which is behind; the number of ties shows the order."""
    mine, other = (SeveralLabels(samples(LABELS), config(0.4)) for _ in range(2))
    for index in (5, 3, 1):
        mine.add(index, SCORES[index])
    for index in (4, 0, 2):
        other.add(index, SCORES[index])
    gather: Callable[[Any], list[Any]] = lambda value: [value, other._scores]  # noqa: E731
    monkeypatch.setattr(distributed, "gather", gather)
    wanted = multi_label_numbers(SCORES, multi_hot(LABELS, 3), 0.4)
    assert mine.numbers() == wanted | {"threshold": 0.4}
    backwards = multi_label_numbers(SCORES[::-1], multi_hot(LABELS[::-1], 3), 0.4)
    assert backwards["mAP"] == pytest.approx(wanted["mAP"])
    assert backwards["mAP_charades"] != pytest.approx(wanted["mAP_charades"])


def test_videos_that_were_not_read_do_not_count() -> None:
    tally = SeveralLabels(samples(LABELS), config())
    for index in (1, 3):
        tally.add(index, SCORES[index])
    wanted = multi_label_numbers(SCORES[[1, 3]], multi_hot([(1, 2), (0, 2)], 3), 0.5)
    assert tally.numbers() == wanted | {"threshold": 0.5}


@pytest.mark.parametrize("none", [(), -1])
def test_a_list_without_any_label_is_refused_before_the_work(none: Label) -> None:
    with pytest.raises(NoPositivesError, match=r"^none of the 2 videos has a label"):
        SeveralLabels(samples([none, none]), config())


def test_if_only_videos_without_labels_can_be_read_there_is_no_number() -> None:
    tally = SeveralLabels(samples(LABELS), config())
    tally.add(2, SCORES[2])
    with pytest.raises(NoPositivesError, match=r"^none of the 1 videos has a label"):
        tally.numbers()


def test_metrics_of_the_other_task_are_refused() -> None:
    for task, names in USUAL.items():
        check_metrics(names, task)
        check_metrics(METRICS[task], task)
    with pytest.raises(ConfigError) as caught:
        check_metrics(["mean_class_accuracy", "f1"], "single")
    assert str(caught.value) == (
        "--eval f1 is not for train.task=single: choose from top_k_accuracy, mean_class_accuracy"
    )
    with pytest.raises(ConfigError, match="choose from mean_average_precision, f1$"):
        check_metrics(["top_k_accuracy"], "multi")
