"""Times, corners and scores of files of boxes."""

import math

import pytest

from slowfast.data.boxes.boxes_fields import checked, decimal, moment_of, score_of, time_of


def test_times() -> None:
    assert time_of("0902") == time_of("902.0004") == time_of(" 902 ") == 902.0
    assert moment_of("v", "1.5") == ("v", 1.5)
    for text in ("", "-1", "nan", "1e99", "0x1", "\u0661"):
        with pytest.raises(ValueError, match="is not a time"):
            time_of(text)


def test_corners_may_reach_beyond_the_picture() -> None:
    for corners in ((-0.25, 0, 1.25, 1), (0.5, 0.5, 0.5, 0.5)):
        assert checked(corners) == corners
    for wrong, fault in (
        ((0, 0, 1.26, 1), "x2 is 1.26, not a share"),
        ((0, math.nan, 1, 1), "y1 is nan, not a share"),
        ((0, 1, 1, 0), "the corners 0, 1, 1, 0 are not x1, y1, x2, y2"),
    ):
        with pytest.raises(ValueError, match=fault):
            checked(wrong)


def test_scores_and_numbers() -> None:
    assert score_of(0) == 0
    assert score_of(1.0) == 1.0
    with pytest.raises(ValueError, match=r"score 1.5 is not in 0..1"):
        score_of(1.5)
    assert decimal("1e-1") == 0.1
    assert all(map(math.isnan, map(decimal, ("1_0", "x", "\u0661", ""))))
