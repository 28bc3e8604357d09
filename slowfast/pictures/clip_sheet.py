"""Draws what a loader yields: of each clip its frames, and what of the picture was cut.

Each page appears once it is whole, see ``files.atomic``, and raises what that raises. Pictures are
uint8 RGB ``[H, W, 3]``.
"""

import itertools
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from slowfast.files import atomic
from slowfast.pictures.cards import Card, Corners, Sheet, Tile
from slowfast.pictures.figures import FAST, SLOW
from slowfast.pictures.fonts import fitting, font_of, wrapped

WIDTH, MARGIN, LEFT, GAP = 1400, 32, 300, 26
"""Of a page, its edge, the column of whole pictures, and what is between columns; pixels."""
RIGHT = WIDTH - 2 * MARGIN - LEFT - GAP
BETWEEN = 9
"""Pixels between frames."""
EDGE = 4
"""Width of a frame's edge, pixels."""
TITLE, NAME, TEXT, SMALL = 26, 19, 15, 12
"""Sizes of letters, pixels."""
INK, GREY, PALE, RED = "#1c2733", "#66727f", "#e3e7eb", "#b3261e"
BOXES = ("#e0427b", "#1f9e8f", "#8a5cd0", "#c78b00", "#3f8fe0", "#5a9e2f")
"""Colours of boxes, in turn."""


def write_sheet(
    sheet: Sheet, cards: Iterable[Card], count: int, path: Path, per_page: int
) -> list[Path]:
    """Draws ``count`` cards below each other, so many on a page; each is written once it is full.

    Returns the pages: ``path``, and with more than one ``NAME-2.png`` and so on.
    """
    left, pages = iter(cards), list[Path]()
    of = -(-count // per_page)
    for number in range(1, of + 1):
        page = path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")
        shown = f"   {number} of {of}" if of > 1 else ""
        picture = drawn(sheet, [*itertools.islice(left, per_page)], shown)
        with atomic(page) as file:
            picture.save(file, format="PNG")
        pages.append(page)
    next(left, None)  # to the end: whoever reads the clips is done
    return pages


def drawn(sheet: Sheet, cards: list[Card], page: str = "") -> Image.Image:
    """One page."""
    parts = [_head(sheet, page), *map(_card, cards)]
    canvas = Image.new("RGB", (WIDTH, sum(part.height for part in parts) + MARGIN // 2), "white")
    top = 0
    for part in parts:
        canvas.paste(part, (0, top))
        top += part.height
    return canvas


def tile_size(shapes: set[tuple[int, ...]], columns: int = 8) -> tuple[int, int]:
    """Height and width that frames of these shapes are shown in, so many side by side: larger only
    by whole numbers."""
    height, width = max(shape[0] for shape in shapes), max(shape[1] for shape in shapes)
    wide = (RIGHT - BETWEEN * (columns - 1)) // columns - 2 * EDGE
    scale = wide / max(height, width)
    scale = float(int(scale)) if scale >= 1 else scale
    return max(round(height * scale), 1), max(round(width * scale), 1)


def _head(sheet: Sheet, page: str) -> Image.Image:
    """Title, notes and legend."""
    height = 30 + TITLE + 18 + 24 * len(sheet.notes) + 18
    part, draw = _canvas(height)
    _text(draw, (MARGIN, 30), sheet.title + page, TITLE, INK, bold=True)
    for row, note in enumerate(sheet.notes):
        place = MARGIN, 30 + TITLE + 18 + 24 * row
        _text(draw, place, fitting(note, TEXT, WIDTH - 2 * MARGIN), TEXT, GREY)
    right = WIDTH - MARGIN
    for text, is_slow in reversed(sheet.legend):
        right -= round(font_of(text, TEXT).getlength(text))
        _text(draw, (right, 36), text, TEXT, INK)
        right -= 26
        draw.rectangle((right, 36, right + 16, 52), outline=_edge(is_slow), width=EDGE)
        right -= 28
    return part


def _card(card: Card) -> Image.Image:
    """A clip: above its name and facts; to the left the whole picture, to the right its frames."""
    title = fitting(card.title, NAME, WIDTH - 2 * MARGIN, bold=True)
    taken = font_of(title, NAME, bold=True).getlength(title) + 40
    lines = [line for text in card.lines for line in wrapped(text, TEXT, RIGHT)]
    faults = wrapped(card.fault, TEXT, RIGHT) if card.fault else []
    left, right = _left(card), _right(card)
    below = 24 * (len(lines) + len(faults)) + 4
    height = 18 + 34 + max(left.height, below + right.height) + 20
    part, draw = _canvas(height)
    draw.line((MARGIN, 0, WIDTH - MARGIN, 0), fill=PALE, width=2)
    _text(draw, (MARGIN, 16), title, NAME, INK, bold=True)
    path = fitting(card.path, TEXT, WIDTH - 2 * MARGIN - taken, from_end=True)
    wide = font_of(path, TEXT).getlength(path)
    _text(draw, (WIDTH - MARGIN - round(wide), 19), path, TEXT, GREY)
    part.paste(left, (MARGIN, 54))
    top = 52
    for texts, colour in ((lines, GREY), (faults, RED)):
        for text in texts:
            _text(draw, (MARGIN + LEFT + GAP, top), text, TEXT, colour)
            top += 24
    part.paste(right, (MARGIN + LEFT + GAP, top + 4))
    return part


def _left(card: Card) -> Image.Image:
    """The whole picture, what was cut from it, and who does what in it."""
    if card.whole is None:
        shown = Image.new("RGB", (LEFT, LEFT * 9 // 16), PALE)
    else:
        height, width, _ = card.whole.shape
        scale = min(LEFT / width, 0.85 * LEFT / height)
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        shown = _with_areas(Image.fromarray(card.whole).resize(size), card.areas)
        _draw_boxes(shown, card.boxes)
    lines = [
        (number, line) for number, text in card.named
        for line in wrapped(f"{number}  {text}", TEXT, LEFT)
    ]  # fmt: skip
    part = Image.new("RGB", (LEFT, shown.height + 10 + 22 * len(lines)), "white")
    part.paste(shown, (0, 0))
    draw = ImageDraw.Draw(part)
    for row, (number, line) in enumerate(lines):
        _text(draw, (0, shown.height + 8 + 22 * row), line, TEXT, _box_colour(number))
    return part


def _with_areas(picture: Image.Image, areas: tuple[Corners, ...]) -> Image.Image:
    """A picture with what was cut from it, the rest of it darker."""
    rectangles = [_pixels(area, picture.size) for area in areas]
    inside = Image.new("L", picture.size, 0)
    for rectangle in rectangles:
        ImageDraw.Draw(inside).rectangle(rectangle, fill=255)
    dark = Image.blend(picture, Image.new("RGB", picture.size, "white"), 0.55)
    shown = Image.composite(picture, dark, inside)
    draw = ImageDraw.Draw(shown)
    for rectangle in rectangles:
        draw.rectangle(rectangle, outline="white", width=4)
        draw.rectangle(rectangle, outline=FAST, width=2)
    return shown


def _right(card: Card) -> Image.Image:
    """The rows of frames."""
    tiles = [tile for _, row in card.rows for tile in row]
    if not tiles:
        return Image.new("RGB", (RIGHT, 1), "white")
    columns = max(8, *(len(row) for _, row in card.rows)) if len(card.rows) > 1 else 8
    size = tile_size({tile.picture.shape for tile in tiles}, columns)
    wide, tall = size[1] + 2 * EDGE, size[0] + 2 * EDGE + 24
    each_row = min(max((RIGHT + BETWEEN) // (wide + BETWEEN), 1), columns)
    rows = [
        (name if not start else "", row[start : start + each_row])
        for name, row in card.rows for start in range(0, len(row), each_row)
    ]  # fmt: skip
    heights = [tall + (22 if name else 0) for name, _ in rows]
    part = Image.new("RGB", (RIGHT, sum(heights)), "white")
    draw, top = ImageDraw.Draw(part), 0
    for (name, row), height in zip(rows, heights, strict=True):
        if name:
            _text(draw, (0, top), fitting(name, TEXT, RIGHT), TEXT, INK)
        for column, tile in enumerate(row):
            place = column * (wide + BETWEEN), top + height - tall
            part.paste(_framed(tile, size), place)
            caption = fitting(tile.caption, SMALL, wide + BETWEEN - 2)
            ink = SLOW if tile.is_slow else GREY
            below = place[0], place[1] + size[0] + 2 * EDGE + 2
            _text(draw, below, caption, SMALL, ink, bold=tile.is_slow)
        top += height
    return part


def _framed(tile: Tile, size: tuple[int, int]) -> Image.Image:
    """A frame in the given height and width, with its edge."""
    height, width = size
    shape = tile.picture.shape[:2]
    is_whole = height % shape[0] == 0 and width % shape[1] == 0
    how = Image.Resampling.NEAREST if is_whole else Image.Resampling.BOX
    shown = Image.fromarray(np.ascontiguousarray(tile.picture)).resize((width, height), how)
    _draw_boxes(shown, tile.boxes)
    framed = Image.new("RGB", (width + 2 * EDGE, height + 2 * EDGE), _edge(tile.is_slow))
    framed.paste(shown, (EDGE, EDGE))
    return framed


def _edge(is_slow: bool) -> str:
    return SLOW if is_slow else FAST


def _draw_boxes(picture: Image.Image, boxes: tuple[tuple[int, Corners], ...]) -> None:
    draw = ImageDraw.Draw(picture)
    for number, corners in boxes:
        x1, y1, x2, y2 = _pixels(corners, picture.size)
        colour, text = _box_colour(number), str(number)
        draw.rectangle((x1, y1, x2, y2), outline=colour, width=2)
        wide = round(font_of(text, SMALL, bold=True).getlength(text)) + 6
        x, y = min(max(x1, 0), picture.width - wide), min(max(y1, 0), picture.height - 15)
        draw.rectangle((x, y, x + wide, y + 14), fill=colour)
        _text(draw, (x + 3, y), text, SMALL, "white", bold=True)


def _box_colour(number: int) -> str:
    return BOXES[(number - 1) % len(BOXES)]


def _pixels(corners: Corners, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The outermost pixels of a rectangle in a picture of this width and height."""
    x1, y1, x2, y2 = (
        round(min(max(share, 0), 1) * side) for share, side in zip(corners, 2 * size, strict=True)
    )
    return x1, y1, max(x2 - 1, x1), max(y2 - 1, y1)


def _canvas(height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    part = Image.new("RGB", (WIDTH, height), "white")
    return part, ImageDraw.Draw(part)


def _text(
    draw: ImageDraw.ImageDraw, place: tuple[int, int], text: str, size: int, colour: str,
    bold: bool = False,
) -> None:  # fmt: skip
    draw.text(place, text, colour, font_of(text, size, bold))
