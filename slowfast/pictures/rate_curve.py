"""Draws the learning rate of a config.

The picture appears once it is whole, see ``files.atomic``, and raises what that raises.
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from slowfast.pictures.figures import SLOW, save


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
    save(figure, picture)
