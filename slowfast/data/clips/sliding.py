"""Clips that slide over whole videos, however long: in one pass, some clips in memory at a time.

::

    video    0 . . . 4 . . . 8 . . . 12 .      14 frames; a clip spans 4 of them, one every 4
    clips   [0 . . 3]
                    [4 . . 7]
                            [8 . . 11]
                                [10 . . 13]    moved back, so that it ends with the video

Legend: n clips, T frames of a clip, F distinct frames, S crop side in pixels.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slowfast.config import DataConfig, TestConfig
from slowfast.data.clips import transforms
from slowfast.data.clips.datasets import open_sample
from slowfast.data.clips.protocols import PROTOCOLS, Protocol
from slowfast.data.clips.sampling import clip_frames
from slowfast.data.samples import Sample
from slowfast.data.video.reader import Each, Indices, Picture, Pictures, no_frame


class ChunkKey(NamedTuple):
    """Some clips of a video, one after another."""

    sample: int
    """Its place in the list."""
    number: int
    """Which of its chunks, from 0."""


class VideoTimes(NamedTuple):
    """What a video's seconds are, so far as it has been read."""

    fps: float
    """The mean over the file."""
    length: float
    """Seconds from the first frame to the end of the last."""
    begins: float
    """When players show the first frame, see ``Reader.begins``."""


@dataclass
class ClipChunk:
    """Clips of a video, and where they lie in it."""

    frames: Pictures
    """The distinct frames of these clips ``[F, S, S, 3]``."""
    clips: Indices
    """For each clip, the positions of its T frames in ``frames``: ``[n, T]``."""
    seconds: NDArray[np.float64]
    """Start and end of each clip ``[n, 2]``, from the first frame of the whole video on."""
    share: float
    """How much of the clips that are asked for are read with these, up to 1."""
    is_last: bool
    video: VideoTimes


class SlidingClips:
    """The chunks of each video, asked for in order: 0, 1, 2, ...

    An object keeps the current file open, so one reader process must get all chunks of a video.
    To begin in the middle, as after another process has died, is correct but slower. After the last
    chunk, and after one that cannot be read, the result is None.

    Args:
        every: seconds from the start of one clip to that of the next.
        clips_at_once: n; the last chunk may have one more.
        first: the clip with which a video's chunk 0 begins, by its place in the list; else 0.
    """

    def __init__(
        self, samples: Sequence[Sample], data: DataConfig, test: TestConfig,
        *, every: float, clips_at_once: int, first: Mapping[int, int] | None = None,
    ) -> None:  # fmt: skip
        self.samples, self.data, self.every, self._count = samples, data, every, clips_at_once
        self._first = first or {}
        self._each = functools.partial(
            centre_view, short_side=test.short_side, crop_size=test.crop_size,
            protocol=PROTOCOLS[test.protocol],
        )  # fmt: skip
        self._video: _Video | None = None
        self._next: ChunkKey | None = None
        self._ended: int | None = None  # the sample of which nothing more is to come

    def __call__(self, key: ChunkKey) -> ClipChunk | None:
        """The clips of a key. Raises VideoError if the video cannot be read."""
        if key.sample == self._ended and key.number:
            return None
        self._ended = key.sample  # unless it comes to a chunk that is not the last
        try:
            if self._video is None or key != self._next:
                self.close()
                self._video = _Video(
                    self.samples[key.sample], self.data, self._each, self.every,
                    self._first.get(key.sample, 0),
                )  # fmt: skip
            chunk = self._video.chunk(key.number * self._count, self._count)
        except BaseException:
            self.close()
            raise
        if chunk is None or chunk.is_last:
            self.close()
        else:
            self._ended, self._next = None, key._replace(number=key.number + 1)
        return chunk

    def close(self) -> None:
        """Closes the video that is open."""
        if self._video is not None:
            self._video.close()
        self._video = None


class _Video:
    """An opened video from clip ``begin`` on, and the frames that its next clips share with the
    last."""

    def __init__(
        self, sample: Sample, data: DataConfig, each: Each, every: float, begin: int
    ) -> None:
        self._sample, self._data, self._each, self._begin = sample, data, each, begin
        self._reader, span = open_sample(sample, data)
        self._span = max(span, 1.0)  # a clip of less than a frame is that frame
        self._fps = self._reader.fps
        self._step = every * self._fps
        self._lay_out()
        self._held: dict[int, Picture] = {}
        self._passed = -1  # the frame that was read last

    def chunk(self, first: int, count: int) -> ClipChunk | None:
        """Clips ``first`` to ``first + count``, counted from ``begin``, as far as there are any; or
        all from ``first`` on, should the file turn out to end before they do."""
        first += self._begin
        clips = self._clips(first, first + count)
        has_ended_early = len(clips) and not self._read_to(first, int(clips[-1, -1]))
        if has_ended_early:
            if not self._reader.num_frames:
                raise no_frame(self._sample.shown)
            self._lay_out()
            count = len(self._starts)
            clips = self._clips(first, count)
        if not len(clips):
            return None
        unique, positions = np.unique(clips, return_inverse=True)
        if has_ended_early:
            again, _ = open_sample(self._sample, self._data)
            frames = again.frames(unique, self._each)
            again.close()
        else:
            frames = np.stack([self._held[i] for i in unique.tolist()])
        done = min(first + count, len(self._starts))
        is_last = done == len(self._starts)
        if not is_last:
            needed = self._firsts[done]
            self._held = {i: picture for i, picture in self._held.items() if i >= needed}
        reader, starts = self._reader, self._starts[first:done]
        ends = np.minimum(starts + self._span, reader.num_frames) / self._fps
        begins = reader.seconds(self._firsts[first:done])
        seconds = reader.starts + np.stack([begins, ends], axis=1)
        share = (done - self._begin) / (len(self._starts) - self._begin)
        video = VideoTimes(self._fps, reader.num_frames / self._fps, reader.begins)
        return ClipChunk(frames, positions.reshape(clips.shape), seconds, share, is_last, video)

    def close(self) -> None:
        self._reader.close()

    def _lay_out(self) -> None:
        """Where the clips start, at an even frame rate, and the frames shown there."""
        self._starts = sliding_starts(self._reader.num_frames, self._span, self._step)
        self._firsts = self._reader.clocked(self._starts)

    def _clips(self, first: int, end: int) -> Indices:
        """The frames of some clips ``[n, T]``."""
        length, video = self._data.num_frames, self._reader.num_frames
        clips = [clip_frames(start, self._span, length, video) for start in self._starts[first:end]]
        return self._reader.clocked(np.array(clips, np.int64).reshape(-1, length))

    def _read_to(self, first: int, last: int) -> bool:
        """Reads, up to frame ``last``, all that clip ``first`` and those behind it need.

        Returns:
            Whether the file holds them.
        """
        end = int(np.searchsorted(self._firsts, last, side="right"))
        wanted = np.unique(self._clips(first, end))
        wanted = wanted[(wanted > self._passed) & (wanted <= last)]
        found = self._reader.onward(wanted, self._each)
        self._held |= zip(wanted.tolist(), found, strict=False)
        self._passed = last
        return len(found) == len(wanted)


def sliding_starts(video_frames: int, span: float, step: float) -> Indices:
    """The first frame of each clip: every ``step`` frames, rounded, as long as the clip fits.

    The last clip ends with the video: where these leave frames out at the end, one more does. A
    video shorter than a clip has one clip.

    Args:
        span: frames of a clip, at least 1.
    """
    step = max(step, 1.0)
    starts = np.floor(np.arange(int(video_frames / step) + 1) * step + 0.5).astype(np.int64)
    starts = starts[starts < video_frames]
    lasts = np.floor(starts + span - 1)
    fits = lasts < video_frames
    if video_frames - 1 in lasts[fits]:
        return starts[fits]
    return np.append(starts[fits], max(video_frames - int(span), 0))


def centre_view(picture: Picture, short_side: int, crop_size: int, protocol: Protocol) -> Picture:
    """The centre crop ``[S, S, 3]`` as the multi-view test of a protocol cuts it."""
    resized = transforms.resize_short_side(picture, short_side, protocol.size, protocol.in_float)
    height, width, _ = resized.shape
    ((y, x),) = protocol.crops(height, width, crop_size, 1)
    return resized[y : y + crop_size, x : x + crop_size]
