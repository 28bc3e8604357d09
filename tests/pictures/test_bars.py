"""Bars, looked at through the pixels."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from slowfast.pictures.bars import Row, bars
from slowfast.pictures.figures import FAST, SLOW, pixels


def widths(groups: list[tuple[str, list[Row]]], colour: str) -> list[int]:
    """Pixels of a colour in each row of a picture that has some."""
    picture = pixels(bars(groups, "title $")) / 255
    rows = (np.abs(picture - to_rgb(colour)).max(axis=2) < 0.02).sum(axis=1)
    return [int(row) for row in rows if row > 20]


def test_bars_are_as_wide_as_their_shares_the_first_above() -> None:
    groups = [(SLOW, [("sit", 1.0, "1,200"), ("$run", 0.5, "3")]), (FAST, [("\u8df3", 0.25, "9")])]
    slow, fast = widths(groups, SLOW), widths(groups, FAST)
    assert slow[0] == pytest.approx(2 * slow[-1], abs=4)
    assert fast[0] == pytest.approx(slow[-1] / 2, abs=4)
    assert widths([(SLOW, [("none", 0.0, "0")])], SLOW) == []


@pytest.mark.parametrize("count", [1, 40])
def test_a_bar_has_the_same_height_among_few_and_many(count: int) -> None:
    rows: list[Row] = [(f"{i}", 0.5, "") for i in range(count)]
    assert len(widths([(SLOW, rows)], SLOW)) / count == pytest.approx(19, abs=1.5)
