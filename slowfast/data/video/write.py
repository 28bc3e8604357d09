"""Writes pictures as an MP4 that every browser plays, with the sound of another file."""

import contextlib
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import av
import cv2
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

from slowfast.data.video.reader import Picture, VideoError
from slowfast.data.video.sound import Sound
from slowfast.files import atomic, named, part_file, taken

UNIT = Fraction(1, 90_000)
"""Of times, seconds: what 24, 25, 30 and 60 frames a second and MPEG-TS can do without rounding."""
OPTIONS = {"preset": "veryfast", "crf": "20", "g": "60", "bf": "0"}
"""Of x264. A keyframe at least every 60 frames, so that one can jump to any place; pictures stored
in the order of showing, so that the file needs no edit list for them."""

WHOLE = {"movflags": "+faststart"}
LIVE = {
    "movflags": "+hybrid_fragmented", "frag_duration": "1000000", "flush_packets": "1",
}  # fmt: skip
"""Of the MP4: the index at the beginning, or pieces of a second with an index each while it is
written."""


class Writer(contextlib.ExitStack):
    """An MP4: H.264 in 8 bits, 4:2:0, BT.709, the index at its beginning. The file is there whole
    at the end of the ``with`` block, and not at all after an error, or without a picture.

    Args:
        sound_of: the file, or video in a tar shard, whose sound it gets, as far as it has one:
            see ``Sound``.
        is_live: the pictures come one by one for hours: after an error the file is there as well,
            with what was written before. Should the process be killed, players play the hidden part
            file up to 2 seconds before; the index is at the end.

    Raises:
        OSError: the disk is full, or similar; names ``path``. An earlier file stays.
        VideoError: FFmpeg cannot encode it.
    """

    def __init__(self, path: Path, sound_of: str | None = None, *, is_live: bool = False) -> None:
        super().__init__()
        self._options, self._file = (LIVE, _kept) if is_live else (WHOLE, atomic)
        self._path, self._sound_of = path, sound_of
        self._container: Any = None
        self._sound: Sound | None = None
        self._last, self._lasted = -1, 0

    def add(self, picture: Picture, seconds: float) -> None:
        """Adds a picture, RGB ``[H, W, 3]``, that is shown from this time on, which is later than
        the one before. All get the size of the first, one pixel more where that is odd."""
        with self._errors():
            if self._container is None:
                self._begin(picture)
            frame = av.VideoFrame.from_ndarray(self._fitted(picture), format="rgb24")
            frame = frame.reformat(
                format="yuv420p", interpolation="BICUBIC",
                dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG,
            )  # fmt: skip
            time = max(self._last + 1, round(seconds / UNIT))
            self._lasted, self._last = time - self._last, time
            frame.pts, frame.time_base = time, UNIT
            self._mux(self._stream.encode(frame), seconds)

    def _begin(self, picture: Picture) -> None:
        file = self.enter_context(self._file(self._path))
        # Whole: FFmpeg takes the start of "12:30.mp4" for a protocol.
        where = os.path.abspath(file.name)
        self._container = av.open(where, "w", format="mp4", options=self._options)
        stream = self._stream = self._container.add_stream("libx264", rate=30, options=OPTIONS)
        height, width, _ = picture.shape
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = "yuv420p"
        codec = stream.codec_context
        codec.time_base = UNIT
        codec.color_primaries, codec.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        codec.colorspace, codec.color_range = Colorspace.ITU709, ColorRange.MPEG
        if self._sound_of is not None:
            self._sound = self.enter_context(Sound(self._sound_of, self._container))
        self.push(self._end)  # last, so that it comes first: it still reads the sound

    def _fitted(self, picture: Picture) -> Picture:
        height, width, _ = picture.shape
        new_width, new_height = self._stream.width, self._stream.height
        below, beside = new_height - height, new_width - width
        if (below, beside) == (0, 0):
            return np.ascontiguousarray(picture)
        if below in (0, 1) and beside in (0, 1):
            return cv2.copyMakeBorder(picture, 0, below, 0, beside, cv2.BORDER_REPLICATE)
        return cv2.resize(picture, (new_width, new_height), interpolation=cv2.INTER_AREA)

    def _mux(self, packets: Any, seconds: float) -> None:
        for packet in packets:
            packet.duration = self._lasted  # counts for the last picture: as long as the one before
            self._container.mux(packet)
        if self._sound is not None:
            for packet in self._sound.until(seconds):
                self._container.mux(packet)

    def _end(self, kind: type[BaseException] | None, *_: Any) -> None:
        with self._errors():
            if kind is None:
                self._mux(self._stream.encode(None), float("inf"))
            self._container.close()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except av.FFmpegError as error:
            if isinstance(error, OSError):
                raise OSError(error.errno, error.strerror, str(self._path)) from error
            raise VideoError(f"{self._path}: cannot be encoded: {error}") from error


@contextlib.contextmanager
def _kept(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears at ``path`` at the end, also after an error, as far as it is written."""
    beside = part_file(path)
    with named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with taken(beside, path) as file:
            try:
                yield file
            finally:
                os.replace(beside, path)
