"""What a report says of a test of boxes, by hand and against the numbers of the test."""

from pathlib import Path

import numpy as np
import pytest
from support.scored_boxes import CORNER, LEFT, NAMES, RIGHT, Annotated, Found, write_test

from slowfast.evaluate.box_examples import LOW, NO_BOX, missed, wrong_answers
from slowfast.evaluate.box_facts import (
    MISTAKES,
    by_crowd,
    by_size,
    class_facts,
    intervals_of,
    mistake_counts,
)
from slowfast.evaluate.score_files import Files, read_files, score
from slowfast.metrics.frame_map import RULES

SIT, STAND, TALK = range(1, 4)
LARGE = (0.0, 0.0, 1.0, 0.9)


def files_of(folder: Path, *frames: tuple[str, int, Found, Annotated]) -> Files:
    return read_files(*write_test(folder, [*frames]), None, None)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Four key frames of two videos; the answers of 0.5 or more are

    right: sit 0.9 (b 1), talk 0.7 (a 2); wrong: stand 0.95 in a sitting person's box, sit 0.6 a
    second time, talk 0.8 in the corner; stand of b 2 has no box, talk of a 1 scores 0.1.
    """
    near = (0.12, 0.1, 0.42, 0.8)
    return files_of(
        tmp_path,
        ("a", 1, [(LEFT, [0.2, 0.95, 0.1])], [(LEFT, [SIT, TALK])]),
        ("a", 2, [(RIGHT, [0.1, 0.2, 0.7]), (CORNER, [0.0, 0.1, 0.8])], [(RIGHT, [TALK])]),
        ("b", 1, [(LEFT, [0.9, 0.0, 0.0]), (near, [0.6, 0.1, 0.0])], [(LEFT, [SIT])]),
        ("b", 2, [(LEFT, [0.3, 0.4, 0.0])], [(LEFT, [SIT]), (RIGHT, [STAND])]),
    )


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


def test_the_surest_wrong_answers_come_first(files: Files) -> None:
    first, second, third, *others = wrong_answers(files, files.matches("official"), "official")
    assert (first.moment, first.action, first.why) == (("a", 1), "stand", MISTAKES["action"])
    assert first.score == pytest.approx(0.95) and (first.box, first.own) == (0, 0)
    assert first.annotated[0].actions == ["sit", "talk"]
    assert [name for name, _ in first.found[0].actions] == ["stand", "sit", "talk"]
    assert (second.moment, second.action, second.why) == (("a", 2), "talk", MISTAKES["nobody"])
    assert (second.box, second.own) == (1, None)
    assert (third.moment, third.action, third.why) == (("b", 1), "sit", MISTAKES["twice"])
    moments = [each.moment for each in (first, second, third, *others)]
    assert len({*moments}) == len(moments)


def test_what_is_missed(files: Files) -> None:
    """First where no box is, then by the score."""
    first, *others = missed(files, files.matches("official"))
    assert (first.moment, first.action, first.why) == (("b", 2), "stand", NO_BOX)
    assert (first.score, first.box) == (None, None) and first.annotated[first.own or 0].corners == (
        RIGHT
    )
    lowest = others[0]
    assert (lowest.moment, lowest.action, lowest.why) == (("a", 1), "talk", LOW)
    assert lowest.score == pytest.approx(0.1) and (lowest.box, lowest.own) == (0, 0)


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
