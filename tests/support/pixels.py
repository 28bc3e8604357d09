"""Pictures in files, as the numbers that tests look at."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def pixels(path: Path) -> NDArray[Any]:
    picture = cv2.imread(str(path))
    assert picture is not None
    return picture[:, :, ::-1].astype(int)


def share_of(picture: NDArray[Any], colour: str) -> float:
    """Share of pixels that are of a colour, ``#rrggbb``."""
    rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return float((np.abs(picture - rgb).sum(axis=-1) < 12).mean())
