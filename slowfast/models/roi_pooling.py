"""How the features of a box are taken; the systems differ in it.

The published networks and ``zoo`` need it, so that it imports neither Paddle nor what a config
needs.
"""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from slowfast.config import ModelConfig

STRIDE = 16
"""Pixels of the clip for one cell of the last feature map, each way: res5 has stride 1 here."""


class RoiPooling(NamedTuple):
    """The settings of ``RoiHead``; the config's are the same with ``roi_`` in front."""

    size: int = 7
    """S."""
    aligned: bool = True
    """Boxes are shifted by half a cell."""
    sampling: int = 0
    """Points in each cell each way; 0: as many as cells of the feature map lie in it."""
    time: str = "mean"
    """``mean`` or ``max`` over the frames, before RoIAlign."""
    context: bool = False
    """The classifier also gets the features of the whole picture."""
    dropout_first: bool = False
    """Dropout before the largest cell is taken."""


def pooling_of(model: "ModelConfig") -> RoiPooling:
    """The one that a config describes."""
    return RoiPooling(*(getattr(model, f"roi_{name}") for name in RoiPooling._fields))
