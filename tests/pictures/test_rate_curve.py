"""The learning rate of a config, looked at through the pixels."""

from pathlib import Path

import numpy as np
from support.pixels import pixels, share_of

from slowfast.pictures.figures import SLOW
from slowfast.pictures.rate_curve import learning_rate_curve


def test_the_learning_rate_is_drawn_twice_and_zero_is_not_on_the_logarithmic_side(
    tmp_path: Path,
) -> None:
    epochs = np.linspace(0, 10, 100)
    learning_rate_curve(epochs, np.ones(100), "constant", tmp_path / "sub" / "a.png")
    learning_rate_curve(epochs, np.zeros(100), "nothing", tmp_path / "b.png")
    for name, is_drawn in (("sub/a.png", True), ("b.png", False)):
        for side in np.array_split(pixels(tmp_path / name), 2, axis=1):
            assert (share_of(side, SLOW) > 0.001) == is_drawn
