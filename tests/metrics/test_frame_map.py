"""Average precision of boxes by each rule, against what the peers' own code came to, and by hand.

What the peers' code says of random rows, ``check_frame_map.py`` in tests/golden compares.
"""

from collections.abc import Sequence

import numpy as np
import pytest

from slowfast.metrics.average_precision import NoPositivesError
from slowfast.metrics.frame_map import (
    RULES,
    Frames,
    as_mmaction2_writes,
    box_recall,
    class_precisions,
    frame_map_numbers,
    ranked_precision,
)
from slowfast.metrics.frame_rows import Boxes

Row = tuple[int, tuple[float, ...], int, float]
"""A frame, corners, a class and a score."""

LEFT, RIGHT, BOTH = (0.1, 0.1, 0.4, 0.8), (0.5, 0.1, 0.8, 0.8), (0.2, 0.2, 0.6, 0.9)
LOWER = (0.1, 0.12, 0.4, 0.82)
FALL, SIT, STAND, WALK = CLASSES = 5, 11, 12, 14
ANNOTATED: list[Row] = [
    (2, LEFT, STAND, 1), (2, RIGHT, STAND, 1), (2, LEFT, WALK, 1), (3, LEFT, STAND, 1),
    (5, BOTH, SIT, 1), (6, BOTH, STAND, 1),
]  # fmt: skip
FOUND: list[Row] = [
    (2, (0.12, 0.1, 0.42, 0.8), STAND, 0.60), (2, LOWER, STAND, 0.90),
    (2, (0.3, 0.1, 0.6, 0.8), STAND, 0.70), (2, (0.52, 0.1, 0.8, 0.8), STAND, 0.50),
    (2, LOWER, WALK, 0.30), (2, (0.52, 0.1, 0.8, 0.8), WALK, 0.40), (3, LEFT, STAND, 0.65),
    (4, LEFT, STAND, 0.80), (5, (0.2, 0.2, 0.6, 0.54), SIT, 0.90), (6, BOTH, STAND, 0.95),
    (6, BOTH, FALL, 0.95),
]  # fmt: skip
FRAMES = Frames(np.array([0, 0, 1, 1, 0, 1, 1], bool), np.array([0, 0, 0, 0, 0, 0, 1], bool))
"""Frame 4 is not annotated, frame 6 is excluded."""
NAN = float("nan")
EXPECTED = {
    "official": [NAN, 0, 0.8541666666666666, 0.5],
    "official-2019": [NAN, 0, 2 / 3, 0.5],
    "pyslowfast": [NAN, 0, 0.5, 0.5],
    "mmaction2": [NAN, 0, 17 / 30, 0.5],
}
"""Run with ActivityNet's code of 2020 and 2019, PySlowFast's and mmaction2 1.2.0's."""


def boxes(rows: Sequence[Row]) -> Boxes:
    frames, corners, classes, scores = ([row[part] for row in rows] for part in range(4))
    return Boxes(
        np.array(frames, np.int32), np.array(corners, np.float64).reshape(-1, 4),
        np.arange(len(rows)), np.array(classes, np.int16), np.array(scores, np.float64),
    )  # fmt: skip


def precisions(found: Sequence[Row], rule: str, truth: Sequence[Row] = ANNOTATED) -> list[float]:
    rows = class_precisions(boxes(found), boxes(truth), FRAMES, CLASSES, rule)
    return [row.precision for row in rows]


@pytest.mark.parametrize("rule", RULES)
def test_the_example_comes_to_what_the_peers_say(rule: str) -> None:
    np.testing.assert_allclose(precisions(FOUND, rule), EXPECTED[rule], rtol=0, atol=1e-12)
    numbers, rows = frame_map_numbers(boxes(FOUND), boxes(ANNOTATED), FRAMES, CLASSES, rule)
    assert numbers["mAP"] == pytest.approx(np.nanmean(EXPECTED[rule]), abs=1e-12)
    assert numbers["recall"] == 3 / 4
    assert [row.annotated for row in rows] == [0, 1, 4 if rule in ("official", "mmaction2") else 3,
                                               1]  # fmt: skip


def test_a_class_that_is_annotated_and_not_found() -> None:
    found = [row for row in FOUND if row[2] != WALK]
    for rule in RULES:
        wanted = [*EXPECTED[rule][:3], NAN if rule == "mmaction2" else 0]
        np.testing.assert_allclose(precisions(found, rule), wanted, atol=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_nothing_is_found_at_all(rule: str) -> None:
    numbers, rows = frame_map_numbers(boxes([]), boxes(ANNOTATED), FRAMES, CLASSES, rule)
    assert numbers == {"mAP": 0, "recall": 0} and [row.found for row in rows] == [0] * 4


@pytest.mark.parametrize("rule", RULES)
def test_no_class_that_is_scored_is_annotated(rule: str) -> None:
    with pytest.raises(NoPositivesError, match="no annotated box is of the classes that are scor"):
        frame_map_numbers(boxes(FOUND), boxes(ANNOTATED), FRAMES, [FALL], rule)


def test_the_official_rule_counts_50_rows_of_a_frame() -> None:
    """Of all classes that are scored; frames that need no heap, and, by ties, one that does."""
    for tied in (False, True):
        crowd = [(3, RIGHT, WALK, 0.9 if tied else 0.7 + i / 1000) for i in range(49)]
        at = [(3, LEFT, STAND, 0.66), (3, LEFT, STAND, 0.65)]
        others = [(3, RIGHT, 80, 0.99)] * 60
        truth = [(3, LEFT, STAND, 1.0)]
        assert precisions([*crowd, *others, *at], "official", truth)[2] == 1
        assert precisions([at[1], *crowd, crowd[0], *others], "official", truth)[2] == 0
        assert precisions([at[1], *crowd, crowd[0], *others], "pyslowfast", truth)[2] == 1


def test_of_equal_scores_the_official_rule_keeps_those_of_a_heap() -> None:
    """Pushed while there are fewer than 50; then the smallest gives way to a higher score only, and
    of equal ones the smallest is that of the lower class, then of the smaller y1, x1, y2, x2."""
    truth = [(3, LEFT, STAND, 1.0), (3, LEFT, WALK, 1.0)]
    crowd = [(3, RIGHT, STAND, 0.5)] * 49
    fits = precisions([*crowd, (3, LEFT, STAND, 0.5)], "official", truth)
    assert fits[2] == pytest.approx(1 / 50)
    assert precisions([*crowd, crowd[0], (3, LEFT, STAND, 0.5)], "official", truth)[2] == 0
    last = [(3, LEFT, STAND, 0.5), (3, LEFT, WALK, 0.5), *crowd[1:], (3, RIGHT, FALL, 0.6)]
    assert [x > 0 for x in precisions(last, "official", truth)[2:]] == [False, True]


def test_only_pyslowfast_takes_boxes_as_they_come() -> None:
    """The worse one is given first and takes the annotated box."""
    rows = [(2, (0.1, 0.1, 0.4, 0.6), STAND, 0.2), (2, LEFT, STAND, 0.9)]
    truth = [(2, LEFT, STAND, 1.0)]
    found = {rule: precisions(rows, rule, truth)[2] for rule in RULES}
    assert found == {"official": 1, "official-2019": 1, "pyslowfast": 0.5, "mmaction2": 1}


def test_annotated_boxes_that_are_overlapped_equally() -> None:
    """The peers take the numbers of persons for scores: the highest comes first, but PySlowFast
    has the order of the file. Run with their code (tests/golden/check_frame_map.py)."""
    first, middle, second = ((x / 16, 0, (x + 4) / 16, 1) for x in (0, 1, 2))
    found = [(3, middle, STAND, 0.9), (3, first, STAND, 0.8)]
    for persons, expected in (((1, 2), [1, 1, 0.5, 1]), ((2, 1), [0.5] * 4)):
        truth = [(3, first, STAND, persons[0]), (3, second, STAND, persons[1])]
        assert [precisions(found, rule, truth)[2] for rule in RULES] == expected


def test_boxes_without_area_count_for_mmaction2_alone() -> None:
    rows = [(2, (0.1, 0.1, 0.1, 0.8), STAND, 0.9), (2, LEFT, STAND, 0.5)]
    found = {rule: precisions(rows, rule, ANNOTATED[:1])[2] for rule in RULES}
    assert found == {"official": 1, "official-2019": 1, "pyslowfast": 1, "mmaction2": 0.5}


def test_what_mmaction2_writes() -> None:
    """Scores above 0.002, and four decimals of float32."""
    scores = [0.002, 0.00204, 0.00205, 0.12345, 0.99999]
    box = (0.12344, 0.1, 0.4, 0.80006)
    rows = [(2, box, STAND, float(np.float32(score))) for score in scores]
    kept = as_mmaction2_writes(boxes(rows))
    assert kept.scores.tolist() == [float(f"{np.float32(score):.4f}") for score in scores[1:]]
    assert kept.corners[0].tolist() == [0.1234, 0.1, 0.4, 0.8001]


def test_the_area_under_precision_that_falls() -> None:
    """2 of 3 rows are right, of 4 annotated: precision 1, 1/2, 2/3 is made 1, 2/3, 2/3."""
    right = np.array([True, False, True])
    assert ranked_precision(np.array([0.9, 0.8, 0.7]), right, 4) == pytest.approx(1 / 4 + 2 / 3 / 4)
    assert ranked_precision(np.zeros(0), right[:0], 4) == 0
    assert np.isnan(ranked_precision(np.array([0.9]), right[:1], 0))


def test_recall_is_of_boxes_not_of_rows() -> None:
    """An annotated box with two actions is one; those of excluded frames do not count."""
    truth = [(2, LEFT, STAND, 1.0), (2, LEFT, WALK, 1.0), (3, RIGHT, STAND, 1.0), *ANNOTATED[-1:]]
    found = [(2, LOWER, FALL, 0.1), (3, LEFT, STAND, 0.9)]
    assert box_recall(boxes(found), boxes(truth), FRAMES) == 0.5
    assert box_recall(boxes(found[:0]), boxes(truth), FRAMES) == 0
    assert np.isnan(box_recall(boxes(found), boxes(truth[-1:]), FRAMES))
