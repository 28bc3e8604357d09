"""Draws what a network sees in a video into its pictures."""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from slowfast.config import DataConfig
from slowfast.data.clips.transforms import squared
from slowfast.data.samples import Sample
from slowfast.data.video.open import aspect_of, open_video
from slowfast.data.video.reader import Picture, no_frame
from slowfast.log import logger

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

LEAST_SIDE, MOST_SIDE = 240, 1920
"""Pixels that the short side has at least, to have room for a label, and the long side at most."""
TEXT, LEAST_TEXT = 0.042, 13
"""Height of a label, as a share of the short side, and at least, pixels."""
WHITE, OUTLINE, PANEL = (255,) * 3, (0, 0, 0), (16, 20, 28, 185)
BAR, TRACK = (224, 123, 57), (84, 90, 100, 215)
"""Colours; a fourth number is how much they hide, of 255."""
MISSING = "\u25a1"
"""Stands for a letter that no font has, a square."""


def with_labels(picture: Picture, best: list[tuple[str, float]]) -> Picture:
    """The picture ``[H, W, 3]`` with the best labels and their scores at its top left, in a size
    in which that can be read, see ``legible``.

    Args:
        best: labels with scores from 0 to 1, best first; the first is larger, and others are left
            out where they round to 0 %. May be empty.
    """
    shown = legible(picture)
    if not best:
        return shown
    height, width, _ = shown.shape
    rounded = [(name, round(100 * score)) for name, score in best]
    percents = (*rounded[:1], *(each for each in rounded[1:] if each[1]))
    colour, hides = _panel(percents, width, height)
    rows, columns, _ = colour.shape
    shown = shown.copy()
    below = shown[:rows, :columns]
    below[:] = (below * (255 - hides) + colour) // 255
    return shown


def annotate_video(
    sample: Sample, path: Path, best_at: Callable[[float], list[tuple[str, float]]],
    data: DataConfig, report: Callable[[float], None] = lambda share: None,
) -> None:  # fmt: skip
    """Writes a video again as an MP4, with labels drawn in, its sound and its frames' times, in the
    shape in which it is shown; see ``redraw_video``.

    Args:
        best_at: from seconds after the first frame, of the whole video if it is a part, to the
            labels that are shown then, see ``with_labels``.
    """
    redraw_video(
        sample, path, lambda picture, seconds: with_labels(picture, best_at(seconds)), data, report
    )


def redraw_video(
    sample: Sample, path: Path, drawn: Callable[[Picture, float], Picture],
    data: DataConfig, report: Callable[[float], None] = lambda share: None,
) -> None:  # fmt: skip
    """Writes a video again as an MP4 with its sound and its frames' times; one frame at a time is
    in memory.

    Args:
        path: of the new file.
        drawn: from a picture, in the shape in which it is shown, and its seconds after the first
            frame, of the whole video if it is a part, to the new picture.
        data: how frame folders are read, and which decoder reads videos.
        report: called with the share of the frames that are written.

    Raises:
        VideoError: the video cannot be read.
        OSError: the new file cannot be written; names it.
    """
    from slowfast.data.video.write import Writer  # needs PyAV, which need not be there

    reader = open_video(sample, data.frame_pattern, data.frame_fps, data.decoder, data.frame_start)
    source = None if reader.codec == "frames" else sample.path
    number = 0
    try:
        aspect = aspect_of(sample)
        # Of a part without sound: that of the whole would begin too early.
        with Writer(path, None if sample.part else source) as writer:
            while number < reader.num_frames:
                seconds = float(reader.seconds(np.array(number)))
                for picture in reader.onward(np.array([number])):
                    new = drawn(squared(picture, aspect), reader.starts + seconds)
                    writer.add(new, seconds)
                number += 1
                report(number / max(reader.num_frames, number))
    finally:
        reader.close()
    if not reader.num_frames:
        raise no_frame(sample.shown)


def legible(picture: Picture) -> Picture:
    """The picture, larger if a label would not find room in it, smaller if players would not play
    a video of its size; black beside a narrow one for which both are so."""
    height, width, _ = picture.shape
    scale = min(max(1.0, LEAST_SIDE / min(height, width)), MOST_SIDE / max(height, width))
    if scale != 1:
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        how = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
        picture = cv2.resize(picture, size, interpolation=how)
    down, across = (max(LEAST_SIDE - side, 0) for side in picture.shape[:2])
    if down or across:
        sides = down // 2, down - down // 2, across // 2, across - across // 2
        picture = cv2.copyMakeBorder(picture, *sides, cv2.BORDER_CONSTANT)
    return picture


@functools.lru_cache(maxsize=8)
def _panel(
    percents: tuple[tuple[str, int], ...], width: int, height: int
) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """What is drawn at the top left of pictures of this size: colours, already multiplied by how
    much they hide, ``[h, w, 3]``, and that, ``[h, w, 1]``; both of 255."""
    from PIL import Image, ImageDraw

    text = max(round(TEXT * min(width, height)), LEAST_TEXT)
    gap = max(text // 2, 4)
    room = width - 4 * gap
    lines = [*_lines(percents, room, text)]
    inner = min(room, max(max(line.width() for line in lines), 12 * text))
    tall = gap + sum(line.height() for line in lines)
    image = Image.new("RGBA", (inner + 4 * gap, tall + 2 * gap), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((gap, gap, inner + 3 * gap, tall + gap), gap, fill=PANEL)
    y = 1.5 * gap
    for line in lines:
        line.draw(draw, 2 * gap, y, inner)
        y += line.height()
    pixels = np.asarray(image, np.uint16)[:height, :width]
    hides = pixels[:, :, 3:]
    return pixels[:, :, :3] * hides, hides


class _Line:
    """A line of a panel: a label, its score and a bar below them."""

    def __init__(self, label: str, score: str, share: float | None, size: int) -> None:
        self.label, self.score, self.share, self.size = label, score, share, size
        self.font = font_of(label, size)
        self.of_score = font_of(score, size)

    def width(self) -> int:
        """Of all that is written, pixels."""
        gap = self.size if self.score else 0
        return round(self.font.getlength(self.label) + gap + self.of_score.getlength(self.score))

    def height(self) -> int:
        """With the space below it, pixels."""
        return round(self.size * (1.3 if self.share is None else 1.75))

    def draw(self, draw: Any, x: float, y: float, inner: int) -> None:
        """Draws it at ``x, y``, in a panel with so much room."""
        outline = {"stroke_width": max(self.size // 12, 1), "stroke_fill": OUTLINE}
        draw.text((x, y), self.label, WHITE, self.font, **outline)
        draw.text((x + inner, y), self.score, WHITE, self.of_score, anchor="ra", **outline)
        if self.share is not None:
            thick, top = max(self.size // 6, 2), y + 1.25 * self.size
            draw.rectangle((x, top, x + inner, top + thick), fill=TRACK)
            draw.rectangle((x, top, x + inner * self.share, top + thick), fill=BAR)


def _lines(percents: tuple[tuple[str, int], ...], room: int, text: int) -> Iterator[_Line]:
    """The lines of the labels; the first label may take two, the others are shortened."""
    for place, (name, percent) in enumerate(percents):
        size = text if place == 0 else max(round(0.75 * text), LEAST_TEXT - 2)
        name, score = drawable(name), f"{percent} %"
        left = room - size - font_of(score, size).getlength(score)
        font = font_of(name, size)
        if place == 0 and font.getlength(name) > left and " " in name:
            above, name = _split(name, font, room)
            yield _Line(above, "", None, size)
        yield _Line(shortened(name, font, left), score, percent / 100, size)


def _split(text: str, font: "FreeTypeFont", room: float) -> tuple[str, str]:
    """As many words as fit, at least one, and the others."""
    words = text.split(" ")
    fits = [i for i in range(1, len(words)) if font.getlength(" ".join(words[:i])) <= room]
    cut = fits[-1] if fits else 1
    return shortened(" ".join(words[:cut]), font, room), " ".join(words[cut:])


def shortened(text: str, font: "FreeTypeFont", room: float) -> str:
    """The text, without its end if it has no room, pixels."""
    if font.getlength(text) <= room:
        return text
    while text and font.getlength(f"{text}\u2026") > room:
        text = text[:-1]
    return f"{text.rstrip()}\u2026"


@functools.lru_cache(maxsize=1024)
def drawable(text: str) -> str:
    """The text in one line, letters that no font here has replaced; warns once."""
    from slowfast.pictures.fonts import font_file, letters_of

    text = " ".join(text.split())
    known = letters_of(font_file(text))
    drawn = "".join(letter if ord(letter) in known else MISSING for letter in text)
    if drawn != text:
        _tell_of_missing()
    return drawn


@functools.cache
def _tell_of_missing() -> None:
    logger.warning(
        f"letters that no font here has are drawn as {MISSING}: install a font with them, and "
        "delete matplotlib's list of fonts, ~/.cache/matplotlib/fontlist*.json"
    )


def font_of(text: str, size: int) -> "FreeTypeFont":
    """A font for a text, ``size`` pixels high."""
    from slowfast.pictures.fonts import font_file

    return _face(font_file(text), size)


@functools.lru_cache(maxsize=16)
def _face(file: str, size: int) -> "FreeTypeFont":
    from PIL import ImageFont

    return ImageFont.truetype(file, size)
