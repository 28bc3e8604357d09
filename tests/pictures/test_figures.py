"""Figures as files and as pixels."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from support.locks import locked_when_renamed
from support.pixels import pixels as pixels_of

from slowfast.pictures.figures import DPI, pixels, save


def figure_of(text: str) -> Figure:
    figure = Figure(figsize=(2, 1))
    figure.text(0.1, 0.5, text)
    return figure


def test_the_pixels_of_a_figure() -> None:
    found = pixels(Figure(figsize=(2, 1), facecolor="#ff8000"))
    assert found.dtype == np.uint8 and found.flags.c_contiguous
    assert found.shape == (DPI, 2 * DPI, 3) and (found == (255, 128, 0)).all()


def test_a_second_run_is_refused_until_a_picture_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = locked_when_renamed(monkeypatch)
    save(figure_of("text"), tmp_path / "new" / "a.png")
    assert found == {"a.png": True}


def test_a_file_and_pixels_are_the_same_without_a_warning_of_unknown_letters(
    tmp_path: Path,
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save(figure_of("a \U000e0101"), tmp_path / "a.png")
        drawn = pixels(figure_of("a \U000e0101"))
    assert drawn.shape == (110, 220, 3) and drawn.min() < 100
    np.testing.assert_array_equal(drawn, pixels_of(tmp_path / "a.png"))
