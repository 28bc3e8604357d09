"""Figures of matplotlib as files and as pixels, and the colours of the two pathways."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from slowfast.files import atomic

SLOW, FAST = "#2b5c8a", "#e07b39"
DPI = 110


def save(figure: Figure, path: Path) -> None:
    """Writes a PNG file, which appears once it is whole, see ``files.atomic``; raises what that
    raises."""
    with atomic(path) as file, _no_glyphs_missed():
        figure.savefig(file, dpi=DPI, format="png")


def pixels(figure: Figure) -> NDArray[np.uint8]:
    """``[height, width, 3]``, RGB."""
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    with _no_glyphs_missed():
        canvas.draw()
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])


@contextmanager
def _no_glyphs_missed() -> Iterator[None]:
    """Without a warning for each sign that no font here has."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        yield
