"""Boxes in the outputs of detectors; those of whole models are in test_person_detectors.py."""

import numpy as np
import pytest
from support.detecting import BOXES, SCORES

from slowfast.predict.persons.detector_models import Arrays
from slowfast.predict.persons.detector_outputs import persons, seen_labels
from slowfast.predict.persons.detector_settings import FORMS, DetectorError, DetectorSettings


def test_the_grid_of_yolox() -> None:
    """Cell (2, 1) of stride 8, of an input of 32 x 32: 21 cells in all."""
    rows = np.zeros((21, 6), np.float32)
    rows[1 * 4 + 2] = [0.5, 0.25, np.log(2), np.log(1), 0.9, 1]
    found, scores = persons({"output": rows[None]}, FORMS["yolox"], (32, 32))
    np.testing.assert_allclose(found, [[20 - 8, 10 - 4, 20 + 8, 10 + 4]], atol=1e-5)
    assert scores.tolist() == [pytest.approx(0.9)]
    with pytest.raises(DetectorError, match="gives 21 boxes, and YOLOX would 84"):
        persons({"output": rows[None]}, FORMS["yolox"], (64, 64))


def test_a_score_for_each_class_and_none_of_a_class() -> None:
    settings = DetectorSettings(boxes="b", scores="s", person=1, score=0.6)
    many = {"b": BOXES[None], "s": np.stack([1 - SCORES, SCORES], axis=1)[None]}
    assert persons(many, settings, (64, 96))[1].tolist() == pytest.approx([0.9, 0.8, 0.7])
    alone = {"b": BOXES[None], "s": SCORES[None]}
    assert len(persons(alone, settings, (64, 96))[0]) == 3
    with pytest.raises(DetectorError, match="it has 2 classes, and person is 7"):
        persons(many, DetectorSettings(boxes="b", scores="s", person=7), (64, 96))


def test_numbers_that_are_none_are_no_box() -> None:
    boxes = BOXES.copy()
    boxes[0, 0] = np.nan
    settings = DetectorSettings(boxes="b", scores="s")
    found, _ = persons({"b": boxes, "s": SCORES}, settings, (64, 96))
    assert np.array_equal(found, BOXES[1:3])


@pytest.mark.parametrize(
    ("form", "shapes"),
    [
        ("torchvision", {"boxes": (0, 4), "scores": (0,), "labels": (0,)}),
        ("ssd", {"detection_boxes": (1, 0, 4), "detection_scores": (1, 0),
                 "detection_classes": (1, 0)}),
        ("paddle", {"found": (0, 6), "number": (1,)}),
        ("paddle", {"found": (0,), "number": (1,)}),
        ("yolov10", {"output0": (1, 0, 6)}),
        ("yolov8", {"output0": (1, 84, 0)}),
        ("yolov5", {"output0": (1, 0, 85)}),
        ("yolox", {"output0": (1, 0, 85)}),
    ],
    ids=["torchvision", "ssd", "paddle", "paddle, flat", "yolov10", "yolov8", "yolov5", "yolox"],
)  # fmt: skip
def test_nobody_is_found(form: str, shapes: dict[str, tuple[int, ...]]) -> None:
    outputs = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    found, scores = persons(outputs, FORMS[form], (64, 96))
    assert found.shape == (0, 4) and scores.shape == (0,)
    assert seen_labels(outputs, FORMS[form]) == set()


APART = DetectorSettings(boxes="b", scores="s", labels="l")


@pytest.mark.parametrize(
    ("boxes", "scores", "labels", "fault"),
    [
        ((4, 5), 4, 4, "b has no rows of 4 numbers"),
        ((4,), 4, 4, "b has no rows of 4 numbers"),
        ((2, 4), 3, 2, "s has not one score, or one a class, for each box"),
        ((2, 4), 0, 2, "s has not one score, or one a class, for each box"),
        ((2, 4), 2, 1, "l and s have not one for each box"),
        ((2, 4), 4, 2, "l and s have not one for each box"),
        ((2, 3, 4), 4, 2, "an output is of 2 pictures, and one was given"),
    ],
    ids=["5 columns", "flat", "3 scores", "no scores", "1 label", "classes", "2 pictures"],
)
def test_outputs_that_do_not_fit(
    boxes: tuple[int, ...], scores: int, labels: int, fault: str
) -> None:
    outputs = {"b": np.zeros(boxes), "s": np.zeros(scores), "l": np.zeros(labels)}
    with pytest.raises(DetectorError, match=fault):
        persons(outputs, APART, (64, 96))


def test_scores_are_shares() -> None:
    outputs: Arrays = {"b": BOXES, "s": np.array([9, 0.1, -1, 0], np.float32), "l": np.zeros(4)}
    with pytest.raises(DetectorError, match="a score is 9, and should be of 0..1 .logits need"):
        persons(outputs, APART, (64, 96))
    outputs["s"] = np.array([0.9, 0.1, -1, 0], np.float32)  # -1: no box
    assert len(persons(outputs, APART, (64, 96))[0]) == 1


def test_classes_that_were_seen() -> None:
    rows = np.array([[3, 0.9, 0, 0, 1, 1], [5, 0.1, 0, 0, 1, 1], [7, 0.6, 0, 0, 1, 1]], np.float32)
    assert seen_labels({"o": rows}, FORMS["paddle"]) == {3, 7}
    assert seen_labels({"o": np.roll(rows[:, ::-1], 0, 1)}, FORMS["yolov10"]) == {3, 7}
    outputs = {"boxes": BOXES, "scores": SCORES, "labels": np.array([4, 5, 6, 8])}
    assert seen_labels(outputs, FORMS["torchvision"]) == {4, 5, 6}
