"""The numbers of each task, from the videos of all processes in any order."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from slowfast import distributed
from slowfast.config import Config, ConfigError
from slowfast.data.samples import Box, KeyFrame, Label
from slowfast.metrics.average_precision import NoPositivesError, multi_label_numbers
from slowfast.predict.tallies import (
    TALLIES,
    Detections,
    OneLabel,
    SeveralLabels,
    check_metrics,
)

SCORES = np.random.default_rng(0).random((6, 3)).round(1)  # with ties
LABELS: list[Label] = [(0,), (1, 2), (), (0, 2), (2,), (1,)]
TRUTH = np.array([[1, 0, 0], [0, 1, 1], [0, 0, 0], [1, 0, 1], [0, 0, 1], [0, 1, 0]])


def config(threshold: float = 0.5) -> Config:
    cfg = Config()
    model = dataclasses.replace(cfg.model, num_classes=3)
    test = dataclasses.replace(cfg.test, threshold=threshold)
    return dataclasses.replace(cfg, model=model, test=test)


def corners(x: float) -> tuple[float, float, float, float]:
    return x, 0.1, x + 0.2, 0.9


KEYS = [
    KeyFrame(
        "v", second, second, (Box(corners(0.1)), Box(corners(0.5))),
        (Box(corners(0.1), own), Box(corners(0.55), (2,))), is_listed=True,
    )
    for second, own in enumerate(((0,), (1, 2), (0, 2), (0,), (2,), (1,)))
]  # fmt: skip
"""Two boxes each; of the second, what is annotated lies a little aside, IoU 0.6."""
SCORES_NKA = np.random.default_rng(0).random((6, 2, 3)).round(1)  # with ties
GIVEN: dict[str, list[Any]] = {"single": [0, 1, 2, 0, 1, 2], "multi": LABELS, "detection": KEYS}
"""What a tally of each task is made for."""


def scores_of(task: str, index: int) -> Any:
    return SCORES_NKA[index] if task == "detection" else SCORES[index]


def test_one_label() -> None:
    tally = OneLabel([0, 1, 1], config())
    for index in (2, 0, 1):
        tally.add(index, np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.8, 0.1, 0.1]][index]))
    assert tally.numbers() == {"top1": 2 / 3, "top5": 1.0, "mean_class_accuracy": 0.75}
    assert tally.answers() == [(0, 0), (1, 1), (1, 0)]


def test_answers_of_all_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    mine, other = (OneLabel([0, 1, 1, 2], config()) for _ in range(2))
    for tally, indices in ((mine, (3, 1)), (other, (2, 0))):
        for index in indices:
            tally.add_logits(index, -SCORES[index])
    gather: Callable[[Any], list[Any]] = lambda value: [value, other._found]  # noqa: E731
    monkeypatch.setattr(distributed, "gather", gather)
    mine.gather()
    found = (-SCORES[:4]).argmax(axis=1).tolist()
    assert mine.answers() == [*zip([0, 1, 1, 2], found, strict=True)]


def test_several_labels_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """As two processes have them, one of which is behind; the number of ties shows the order."""
    mine, other = (SeveralLabels(LABELS, config(0.4)) for _ in range(2))
    for index in (5, 3, 1):
        mine.add(index, SCORES[index])
    for index in (4, 0, 2):
        other.add(index, SCORES[index])
    gather: Callable[[Any], list[Any]] = lambda value: [value, other._scores]  # noqa: E731
    monkeypatch.setattr(distributed, "gather", gather)
    wanted = multi_label_numbers(SCORES, TRUTH, 0.4)
    mine.gather()
    assert mine.numbers() == wanted | {"threshold": 0.4}
    backwards = multi_label_numbers(SCORES[::-1], TRUTH[::-1], 0.4)
    assert backwards["mAP"] == pytest.approx(wanted["mAP"])
    assert backwards["mAP_charades"] != pytest.approx(wanted["mAP_charades"])


def test_boxes_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """As two processes have them; the number of ties shows the order. One key frame is not read."""
    alone, mine, other = (Detections(KEYS, config()) for _ in range(3))
    for index in (0, 1, 2, 4, 5):
        alone.add(index, SCORES_NKA[index])
        (mine if index % 2 else other).add(index, SCORES_NKA[index])
    gather: Callable[[Any], list[Any]] = lambda value: [value, other._scores]  # noqa: E731
    monkeypatch.setattr(distributed, "gather", gather)
    mine.gather()
    assert mine.numbers() == alone.numbers()
    assert mine.of_classes == alone.of_classes
    assert mine.numbers() | {"mAP": 0} == {"mAP": 0, "recall": 1, "boxes": 10, "annotated": 10}
    assert [each.annotated for each in mine.of_classes] == [2, 2, 8]


def with_detection(**changes: Any) -> Config:
    cfg = config()
    return dataclasses.replace(cfg, detection=dataclasses.replace(cfg.detection, **changes))


def perfect(key: KeyFrame) -> Any:
    labels = [box.labels for box in key.truth]
    return 0.1 + 0.8 * SeveralLabels.array(labels, 3)


@pytest.mark.parametrize("rule", ["official", "pyslowfast", "mmaction2"])
def test_what_the_rules_make_of_frames_without_annotations(rule: str) -> None:
    """In the last two, somebody who is annotated scores below what is found there."""
    bare = KEYS[0]._replace(truth=(), is_listed=False)
    keys = [*KEYS, bare, bare._replace(is_excluded=True)]
    tally = Detections(keys, with_detection(rule=rule))
    for index, key in enumerate(keys):
        tally.add(index, perfect(key) if key.truth else np.full((2, 3), 0.95))
    found = tally.numbers()["mAP"]
    cfg = with_detection(rule=rule)
    assert [tally.called(key, cfg) for key in ("mAP", "recall")] == [f"mAP ({rule})", "recall"]
    assert found == 1 if rule != "pyslowfast" else 0.5 < found < 0.8


def test_a_key_frame_without_boxes_is_one_in_which_nothing_is_found() -> None:
    tally = Detections([KEYS[0], KEYS[0]._replace(boxes=())], config())
    tally.add(0, perfect(KEYS[0]))
    tally.add(1, np.zeros((0, 3), np.float32))
    assert tally.numbers() == {"mAP": 0.5, "recall": 0.5, "boxes": 2, "annotated": 4}


def test_only_scored_classes_count() -> None:
    """By their numbers in the annotations."""
    tally = Detections(KEYS, with_detection(scored="ava60", first_id=15))
    assert (tally.ids, tally.scored) == ([15, 16, 17], [0, 2])
    with pytest.raises(NoPositivesError, match=r"of 6 key frames, no annotated box is of the cla"):
        Detections([key._replace(truth=()) for key in KEYS], config())
    bare = [KEYS[0]._replace(truth=(Box(corners(0.1), (1,)),))]
    with pytest.raises(NoPositivesError, match=r"detection\.first_id, detection\.ids"):
        Detections(bare, with_detection(scored="ava60", first_id=15))


def test_videos_that_were_not_read_do_not_count() -> None:
    tally = SeveralLabels(LABELS, config())
    for index in (1, 3):
        tally.add(index, SCORES[index])
    wanted = multi_label_numbers(SCORES[[1, 3]], TRUTH[[1, 3]], 0.5)
    assert tally.numbers() == wanted | {"threshold": 0.5}


@pytest.mark.parametrize("none", [(), -1])
def test_a_list_without_any_label_is_refused_before_the_work(none: Label) -> None:
    with pytest.raises(NoPositivesError, match=r"^none of the 2 videos has a label"):
        SeveralLabels([none, none], config())


def test_if_only_videos_without_labels_can_be_read_there_is_no_number() -> None:
    tally = SeveralLabels(LABELS, config())
    tally.add(2, SCORES[2])
    with pytest.raises(NoPositivesError, match=r"^none of the 1 videos has a label"):
        tally.numbers()


@pytest.mark.parametrize(
    ("task", "labels", "values", "rows"),
    [
        ("single", [2, 0], [2, 0], [{"label": 2}, {"label": 0}]),
        ("multi", [(0, 2), (), 1], [[1, 0, 1], [0, 0, 0], [0, 1, 0]],
         [{"labels": (0, 2)}, {"labels": ()}, {"labels": (1,)}]),
    ],
    ids=["one label", "several"],
)  # fmt: skip
def test_labels_as_the_losses_and_as_the_files_have_them(
    task: str, labels: list[Label], values: list[Any], rows: list[Any]
) -> None:
    tally = TALLIES[task](labels, config())
    assert tally.array(labels, 3).tolist() == values
    assert [tally.truth(index) for index in range(len(labels))] == rows
    assert tally.array([row[tally.key] for row in rows], 3).tolist() == values


@pytest.mark.parametrize("task", TALLIES)
def test_logits_come_to_what_their_probabilities_come_to(task: str) -> None:
    """Also where all are so low that 1 + tanh, and a float32, would be 0."""
    logits: NDArray[Any] = np.linspace(-600, -30, 18).reshape(6, 3)
    if task == "detection":  # float32 ends at -103
        logits = np.linspace(-80, -30, 36).reshape(6, 2, 3)
    logits = np.random.default_rng(1).permuted(logits.ravel()).reshape(logits.shape)
    by_logits, by_scores = (TALLIES[task](GIVEN[task], config()) for _ in range(2))
    for index, row in enumerate(logits):
        by_logits.add_logits(index, row)
        by_scores.add(index, row + 1000)  # in the same order, and all above the threshold
    found, wanted = by_logits.numbers(), by_scores.numbers()
    if task == "multi":
        assert found.pop("f1") == 0 < wanted.pop("f1")
    assert found == wanted


@pytest.mark.parametrize("task", TALLIES)
def test_the_number_that_decides_is_among_the_usual_ones(task: str) -> None:
    tally = TALLIES[task](GIVEN[task], config())
    tally.add(0, scores_of(task, 0))
    assert tally.decisive in tally.told() and {*tally.told()} <= tally.numbers().keys()
    assert tally.told([*tally.metrics]) == [x for names in tally.metrics.values() for x in names]


def test_metrics_of_the_other_task_are_refused() -> None:
    for task, tally in TALLIES.items():
        check_metrics(tally.usual, task)
        check_metrics(tally.metrics, task)
    with pytest.raises(ConfigError) as caught:
        check_metrics(["mean_class_accuracy", "f1"], "single")
    assert str(caught.value) == (
        "--eval f1 is not for train.task=single: choose from top_k_accuracy, mean_class_accuracy"
    )
    with pytest.raises(ConfigError, match="choose from mean_average_precision, f1$"):
        check_metrics(["top_k_accuracy"], "multi")
