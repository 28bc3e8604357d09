"""Draws the picture of an explanation: heat over the frames of each pathway, and bars."""

import textwrap
from typing import IO, Any, NamedTuple

import cv2
import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from numpy.typing import NDArray

from slowfast.pictures.figures import FAST, SLOW
from slowfast.pictures.fonts import font_file, shortened

COLOURS = {"slow": SLOW, "fast": FAST, "bias": "#999999"}
WIDTH, COLUMNS = 8.0, 8
"""Of a line of frames: inches, and frames at the most."""
DPI, GAP, TEXT = 150, 6, 22
"""Dots an inch; pixels between frames, and above each for its number."""
FONT = cv2.FONT_HERSHEY_SIMPLEX
SHARES = np.linspace(0, 1, 256)[:, None]
COLOURS_OF_HEAT, HIDES = colormaps["inferno"](0.3 + 0.7 * SHARES[:, 0])[:, :3], 0.9 * SHARES**0.8
HEAT = ListedColormap(np.hstack([COLOURS_OF_HEAT, HIDES]))
"""From nothing over red to yellow: it hides the more of a picture the hotter it is."""
ON_WHITE = ListedColormap(HIDES * COLOURS_OF_HEAT + 1 - HIDES)


class HeatRow(NamedTuple):
    """What a pathway sees, and where its heat is."""

    title: str
    colour: str
    frames: NDArray[np.uint8]
    """``[T, H, W, 3]``."""
    numbers: list[int]
    """Of the frames, in the clip."""
    heat: NDArray[np.float32]
    """``[T, h, w]``, from 0 on: it covers the frames evenly."""


def heat_maps(
    rows: list[HeatRow], parts: dict[str, NDArray[np.float32]], labels: list[str],
    title: str, scale: str, file: IO[bytes],
) -> None:  # fmt: skip
    """Draws, as a PNG file, heat over grey frames, and what each class's logit is made of.

    Each row has a scale of its own for its heat. Where there are too many frames for two lines,
    some are shown.

    Args:
        parts: by name, what is added to the logits of the classes.
        labels: the classes, best first.
        title: a line or more, above all.
        scale: what the parts add up to.
    """
    grids = [_grid(row) for row in rows]
    ratios = [len(grid) / grid.shape[1] for grid in grids]
    size = (WIDTH + 5, WIDTH * sum(ratios) + 0.3 * len(rows) + 0.7)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    figure.suptitle(title, fontproperties=_font(title, 11), parse_math=False)
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=[WIDTH + 0.7, 4.3])[0]
    axes = left.subplots(len(rows), squeeze=False, height_ratios=ratios)[:, 0]
    for axis, row, grid in zip(axes, rows, grids, strict=True):
        axis.imshow(grid)
        axis.axis("off")
        some = f"{len(_drawn(row))} of " if len(_drawn(row)) < len(row.frames) else ""
        heat = "" if row.heat.any() else ", no heat"
        axis.set_title(f"{row.title}: {some}its {len(row.frames)} frames{heat}", fontsize=10)
        bar = left.colorbar(
            ScalarMappable(cmap=ON_WHITE), ax=axis, ticks=[0, 1], pad=0.01, shrink=0.9
        )
        bar.ax.set_yticklabels(["none", "most"], fontsize=7)
    _parts(right.subplots(), parts, labels, scale)
    figure.savefig(file, format="png")


def _drawn(row: HeatRow) -> list[int]:
    """The frames that are drawn: all, or as many as two lines have room for."""
    count = len(row.frames)
    return [int(i) for i in np.linspace(0, count - 1, min(count, 2 * COLUMNS)).round()]


def _grid(row: HeatRow) -> NDArray[np.uint8]:
    """The frames in one or two lines, ``[H, W, 3]``: grey, with the heat over them, an edge of the
    row's colour, and the frame's number above."""
    drawn = _drawn(row)
    columns = min(max(len(drawn), 4), COLUMNS)
    wide = int(WIDTH * DPI) // columns - GAP
    tall = max(round(wide * row.frames.shape[1] / row.frames.shape[2]), 1)
    shape = (-(-len(drawn) // columns), columns, tall + TEXT, wide + GAP, 3)
    cells = np.full(shape, 255, np.uint8)
    for cell, index in zip(cells.reshape(-1, *shape[2:]), drawn, strict=False):
        place = (4, TEXT - 6)
        cv2.putText(cell, str(row.numbers[index]), place, FONT, 0.42, (0, 0, 0), 1, cv2.LINE_AA)
        below = cell[TEXT:, :wide]
        frame = cv2.resize(row.frames[index], (wide, tall), interpolation=cv2.INTER_NEAREST)
        heat = cv2.resize(row.heat[index] / (row.heat.max() or 1), (wide, tall))
        colour = HEAT(heat)
        hides = colour[..., 3:]
        grey = frame.mean(axis=-1, keepdims=True)
        below[:] = 255 * hides * colour[..., :3] + (1 - hides) * grey
        edge = [round(255 * share) for share in to_rgb(row.colour)]
        cv2.rectangle(below, (1, 1), (wide - 2, tall - 2), edge, 3)
    return cells.swapaxes(1, 2).reshape(shape[0] * shape[2], shape[1] * shape[3], 3)


def _parts(axis: Any, parts: dict[str, NDArray[np.float32]], labels: list[str], scale: str) -> None:
    """Bars for each class, best on top."""
    height = 0.8 / len(parts)
    for number, (name, values) in enumerate(parts.items()):
        places = np.arange(len(labels)) + (number - (len(parts) - 1) / 2) * height
        axis.barh(places, values, height, label=name, color=COLOURS[name])
    names = [textwrap.fill(shortened(label, 75), 26) for label in labels]
    axis.set_yticks(range(len(labels)), names)
    for text, label in zip(axis.get_yticklabels(), labels, strict=True):
        text.set(fontproperties=_font(label, 8), parse_math=False)
    axis.invert_yaxis()
    axis.axvline(0, color="black", lw=0.8)
    axis.legend(frameon=False, fontsize=8, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))
    axis.set_xlabel(scale, fontsize=8)


def _font(text: str, size: float) -> FontProperties:
    return FontProperties(fname=font_file("".join(text.split())), size=size)
