"""Draws boxes into a picture, and beside each who it is and what that person does."""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from slowfast.data.samples import Corners
from slowfast.data.video.reader import Picture
from slowfast.predict.annotate.drawn_labels import (
    LEAST_TEXT,
    OUTLINE,
    PANEL,
    TEXT,
    WHITE,
    drawable,
    font_of,
    legible,
    shortened,
)

COLOURS = (
    (224, 123, 57), (64, 160, 230), (120, 190, 70), (214, 90, 160), (230, 200, 60),
    (150, 110, 220), (70, 190, 170), (220, 80, 80),
)  # fmt: skip
"""Of persons, in turn."""
LINE = 0.006
"""Width of a box's line, as a share of the picture's short side."""
SMALLER = 0.75
"""Size of the text, as a share of that of a video's labels."""
WIDEST = 0.45
"""Of a label, as a share of the picture's width."""
IN_BOX = 4
"""Actions that are drawn of a person, at most."""

Actions = Sequence[tuple[str, float]]


class Person(NamedTuple):
    """Somebody in a picture."""

    number: int
    corners: Corners
    """x1, y1, x2, y2, shares of the picture."""
    actions: Actions
    """With their probabilities, best first."""


def with_persons(
    picture: Picture, persons: Sequence[Person], others: Sequence[Corners] = ()
) -> Picture:
    """The picture ``[H, W, 3]`` with the persons in it, in a size in which that can be read. Labels
    are moved where they would cover others.

    Args:
        others: boxes that are drawn in white, and without a label.
    """
    before = picture.shape
    shown = legible(picture)
    if not persons and not others:
        return shown
    shown = shown.copy()
    height, width, _ = shown.shape
    scale = min(height / before[0], width / before[1])  # it may have got black beside it
    tall, wide = before[0] * scale, before[1] * scale
    down, across = (height - tall) / 2, (width - wide) / 2
    line = max(round(LINE * min(height, width)), 2)
    text = max(round(SMALLER * TEXT * min(height, width)), LEAST_TEXT - 2)
    places: list[tuple[int, int, int, int]] = []
    starts = []
    white = ((corners, WHITE) for corners in others)
    for corners, colour in (*white, *((p.corners, colour_of(p.number)) for p in persons)):
        x1, y1, x2, y2 = (
            round(side + share * size)
            for share, side, size in zip(corners, (across, down) * 2, (wide, tall) * 2, strict=True)
        )
        cv2.rectangle(shown, (x1, y1), (max(x2 - 1, x1), max(y2 - 1, y1)), colour, line)
        starts.append((x1, y1))
    for person, (x1, y1) in zip(persons, starts[len(others) :], strict=True):
        lines = tuple((name, round(100 * value)) for name, value in person.actions[:IN_BOX])
        panel, hides = _panel(person.number, lines, text, round(WIDEST * width))
        rows, columns = hides.shape[:2]
        place = _free_place(x1, y1 - rows, (rows, columns), (height, width), places)
        _lay(shown, panel, hides, place)
        places.append((*place, rows, columns))
    return shown


def colour_of(number: int) -> tuple[int, int, int]:
    """The colour of a person."""
    return COLOURS[(number - 1) % len(COLOURS)]


def _free_place(
    x: int, y: int, size: tuple[int, int], picture: tuple[int, int],
    taken: Sequence[tuple[int, int, int, int]],
) -> tuple[int, int]:  # fmt: skip
    """Where a panel goes, ``(y, x)``: within the picture, below others that it would cover."""
    rows, columns = size
    x = min(max(x, 0), max(picture[1] - columns, 0))
    y = min(max(y, 0), max(picture[0] - rows, 0))
    for top, left, tall, wide in sorted(taken):
        if top < y + rows and y < top + tall and left < x + columns and x < left + wide:
            y = top + tall
    return min(y, max(picture[0] - rows, 0)), x


def _lay(
    picture: Picture, colour: NDArray[np.uint16], hides: NDArray[np.uint16], at: tuple[int, int]
) -> None:
    y, x = at
    below = picture[y : y + len(hides), x : x + hides.shape[1]]
    rows, columns, _ = below.shape
    colour, hides = colour[:rows, :columns], hides[:rows, :columns]
    below[:] = (below * (255 - hides) + colour) // 255


@functools.lru_cache(maxsize=64)
def _panel(
    number: int, lines: tuple[tuple[str, int], ...], text: int, widest: int
) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """A person's number and actions: colours, already multiplied by how much they hide,
    ``[h, w, 3]``, and that, ``[h, w, 1]``; both of 255."""
    from PIL import Image, ImageDraw

    gap, high = max(text // 3, 3), round(1.3 * text)
    names = [drawable(name) for name, _ in lines]
    percents = [f" {percent} %" for _, percent in lines]
    fonts = [font_of(name, text) for name in names]
    of_number = font_of("0", text)
    rooms = [widest - of_number.getlength(percent) for percent in percents]
    texts = [
        shortened(name, font, room) + percent
        for name, font, room, percent in zip(names, fonts, rooms, percents, strict=True)
    ]
    tag = round(of_number.getlength(str(number))) + 2 * gap
    wide = max((round(f.getlength(t)) for f, t in zip(fonts, texts, strict=True)), default=0)
    size = tag + (wide + 2 * gap if texts else 0), high * max(len(texts), 1) + gap
    image = Image.new("RGBA", size, PANEL)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, tag - 1, size[1]), fill=colour_of(number))
    outline: dict[str, Any] = {"stroke_width": max(text // 12, 1), "stroke_fill": OUTLINE}
    draw.text((gap, gap // 2), str(number), WHITE, of_number, **outline)
    for row, (own, font) in enumerate(zip(texts, fonts, strict=True)):
        draw.text((tag + gap, gap // 2 + row * high), own, WHITE, font, **outline)
    pixels = np.asarray(image, np.uint16)
    hides = pixels[:, :, 3:]
    return pixels[:, :, :3] * hides, hides
