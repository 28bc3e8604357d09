"""Videos that come while they are watched: a webcam, an url, a pipe.

A camera, and an url of which the end is not known, are live: what is not taken in time is gone. A
pipe, and a file behind an url, wait. A connection that is lost is made again, a few times; one over
HTTP that ends without an error has ended.
"""

import importlib.util
import math
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np

from slowfast.data.video.reader import Picture, VideoError, mean_rate
from slowfast.data.video.sources import URL, is_camera
from slowfast.errors import masked_url
from slowfast.log import logger

PATIENCE = 10.0
"""Seconds to wait for an answer, or for the next frame, before the connection counts as lost. A
camera that sends a keyframe only now and then answers late."""
WAITS = (1.0, 2.0, 4.0, 8.0, 8.0)
"""Seconds before each try to connect again."""
END = 0.5
"""Seconds that a file may lack of the length it says."""


class StreamFrame(NamedTuple):
    """A frame of a stream."""

    seconds: float
    """When it is shown, from the first frame on."""
    arrived: float
    """When it was decoded, by ``time.monotonic``."""
    picture: Picture


class Source(Protocol):
    """One connection to a stream."""

    fps: float
    """The frame rate, as far as it is known."""
    is_live: bool
    seconds_said: float
    """How long it says that it is, or 0."""
    ends: bool
    """Whether an end without an error is that of the stream; else it is lost."""

    def frames(self) -> Iterator[tuple[float | None, Picture]]:
        """Pictures, and when each is shown, in seconds from anywhere on, if the source says it.

        Raises:
            VideoError: the connection is lost.
        """

    def close(self) -> None:
        """Ends the connection; only the thread that reads it may do so."""


class Stream:
    """A stream. All of it but ``stop`` is for one thread.

    Raises:
        VideoError: it cannot be opened; as in ``name``, there are no passwords in the message.
    """

    def __init__(self, path: str) -> None:
        self.name, self._path = masked_url(path), path
        self._stopped = threading.Event()
        self._said: float | None = None  # when the last frame is shown, as the source says
        self._source = _opened(path)
        self.fps, self.is_live = self._source.fps, self._source.is_live

    def stop(self) -> None:
        """Lets ``frames`` end before the next frame; any thread may ask for it."""
        self._stopped.set()

    def frames(self) -> Iterator[StreamFrame]:
        """The frames, at times that grow.

        Raises:
            VideoError: the connection is lost, and does not come back.
        """
        last: StreamFrame | None = None
        tries = 0
        while not self._stopped.is_set():
            lost, since = "", math.inf
            try:
                for frame in self._of_one_connection(last):
                    last, since = frame, min(since, frame.seconds)
                    if last.seconds - since > PATIENCE:
                        tries = 0
                    yield last
            except VideoError as error:
                if last is None:
                    raise
                lost = str(error)
            finally:
                self._source.close()
            if self._stopped.is_set() or last is None or self._has_ended(last.seconds, lost):
                return
            tries = self._connect_again(tries, lost)

    def _of_one_connection(self, last: StreamFrame | None) -> Iterator[StreamFrame]:
        seen = None if self.is_live else self._said  # a file begins once more
        self._said = seen
        for said, picture in self._source.frames():
            now = time.monotonic()
            if self._stopped.is_set():
                return
            if seen is not None and said is not None and said <= seen:
                continue
            seconds = last.seconds + self._step(said, now - last.arrived) if last else 0.0
            self._said, last = said, StreamFrame(seconds, now, picture)
            yield last

    def _step(self, said: float | None, waited: float) -> float:
        """The seconds from the last frame to the next one, also where the source's clock jumps."""
        if said is not None and self._said is not None:
            step = said - self._said
            if step > 0 and (step < PATIENCE or not self.is_live):
                return step
        return waited if self.is_live else 1 / self.fps

    def _has_ended(self, seconds: float, lost: str) -> bool:
        """Whether nothing more is to come."""
        if self.is_live:
            has_ended = not lost and self._source.ends
            if has_ended:
                logger.info(f"{self.name}: the stream has ended after {seconds:.1f} s")
            return has_ended
        if lost and not URL.match(self._path):
            logger.warning(f"{lost} after {seconds:.1f} s; this is taken for its end")
            return True
        return not lost or 0 < self._source.seconds_said < seconds + END

    def _connect_again(self, tries: int, lost: str) -> int:
        """Makes a new connection; returns the tries so far. Raises VideoError after the last."""
        lost = lost or f"{self.name}: the stream has ended"
        for number, seconds in enumerate(WAITS[tries:], tries + 1):
            logger.warning(f"{lost}; connecting again in {seconds:g} s ({number} of {len(WAITS)})")
            if self._stopped.wait(seconds):
                return number
            try:
                self._source = _opened(self._path)
                return number
            except VideoError as error:
                lost = str(error)
        raise VideoError(f"{lost}; given up after {len(WAITS)} tries")


def _opened(path: str) -> Source:
    if path.isdecimal() or is_camera(path):
        return Camera(path)
    if importlib.util.find_spec("av") is None:
        raise VideoError(f"{masked_url(path)}: PyAV reads urls and pipes: pip install av")
    from slowfast.data.video.connection import Connection  # which needs PyAV

    return Connection(path, PATIENCE)


class Camera:
    """A webcam, by its number or its device.

    Raises:
        VideoError: there is none.
    """

    is_live = True
    seconds_said = 0.0
    ends = False

    def __init__(self, name: str) -> None:
        self._name = name
        log = cv2.utils.logging
        level = log.setLogLevel(log.LOG_LEVEL_SILENT)  # it tells what other drivers say
        self._capture: Any = cv2.VideoCapture(int(name) if name.isdecimal() else name)
        log.setLogLevel(level)
        if not self._capture.isOpened():
            raise VideoError(
                f"{name}: OpenCV can open no such webcam (is it there, free, and may you use it?)"
            )
        self.fps = mean_rate(np.empty(0), float(self._capture.get(cv2.CAP_PROP_FPS)))

    def frames(self) -> Iterator[tuple[float | None, Picture]]:
        while True:
            is_frame, picture = self._capture.read()
            if not is_frame:
                raise VideoError(f"{self._name}: no frame comes from the webcam")
            yield None, cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)

    def close(self) -> None:
        self._capture.release()
