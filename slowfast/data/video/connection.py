"""One connection to a stream behind an url or in a pipe, through PyAV."""

import errno
import itertools
import os
import stat
import time
from collections.abc import Iterator
from typing import Any

import av
import numpy as np

from slowfast.data.video.colour import Converter
from slowfast.data.video.pyav import LENIENT, TIMED, film_of
from slowfast.data.video.reader import Picture, VideoError, mean_rate
from slowfast.data.video.sources import URL, descriptor
from slowfast.errors import masked_url

OF_FILES = ("http", "https", "ftp", "sftp")
"""Protocols that send files as well; by others comes what happens now."""
ENCRYPTED = ("https", "rtsps", "tls", "ftps")
SEGMENTED = {"hls", "dash"}
"""Formats that are lists of pieces: the size of the list says nothing."""
TEXT = "tty"
"""Any text, drawn as a film."""
SAYS_TIMES = TIMED | SEGMENTED | {"rtsp", "rtp", "sdp", "live_flv", "asf"}
"""Formats that say when each frame is shown."""
LOOK = 2_000_000
"""Microseconds of a stream that FFmpeg may look at before the first frame; it takes 7 seconds."""
HEAD = 1 << 16
"""Bytes of a pipe that are looked into if it cannot be read."""
CLOSED = "the connection broke, or nothing more comes"
"""Over HTTP without a length, both are the end (RFC 9112, 6.3): only what resets it is an error."""
LATE_INDEX = (
    "an MP4 with its index at the end cannot be read from a pipe: write it into a file, or with "
    "ffmpeg -movflags +faststart"
)


class Connection:
    """See ``stream.Source``.

    Args:
        patience: seconds to wait for an answer, and for each frame; a pipe may take its time.

    Raises:
        VideoError: there is no answer, or no video.
    """

    def __init__(self, path: str, patience: float) -> None:
        self._name, self._patience, self._is_open = masked_url(path), patience, False
        self._hint = "no such host, or no video"
        self._pipe = None if URL.match(path) else _Pipe(path)
        scheme, *rest = path.partition(":")
        scheme = scheme.lower()  # FFmpeg knows no other
        options = {} if self._pipe else {"analyzeduration": str(LOOK)}
        if scheme in ("rtsp", "rtsps"):
            options["rtsp_transport"] = "tcp"
        if scheme in ENCRYPTED:
            options |= {"tls_verify": "1", "ca_file": _authorities()}
            self._hint = "no such host, a certificate that is not trusted, or no video"
        began = time.monotonic()
        try:
            self._container: Any = av.open(
                self._pipe or "".join((scheme, *rest)),
                timeout=None if self._pipe else (patience, patience),
                options=options, **LENIENT,
            )  # fmt: skip
        except av.FFmpegError as error:
            reason = self._reason(error, began)
            self._close_pipe()
            raise VideoError(f"{self._name}: {reason}") from error
        if not self._pipe and time.monotonic() - began > patience:  # FFmpeg has given up its look
            self.close()
            raise VideoError(f"{self._name}: no picture for {patience:g} s")
        film, form = film_of(self._container), self._container.format.name
        if form == TEXT:
            self.close()
            raise VideoError(f"{self._name}: text, not a video")
        if film is None or film.codec_context is None:
            has_cover = film is None and self._container.streams.best("video")
            what = "PyAV has no decoder for its codec" if film else "no video in it"
            self.close()
            raise VideoError(f"{self._name}: {what}{', only a cover picture' if has_cover else ''}")
        self._film, self._is_open = film, True
        self._says_times = form in SAYS_TIMES
        self.fps = mean_rate(np.empty(0), float(film.average_rate or film.guessed_rate or 0))
        self.seconds_said = (self._container.duration or 0) / av.time_base
        is_file = self._container.size > 0 and form not in SEGMENTED
        has_end = self.seconds_said > 0 or is_file
        self.is_live = not self._pipe and not (scheme in OF_FILES and has_end)
        self.ends = bool(self._pipe) or scheme in OF_FILES
        self._ends_with_connection = self.is_live and self.ends and form not in SEGMENTED

    def frames(self) -> Iterator[tuple[float | None, Picture]]:
        picture_of = Converter(self._name).picture
        unit, codec = float(self._film.time_base), self._film.codec_context
        came, lost, count = time.monotonic(), "", itertools.count()
        packets = self._container.demux()
        while not lost:
            began = time.monotonic()
            try:
                packet = next(packets, None)
            except av.FFmpegError as error:
                packet, lost = None, self._reason(error, began)
                if lost == CLOSED and self._ends_with_connection:
                    lost = ""
            if packet is None or packet.stream_index == self._film.index:
                for frame in _decoded(codec, packet):
                    said = None if frame.pts is None else frame.pts * unit
                    if not self._says_times:
                        said = None if self.is_live else next(count) / self.fps
                    yield said, picture_of(frame)
                    came = time.monotonic()  # now: who gets it may have taken long
            elif not self._pipe and time.monotonic() - came > self._patience:
                lost = f"no frame for {self._patience:g} s"
            if packet is None:
                break
        if lost:
            raise VideoError(f"{self._name}: {lost}")

    def close(self) -> None:
        self._container.close()
        self._close_pipe()

    def _close_pipe(self) -> None:
        if self._pipe:
            self._pipe.close()

    def _reason(self, error: Any, began: float) -> str:
        """Why nothing more can be read, in words that are true."""
        if self._pipe and self._pipe.has_late_index():
            return LATE_INDEX
        if self._pipe and self._pipe.is_empty():
            return "nothing comes through this pipe"
        is_late = not self._pipe and time.monotonic() - began > 0.9 * self._patience
        if is_late or isinstance(error, av.error.ExitError):
            return f"nothing came for {self._patience:g} s"
        if isinstance(error, av.InvalidDataError):
            return "not a video that PyAV can read"
        if error.errno == errno.EIO and not self._pipe:  # all that FFmpeg says of both
            return CLOSED if self._is_open else f"{error.strerror} ({self._hint})"
        return str(error.strerror)


def _authorities() -> str:
    """The file of certificates that are trusted: ``$SSL_CERT_FILE``, or else those of requests."""
    from requests.certs import where

    return os.environ.get("SSL_CERT_FILE") or where()


def _decoded(codec: Any, packet: Any) -> list[Any]:
    """What a packet, or None for the end, brings out of the decoder; nothing if it is damaged."""
    try:
        return list(codec.decode(packet))
    except av.FFmpegError:
        return []


class _Pipe:
    """Reads an open file of this process, or a path; what PyAV needs of a file."""

    def __init__(self, path: str) -> None:
        number = descriptor(path)
        try:
            self._file = os.open(path, os.O_RDONLY) if number is None else os.dup(number)
        except OSError as error:
            raise VideoError(f"{path}: {error.strerror}") from error
        self._head = b""
        if os.isatty(self._file):
            os.close(self._file)
            raise VideoError(f"{path}: a terminal, not a video: pipe one in")
        if stat.S_ISCHR(os.fstat(self._file).st_mode):  # /dev/zero never ends
            os.close(self._file)
            raise VideoError(f"{path}: a device, not a video")

    def read(self, size: int) -> bytes:
        """At most so many bytes, as soon as there are some; none at the end."""
        part = os.read(self._file, size)
        self._head += part[: HEAD - len(self._head)]
        return part

    def is_empty(self) -> bool:
        """Whether nothing has come so far."""
        return not self._head

    def has_late_index(self) -> bool:
        """Whether it is an MP4 whose frames come before what tells where they are."""
        before, found, _ = self._head.partition(b"mdat")
        return self._head[4:8] == b"ftyp" and bool(found) and b"moov" not in before

    def close(self) -> None:
        """Closes it; whoever writes into it is told."""
        os.close(self._file)
