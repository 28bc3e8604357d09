"""Windows of a stream while it comes: clips as ``sliding.py`` cuts them from a file.

A thread reads frames and keeps those that the next windows need. Of a stream that is not live it
waits for them, and the windows are those of the same video in a file. A live one does not wait::

    frames   . . . . . . . . . . . . . . . . . . . .
    window  [. . . . .]                                 computed for longer than to the next one
                          ^ these are dropped
                              [. . . . .]               ends with the newest frame

What comes at once, after a stall or in the pieces of HLS, is not newer for it: no window of it is
left out, as long as they take less time than they are apart.

Legend: T frames of a clip, S crop side in pixels.
"""

import functools
import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from slowfast.config import DataConfig, TestConfig
from slowfast.data.clips.protocols import PROTOCOLS
from slowfast.data.clips.sampling import clip_frames, clip_span
from slowfast.data.clips.sliding import centre_view, sliding_starts
from slowfast.data.video.reader import ROUNDING, Pictures, too_short
from slowfast.data.video.stream import Stream, StreamFrame
from slowfast.log import logger

AHEAD = 1.0
"""Seconds that a stream which waits is read ahead."""
BEHIND = 10.0
"""Seconds of a live stream that are kept for windows which are still to be computed."""
CATCH_UP = 1.25
"""How much faster than a live stream who lags behind it goes on, leaving out what that takes."""
GOODBYE = 1.0
"""Seconds that the thread has to end; one that waits for a frame ends with the process."""


class Window(NamedTuple):
    """A clip of a stream."""

    clip: Pictures
    """``[T, S, S, 3]``."""
    start: float
    end: float
    """Seconds from the stream's first frame on."""
    arrived: float
    """When its newest frame was decoded, by ``time.monotonic``."""
    dropped: int
    """Frames before it that no window has, because the one before took too long."""
    is_live: bool


class StreamClips:
    """The windows of a stream, one each ``every`` seconds, or fewer if they take longer; as a
    context, in which the stream is read.

    Args:
        path: what ``Stream`` opens.
        watch: gets each frame, in the thread that reads; what it raises, iterating raises.
    """

    def __init__(
        self, path: str, data: DataConfig, test: TestConfig, every: float,
        watch: Callable[[StreamFrame, bool], None] = lambda frame, is_live: None,
    ) -> None:  # fmt: skip
        self._path, self._data, self._every, self._watch = path, data, every, watch
        self._each = functools.partial(
            centre_view, short_side=test.short_side, crop_size=test.crop_size,
            protocol=PROTOCOLS[test.protocol],
        )  # fmt: skip
        self._stream: Stream | None = None
        self._frames: list[StreamFrame] = []
        self._needed = 0.0  # seconds from which on frames are kept
        self._unused = math.inf  # seconds from which on frames that are not kept are dropped
        self._dropped = self.count = 0
        self._fps = self._span = 0.0
        self._error: BaseException | None = None
        self._has_ended = self._is_closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._read, name="stream", daemon=True)

    def __enter__(self) -> "StreamClips":
        self._thread.start()
        return self

    def __exit__(self, *unused: object) -> None:
        with self._changed:
            self._is_closed = True
            if self._stream:
                self._stream.stop()
            self._changed.notify_all()
        self._thread.join(GOODBYE)

    def __iter__(self) -> Iterator[Window]:
        """The windows. Raises what the stream raises, after the last of them."""
        self._wait(-math.inf)
        if self._stream is not None:
            yield from self._newest() if self._stream.is_live else self._all()
        if self._error is not None:
            raise self._error
        if self.count < 2 and self._stream is not None:
            raise too_short(self._stream.name, self.count)

    def _newest(self) -> Iterator[Window]:
        """Of a live stream: each ends as long after the one before as that took, or with the newest
        frame."""
        reach = (self._span - 1) / self._fps
        due = wished = reach
        while self._wait(due - ROUNDING):
            with self._changed:
                oldest = self._frames[0].seconds + reach
                end = self._at_or_after(max(due, wished, min(oldest, self._last())))
                self._forget(end - reach)
                wanted = np.linspace(end - reach, end, self._data.num_frames)
                window = self._window(wanted, end + 1 / self._fps)
                due = end + self._every
                self._needed = due - reach
                self._unused = max(end, self._needed) + ROUNDING
            began = time.monotonic()
            yield window
            wished = end + CATCH_UP * (time.monotonic() - began)

    def _at_or_after(self, seconds: float) -> float:
        """The time of the first frame that is shown then or later, or else of the newest one."""
        times = (frame.seconds for frame in self._frames)
        return next((time for time in times if time >= seconds - ROUNDING), self._last())

    def _all(self) -> Iterator[Window]:
        """Of a stream that waits: those of a file."""
        step, taken = max(self._every * self._fps, 1.0), 0
        while True:
            start = math.floor(taken * step + 0.5)
            last = start + math.floor(self._span - 1)
            if not self._wait((last - 0.5) / self._fps):
                break
            yield self._at(start, start + math.ceil(self._span))
            taken += 1
            with self._changed:
                self._needed = math.floor(taken * step + 0.5) / self._fps
                self._changed.notify_all()
        if self.count > 1:
            num_frames = round(self._last() * self._fps) + 1
            for start in sliding_starts(num_frames, self._span, step)[taken:].tolist():
                yield self._at(start, num_frames)

    def _at(self, start: int, num_frames: int) -> Window:
        """The clip that begins at a frame, by its number at an even frame rate."""
        indices = clip_frames(start, self._span, self._data.num_frames, num_frames)
        end = min(start + self._span, num_frames)
        with self._changed:
            return self._window(indices / self._fps, end / self._fps)

    def _window(self, wanted: NDArray[np.float64], end: float) -> Window:
        """The frames that are shown at these times."""
        times = [frame.seconds for frame in self._frames]
        shown = np.searchsorted(times, wanted + ROUNDING, side="right") - 1
        chosen = [self._frames[place] for place in np.maximum(shown, 0)]
        dropped, self._dropped = self._dropped, 0
        clip = np.stack([frame.picture for frame in chosen])
        is_live = self._stream is not None and self._stream.is_live
        return Window(clip, chosen[0].seconds, end, chosen[-1].arrived, dropped, is_live)

    def _wait(self, seconds: float) -> bool:
        """Waits for a frame at this time or later; False if the stream ends before."""

        def is_there() -> bool:
            return bool(self._frames) and self._last() >= seconds

        with self._changed:
            self._changed.wait_for(lambda: self._has_ended or is_there())
            return is_there()

    def _last(self) -> float:
        return self._frames[-1].seconds if self._frames else -math.inf

    def _read(self) -> None:
        """What the thread does."""
        try:
            stream = Stream(self._path)
            data = self._data
            self._fps = stream.fps
            span = clip_span(data.num_frames, data.sampling_stride, stream.fps, data.target_fps)
            self._span = max(span, 1.0)  # as in sliding.py
            kind = "live" if stream.is_live else "not live: it waits"
            logger.info(
                f"{stream.name}: {stream.fps:g} frames/s, {kind}; windows of "
                f"{self._span / stream.fps:.1f} s, one each {self._every:g} s"
            )
            with self._changed:
                self._stream = stream
                if self._is_closed:
                    stream.stop()
                self._changed.notify_all()
            for frame in stream.frames():
                self._watch(frame, stream.is_live)
                self._keep(frame._replace(picture=self._each(frame.picture)), stream.is_live)
        except BaseException as error:
            self._error = error
        finally:
            with self._changed:
                self._has_ended = True
                self._changed.notify_all()

    def _keep(self, frame: StreamFrame, is_live: bool) -> None:
        """Adds a frame, drops what no window needs any more, and waits if the stream does."""
        seconds = self._span / self._fps
        with self._changed:
            self._frames.append(frame)
            self.count += 1
            oldest = min(frame.seconds - seconds, self._needed)
            self._forget(max(oldest, frame.seconds - seconds - BEHIND) if is_live else oldest)
            self._changed.notify_all()
            if not is_live:
                self._changed.wait_for(
                    lambda: self._is_closed or frame.seconds < self._needed + seconds + AHEAD
                )

    def _forget(self, oldest: float) -> None:
        """Drops the frames that are no longer shown at this time, and counts those in no window."""
        while self._frames[1:] and self._frames[1].seconds <= oldest:
            self._dropped += self._frames.pop(0).seconds > self._unused
