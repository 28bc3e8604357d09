"""Draws the curves of one training run, or of several, into one picture.

It appears once it is whole, see ``files.atomic``, and raises what that raises.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from slowfast.errors import printable
from slowfast.pictures.figures import save
from slowfast.pictures.fonts import properties, shortened

COLOURS = (
    "#2b5c8a", "#e07b39", "#3a9a6b", "#b1457b", "#7a63c7", "#c2a01e", "#4aa3c7", "#8c564b",
    "#5d6b7a", "#d1495b",
)  # fmt: skip
"""Of the runs, in turn; with more runs, dashed from there on."""
MOST_POINTS = 600
"""Of a curve: a picture has no room for more."""
MARKED = 25
"""Validations that each have a mark, at most."""
SMOOTHED = 40
"""Parts of a training curve that a mean is taken over."""
LEAST_SMOOTHED = 5
"""Points of a mean, unless that is more than a fifth of a short curve."""


@dataclass(frozen=True)
class Curve:
    """A number of a run; ``x`` rises."""

    run: int
    kind: str
    """train, which is smoothed, val, val_ema, or lr."""
    x: NDArray[np.float64]
    y: NDArray[np.float64]


@dataclass(frozen=True)
class Panel:
    """Curves that share an axis."""

    title: str
    across: str
    """What x counts."""
    curves: list[Curve]
    is_share: bool = False
    """Whether y is from 0 to 1."""


def draw_runs(names: list[str], rows: list[list[Panel]], picture: Path) -> None:
    """Draws rows of panels under a legend of the runs' names."""
    columns = max(map(len, rows))
    legend_rows = -(-len(names) // 3)
    figure = Figure(figsize=(4.6 * columns, 3.3 * len(rows) + 0.3 * legend_rows + 0.3))
    figure.set_layout_engine("constrained")
    for row, panels in enumerate(rows):
        for column, panel in enumerate(panels):
            axis = figure.add_subplot(len(rows), columns, row * columns + column + 1)
            _draw(axis, panel)
    lines = [Line2D([], [], color=_colour(i), ls=_dash(i), lw=3) for i in range(len(names))]
    texts = [shortened(printable(name), 48) for name in names]
    font = properties("".join(texts), 11)
    if len(names) > 1:
        figure.legend(lines, texts, loc="outside upper left", ncols=3, frameon=False, prop=font)
    styles = {"training": ("-", 1.2, 0.55), "validation": ("o-", 2.0, 1.0), "EMA": ("s:", 1.6, 1.0)}
    kinds = {curve.kind for panels in rows for panel in panels for curve in panel.curves}
    if "val_ema" not in kinds:
        del styles["EMA"]
    keys = [
        Line2D([], [], color="#444444", ls=style.lstrip("os"), lw=width, alpha=alpha,
               marker=style[0] if style[0] in "os" else None, ms=4)
        for style, width, alpha in styles.values()
    ]  # fmt: skip
    figure.legend(keys, [*styles], loc="outside lower right", ncols=3, frameon=False, fontsize=9)
    save(figure, picture)


def _draw(axis: Any, panel: Panel) -> None:
    for curve in panel.curves:
        colour, dash = _colour(curve.run), _dash(curve.run)
        y = smoothed(curve.y) if curve.kind == "train" else curve.y
        x, y = thinned(curve.x, y)
        if curve.kind in ("train", "lr"):
            width, alpha = (1.2, 0.55) if curve.kind == "train" else (1.8, 1.0)
            axis.plot(x, y, color=colour, ls=dash, lw=width, alpha=alpha)
            continue
        marks = {"val": "o", "val_ema": "s"}[curve.kind] if len(x) <= MARKED else None
        ls = ":" if curve.kind == "val_ema" else dash
        axis.plot(x, y, color=colour, ls=ls, lw=2.0, marker=marks, ms=4)
    axis.set_title(panel.title, fontsize=11, loc="left", fontweight="bold")
    axis.set_xlabel(panel.across, fontsize=9)
    axis.tick_params(labelsize=9, color="#aab2bb")
    axis.grid(alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_color("#aab2bb")
    axis.set_xlim(left=0)
    if panel.is_share:
        highs = [float(np.nanmax(own.y)) for own in panel.curves if np.isfinite(own.y).any()]
        axis.set_ylim(0, min(1.02, max(1.15 * max(highs, default=1.0), 0.05)))
    else:
        axis.set_ylim(bottom=0)


def smoothed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means over a ``SMOOTHED``-th of a curve, or ``LEAST_SMOOTHED`` points, up to each place; what
    is no number counts for nothing."""
    window = max(len(values) // SMOOTHED, min(len(values) // 5, LEAST_SMOOTHED), 1)
    known = np.isfinite(values)
    sums = np.cumsum(np.where(known, values, 0.0))
    counts = np.cumsum(known)
    sums[window:] -= sums[:-window].copy()
    counts[window:] -= counts[:-window].copy()
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def thinned(
    x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """At most ``MOST_POINTS`` points, with the first and the last."""
    if len(x) <= MOST_POINTS:
        return x, y
    places = np.linspace(0, len(x) - 1, MOST_POINTS).round().astype(int)
    return x[places], y[places]


def _colour(run: int) -> str:
    return COLOURS[run % len(COLOURS)]


def _dash(run: int) -> str:
    return "-" if run < len(COLOURS) else "--"
