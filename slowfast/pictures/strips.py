"""Draws the frames of a clip, and what is answered about it.

The picture appears once it is whole, see ``files.atomic``, and raises what that raises.
"""

from pathlib import Path

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from slowfast.errors import printable
from slowfast.pictures.figures import FAST, SLOW, save
from slowfast.pictures.fonts import properties, shortened


def frame_strip(
    frames: NDArray[np.uint8], slow: list[int], best: list[tuple[str, float]], picture: Path, *,
    truth: str = "", threshold: float | None = None,
) -> None:  # fmt: skip
    """Draws a clip's frames ``[T, H, W, 3]``, those of the slow pathway larger, and the answer.

    Args:
        slow: indices of the frames that the slow pathway sees; all of them if there is no fast
            pathway, none if there is no slow one.
        best: the predicted labels with their probabilities, best first.
        truth: the true label, if it is known.
        threshold: with several labels a video, the probability from which on one is predicted.
    """
    shown = []
    if slow:
        title = f"slow pathway: frames {', '.join(map(str, slow))} of {len(frames)}"
        shown.append((title, tiled(frames[slow], [SLOW] * len(slow), 4, 8)))
    if len(slow) < len(frames):
        colours = [SLOW if index in slow else FAST for index in range(len(frames))]
        shown.append((f"fast pathway: all {len(frames)} frames", tiled(frames, colours, 8, 16)))
    ratios = [grid.shape[0] / grid.shape[1] for _, grid in shown]
    height = max(9 * sum(ratios) + 0.4 * len(shown), 0.5 * len(best) + 0.4, 2.8)
    figure = Figure(figsize=(13, height), layout="constrained")
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=[2.4, 1])[0]
    rows = left.subplots(len(shown), squeeze=False, height_ratios=ratios)[:, 0]
    for axis, (title, grid) in zip(rows, shown, strict=True):
        axis.imshow(grid)
        axis.set_title(title, fontsize=9, loc="left")
        axis.axis("off")
    bars = right.subplots()
    places = np.arange(len(best))[::-1]
    least = threshold or 0.0
    colours = [FAST if share >= least else "#c9b8ac" for _, share in best]
    bars.barh(places, [share for _, share in best], color=colours, height=0.3, align="edge")
    bars.barh(places, [1] * len(best), color="#e8e8e8", height=0.3, align="edge", zorder=0)
    for place, (name, share) in zip(places, best, strict=True):
        text = f"{shortened(printable(name), 42)}  {100 * share:.1f} %"
        font = properties(text, 10)
        bars.text(0, place - 0.08, text, va="top", fontproperties=font, parse_math=False)
    bars.set(xlim=(0, 1), ylim=(min(len(best) - 5, 0) - 0.6, len(best) - 0.5))
    bars.axis("off")
    title = "predicted"
    if threshold is not None:
        title += f": {100 * threshold:g} % or more, each by itself"
    title = f"{title} (true: {printable(truth)})" if truth else title
    bars.set_title(title, fontproperties=properties(title, 11), parse_math=False)
    save(figure, picture)


def tiled(
    frames: NDArray[np.uint8], colours: list[str], least: int, most: int
) -> NDArray[np.uint8]:
    """Frames ``[T, H, W, 3]`` side by side, from ``least`` to ``most`` in a row, each with an edge
    of its colour."""
    count, height, width, _ = frames.shape
    columns = min(max(count, least), most)
    rows, edge = -(-count // columns), max(height // 30, 1)
    tall, wide = height + 4 * edge, width + 4 * edge
    cells = np.full((rows * columns, tall, wide, 3), 255, np.uint8)
    for cell, frame, colour in zip(cells, frames, colours, strict=False):
        cell[edge:-edge, edge:-edge] = np.multiply(to_rgb(colour), 255).astype(np.uint8)
        cell[2 * edge : -2 * edge, 2 * edge : -2 * edge] = frame
    grid = cells.reshape(rows, columns, tall, wide, 3).swapaxes(1, 2)
    return grid.reshape(rows * tall, columns * wide, 3)
