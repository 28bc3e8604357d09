"""Draws the picture of a timeline: the classes' scores and segments, and frames of the video."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import FuncFormatter, MultipleLocator
from numpy.typing import NDArray

from slowfast.errors import printable
from slowfast.pictures.figures import FAST, SLOW, save
from slowfast.pictures.fonts import font_file, shortened

COLOURS = (SLOW, FAST, "#3a8f5c", "#a8477c", "#7a6a2f", "#5b5fc7", "#c0392b", "#2a9d9d")
"""Of the classes of a timeline, in turn."""
LEAST_ROWS, MOST_ROWS = 3, 14
"""Classes that a timeline shows."""
Segments = Sequence[tuple[float, float, int, float]]
"""Start, end (seconds), class and score of each."""
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 86400)
"""Seconds from one mark of a timeline to the next."""


def draw_timeline(
    edges: NDArray[np.float64], scores: NDArray[Any], segments: Segments, picture: Path, *,
    name_of: Callable[[int], str], title: str, thumbs: NDArray[np.uint8],
) -> None:  # fmt: skip
    """Draws what happens when: a row for each class, with its score over time and, below it, its
    segments as bars; frames of the video above.

    Args:
        edges: of the times that the N windows stand for, seconds ``[N + 1]``.
        scores: probabilities ``[N, K]``.
        name_of: from a class to its name.
        thumbs: frames spread over the video ``[n, H, W, 3]``; may be none.
    """
    shown, hidden = _classes_shown(scores, segments)
    begin, end = float(edges[0]), float(edges[-1])
    strip, height = _strip(thumbs)
    figure = Figure(figsize=(13, 1.1 + height + 0.62 * len(shown)), layout="constrained")
    ratios = [max(height, 0.01), 0.3 + 0.62 * len(shown)]
    above, axis = figure.subplots(2, 1, sharex=True, height_ratios=ratios)
    above.axis("off")
    if len(thumbs):
        above.imshow(strip, extent=(begin, end, 0, 1), aspect="auto")
    places, heights = _at_most(edges, scores[:, shown], 1200)
    for row, label in enumerate(shown):
        own = [segment for segment in segments if segment[2] == label]
        _row(axis, -row, COLOURS[row % len(COLOURS)], places, heights[:, row], own)
    names = [shortened(printable(name_of(label)), 42) for label in shown]
    axis.set_yticks([0.5 - row for row in range(len(shown))], names)
    axis.set(xlim=(begin, end), ylim=(0.97 - len(shown), 1))
    step = next((s for s in STEPS if (end - begin) / s <= 12), STEPS[-1])
    axis.xaxis.set_major_locator(MultipleLocator(step))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda second, _: _clock(second, step, end)))
    axis.grid(axis="x", alpha=0.3)
    axis.tick_params(axis="y", length=0)
    axis.spines[["top", "right", "left"]].set_visible(False)
    more = f"; {hidden} more classes have segments" if hidden else ""
    heading = figure.suptitle(f"{shortened(printable(title), 90)}{more}")
    for text, size in ((heading, 11), *((tick, 9) for tick in axis.get_yticklabels())):
        text.set_parse_math(False)  # a dollar is a dollar
        text.set_fontproperties(FontProperties(fname=font_file(text.get_text()), size=size))
    save(figure, picture)


def _row(
    axis: Any, bottom: float, colour: str, places: NDArray[np.float64], heights: NDArray[Any],
    segments: Segments,
) -> None:  # fmt: skip
    """Draws a class of a timeline, between ``bottom`` and 1 above it."""
    base = bottom + 0.16
    axis.stairs(
        base + 0.78 * heights, places, baseline=base, fill=True, color=colour, alpha=0.35, lw=0
    )
    bars = [(start, end - start) for start, end, _, _ in segments]
    axis.broken_barh(bars, (base - 0.145, 0.13), color=colour, lw=0)
    for start, end, _, score in segments:
        if end - start > 0.05 * (places[-1] - places[0]):
            text = f"{100 * score:.0f} %"
            axis.text((start + end) / 2, base + 0.06, text, fontsize=8, ha="center", va="bottom")


def _classes_shown(scores: NDArray[Any], segments: Segments) -> tuple[list[int], int]:
    """The classes that a timeline has room for, in the order of their first segments, then those
    with the largest scores; and how many others have segments."""
    lengths: dict[int, float] = {}
    for start, end, label, _ in segments:
        lengths[label] = lengths.get(label, 0.0) + end - start
    longest = sorted(lengths, key=lambda label: -lengths[label])[:MOST_ROWS]
    shown = [label for label in lengths if label in longest]
    best = np.argsort(-scores.max(axis=0), kind="stable").tolist()
    shown += [label for label in best if label not in shown][: max(LEAST_ROWS - len(shown), 0)]
    return shown, len(lengths) - len(longest)


def _at_most(
    edges: NDArray[np.float64], scores: NDArray[Any], most: int
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Edges and scores of at most so many neighbours each: of several windows the largest score."""
    together = -(-len(scores) // most)
    firsts = np.arange(0, len(scores), together)
    return np.append(edges[:-1][firsts], edges[-1]), np.maximum.reduceat(scores, firsts, axis=0)


def _strip(thumbs: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
    """Frames side by side, with white between them, and how many inches the strip is high where it
    is as wide as a timeline."""
    if not len(thumbs):
        return thumbs, 0.0
    _, height, width, _ = thumbs.shape
    inches = 10.4 / len(thumbs)
    high = min(max(inches * height / width, 0.45), 1.4)
    across = max(round(height * inches / high) - width, 2)  # white beside a tall one
    down = max(round(width * high / inches) - height, 0)
    around = ((0, 0), (down // 2, down - down // 2), (across // 2, across - across // 2), (0, 0))
    return np.concatenate([*np.pad(thumbs, around, constant_values=255)], axis=1), high


def _clock(second: float, step: float, end: float) -> str:
    """A time below the axis: ``1:02:03`` in a video of hours, ``2:03``, or ``2:03.5``."""
    tenths = round(second * 10)
    text = f"{tenths // 10 % 60:02d}" + (f".{tenths % 10}" if step < 1 else "")
    minutes = tenths // 600
    return f"{minutes // 60}:{minutes % 60:02d}:{text}" if end >= 3600 else f"{minutes}:{text}"
