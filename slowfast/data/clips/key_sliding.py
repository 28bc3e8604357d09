"""The windows around key frames along whole videos, however long: in one pass, some in memory at a
time, see ``window_reader.py``.

With each comes the picture of the key frame itself, where a detector is to find persons in it.

Legend: n key frames, T frames of a clip, F distinct frames, h x w and H x W pixels.
"""

import contextlib
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from slowfast.config import DataConfig, DetectionConfig, TestConfig
from slowfast.data.clips import transforms
from slowfast.data.clips.protocols import PROTOCOLS
from slowfast.data.clips.sliding import ChunkKey, ClipChunk, VideoTimes
from slowfast.data.clips.window_reader import (
    KeyWindows,
    Onward,
    OutsideError,
    Shown,
    is_inside,
)
from slowfast.data.samples import KeyFrame, Sample
from slowfast.data.video.part import length_of, named, times_in
from slowfast.data.video.reader import Indices, Picture, Pictures

Seconds = NDArray[np.float64]
NO_PICTURE: Picture = np.zeros((0, 0, 3), np.uint8)


@dataclass
class KeyChunk(ClipChunk):
    """Key frames of a video: ``clips`` are the windows around them, of whole pictures
    ``[F, h, w, 3]``, and ``seconds`` when these begin and end."""

    keys: Seconds
    """When the key frames are, from the first frame of the whole video on ``[n]``."""
    pictures: Pictures
    """The key frames themselves ``[n, H, W, 3]``; ``[n, 0, 0, 3]`` where nobody needs them."""
    size: tuple[int, int]
    """Height and width of the video's pictures."""


class SlidingKeys:
    """The chunks of each video, asked for in order; see ``SlidingClips``.

    Args:
        keys_of: from a video's place in the list, and the seconds of its begin and end, which are
            not 0 and its length where it is a part of one, to its key frames, rising; those outside
            are left out.
        keys_at_once: n.
        longest: pixels of the long side of the key frames' pictures, at most; 0: none are needed.
        first: the number of key frames that are not needed any more, by the video's place.
    """

    def __init__(
        self, samples: Sequence[Sample], data: DataConfig, test: TestConfig,
        detection: DetectionConfig, *,
        keys_of: Callable[[int, float, float], Seconds], keys_at_once: int, longest: int = 0,
        first: Callable[[int], int] = lambda place: 0,
    ) -> None:  # fmt: skip
        self.samples, self._keys_of, self._first = samples, keys_of, first
        self._count, self._length, self._unit = keys_at_once, data.num_frames, 1 / detection.rate
        protocol = PROTOCOLS[test.protocol]
        each = functools.partial(
            transforms.resize_short_side, short_side=test.short_side, scaled=protocol.size,
            in_float=protocol.in_float,
        )  # fmt: skip
        of_key = functools.partial(transforms.fitted, longest=longest) if longest else None
        self._windows = KeyWindows(data, detection, test.protocol, most_frames=0)
        self._onward = Onward(self._windows, each, of_key)
        self._film: _Film | None = None
        self._next: ChunkKey | None = None
        self._ended: int | None = None

    def __call__(self, key: ChunkKey) -> KeyChunk | None:
        """The key frames of a key; None behind the last. Raises VideoError if the video cannot be
        read."""
        if key.sample == self._ended and key.number:
            return None
        self._ended = key.sample  # unless it comes to a chunk that is not the last
        try:
            if self._film is None or key != self._next:
                self.close()
                keys_of = functools.partial(self._keys_of, key.sample)
                self._film = _Film(self.samples[key.sample], self._windows, self._unit, keys_of)
            chunk = self._chunk(self._film, self._first(key.sample) + key.number * self._count)
        except BaseException:
            self.close()
            raise
        if chunk.is_last:
            self.close()
        else:
            self._ended, self._next = None, key._replace(number=key.number + 1)
        return chunk

    def close(self) -> None:
        """Closes the video that is open."""
        self._onward.close()
        self._film = None

    def _chunk(self, film: "_Film", first: int) -> KeyChunk:
        """The key frames from number ``first`` on, as far as there are any. Those behind the end of
        a damaged file, which comes earlier than it says, are left out."""
        later = film.samples(first)
        shown: list[Shown] = []
        with contextlib.suppress(OutsideError):
            for place, sample in enumerate(later[: self._count], 1):
                shown.append(self._onward.read(sample, later[place:]))
        done = first + len(shown)
        is_last = len(shown) < self._count or done == len(film.keys)
        frames, clips = distinct(shown, self._length)
        ends = np.array([each.numbers[[0, -1]] for each in shown], np.int64).reshape(-1, 2)
        return KeyChunk(
            frames=frames,
            clips=clips,
            seconds=film.seconds(ends),
            share=1.0 if is_last else done / len(film.keys),
            is_last=is_last,
            video=film.video,
            keys=film.keys[first:done],
            pictures=stacked([NO_PICTURE if x.picture is None else x.picture for x in shown]),
            size=shown[0].source if shown else (0, 0),
        )


class _Film:
    """The key frames of a video, and how far it is read."""

    def __init__(
        self, sample: Sample, windows: KeyWindows, unit: float,
        keys_of: Callable[[float, float], Seconds],
    ) -> None:  # fmt: skip
        self._sample = sample
        self._reader = reader = windows.open(sample)
        with named(sample):
            length = length_of(reader)
            begin, end = times_in(sample, length)
        self.keys = keys_of(begin, end)
        end_of_keys = length + unit if sample.end is None else end
        self.keys = self.keys[is_inside(self.keys, begin, end_of_keys)]
        self.video = VideoTimes(reader.fps, end - begin, reader.begins)

    def seconds(self, numbers: Indices) -> Seconds:
        """When these frames are shown."""
        return self._reader.seconds(numbers)

    def samples(self, first: int) -> list[Sample]:
        """The key frames from this number on, as samples."""
        whole = self._sample.whole()
        return [
            whole._replace(key=KeyFrame(self._sample.path, key, key, ()))
            for key in self.keys[first:].tolist()
        ]


def distinct(shown: list[Shown], length: int) -> tuple[Pictures, Indices]:
    """The distinct frames of some windows, and where each window's are in them ``[n, T]``."""
    found: dict[int, Picture] = {}
    for each in shown:
        found |= zip(each.numbers.tolist(), each.frames, strict=True)
    numbers = np.array([each.numbers for each in shown], np.int64).reshape(-1, length)
    unique, places = np.unique(numbers, return_inverse=True)
    return stacked([found[i] for i in unique.tolist()]), places.reshape(-1, length)


def stacked(pictures: list[Picture]) -> Pictures:
    """Pictures of one size in one array."""
    return np.stack(pictures) if pictures else np.zeros((0, 0, 0, 3), np.uint8)
