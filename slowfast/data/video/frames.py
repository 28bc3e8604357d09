"""Folders of numbered pictures in place of a video file."""

import functools
import os
import re
import string
from collections import defaultdict
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from slowfast.data.video.reader import (
    Each,
    Indices,
    Picture,
    Pictures,
    Pulse,
    VideoError,
    require_file,
    unchanged,
)

NUMBERED_PICTURE = re.compile(r"(.*?)(\d+)(\D*\.(?:jpe?g|png|bmp|webp|tiff?))", re.IGNORECASE)


class FrameFolderReader:
    """A folder of numbered pictures; ``find_frames`` explains its arguments and errors."""

    codec, begins, starts = "frames", 0.0, 0.0

    def __init__(
        self, folder: str, num_frames: int | None, pattern: str, fps: float, start: int = -1
    ) -> None:
        self.folder, self.pattern, self.fps = folder, own_pattern(folder, pattern), fps
        self._first, self.num_frames = find_frames(folder, pattern, start, num_frames)
        self.seconds_said = self.num_frames / fps

    def frames(self, indices: Indices, each: Each = unchanged) -> Pictures:
        pictures = [each(self._picture(min(int(i), self.num_frames - 1))) for i in indices]
        for index, picture in zip(indices, pictures, strict=True):
            self._require_size(int(index), picture, pictures[0].shape)
        return np.stack(pictures)

    def onward(self, indices: Indices, each: Each = unchanged) -> list[Picture]:
        return [each(self._picture(int(index))) for index in indices]

    def seconds(self, numbers: Indices) -> NDArray[np.float64]:
        return numbers / self.fps

    def clocked(self, indices: Indices) -> Indices:
        return indices

    def decode_all(self) -> tuple[int, tuple[int, int]]:
        shape: tuple[int, ...] = ()
        for index in range(self.num_frames):  # one in memory at a time
            picture = self._picture(index)
            shape = shape or picture.shape
            self._require_size(index, picture, shape)
        height, width, _ = shape
        return self.num_frames, (width, height)

    def keyframes(self) -> tuple[int, Indices]:
        return 0, np.empty(0, np.int64)

    def close(self) -> None:
        pass

    def _require_size(self, index: int, picture: Picture, shape: tuple[int, ...]) -> None:
        """Raises VideoError where frame ``index`` has not the shape of those before it."""
        if picture.shape != shape:
            name = self._path(index)
            raise VideoError(f"{name}: its size differs from that of the frames before it")

    def _picture(self, index: int) -> Picture:
        Pulse.beat()
        path = self._path(index)
        require_file(path)
        picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
        if picture is None:
            raise VideoError(f"{path}: not a picture that OpenCV can read")
        return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)

    def _path(self, index: int) -> str:
        return os.path.join(self.folder, self.pattern.format(self._first + index))


def find_frames(folder: str, pattern: str, start: int, listed: int | None) -> tuple[int, int]:
    """The number of a folder's first frame, and how many there are (``listed``, if it is given).

    Args:
        pattern: the name of a frame, with the place of its number; ``{name}`` is that of the
            folder.
        start: the number of the first frame; -1: 0 or 1, as the folder shows.
        listed: the number of frames by the list; None: all.

    Raises:
        VideoError: there is no such folder or frame, one of the frames is missing, or the folder
            does not show whether they start from 0 or 1; the message says what is there.
    """
    pattern = own_pattern(folder, pattern)
    try:
        names = names_in(folder, pattern)
    except OSError as error:
        raise VideoError(f"{folder}: no such folder of frames ({error.strerror})") from error
    numbers = frame_numbers(names, pattern)
    if not numbers:
        likely = likely_names(folder, names)
        raise VideoError(f"{folder}: no frame named like {pattern.format(1)}{likely}")
    first = start if start >= 0 else min(numbers[0], 1)
    if first not in numbers:
        raise VideoError(
            f"{folder}: its frames are numbered from {numbers[0]}, not from {first}: set "
            f"data.frame_start={numbers[0]}"
        )
    later = numbers[numbers.index(first) :]
    count = next((i for i, number in enumerate(later) if number != first + i), len(later))
    if listed is None and count < len(later) or listed is not None and listed > count:
        there = f"{pattern.format(first)} to {pattern.format(first + count - 1)}"
        if count < len(later):
            there += f", and then {pattern.format(later[count])}"
        said = "" if listed is None else f"the list says {listed}: correct it, or "
        raise VideoError(
            f"{folder}: {count} frames without a gap, {there}; {said}extract the frames again"
        )
    if start < 0 and first == 0 and listed is not None and listed < count:
        raise VideoError(
            f"{folder}: the list says {listed} frames, and there are {count}, numbered from 0: set "
            "data.frame_start to 0 or 1"
        )
    return first, count if listed is None else listed


def own_pattern(folder: str, pattern: str) -> str:
    """The pattern of a folder's frames, with the folder's name in the place of ``{name}``."""
    return pattern.replace("{name}", _escaped(_name(folder)))


def frame_numbers(names: Iterable[str], pattern: str) -> list[int]:
    """The numbers of the frames among some names, rising."""
    matches = filter(None, map(_numbered(pattern).fullmatch, names))
    return sorted(int(m[1]) for m in matches if pattern.format(int(m[1])) == m[0])


def likely_names(folder: str, names: list[str]) -> str:
    """What numbered pictures there are instead, for a message; empty if there are none."""
    kinds: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in names:
        if found := NUMBERED_PICTURE.fullmatch(name):
            kinds[found[1], found[3]].append(found[2])
    if not kinds:
        return ""
    (before, after), numbers = max(kinds.items(), key=lambda kind: len(kind[1]))
    is_padded = any(number[0] == "0" and len(number) > 1 for number in numbers)
    field = f"{{:0{min(map(len, numbers))}d}}" if is_padded else "{}"
    begin, rest = _escaped(before), before.removeprefix(_name(folder))
    if rest != before and not rest[:1].isalnum():
        begin = f"{{name}}{_escaped(rest)}"
    pattern = f"{begin}{field}{_escaped(after)}"
    return f"; {len(numbers)} are like {pattern}: set data.frame_pattern={pattern}"


def names_in(folder: str, pattern: str) -> list[str]:
    """What there is in a folder, or, if the pattern has a ``/``, in the one below it that it names.
    Raises OSError if the folder cannot be listed."""
    below = os.path.dirname(pattern.format(1))
    if below and os.path.isdir(folder) and not os.path.isdir(os.path.join(folder, below)):
        return []
    return [os.path.join(below, name) for name in os.listdir(os.path.join(folder, below))]


def _name(folder: str) -> str:
    return os.path.basename(os.path.abspath(folder))


def _escaped(text: str) -> str:
    """As a pattern has it."""
    return text.replace("{", "{{").replace("}", "}}")


@functools.lru_cache  # with {name} there is a pattern for each folder
def _numbered(pattern: str) -> re.Pattern[str]:
    """Matches names of the pattern; the first group is the number."""
    parts = string.Formatter().parse(pattern)
    return re.compile("".join(re.escape(s) + r"(\d+)" * (f is not None) for s, f, _, _ in parts))
