"""A part of a video, from one second to another: what a reader of the whole shows then."""

import contextlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from slowfast.data.samples import Sample, seconds_text
from slowfast.data.video.reader import (
    ROUNDING,
    Clock,
    Each,
    Indices,
    Picture,
    Pictures,
    Reader,
    VideoError,
    unchanged,
)

PAST_END = 1.0
"""Lists round times: a part may end so long after its video, and then ends with it, seconds."""


class PartReader:
    """The frames shown from ``sample.start`` on, and before ``sample.end``, counted from 0.

    Where no frame begins in this time, it is the one that is seen then. Seconds are those of the
    part; ``starts`` is where it begins in the whole.

    Raises:
        VideoError: the part, or an action in it, is outside the video.
    """

    def __init__(self, whole: Reader, sample: Sample) -> None:
        self._whole, self._sample = whole, sample
        times = whole.seconds(np.arange(whole.num_frames))
        start, end = times_in(sample, length_of(whole))
        self.seconds_said = end - start
        self._first, stop = np.searchsorted(times, [start - ROUNDING, end - ROUNDING]).tolist()
        if self._first == stop:  # none begins in it but, perhaps, one with it
            begins = self._first < len(times) and times[self._first] <= start + ROUNDING
            self._first = self._first if begins else max(stop - 1, 0)
            stop = self._first + 1
        self._stop, self.num_frames = stop, stop - self._first
        self._clock = Clock(times[self._first : stop], whole.fps, of_whole=whole.fps)
        self.fps, self.codec, self.begins = self._clock.fps, whole.codec, whole.begins
        self.starts = float(times[self._first])

    def seconds(self, numbers: Indices) -> NDArray[np.float64]:
        return self._clock.seconds(numbers)

    def clocked(self, indices: Indices) -> Indices:
        return self._clock.clocked(indices)

    def frames(self, indices: Indices, each: Each = unchanged) -> Pictures:
        with named(self._sample):
            found = self._whole.frames(self._first + indices, each)
            self._count()
            if not self.num_frames:
                raise VideoError("the film ends before it (a damaged or cut-off file?)")
            return found

    def onward(self, indices: Indices, each: Each = unchanged) -> list[Picture]:
        with named(self._sample):
            held = indices[indices < self.num_frames]
            found = self._whole.onward(self._first + held, each)
            self._count()
            return found

    def decode_all(self) -> tuple[int, tuple[int, int]]:
        return self._whole.decode_all()

    def keyframes(self) -> tuple[int, Indices]:
        return self._whole.keyframes()

    def close(self) -> None:
        self._whole.close()

    def _count(self) -> None:
        """Lowers the number of frames if the file turns out to end early."""
        self.num_frames = max(min(self._stop, self._whole.num_frames) - self._first, 0)


@contextlib.contextmanager
def named(sample: Sample) -> Iterator[None]:
    """An error says which part of a video it is about."""
    try:
        yield
    except VideoError as error:
        if str(error).startswith(sample.shown):
            raise
        reason = str(error).removeprefix(f"{sample.path}: ")
        raise VideoError(f"{sample.shown}: {reason}") from error


def length_of(reader: Reader) -> float:
    """Seconds until the last frame ends."""
    (last,) = reader.seconds(np.array([reader.num_frames - 1]))
    return float(last) + 1 / reader.fps


def times_in(sample: Sample, length: float) -> tuple[float, float]:
    """Where a part of a video of ``length`` seconds begins and ends. Raises VideoError if it, or an
    action, is outside."""
    outside = f"outside the video, which has {length:.1f} s"
    start, end = sample.start or 0.0, length if sample.end is None else sample.end
    if sample.part and (start > length - ROUNDING or end > length + PAST_END):
        raise VideoError(f"{sample.shown}: the part is {outside}")
    for label, first, last in sample.actions:
        if first > length + PAST_END:
            what = f"action [{label}, {seconds_text(first)}, {seconds_text(last)}]"
            raise VideoError(f"{sample.shown}: the {what} is {outside}")
    return start, min(end, length)
