"""Draws pictures of any sizes side by side, each with its text.

The picture appears once it is whole, see ``files.atomic``, and raises what that raises.
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from numpy.typing import NDArray

from slowfast.pictures.figures import FAST, SLOW, save
from slowfast.pictures.fonts import properties


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
        font = properties(title.replace("\n", ""), 9)
        axis.set_title(title, fontproperties=font, parse_math=False)
        for spine in axis.spines.values():
            spine.set(color=SLOW if marks_first and not number else FAST, linewidth=2)
    for axis in axes[len(tiles) :]:
        axis.axis("off")
    save(figure, picture)
