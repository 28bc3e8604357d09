"""Fonts that have a text's letters, and texts that fit into their room."""

import functools
from typing import Any

from matplotlib import font_manager
from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import FT2Font
from PIL import ImageFont

from slowfast.errors import printable

REGULAR = (400, "normal", "regular", "book")
"""Weights of letters that are not bold, as font files and matplotlib have them."""


def properties(text: str, size: float) -> FontProperties:
    """The font of a text in a figure; the size in points."""
    return FontProperties(fname=font_file(text), size=size)


@functools.lru_cache(maxsize=1024)
def font_file(text: str) -> str:
    """The first font here that has all letters of a text, or else the one with most of them; of
    equal ones one that is not bold."""
    first = font_manager.findfont("DejaVu Sans")  # which comes with matplotlib
    wanted = {ord(letter) for letter in text}
    if wanted <= letters_of(first):
        return first
    fonts = (font for font in font_manager.fontManager.ttflist if "Last Resort" not in font.name)
    others = sorted({(font.weight not in REGULAR, font.fname) for font in fonts
                     if font.style == "normal"})  # fmt: skip
    return max(
        [first, *(file for _, file in others)], key=lambda file: len(wanted & letters_of(file))
    )


@functools.cache
def letters_of(font: str) -> frozenset[int]:
    """The code points that a font file has pictures for."""
    return frozenset(FT2Font(font).get_charmap())


def shortened(text: str, most: int) -> str:
    """A text of at most so many letters; where some are left out, the last one is an ellipsis."""
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}\N{HORIZONTAL ELLIPSIS}"


def fitting(
    text: str, size: int, room: float, *, bold: bool = False, from_end: bool = False
) -> str:
    """A line that fits into so many pixels: where it does not, its end, or with ``from_end`` its
    beginning, is an ellipsis."""
    text = printable(text)
    font, dots = font_of(text, size, bold), "\N{HORIZONTAL ELLIPSIS}"
    if font.getlength(text) <= room:
        return text
    fits, misses = 0, len(text)  # letters that are left
    while misses - fits > 1:
        middle = (fits + misses) // 2
        tried = dots + text[-middle:] if from_end else text[:middle] + dots
        fits, misses = (middle, misses) if font.getlength(tried) <= room else (fits, middle)
    kept = text[len(text) - fits :] if from_end else text[:fits].rstrip()
    return dots + kept if from_end else kept + dots


def wrapped(text: str, size: int, room: float) -> list[str]:
    """A text in lines that fit into so many pixels, broken between words."""
    lines: list[str] = []
    for word in printable(text).split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font_of(longer, size).getlength(longer) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return [fitting(line, size, room) for line in lines]


def font_of(text: str, size: int, bold: bool = False) -> Any:
    """The font of a text in a PIL picture; the size in pixels."""
    return _loaded(_file_of(text, bold), size)


@functools.lru_cache(maxsize=1024)
def _file_of(text: str, bold: bool) -> str:
    """The font file for a text; a bold one only if it has all of its letters."""
    if bold:
        heavy = font_manager.findfont(FontProperties(family="DejaVu Sans", weight="bold"))
        if {ord(letter) for letter in text} <= letters_of(heavy):
            return heavy
    return font_file(text)


@functools.cache
def _loaded(file: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(file, size)
