"""Draws some of the record's videos, one below the other: for docs/record.md.

python -m benchmarks.record_pictures record docs/pictures/record_videos.png
"""

import io
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from benchmarks.record_sets import TARGET
from benchmarks.record_videos import FRAMES
from benchmarks.videos import decoded

ROWS = (
    ("train", "walk"), ("train", "roll forwards"), ("train", "kick"), ("test", "run backwards"),
    ("test", "lie down on the back"), ("test", "somersault forwards"),
)  # fmt: skip
COLUMNS = 7


def frames_of(path: Path) -> list[NDArray[np.uint8]]:
    """Frames evenly from a video, RGB ``[H, W, 3]``."""
    wanted = np.linspace(0, FRAMES - 1, COLUMNS).astype(int)
    pictures = list(decoded(path))
    return [pictures[number] for number in wanted]


def draw(work: Path, picture: Path) -> None:
    """Draws the first video of some actions."""
    names = [action.name for action in TARGET]
    figure = Figure(figsize=(9.6, 7.5))
    grid = figure.subplots(len(ROWS), COLUMNS)
    figure.subplots_adjust(left=0.005, right=0.995, bottom=0.005, top=0.965, wspace=0.03)
    for axes, (split, name) in zip(grid, ROWS, strict=True):
        path = work / "target" / split / f"{names.index(name):05d}.mp4"
        for axis, frame in zip(axes, frames_of(path), strict=True):
            axis.imshow(frame)
            axis.set_axis_off()
        axes[0].set_title(f"{split}: {name}", loc="left", fontsize=9, pad=3)
    with io.BytesIO() as file:
        figure.savefig(file, dpi=80)
        # Fewer colours: a file of a third of the size.
        Image.open(file).convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE).save(
            picture, optimize=True
        )


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
