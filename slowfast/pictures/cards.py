"""What a sheet of clips shows: cards of frames and texts. See ``clip_sheet.py``, which draws them.

Pictures are uint8 RGB ``[H, W, 3]``.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Corners = tuple[float, float, float, float]
"""x1, y1, x2, y2."""


@dataclass(frozen=True)
class Tile:
    """One frame."""

    picture: Picture
    caption: str = ""
    is_slow: bool = False
    """Whether the slow pathway sees it, too."""
    boxes: tuple[tuple[int, Corners], ...] = ()
    """With their numbers, from 1; shares of the picture."""


@dataclass(frozen=True)
class Card:
    """One clip, or the views of a video."""

    title: str
    path: str = ""
    lines: tuple[str, ...] = ()
    """Facts, a line each."""
    rows: tuple[tuple[str, tuple[Tile, ...]], ...] = ()
    """Rows of frames, each with its name."""
    whole: Picture | None = None
    """The picture before it was cut."""
    areas: tuple[Corners, ...] = ()
    """What was cut from it, shares."""
    boxes: tuple[tuple[int, Corners], ...] = ()
    """In the whole picture."""
    named: tuple[tuple[int, str], ...] = ()
    """What people in boxes do, by the boxes' numbers."""
    fault: str = ""
    """Why there is no clip."""


@dataclass(frozen=True)
class Sheet:
    """The head of all pages."""

    title: str
    notes: tuple[str, ...] = ()
    legend: tuple[tuple[str, bool], ...] = field(default=())
    """What the edges of frames mean, and whether that is the slow pathway's."""
