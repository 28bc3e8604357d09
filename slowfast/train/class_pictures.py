"""Pictures of how well a validation did on each class: bars, and the confusion matrix.

Legend: K classes.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from numpy.typing import NDArray

from slowfast.errors import printable
from slowfast.metrics.accuracy import name_of
from slowfast.pictures import FAST, SLOW, font_file, shortened
from slowfast.train.class_results import ClassResults
from slowfast.train.drawn import pixels

MOST_BARS = 40
"""Of more classes the worst are shown alone."""
MOST_CELLS = 32
"""Of more classes there is no matrix that can be read, but the pairs that are confused most."""
WORST = 30
"""Classes, or pairs, that are shown of many."""


def classes_picture(results: ClassResults, names: Sequence[str] | None) -> NDArray[np.uint8]:
    """A bar for each class that occurs, the worst first; of many classes, only the worst."""
    order = np.argsort(results.values, kind="stable")
    shown = order if len(order) <= MOST_BARS else order[:WORST]
    rows = [
        (
            name_of(results.classes[i], names),
            results.values[i],
            f"{100 * results.values[i]:.0f} %  of {results.counts[i]:,}",
        )
        for i in shown
    ]
    mean = f"mean {100 * float(np.mean(results.values)):.1f} %"
    which = f"all {len(order)} classes" if len(shown) == len(order) else (
        f"the worst {len(shown)} of {len(order)} classes"
    )  # fmt: skip
    return _bars(rows, f"{results.what}, {which}, {mean}", SLOW)


def confusion_picture(
    confused_KK: NDArray[np.int64], names: Sequence[str] | None
) -> NDArray[np.uint8]:
    """The confusion matrix; of many classes, bars for the pairs that are confused most."""
    if len(confused_KK) <= MOST_CELLS:
        return _matrix(confused_KK, [name_of(k, names) for k in range(len(confused_KK))])
    counts_K = confused_KK.sum(axis=1)
    wrong_KK = confused_KK.copy()
    np.fill_diagonal(wrong_KK, 0)
    best = np.argsort(-wrong_KK.ravel(), kind="stable")[:WORST]
    rows = []
    for true, found in zip(*np.unravel_index(best, wrong_KK.shape), strict=True):
        if count := int(wrong_KK[true, found]):
            names_of_pair = f"{name_of(int(true), names)} \N{RIGHTWARDS ARROW} "
            names_of_pair += name_of(int(found), names)
            of = int(counts_K[true])
            rows.append((names_of_pair, count / of, f"{count:,} of {of:,}"))
    return _bars(
        rows, "most confused: true \N{RIGHTWARDS ARROW} predicted, share of the true", FAST
    )


def _bars(rows: Sequence[tuple[str, float, str]], title: str, colour: str) -> NDArray[np.uint8]:
    """A bar for each name and share, with a text behind it."""
    longest = min(max((len(name) for name, *_ in rows), default=0), 60)
    left, right, wide = 0.25 + 0.085 * longest, 1.15, 5.0
    width, height = left + wide + right, 0.75 + 0.25 * max(len(rows), 1)
    figure = Figure(figsize=(width, height))
    area = (left / width, 0.32 / height, wide / width, 1 - 0.75 / height)
    axis = figure.add_axes(area)
    places = range(len(rows))
    axis.barh(places, [1] * len(rows), color="#eeeeee", height=0.7)
    axis.barh(places, [share for _, share, _ in rows], color=colour, height=0.7)
    for place, (name, _, text) in zip(places, rows, strict=True):
        shown = shortened(printable(name), 60)
        font = FontProperties(fname=font_file(shown), size=9)
        axis.text(-0.012, place, shown, ha="right", va="center", fontproperties=font,
                  parse_math=False)  # fmt: skip
        axis.text(1.012, place, text, va="center", fontsize=8.5)
    axis.set(xlim=(0, 1), ylim=(max(len(rows), 1) - 0.4, -0.6), yticks=[])
    axis.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"], fontsize=8)
    axis.spines[["top", "right", "left"]].set_visible(False)
    figure.text(0.1 / width, 1 - 0.1 / height, title, va="top", fontsize=10.5, weight="bold")
    return pixels(figure)


def _matrix(confused_KK: NDArray[np.int64], names: Sequence[str]) -> NDArray[np.uint8]:
    """Colours show shares of the true class's videos, numbers how many there are."""
    shares = confused_KK / np.maximum(confused_KK.sum(axis=1, keepdims=True), 1)
    side = 2.6 + 0.3 * len(names)
    figure = Figure(figsize=(side + 0.6, side), layout="constrained")
    axis = figure.subplots()
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    shown = [shortened(printable(name), 36) for name in names]
    fonts = [FontProperties(fname=font_file(name), size=8) for name in shown]
    axis.set_xticks(range(len(names)), shown, rotation=90)
    axis.set_yticks(range(len(names)), shown)
    for labels in (axis.get_xticklabels(), axis.get_yticklabels()):
        for label, font in zip(labels, fonts, strict=True):
            label.set_fontproperties(font)
            label.set_parse_math(False)
    for row, column in zip(*np.nonzero(confused_KK), strict=True):
        shade = "white" if shares[row, column] > 0.5 else "black"
        text = f"{confused_KK[row, column]}"
        axis.text(column, row, text, ha="center", va="center", fontsize=7.5, color=shade)
    right, total = int(confused_KK.trace()), int(confused_KK.sum())
    axis.set(xlabel="predicted", ylabel="true")
    axis.set_title(f"{right:,} of {total:,} videos right", fontsize=10.5, weight="bold")
    return pixels(figure)
