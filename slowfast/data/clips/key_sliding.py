"""The windows around key frames along whole videos, however long: in one pass, some in memory at a
time.

::

    key frame         1 s             2 s             3 s
    window    [0.0 . . . . 2.0]
                              [1.0 . . . . 3.0]          frames that both need are decoded once
                                              [2.0 . .

With each comes the picture of the key frame itself, where a detector is to find persons in it.

Legend: n key frames, T frames of a clip, F distinct frames, h x w and H x W pixels.
"""

import functools
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slowfast.config import DataConfig, TestConfig
from slowfast.data.clips import transforms
from slowfast.data.clips.datasets import open_sample
from slowfast.data.clips.key_windows import WINDOWS, Window
from slowfast.data.clips.protocols import PROTOCOLS, ClipGrid
from slowfast.data.clips.sliding import ChunkKey, ClipChunk, VideoTimes
from slowfast.data.samples import Sample
from slowfast.data.video.reader import (
    ROUNDING,
    Indices,
    Picture,
    Pictures,
    no_frame,
    unchanged,
)

Seconds = NDArray[np.float64]


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
        self, samples: Sequence[Sample], data: DataConfig, test: TestConfig, *,
        keys_of: Callable[[int, float, float], Seconds], keys_at_once: int, longest: int = 0,
        first: Callable[[int], int] = lambda place: 0,
    ) -> None:  # fmt: skip
        self.samples, self._data, self._test = samples, data, test
        self._keys_of, self._first = keys_of, first
        self._count, self._longest = keys_at_once, longest
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
                self._film = _Film(
                    self.samples[key.sample], self._data, self._test, self._longest,
                    functools.partial(self._keys_of, key.sample),
                )  # fmt: skip
            begin = self._first(key.sample) + key.number * self._count
            chunk = self._film.chunk(begin, self._count)
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
        if self._film is not None:
            self._film.close()
        self._film = None


class _Film:
    """An opened video, and the frames that its next windows share with the last."""

    def __init__(
        self, sample: Sample, data: DataConfig, test: TestConfig, longest: int,
        keys_of: Callable[[float, float], Seconds],
    ) -> None:  # fmt: skip
        self._sample, self._longest, self._short_side = sample, longest, test.short_side
        self._protocol = PROTOCOLS[test.protocol]
        self._window: Window = WINDOWS[test.protocol]
        self._grid = ClipGrid(1, data.num_frames, data.sampling_stride, data.target_fps)
        self._reader, _ = open_sample(sample, data)
        self._times = self._reader.seconds(np.arange(self._reader.num_frames))
        begin = self._reader.starts
        end = begin + self._reader.num_frames / self._reader.fps
        keys = keys_of(begin, end)
        self._keys = keys[(keys >= begin - ROUNDING) & (keys <= end + ROUNDING)]
        self._at = self._shown_at(self._keys)
        self._held: dict[int, Picture] = {}
        self._pictures: dict[int, Picture] = {}
        self._size = 0, 0
        self._passed = -1  # the frame that was read last

    def chunk(self, first: int, count: int) -> KeyChunk:
        """Key frames ``first`` to ``first + count``, as far as there are any."""
        if not self._read(first, first + count):
            self._end_early()
        keys = self._keys[first : first + count]
        clips = np.array([*map(self._clip, keys.tolist())], np.int64)
        unique, places = np.unique(clips, return_inverse=True)
        done = first + len(keys)
        is_last = done >= len(self._keys)
        reader, length = self._reader, self._grid.num_frames
        chunk = KeyChunk(
            frames=stacked([self._held[i] for i in unique.tolist()]),
            clips=places.reshape(-1, length),
            seconds=reader.starts + self._times[clips.reshape(-1, length)[:, [0, -1]]],
            share=1.0 if is_last else done / len(self._keys),
            is_last=is_last,
            video=VideoTimes(reader.fps, reader.num_frames / reader.fps, reader.begins),
            keys=keys,
            pictures=stacked([self._pictures[i] for i in self._at[first:done].tolist()])
            if self._longest
            else np.zeros((len(keys), 0, 0, 3), np.uint8),
            size=self._size,
        )
        if not is_last:
            needed, next_key = self._clip(float(self._keys[done])).min(), self._at[done]
            self._held = {i: x for i, x in self._held.items() if i >= needed}
            self._pictures = {i: x for i, x in self._pictures.items() if i >= next_key}
        return chunk

    def close(self) -> None:
        self._reader.close()

    def _clip(self, key: float) -> Indices:
        """The frames ``[T]`` of the window around a key frame."""
        return self._window(key - self._reader.starts, self._times, self._grid, 0)

    def _shown_at(self, keys: Seconds) -> Indices:
        """The frames that are shown at these times."""
        times = keys - self._reader.starts + ROUNDING
        return np.clip(np.searchsorted(self._times, times, side="right") - 1, 0, None)

    def _read(self, first: int, end: int) -> bool:
        """Reads, as far as key frames ``first`` to ``end`` reach, all that they and those behind
        them need. Returns whether the file holds it."""
        clips = [self._clip(key) for key in self._keys[first:end].tolist()]
        if not clips:
            return True
        last = max(max(int(clip.max()) for clip in clips), int(self._at[first:end].max()))
        for key in self._keys[end:].tolist():  # their windows may begin before these end
            if (clip := self._clip(key)).min() > last:
                break
            clips.append(clip)
        wanted = np.unique(np.concatenate([*clips, self._at[first:]]))
        wanted = wanted[(wanted > self._passed) & (wanted <= last)]
        self._passed, of_keys = last, {*self._at.tolist()}
        for is_key, group in itertools.groupby(wanted.tolist(), key=of_keys.__contains__):
            numbers = np.array([*group])
            found = self._reader.onward(numbers, unchanged if is_key else self._resized)
            if is_key:
                for number, picture in zip(numbers.tolist(), found, strict=False):
                    self._size = picture.shape[0], picture.shape[1]
                    if self._longest:
                        self._pictures[number] = transforms.fitted(picture, self._longest)
                found = [*map(self._resized, found)]
            self._held |= zip(numbers.tolist(), found, strict=False)
            if len(found) < len(numbers):
                return False
        return True

    def _end_early(self) -> None:
        """Lays the rest of a damaged file out anew: its last frame stands for those behind it."""
        if not self._size[0]:
            raise no_frame(self._sample.shown)
        last = max(self._held)
        self._keys = self._keys[self._at <= last]
        self._at = self._at[self._at <= last]
        window = self._window

        def cut(*given: Any) -> Indices:
            return np.minimum(window(*given), last)

        self._window = cut

    def _resized(self, picture: Picture) -> Picture:
        return transforms.resize_short_side(
            picture, self._short_side, self._protocol.size, self._protocol.in_float
        )


def stacked(pictures: list[Picture]) -> Pictures:
    """Pictures of one size in one array."""
    return np.stack(pictures) if pictures else np.zeros((0, 0, 0, 3), np.uint8)
