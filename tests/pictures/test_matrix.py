"""Confusion matrices, looked at through the pixels."""

import numpy as np
import pytest

from slowfast.pictures.figures import pixels
from slowfast.pictures.matrix import confusion_matrix


def test_the_confusion_matrix_is_dark_where_the_counts_are() -> None:
    labels, darks = np.repeat([0, 1, 2], 10), []
    for predicted in (labels, (labels + 1) % 3, np.zeros_like(labels)):
        confused = np.zeros((3, 3), np.int64)
        np.add.at(confused, (labels, predicted), 1)
        picture = pixels(confusion_matrix(confused, ["a", "$b", "\u6f22\u5b57"])).astype(int)
        dark = picture.sum(axis=-1) < 200  # the full shade, and text
        rows, columns = np.nonzero(dark & (picture[:, :, 2] > picture[:, :, 0] + 40))
        darks.append((rows.mean(), columns.mean(), len(rows)))
    diagonal, shifted, first = darks
    assert diagonal[2] == pytest.approx(shifted[2], rel=0.1)
    assert first[1] < diagonal[1] - 20  # all in the first column, on the left
