"""Boxes in the outputs of detectors; those of whole models are in test_person_detectors.py."""

import numpy as np
import pytest
from support.detecting import BOXES, SCORES

from slowfast.predict.persons.detector_outputs import persons
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
