"""A figure as pixels."""

import numpy as np
from matplotlib.figure import Figure

from slowfast.train.drawn import DPI, pixels


def test_the_pixels_of_a_figure() -> None:
    figure = Figure(figsize=(2, 1), facecolor="#ff8000")
    found = pixels(figure)
    assert found.dtype == np.uint8 and found.flags.c_contiguous
    assert found.shape == (DPI, 2 * DPI, 3)
    assert (found == (255, 128, 0)).all()


def test_a_sign_that_no_font_has_is_no_warning() -> None:
    """Warnings are errors here."""
    figure = Figure(figsize=(1, 1))
    figure.text(0.5, 0.5, "\N{LINEAR B SYLLABLE B008 A}")
    assert (pixels(figure) < 128).any()
