"""Reads the frames around key frames: of films that are looked at once, and in the order of their
films decoded once.

numpy and OpenCV, no Paddle, so that it runs in reader processes.
"""

import contextlib
from typing import NamedTuple

import numpy as np

from slowfast.config import DataConfig, DetectionConfig
from slowfast.data.clips.box_transforms import Size
from slowfast.data.clips.datasets import distinct_frames
from slowfast.data.clips.key_windows import WINDOWS
from slowfast.data.clips.protocols import ClipGrid
from slowfast.data.samples import KeyFrame, Sample, seconds_text
from slowfast.data.video.films import Films
from slowfast.data.video.part import length_of, named
from slowfast.data.video.reader import (
    ROUNDING,
    Each,
    Indices,
    Picture,
    Pictures,
    Reader,
    VideoError,
)

GAP = 100
"""So many frames between two windows are decoded rather than jumped over."""


class Shown(NamedTuple):
    """The pictures around a key frame."""

    frames: Pictures
    """``[T, H, W, 3]``."""
    source: Size
    """Height and width of the pictures as decoded."""


class KeyWindows:
    """Reads the frames around key frames, of films that are looked at once."""

    def __init__(self, data: DataConfig, detection: DetectionConfig, protocol: str) -> None:
        self._films, self._unit = Films(data), 1 / detection.rate
        self._window = WINDOWS[protocol]
        self._grid = ClipGrid(1, data.num_frames, data.sampling_stride, data.target_fps)

    def read(self, sample: Sample, each: Each, moved: Indices | int = 0) -> Shown:
        """The clip of a sample that is a key frame; ``moved``: see ``key_windows.py``.

        Raises:
            VideoError: the film cannot be read, or ends before the key frame.
        """
        reader = self.film(sample)
        source: list[Size] = []

        def window(_: int) -> Indices:
            return self.of(sample, reader, moved)

        def seen(picture: Picture) -> Picture:
            source[:] = [picture.shape[:2]]
            return each(picture)

        with contextlib.closing(reader), named(sample):
            frames, places = distinct_frames(reader, window, seen, counts_frames=True)
        require_inside(sample, reader, self._unit)  # also should it have turned out to end early
        return Shown(frames if len(frames) == len(places) else frames[places], source[0])

    def film(self, sample: Sample) -> Reader:
        """The film of a key frame. Raises a VideoError if the key frame is outside of it."""
        reader = self._films.reader(sample)
        try:
            require_inside(sample, reader, self._unit)
        except BaseException:
            reader.close()
            raise
        return reader

    def of(self, sample: Sample, reader: Reader, moved: Indices | int = 0) -> Indices:
        """The frames of a key frame's clip ``[T]``."""
        times = reader.seconds(np.arange(reader.num_frames))
        return self._window(key_of(sample).seconds, times, self._grid, moved)


class Onward:
    """Reads key frames' windows one after the other, in the order of their film: what a window has
    in common with the one before, and what lies between them, is decoded once.

    ``each`` is the same for all. Any other order is right, too, but slower.
    """

    def __init__(self, windows: KeyWindows, each: Each) -> None:
        self._windows, self._each = windows, each
        self._source: Size = (0, 0)
        self._film: Reader | None = None
        self._held: dict[int, Picture] = {}
        self._passed = 0  # the frame that was read last

    def read(self, sample: Sample) -> Shown:
        """See ``KeyWindows.read``."""
        film = self._windows.film(sample)
        window = self._windows.of(sample, film)
        numbers = np.unique(window).tolist()
        new = [number for number in numbers if number not in self._held]
        if film is not self._film or new and not 0 < new[0] - self._passed <= GAP:
            self.close()
            self._film, new = film, numbers
        try:
            with named(sample):
                found = film.onward(np.array(new, np.int64), self._seen)
        except BaseException:
            self.close()
            raise
        if len(found) < len(new):  # the film ends earlier than it says
            self.close()
            return self._windows.read(sample, self._each)
        self._held |= zip(new, found, strict=True)
        self._held = {i: held for i, held in self._held.items() if i >= numbers[0]}
        self._passed = max(self._held)
        return Shown(np.stack([self._held[number] for number in window.tolist()]), self._source)

    def close(self) -> None:
        """Closes the film that is open."""
        if self._film is not None:
            self._film.close()
        self._film, self._held, self._passed = None, {}, 0

    def _seen(self, picture: Picture) -> Picture:
        self._source = picture.shape[:2]
        return self._each(picture)


def require_inside(sample: Sample, reader: Reader, unit: float) -> None:
    """Raises VideoError if a key frame is before its film's first frame, or more than a unit of the
    annotated time, to which annotations are rounded, behind its end."""
    key, length = key_of(sample), length_of(reader)
    if not -ROUNDING <= key.seconds <= length + unit + ROUNDING:
        when = f"{seconds_text(key.time)} (at {seconds_text(key.seconds)} s)"
        raise VideoError(
            f"{sample.path}: key frame {when} is outside the video, which has {length:.1f} s "
            "(detection.start, detection.rate)"
        )


def key_of(sample: Sample) -> KeyFrame:
    """The key frame that a sample of train.task=detection is."""
    assert sample.key is not None
    return sample.key
