"""What a report says of a test of boxes, by hand and against the numbers of the test."""

from pathlib import Path

import numpy as np
import pytest
from support.scored_boxes import CORNER, LEFT, NAMES, SIT, TALK, Annotated, Found, files_of

from slowfast.evaluate.box_facts import by_crowd, by_size, class_facts, intervals_of, mistake_counts
from slowfast.evaluate.score_files import Files, score
from slowfast.metrics.frame_map import RULES

LARGE = (0.0, 0.0, 1.0, 0.9)


@pytest.mark.parametrize("rule", RULES)
def test_each_action_has_the_numbers_of_the_rule(rule: str, files: Files) -> None:
    numbers, classes = score(files, [rule])
    facts = class_facts(files, files.matches(rule), rule, [(0.0, 1.0)] * 3, 0.5)
    assert [row["AP"] for row in facts] == [row[rule] for row in classes]
    assert [row["name"] for row in facts] == NAMES
    assert np.mean([row["AP"] for row in facts]) == numbers["mAP"][rule] > 0
    assert [row["annotated"] for row in facts] == [3, 1, 2]
    if rule == "official":
        assert [row["precision"] for row in facts] == [1 / 2, 0, 1 / 2]
        assert [row["recall"] for row in facts] == [1 / 3, 0, 1 / 2]


def test_why_answers_are_wrong(files: Files) -> None:
    counts = mistake_counts(files, files.matches("official"), "official", 0.5)
    assert counts == {"right": 2, "action": 1, "twice": 1, "nobody": 1}


def test_by_size_and_by_crowd(tmp_path: Path) -> None:
    """Small ones are right; large ones have a surer wrong answer of their size. Of two persons one
    is found."""
    small = [("a", time, [(CORNER, [0.9, 0, 0])], [(CORNER, [SIT])]) for time in (1, 2)]
    middle = [("a", time, [(LEFT, [0.5, 0, 0])], [(LEFT, [SIT])]) for time in (3, 4)]
    large = [
        ("a", 5, [(LARGE, [0.3, 0, 0])], [(LARGE, [SIT])]),
        ("b", 6, [(LARGE, [0.8, 0, 0])], [(LARGE, [TALK]), (CORNER, [SIT])]),
    ]
    files = files_of(tmp_path, *small, *middle, *large)
    matches = files.matches("official")
    sizes = by_size(files, matches, "official")
    assert [row["count"] for row in sizes] == [3, 2, 2]
    assert [row["name"].split(":")[0] for row in sizes] == ["small", "middle", "large"]
    assert [row["mAP"] for row in sizes] == pytest.approx([2 / 3, 1, 1 / 2])
    assert {row["classes"] for row in sizes} == {1}
    crowds = by_crowd(files, matches, "official")
    assert [(row["name"], row["count"], row["mAP"]) for row in crowds] == [
        ("1 person", 5, 1), ("2 persons", 1, 0)
    ]  # fmt: skip


def test_equal_boxes_and_equal_crowds_are_not_compared(tmp_path: Path) -> None:
    files = files_of(tmp_path, ("a", 1, [(LEFT, [0.9, 0, 0])], [(LEFT, [SIT])]))
    matches = files.matches("official")
    assert by_size(files, matches, "official") == by_crowd(files, matches, "official") == []


def test_an_interval_needs_fifty_videos(tmp_path: Path) -> None:
    """Of half of them the answer is right; a video without boxes is not counted."""

    def frames(number: int) -> list[tuple[str, int, Found, Annotated]]:
        return [
            (f"v{i}", 1, [(LEFT, [0.7 + i % 2 / 5 - i / 200, 0, 0])],
             [(LEFT, [SIT] if i % 2 else [TALK])])
            for i in range(number)
        ]  # fmt: skip

    for number in (49, 50):
        folder = tmp_path / str(number)
        folder.mkdir()
        files = files_of(folder, *frames(number), ("empty", 1, [], []))
        found, videos = intervals_of(files, files.matches("official"), "official")
        assert videos == number and (found.mean is None) == (number == 49)
        numbers, _ = score(files, ["official"])
    assert found.mean and found.mean[0] < numbers["mAP"]["official"] < found.mean[1]
