"""What a test got wrong, on numbers that can be counted by hand."""

from typing import Any

import numpy as np

from slowfast.evaluate.mistakes import (
    Mistake,
    Pair,
    best_and_worst,
    mistakes,
    mistakes_of_several,
    mixed_up,
    worst_pairs,
)
from slowfast.metrics.accuracy import confusion

LABELS = np.array([0, 0, 0, 1, 1, 2])
SHARES = np.array(
    [[0.9, 0.1, 0], [0.2, 0.8, 0], [0.1, 0.7, 0.2], [0.6, 0.4, 0], [0.3, 0.5, 0.2], [0.95, 0, 0.05]]
)


def test_no_class_is_among_the_best_and_the_worst() -> None:
    rows: list[dict[str, Any]] = [{"class": i, "AP": i / 30} for i in range(30)]
    best, worst = best_and_worst(rows, "AP", 10)
    assert [row["class"] for row in best] == [*range(29, 19, -1)]
    assert [row["class"] for row in worst] == [*range(10)]
    rows = [{"class": 0, "AP": 0.5}, {"class": 1, "AP": None}, {"class": 2, "AP": 0.7},
            {"class": 3, "AP": 0.5}]  # fmt: skip
    best, worst = best_and_worst(rows, "AP", 10)
    assert ([row["class"] for row in best], [row["class"] for row in worst]) == ([2, 0], [3])
    assert best_and_worst(rows[1:3], "AP", 10) == ([rows[2]], [])
    assert best_and_worst([], "AP", 10) == ([], [])
    rows = [{"class": 0, "AP": 0.0}, {"class": 1, "AP": 0.0}]
    assert best_and_worst(rows, "AP", 10) == ([], rows[::-1])  # nothing is good


def test_confusion_and_its_worst_pairs() -> None:
    counts = confusion(LABELS, SHARES.argmax(axis=1), 3)
    assert counts.tolist() == [[1, 2, 0], [1, 1, 0], [1, 0, 0]]
    assert worst_pairs(counts, 2) == [Pair(0, 1, 2), Pair(1, 0, 1)]
    assert len(worst_pairs(counts, 9)) == 3 and worst_pairs(np.eye(3, dtype=np.int64), 9) == []


def test_the_surest_mistakes_come_first() -> None:
    found = mistakes(SHARES, LABELS, 3)
    assert found == [
        Mistake(5, 0.95, (0,), (2,)), Mistake(1, 0.8, (1,), (0,)), Mistake(2, 0.7, (1,), (0,))
    ]  # fmt: skip
    assert len(mistakes(SHARES, LABELS, 99)) == 4


TRUTH = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1]], np.uint8)
SEVERAL = np.array([[0.9, 0.2, 0.5], [0.1, 0.6, 0.8], [0.4, 0.0, 0.7]])


def test_with_several_labels_what_was_missed_and_what_was_found_instead() -> None:
    assert mixed_up(SEVERAL, TRUTH, 0.5).tolist() == [[0, 0, 1], [0, 0, 0], [0, 0, 0]]
    assert mistakes_of_several(SEVERAL, TRUTH, 0.5, 9) == [
        Mistake(1, 0.9, (2,), (0,)), Mistake(0, 0.5, (2,), ())
    ]  # fmt: skip
    assert mistakes_of_several(SEVERAL, TRUTH, 0.6, 9) == [Mistake(1, 0.9, (2,), (0,))]


def test_unsigned_truth_is_subtracted_as_numbers() -> None:
    (found,) = mistakes_of_several(np.array([[0.25, 0.75]]), np.array([[1, 1]], np.uint8), 0.5, 9)
    assert found == Mistake(0, 0.75, (), (0,))
