"""Draws pictures of a run: learning curves, confusion matrix, a strip of frames."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

SLOW, FAST = "#2b5c8a", "#e07b39"


def learning_curve(metrics_path: Path, picture: Path) -> None:
    """Draws loss and top-1 of training and validation over the epochs, from a ``metrics.jsonl``."""
    rows = [json.loads(line) for line in metrics_path.read_text(encoding="utf-8").splitlines()]
    train = {row["step"]: row for row in rows if row["kind"] == "train"}  # resuming repeats steps
    val = {row["step"]: row for row in rows if row["kind"] == "val"}
    steps = sorted(train)
    epochs_per_step = max(val) / train[steps[-1]]["of"]
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    axes = figure.subplots(1, 2)
    for axis, name in zip(axes, ("loss", "top1"), strict=True):
        smooth = _running_mean([train[s][name] for s in steps], window=9)
        axis.plot([s * epochs_per_step for s in steps], smooth, color=SLOW, label="training")
        epochs = sorted(val)
        axis.plot(epochs, [val[e][name] for e in epochs], color=FAST, label="validation", lw=2)
        axis.set(xlabel="epoch", title="loss" if name == "loss" else "top-1 accuracy")
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
    frames: NDArray[np.uint8], slow: list[int], best: list[tuple[str, float]], truth: str,
    picture: Path,
) -> None:  # fmt: skip
    """Draws a clip's frames ``[T, H, W, 3]`` in a row, those of the slow pathway also enlarged.

    Args:
        slow: indices of the frames that the slow pathway sees.
        best: the predicted labels with their probabilities, best first.
        truth: the true label.
    """
    count = len(frames)
    figure = Figure(figsize=(13, 3.1), layout="constrained")
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=[2.4, 1])[0]
    left.suptitle(f"true: {truth}", fontsize=11)
    above, below = left.subfigures(2, 1, squeeze=False, height_ratios=[2.6, 1])[:, 0]
    for axis, index in zip(above.subplots(1, len(slow)), slow, strict=True):
        _show(axis, frames[index], SLOW, f"slow pathway: frame {index}")
    for index, axis in enumerate(below.subplots(1, count)):
        _show(axis, frames[index], SLOW if index in slow else FAST, "")
    bars = right.subplots()
    places = np.arange(len(best))[::-1]
    bars.barh(places, [share for _, share in best], color=FAST, height=0.3, align="edge")
    for place, (name, share) in zip(places, best, strict=True):
        bars.text(0, place - 0.08, f"{name}  {100 * share:.1f} %", va="top", fontsize=9)
    bars.set(xlim=(0, 1), ylim=(-0.6, len(best) - 0.5))
    bars.axis("off")
    right.suptitle("predicted", fontsize=11)
    _save(figure, picture)


def contact_sheet(tiles: list[tuple[NDArray[np.uint8] | None, str]], picture: Path) -> None:
    """Draws pictures ``[H, W, 3]`` of any sizes, four in a row, each below its lines of text; the
    first in another colour. Where there is none the tile is grey."""
    columns = min(4, len(tiles))
    rows = -(-len(tiles) // columns)
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.12)
    figure = Figure(figsize=(2.7 * columns, 2.8 * rows), layout=layout)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for number, (frame, title) in enumerate(tiles):
        shown = np.full((9, 16, 3), 200, np.uint8) if frame is None else frame
        _show(axes[number], shown, FAST if number else SLOW, "")
        axes[number].set_title(title, fontsize=9, parse_math=False)
    for axis in axes[len(tiles) :]:
        axis.axis("off")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)  # a sign that the font lacks
        _save(figure, picture)


def _show(axis: Any, frame: NDArray[np.uint8], colour: str, title: str) -> None:
    axis.imshow(frame, interpolation="nearest")
    axis.set(xticks=[], yticks=[])
    axis.set_title(title, fontsize=9)
    for spine in axis.spines.values():
        spine.set(color=colour, linewidth=2)


def _save(figure: Figure, picture: Path) -> None:
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=110)


def _running_mean(values: list[float], window: int) -> NDArray[np.float64]:
    """The mean of the last ``window`` values at each place."""
    sums = np.convolve(values, np.ones(window))[: len(values)]
    return sums / np.minimum(np.arange(len(values)) + 1, window)
