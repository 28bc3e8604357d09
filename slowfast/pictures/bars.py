"""Draws shares as bars."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from slowfast.errors import printable
from slowfast.pictures.fonts import properties, shortened

Row = tuple[str, float, str]
"""A name, its share, and a text behind the bar."""
LONGEST = 60
"""Letters of a name."""


def bars(groups: Sequence[tuple[str, Sequence[Row]]], title: str) -> Figure:
    """A bar for each row, from above; between groups, each of its colour, there is a gap."""
    placed, place = [], 0
    for colour, rows in groups:
        placed += [(place + i, colour, row) for i, row in enumerate(rows)]
        place += len(rows) + 1
    count = max(place - 1, 1)
    longest = min(max((len(name) for _, _, (name, *_) in placed), default=0), LONGEST)
    widest = max((len(text) for _, _, (*_, text) in placed), default=0)
    left, right, wide = 0.25 + 0.085 * longest, max(1.15, 0.25 + 0.075 * widest), 5.0
    width, height = left + wide + right, 0.75 + 0.25 * (count + 0.2)
    figure = Figure(figsize=(width, height))
    axis = figure.add_axes((left / width, 0.32 / height, wide / width, 1 - 0.75 / height))
    for place, colour, (name, share, text) in placed:
        axis.barh(place, 1, color="#eeeeee", height=0.7)
        axis.barh(place, share, color=colour, height=0.7)
        shown = shortened(printable(name), LONGEST)
        axis.text(-0.012, place, shown, ha="right", va="center", parse_math=False,
                  fontproperties=properties(shown, 9))  # fmt: skip
        axis.text(1.012, place, text, va="center", fontsize=8.5)
    axis.set(xlim=(0, 1), ylim=(count - 0.4, -0.6), yticks=[])
    axis.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"], fontsize=8)
    axis.spines[["top", "right", "left"]].set_visible(False)
    figure.text(0.1 / width, 1 - 0.1 / height, title, va="top", fontsize=10.5, weight="bold",
                parse_math=False)  # fmt: skip
    return figure
