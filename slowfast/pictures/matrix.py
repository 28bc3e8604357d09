"""Draws a confusion matrix.

Legend: K classes.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from slowfast.errors import printable
from slowfast.pictures.fonts import properties, shortened


def confusion_matrix(confused_KK: NDArray[np.int64], names: Sequence[str]) -> Figure:
    """Colours show shares of the true class's videos, numbers how many there are."""
    shares = confused_KK / np.maximum(confused_KK.sum(axis=1, keepdims=True), 1)
    side = 2.6 + 0.3 * len(names)
    figure = Figure(figsize=(side + 0.6, side), layout="constrained")
    axis = figure.subplots()
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    shown = [shortened(printable(name), 36) for name in names]
    fonts = [properties(name, 8) for name in shown]
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
    return figure
