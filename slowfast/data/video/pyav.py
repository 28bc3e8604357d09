"""Video files through PyAV, an extra.

Packets are looked at first, which costs no decoding, for the times of all frames; then decoded from
the keyframe before what is wanted, exactly to its end. Where times say nothing, frames are counted.
"""

import functools
import itertools
from collections.abc import Iterator
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from slowfast.data.shards import video_url
from slowfast.data.video import reader
from slowfast.data.video.reader import Each, Picture, Pictures, Timeline, VideoError, unchanged

SKIPS_EXACTLY = {"h264", "mpeg4", "mpeg2video", "mpeg1video"}
"""Codecs in which a frame marked as no reference is one. In HEVC others may still refer to it."""
TIMED = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "mpegts"}
"""Containers that say when each frame is shown; AVI and others say when it is decoded."""
HIDES_FRAMES = {"vp8"}
"""Codecs with frames that are stored, perhaps with a time, and never shown."""
LENIENT = {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}
"""What makes a title that is not UTF-8 no error; from PyAV 19 on it never is one."""
HELD_BYTES = 64 * 2**20
"""Packets that are kept from the first look at them to their decoding; more are read again."""


class PyAVReader:
    """A video file, through PyAV's FFmpeg, on one thread."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._url = video_url(path)
        self._reformatter = VideoReformatter()
        self._container = self._open()
        self._is_new = True
        self._held: list[Any] | None = None
        self._size: tuple[int, int] | None = None
        self._sequence: Iterator[tuple[int, Any]] | None = None
        stream = self._container.streams.video[0]
        self.fps = float(stream.guessed_rate or stream.average_rate or 0)
        if not 0 < self.fps < 1000:
            self.fps = 30.0
        self._is_timed = (
            self._container.format.name in TIMED and stream.codec_context.name not in HIDES_FRAMES
        )
        seconds = (self._container.duration or 0) / av.time_base
        self.num_frames = stream.frames or int(seconds * self.fps + 0.5)
        if not 0 < self.num_frames < 10**8:
            self.num_frames = len(self._timeline(10**8)) or sum(1 for _ in self.every_frame())
        if not self.num_frames:
            raise reader.no_frame(path)

    def frames(self, indices: NDArray[np.int64], each: Each = unchanged) -> Pictures:
        timeline = self._timeline(int(indices[-1]) + 1 + reader.REORDERING)
        decode = functools.partial(self._by_time, timeline, each)
        try:
            pictures = timeline.pictures(indices, decode) if timeline.is_exact else None
            return self._by_counting(indices, each) if pictures is None else pictures
        except av.FFmpegError as error:
            raise VideoError(f"{self.path}: {error.strerror}") from error
        finally:  # not left to the garbage collector: it comes late, and memory grew
            self._held = None
            self._container.close()

    def onward(self, indices: NDArray[np.int64], each: Each = unchanged) -> list[Picture]:
        if self._sequence is None:
            self._sequence, self._passed = enumerate(self.every_frame(), 1), 0
        found: list[Picture] = []
        while len(found) < len(indices):
            number, frame = next(self._sequence, (0, None))
            if frame is None:
                self.num_frames = self._passed
                break
            self._passed = number
            if number == indices[len(found)] + 1:
                found.append(each(self._picture(frame)))
        return found

    def close(self) -> None:
        self._sequence = None
        self._container.close()

    def _timeline(self, num_packets: int) -> Timeline:
        """The first packets of the file; none where they have no times."""
        rows, held, num_bytes = [], [], 0
        if self._is_timed:
            for packet in _packets(self._from_start()):
                rows.append((packet.pts, packet.is_keyframe, not packet.is_discard))
                num_bytes += packet.size
                if num_bytes <= HELD_BYTES:
                    held.append(packet)
                if packet.pts is None:
                    rows = []
                    break
                if len(rows) == num_packets:
                    break
        self._held = held if num_bytes <= HELD_BYTES else None
        table = np.array(rows, np.float64).reshape(-1, 3)
        return Timeline(table[:, 0], table[:, 1] > 0, table[:, 2] > 0)

    def _by_time(
        self, timeline: Timeline, each: Each, numbers: NDArray[np.int64]
    ) -> Iterator[Picture]:
        """The frames, each known by its time, as far as they come out of the decoder."""
        is_wanted = np.zeros(len(timeline) + 1, bool)  # the last for -1, a frame that has no number
        is_wanted[numbers] = True
        for frame in self._decode(timeline, numbers):
            if frame.pts is not None and is_wanted[timeline.number(frame.pts)]:
                yield each(self._picture(frame))

    def _decode(self, timeline: Timeline, numbers: NDArray[np.int64]) -> Iterator[Any]:
        """Decodes these frames, what they depend on, and nothing else."""
        needed, wanted = timeline.needed(numbers)
        packets = self._held or _packets(self._from_start())
        codec = self._container.streams.video[0].codec_context
        skips = codec.name in SKIPS_EXACTLY
        last = int(np.flatnonzero(needed)[-1])
        for position, packet in enumerate(packets):
            if needed[position]:
                if skips:
                    codec.skip_frame = "DEFAULT" if wanted[position] else "NONREF"
                yield from _decoded(codec, packet)
            elif position and needed[position - 1]:
                yield from _decoded(codec, None)
                codec.flush_buffers()
            if position == last:
                break
        yield from _decoded(codec, None)

    def _by_counting(self, indices: NDArray[np.int64], each: Each) -> Pictures:
        """The frames, counted from the first one on, of a file whose times say nothing."""
        pictures: list[Picture] = []
        last = None
        for number, frame in enumerate(self.every_frame()):
            last = frame
            if number == indices[len(pictures)]:
                pictures.append(each(self._picture(frame)))
                if len(pictures) == len(indices):
                    break
        if last is None:
            raise reader.no_frame(self.path)
        missing = len(indices) - len(pictures)
        return np.stack(pictures + [each(self._picture(last))] * missing)

    def every_frame(self) -> Iterator[Any]:
        """PyAV's own frames, in the order of showing; what is damaged is passed over."""
        container = self._from_start()
        stream = container.streams.video[0]
        for packet in itertools.chain(_packets(container), [None]):
            for frame in _decoded(stream.codec_context, packet):
                frame.time_base = stream.time_base
                yield frame

    def _from_start(self) -> Any:
        """The file at its first packet."""
        if not self._is_new:
            self._container.close()
            self._container = self._open()
        self._is_new = False
        return self._container

    def _open(self) -> Any:
        try:
            container = av.open(self._url, **LENIENT)
        except av.FFmpegError as error:
            raise VideoError(f"{self.path}: not a video that PyAV can open") from error
        if not container.streams.video:
            container.close()
            raise VideoError(f"{self.path}: not a video that PyAV can open")
        # One thread: the readers themselves run in parallel.
        container.streams.video[0].codec_context.thread_count = 1
        container.streams.video[0].codec_context.thread_type = "NONE"
        return container

    def _picture(self, frame: Any) -> Picture:
        """RGB ``[H, W, 3]``, upright."""
        # A size that changes within the file stays the first one, as with OpenCV.
        self._size = self._size or (frame.width, frame.height)
        rgb = self._reformatter.reformat(frame, *self._size, format="rgb24")
        plane: Any = rgb.planes[0]
        shape, strides = (rgb.height, rgb.width, 3), (plane.line_size, 3, 1)
        picture: Picture = np.ndarray(shape, np.uint8, plane, strides=strides)
        return np.rot90(picture, frame.rotation // 90) if frame.rotation else picture


def _packets(container: Any) -> Iterator[Any]:
    """The packets of the first video stream as far as they can be read."""
    try:
        for packet in container.demux(container.streams.video[0]):
            if packet.size:  # an empty one marks the end
                yield packet
    except av.FFmpegError:  # cut off
        return


def _decoded(codec: Any, packet: Any) -> list[Any]:
    """What a packet, or None for the end, brings out of the decoder; nothing if it is damaged."""
    try:
        return list(codec.decode(packet))
    except av.FFmpegError:
        return []
