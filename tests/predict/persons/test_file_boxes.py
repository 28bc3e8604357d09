"""Which boxes of a file are used, and what is said of the others."""

from pathlib import Path

import pytest

from slowfast.config import DetectionConfig
from slowfast.data.samples import Box
from slowfast.predict.persons.file_boxes import BoxesOf, usable_boxes

A, B = (0.1, 0.2, 0.5, 0.9), (0.5, 0.1, 0.8, 0.8)
PATH = Path("b.jsonl")


def test_boxes_without_area_or_score(caplog: pytest.LogCaptureFixture) -> None:
    flat = Box((0.3, 0.3, 0.3, 0.5))
    found: BoxesOf = {"a": {1.0: (Box(A), flat), 2.0: (Box(B, score=0.1),)}}
    assert usable_boxes(PATH, found, DetectionConfig()) == {"a": {1.0: (Box(A),), 2.0: ()}}
    assert [record.getMessage() for record in caplog.records] == [
        "b.jsonl: 1 of 3 boxes are below detection.box_score=0.8 and left out (-o "
        "detection.box_score=0 takes all)",
        "b.jsonl: 1 of 3 boxes have no area and are left out",
    ]


def test_two_boxes_of_one_person(caplog: pytest.LogCaptureFixture) -> None:
    found: BoxesOf = {
        "a": {1.0: (Box(A, person=1), Box(B, person=1)), 2.0: (Box(A, person=1),)},
        "b": {1.0: (Box(A, person=1), Box(B, person=2)), 2.0: (Box(A), Box(B))},
    }
    usable = usable_boxes(PATH, found, DetectionConfig())
    assert usable == {"a": {1.0: (Box(A), Box(B)), 2.0: (Box(A),)}, "b": found["b"]}
    (record,) = caplog.records
    assert record.getMessage() == (
        "b.jsonl: a at 1 has 2 boxes of person 1: the numbers of its persons are not used"
    )
