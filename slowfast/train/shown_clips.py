"""Pictures of the clips that the network is given in training: after the augmentation, mixup and
CutMix, for both pathways.

Legend: N clips, C channels, T frames of the fast pathway, H x W pixels, K classes.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from paddle import Tensor

from slowfast.config import Config
from slowfast.errors import printable
from slowfast.metrics.accuracy import name_of
from slowfast.models.slow_frames import slow_frames_of
from slowfast.pictures.figures import FAST, SLOW, pixels
from slowfast.pictures.fonts import properties, shortened
from slowfast.pictures.strips import tiled

MOST = 4
"""Clips that are shown of a batch."""
SIDE = 112
"""Pixels of a frame's longer side, at most."""
WIDTH, SPARE = 9.0, 5.0
"""Inches of a full row of frames, and those that the text has at least."""
LINE, MOST_LINES = 0.22, 6
"""Inches of a line of text, and how many there are at most."""
LEAST = 0.005
"""Share of a label from which on it is told."""
EDGES = ("#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#008080")
"""Colours of the boxes of a clip, in turn."""


def clip_pictures(
    clip_NCTHW: Tensor, targets: Tensor, boxes: Sequence[Tensor], cfg: Config,
    names: Sequence[str] | None,
) -> list[NDArray[np.uint8]]:  # fmt: skip
    """A picture ``[height, width, 3]`` of each of the first clips of a batch, with its labels.

    Args:
        targets: what the loss takes: the class of each clip, or each class's share ``[N, K]``, or
            those of each box.
        boxes: with detection, the boxes of all clips and how many each has, see ``joined``.
    """
    clips = clip_NCTHW[:MOST].transpose([0, 2, 3, 4, 1]).numpy()
    clips = clips * np.array(cfg.data.std, np.float32) + np.array(cfg.data.mean, np.float32)
    frames_NTHWC = np.clip(clips * 255 + 0.5, 0, 255).astype(np.uint8)
    labels = targets.numpy()
    corners, ends = np.zeros([0, 4], np.float32), np.zeros(len(clips) + 1, int)
    if boxes:
        corners = boxes[0].numpy()
        ends = np.concatenate([[0], np.cumsum(boxes[1].numpy())])
    pictures = []
    for number, frames in enumerate(frames_NTHWC):
        if boxes:
            own = slice(ends[number], ends[number + 1])
            lines = [label_text(label, names) for label in labels[own]]
            lines = [f"box {i}: {line}" for i, line in enumerate(lines, 1)] or ["no box"]
            pictures.append(clip_picture(frames, corners[own], lines, cfg))
        else:
            pictures.append(clip_picture(frames, corners, [label_text(labels[number], names)], cfg))
    return pictures


def label_text(target: NDArray[np.generic], names: Sequence[str] | None) -> str:
    """``run``; of mixed labels ``70 % run, 30 % jump``; of several ``run, jump``."""
    if target.ndim == 0:
        return name_of(int(target), names)
    classes = np.argsort(-target.astype(np.float64), kind="stable")[:3]
    found = [(name_of(int(c), names), float(target[c])) for c in classes if target[c] >= LEAST]
    if len(found) == 1 or all(share == 1 for _, share in found):
        return ", ".join(name for name, _ in found) or "no label"
    return ", ".join(f"{100 * share:.0f} % {name}" for name, share in found)


def clip_picture(
    frames_THWC: NDArray[np.uint8], corners: NDArray[np.float32], lines: Sequence[str], cfg: Config
) -> NDArray[np.uint8]:
    """The frames of the slow pathway above those of the fast one, below lines of text; with boxes
    ``[B, 4]`` in pixels of the clip."""
    frames, rows = _small(frames_THWC, corners), []
    if slow := slow_frames_of(cfg.model, len(frames)):
        title = f"slow pathway: {len(slow)} frames ({', '.join(map(str, slow))})"
        rows.append((title, SLOW, frames[slow], 8))
    if cfg.model.name != "slow_only":
        rows.append((f"fast pathway: all {len(frames)} frames", FAST, frames, 16))
    tiles = [
        (
            title,
            colour,
            tiled(own, [colour] * len(own), 1, most),
            WIDTH * min(len(own), most) / most,
        )
        for title, colour, own, most in rows
    ]
    heights = [wide * tile.shape[0] / tile.shape[1] for *_, tile, wide in tiles]
    above = 0.12 + LINE * min(len(lines), MOST_LINES)
    width = max(SPARE, *(wide for *_, wide in tiles)) + 0.2
    height = above + sum(heights) + (LINE + 0.06) * len(rows) + 0.06
    figure = Figure(figsize=(width, height))
    for i, line in enumerate(lines[:MOST_LINES]):
        text = shortened(printable(line), round(width * 11))
        font = properties(text, 10.5)
        colour = EDGES[i % len(EDGES)] if len(corners) else "black"
        figure.text(0.1 / width, 1 - (0.07 + LINE * i) / height, text, va="top",
                    fontproperties=font, color=colour, parse_math=False)  # fmt: skip
    down = above
    for (title, colour, tile, wide), tall in zip(tiles, heights, strict=True):
        top = 1 - (down + LINE - 0.02) / height
        figure.text(0.1 / width, top, title, va="bottom", fontsize=8, color=colour)
        down += LINE + tall
        axis = figure.add_axes((0.1 / width, 1 - down / height, wide / width, tall / height))
        axis.imshow(tile, interpolation="nearest", aspect="auto")
        axis.axis("off")
        down += 0.06
    return pixels(figure)


def _small(frames_THWC: NDArray[np.uint8], corners: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The frames at a size that pictures have room for, with the boxes drawn."""
    height, width = frames_THWC.shape[1:3]
    scale = min(SIDE / max(height, width), 1)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    small = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in frames_THWC]
    for frame in small:
        for i, box in enumerate(corners):
            x1, y1, x2, y2 = (int(round(float(x) * scale)) for x in box)
            code = EDGES[i % len(EDGES)][1:]
            colour = tuple(int(code[place : place + 2], 16) for place in (0, 2, 4))
            cv2.rectangle(frame, (x1, y1), (x2, y2), colour, 2)
    return np.stack(small)
