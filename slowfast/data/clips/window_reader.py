"""Reads the frames around key frames: of films that are looked at once, and in the order of their
films decoded once::

    key frame         1 s             2 s             3 s
    window    [0.0 . . . . 2.0]
                              [1.0 . . . . 3.0]          frames that both need are decoded once,
                                              [2.0 . .   and what another needs between them

numpy and OpenCV, no Paddle, so that it runs in reader processes.
"""

import contextlib
import itertools
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from slowfast.config import DataConfig, DetectionConfig
from slowfast.data.clips.box_transforms import Size
from slowfast.data.clips.datasets import distinct_frames
from slowfast.data.clips.protocols import PROTOCOLS
from slowfast.data.clips.sampling import ClipGrid
from slowfast.data.samples import KeyFrame, Sample, seconds_text
from slowfast.data.video.films import MOST_FRAMES, Films
from slowfast.data.video.part import length_of, named
from slowfast.data.video.reader import (
    ROUNDING,
    Each,
    Indices,
    Picture,
    Pictures,
    Reader,
    VideoError,
    unchanged,
)

GAP = 100
"""So many frames between two windows are decoded rather than jumped over."""


class Shown(NamedTuple):
    """The pictures around a key frame."""

    frames: Pictures
    """``[T, H, W, 3]``."""
    source: Size
    """Height and width of the pictures as decoded."""
    numbers: Indices
    """Of these frames ``[T]``."""
    picture: Picture | None = None
    """What is seen at the key frame itself, where it is asked for."""


class OutsideError(VideoError):
    """A key frame is outside its film."""


class KeyWindows:
    """Reads the frames around key frames, of films that are looked at once."""

    def __init__(
        self, data: DataConfig, detection: DetectionConfig, protocol: str,
        most_frames: int = MOST_FRAMES,
    ) -> None:  # fmt: skip
        self._films, self._unit = Films(data, most_frames), 1 / detection.rate
        self._known: tuple[Reader, int, NDArray[np.float64]] | None = None
        self._window = PROTOCOLS[protocol].window
        self._grid = ClipGrid(1, data.num_frames, data.sampling_stride, data.target_fps)

    def read(
        self, sample: Sample, each: Each, moved: Indices | int = 0, of_key: Each | None = None
    ) -> Shown:
        """The clip of a sample that is a key frame.

        Args:
            moved: see ``key_windows.py``.
            of_key: what the picture of the key frame itself goes through; None: it is not needed.

        Raises:
            VideoError: the film cannot be read.
            OutsideError: it ends before the key frame.
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
            require_inside(sample, reader, self._unit)  # also should it turn out to end early
            number = np.array([self.at(sample, reader)])
            picture = reader.frames(number, of_key)[0] if of_key else None
        if len(frames) < len(places):
            frames = frames[places]
        return Shown(frames, source[0], window(reader.num_frames), picture)

    def open(self, sample: Sample) -> Reader:
        """The film of a key frame, or of a part of a video. Raises a VideoError if it cannot be
        read."""
        return self._films.reader(sample)

    def film(self, sample: Sample) -> Reader:
        """The film of a key frame. Raises an OutsideError if the key frame is outside of it."""
        reader = self.open(sample)
        try:
            require_inside(sample, reader, self._unit)
        except BaseException:
            reader.close()
            raise
        return reader

    def of(self, sample: Sample, reader: Reader, moved: Indices | int = 0) -> Indices:
        """The frames of a key frame's clip ``[T]``."""
        return self._window(key_of(sample).seconds, self._times(reader), self._grid, moved)

    def at(self, sample: Sample, reader: Reader) -> int:
        """The frame that is seen at a key frame."""
        second = key_of(sample).seconds + ROUNDING
        return max(int(np.searchsorted(self._times(reader), second, side="right")) - 1, 0)

    def _times(self, reader: Reader) -> NDArray[np.float64]:
        """When its frames are shown; of the film that was asked for last they are known."""
        if self._known is None or self._known[:2] != (reader, reader.num_frames):
            self._known = reader, reader.num_frames, reader.seconds(np.arange(reader.num_frames))
        return self._known[2]


class Onward:
    """Reads key frames' windows one after the other, in the order of their film: what a window has
    in common with others, and what lies between, is decoded once.

    ``each`` is the same for all; so is ``of_key``, see ``KeyWindows.read``. Any other order is
    right, too, but slower.
    """

    def __init__(self, windows: KeyWindows, each: Each, of_key: Each | None = None) -> None:
        self._windows, self._each, self._of_key = windows, each, of_key
        self._source: Size = (0, 0)
        self._film: Reader | None = None
        self._held: dict[int, Picture] = {}
        self._keys: dict[int, Picture] = {}  # pictures of key frames, by number
        self._passed = -1  # the frame that was read last

    @property
    def num_held(self) -> int:
        """Pictures in memory."""
        return len(self._held) + len(self._keys)

    def read(self, sample: Sample, later: Iterable[Sample] = ()) -> Shown:
        """See ``KeyWindows.read``.

        Args:
            later: the key frames that follow in the film. Of their frames those up to this window's
                end are read with it.
        """
        film = self._windows.film(sample)
        if film is not self._film:
            self.close()
            self._film = film
        window = self._windows.of(sample, film)
        own = {*window.tolist()}
        keys = {self._windows.at(sample, film)} if self._of_key else set()
        if missing := sorted((own - self._held.keys()) | (keys - self._keys.keys())):
            if not 0 < missing[0] - self._passed <= GAP:
                film.close()
                missing = sorted(own | keys)
                self._held, self._keys, self._passed = {}, {}, missing[0] - 1
            passed, self._passed = self._passed, missing[-1]
            also, their_keys = self._of_later(later, film)
            wanted = {*missing, *(number for number in also if number > passed)}
            if not self._decode(sample, film, sorted(wanted), keys | their_keys):
                self.close()
                return self._windows.read(sample, self._each, of_key=self._of_key)
        first = min(own | keys)
        self._held = {i: held for i, held in self._held.items() if i >= first}
        self._keys = {i: held for i, held in self._keys.items() if i >= first}
        frames = np.stack([self._held[number] for number in window.tolist()])
        return Shown(frames, self._source, window, self._keys[min(keys)] if keys else None)

    def close(self) -> None:
        """Closes the film that is open."""
        if self._film is not None:
            self._film.close()
        self._film, self._held, self._keys, self._passed = None, {}, {}, -1

    def _of_later(self, later: Iterable[Sample], film: Reader) -> tuple[set[int], set[int]]:
        """The frames that windows behind this one need of those up to its end, and which of them
        are the key frames themselves."""
        found, keys = set[int](), set[int]()
        for sample in later:
            own, key = {*self._windows.of(sample, film).tolist()}, self._windows.at(sample, film)
            if min(min(own), key) > self._passed:
                break
            found |= own
            if self._of_key:
                keys.add(key)
        return {n for n in found | keys if n <= self._passed}, keys

    def _decode(self, sample: Sample, film: Reader, numbers: list[int], keys: set[int]) -> bool:
        """Decodes and holds these frames; whether the file has them."""
        try:
            with named(sample):
                # Key frames one by one: they are whole pictures.
                for key, group in itertools.groupby(numbers, lambda n: n if n in keys else None):
                    new = [*group]
                    each = self._seen if key is None else unchanged
                    found = film.onward(np.array(new, np.int64), each)
                    if len(found) < len(new):  # it ends earlier than it says
                        return False
                    if key is not None and self._of_key:
                        self._keys |= zip(new, map(self._of_key, found), strict=True)
                        found = [*map(self._seen, found)]
                    self._held |= zip(new, found, strict=True)
        except BaseException:
            self.close()
            raise
        return True

    def _seen(self, picture: Picture) -> Picture:
        self._source = picture.shape[:2]
        return self._each(picture)


def require_inside(sample: Sample, reader: Reader, unit: float) -> None:
    """Raises OutsideError if a key frame is outside its film, see ``is_inside``."""
    key, length = key_of(sample), length_of(reader)
    if not is_inside(key.seconds, 0.0, length + unit):
        when = f"{seconds_text(key.time)} (at {seconds_text(key.seconds)} s)"
        raise OutsideError(
            f"{sample.path}: key frame {when} is outside the video, which has {length:.1f} s "
            "(detection.start, detection.rate)"
        )


def is_inside(keys: Any, begin: float, end: float) -> Any:
    """Whether key frames, seconds, are in a film or a part of one. The end of a film is that of its
    last frame and a unit of the annotated time, to which annotations are rounded."""
    return (begin - ROUNDING <= keys) & (keys <= end + ROUNDING)


def key_of(sample: Sample) -> KeyFrame:
    """The key frame that a sample of train.task=detection is."""
    assert sample.key is not None
    return sample.key
