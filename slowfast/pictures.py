"""Draws pictures of a run: learning curves, confusion matrix, a strip of frames.

Each appears once it is whole, see ``files.atomic``, and raises what that raises.
"""

import functools
import json
import warnings
from pathlib import Path

import numpy as np
from matplotlib import font_manager
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import FT2Font
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from slowfast.errors import printable
from slowfast.files import atomic

SLOW, FAST = "#2b5c8a", "#e07b39"


def learning_curve(metrics_path: Path, picture: Path) -> None:
    """Draws loss and top-1 of training and validation over the epochs, from a ``metrics.jsonl``;
    where videos have several labels, F1 of training and mAP of validation in place of top-1."""
    rows = [json.loads(line) for line in metrics_path.read_text(encoding="utf-8").splitlines()]
    train = {row["step"]: row for row in rows if row["kind"] == "train"}  # resuming repeats steps
    val = {row["step"]: row for row in rows if row["kind"] == "val"}
    steps = sorted(train)
    epochs_per_step = max(val) / train[steps[-1]]["of"]
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    axes = figure.subplots(1, 2)
    curves = [("loss", "loss", "loss")]
    if "mAP" in val[max(val)]:
        curves.append(("f1", "mAP", "F1 in training, mAP in validation"))
    else:
        curves.append(("top1", "top1", "top-1 accuracy"))
    for axis, (own, name, title) in zip(axes, curves, strict=True):
        smooth = _running_mean([train[s][own] for s in steps], window=9)
        axis.plot([s * epochs_per_step for s in steps], smooth, color=SLOW, label="training")
        epochs = sorted(val)
        axis.plot(epochs, [val[e][name] for e in epochs], color=FAST, label="validation", lw=2)
        axis.set(xlabel="epoch", title=title)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    axes[1].set_ylim(0, 1.02)
    axes[1].legend(loc="lower right", frameon=False)
    _save(figure, picture)


def learning_rate_curve(
    epochs: NDArray[np.float64], rates: NDArray[np.float64], title: str, picture: Path
) -> None:
    """Draws the learning rate over the epochs, on a linear and a logarithmic scale."""
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    for axis, scale in zip(figure.subplots(1, 2), ("linear", "log"), strict=True):
        axis.plot(epochs, np.where(rates > 0, rates, np.nan), color=SLOW, lw=2)
        axis.set_yscale(scale)
        axis.set(xlabel="epoch", title=f"learning rate, {scale} scale")
        axis.grid(alpha=0.3)
    figure.suptitle(title, fontsize=10)
    _save(figure, picture)


def confusion_matrix(
    labels: NDArray[np.int64], predicted: NDArray[np.int64], names: list[str], picture: Path
) -> None:
    """Draws a confusion matrix; colours show shares of the true class's videos."""
    counts = np.zeros((len(names), len(names)))
    np.add.at(counts, (labels, predicted), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 2.5 + 0.26 * len(names)
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    names = [*map(printable, names)]
    axis = figure.subplots()
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axis.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
    axis.set_yticks(range(len(names)), names, fontsize=8)
    for row, column in zip(*np.nonzero(counts), strict=True):
        shade = "white" if shares[row, column] > 0.5 else "black"
        text = f"{counts[row, column]:.0f}"
        axis.text(column, row, text, ha="center", va="center", fontsize=7, color=shade)
    axis.set(xlabel="predicted", ylabel="true", title=f"{len(labels)} videos")
    _save(figure, picture)


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
        font = FontProperties(fname=font_file(text), size=10)
        bars.text(0, place - 0.08, text, va="top", fontproperties=font)
    bars.set(xlim=(0, 1), ylim=(min(len(best) - 5, 0) - 0.6, len(best) - 0.5))
    bars.axis("off")
    title = "predicted"
    if threshold is not None:
        title += f": {100 * threshold:g} % or more, each by itself"
    bars.set_title(f"{title} (true: {truth})" if truth else title, fontsize=11)
    _save(figure, picture)


def class_bars(
    best: list[tuple[str, float, int]], worst: list[tuple[str, float, int]], title: str,
    picture: Path,
) -> None:  # fmt: skip
    """Draws the average precision of classes, each with its name and how many boxes are annotated:
    the best, and below them the worst, if there are others."""
    gap = bool(worst)  # between the two
    rows = [*best, *worst]
    places = [*range(len(best)), *(len(best) + gap + i for i in range(len(worst)))]
    figure = Figure(figsize=(9, 1.1 + 0.24 * (len(rows) + gap)), layout="constrained")
    axis = figure.subplots()
    colours = [SLOW] * len(best) + [FAST] * len(worst)
    axis.barh(places, [value for _, value, _ in rows], color=colours, height=0.72)
    for place, (name, value, annotated) in zip(places, rows, strict=True):
        text = shortened(printable(name), 42)
        font = FontProperties(fname=font_file(text), size=9)
        axis.text(-0.01, place, text, ha="right", va="center", fontproperties=font,
                  parse_math=False)  # fmt: skip
        shown = f"{value:.3f}  ({annotated:,})"
        axis.text(value + 0.01, place, shown, va="center", fontsize=8)
    axis.set(xlim=(0, 1.15), ylim=(places[-1] + 0.6, -0.6), yticks=[])
    axis.set_xticks([0, 0.25, 0.5, 0.75, 1])
    axis.set_xlabel("average precision (annotated boxes)")
    axis.set_title(title, fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)  # a sign that no font here has
        _save(figure, picture)


def contact_sheet(
    tiles: list[tuple[NDArray[np.uint8] | None, str]], picture: Path, *, marks_first: bool = True
) -> None:
    """Draws pictures ``[H, W, 3]`` of any sizes, four in a row, each below its lines of text; the
    first in another colour. Where there is none the tile is grey."""
    columns = min(4, len(tiles))
    rows = -(-len(tiles) // columns)
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.12)
    figure = Figure(figsize=(2.7 * columns, 2.8 * rows), layout=layout)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for number, (frame, title) in enumerate(tiles):
        axis = axes[number]
        shown = np.full((9, 16, 3), 200, np.uint8) if frame is None else frame
        axis.imshow(shown, interpolation="nearest")
        axis.set(xticks=[], yticks=[])
        font = FontProperties(fname=font_file(title.replace("\n", "")), size=9)
        axis.set_title(title, fontproperties=font, parse_math=False)
        for spine in axis.spines.values():
            spine.set(color=SLOW if marks_first and not number else FAST, linewidth=2)
    for axis in axes[len(tiles) :]:
        axis.axis("off")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)  # a sign that no font here has
        _save(figure, picture)


def shortened(text: str, most: int) -> str:
    """A text of at most so many letters; where some are left out, the last one is an ellipsis."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}\N{HORIZONTAL ELLIPSIS}"


@functools.lru_cache(maxsize=1024)
def font_file(text: str) -> str:
    """The first font here that has all letters of a text, or else the one with most of them."""
    first = font_manager.findfont("DejaVu Sans")  # which comes with matplotlib
    wanted = {ord(letter) for letter in text}
    if wanted <= letters_of(first):
        return first
    fonts = (font for font in font_manager.fontManager.ttflist if "Last Resort" not in font.name)
    others = sorted({font.fname for font in fonts if font.style == "normal"})
    return max([first, *others], key=lambda file: len(wanted & letters_of(file)))


@functools.cache
def letters_of(font: str) -> frozenset[int]:
    """The code points that a font file has pictures for."""
    return frozenset(FT2Font(font).get_charmap())


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


def _save(figure: Figure, picture: Path) -> None:
    with atomic(picture) as file:
        figure.savefig(file, dpi=110, format="png")


def _running_mean(values: list[float], window: int) -> NDArray[np.float64]:
    """The mean of the last ``window`` values at each place."""
    sums = np.convolve(values, np.ones(window))[: len(values)]
    return sums / np.minimum(np.arange(len(values)) + 1, window)
