"""Video files through PyAV, the default.

The packets of a file are looked at first, which costs no decoding: they tell how many frames there
are, and when each is shown. Then frames are decoded from the keyframe before what is wanted,
exactly to its end. Where times say nothing, frames are counted.
"""

import contextlib
import functools
import itertools
from array import array
from collections.abc import Iterator
from typing import Any

import av
import numpy as np
from av.format import formats_available
from av.stream import Disposition
from numpy.typing import NDArray

from slowfast.data.shards import video_url
from slowfast.data.video import reader
from slowfast.data.video.colour import Converter, display_matrix
from slowfast.data.video.orientation import upright
from slowfast.data.video.reader import (
    Clock,
    Each,
    Indices,
    Picture,
    Pictures,
    Pulse,
    Timeline,
    VideoError,
    decoder_errors,
    unchanged,
)

SKIPS_EXACTLY = {"h264", "mpeg4", "mpeg2video", "mpeg1video"}
"""Codecs in which a frame marked as no reference is one. In HEVC others may still refer to it."""
TIMED = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "mpegts", "flv", "gif"}
"""Containers that say when each frame is shown; AVI and others say when it is decoded."""
LENIENT = {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}
"""What makes a title that is not UTF-8 no error; from PyAV 19 on it never is one."""
PLAYLISTS = {"dash", "hls", "imf", "sdp"}
"""Formats that name other files, which FFmpeg would open, wherever they are: a video must not lead
to others. ``concat`` can name only files beside and below it."""
WIDEST_PIXEL = 4.0
"""For its height, or highest for its width: what more is said is an error."""
OWN_CLOCK = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"}
"""Containers whose times players keep; of others they begin with the first that there is."""
HELD_BYTES = 16 * 2**20
"""Packets that are kept from the first look at them to their decoding; more are read again."""
WORTH = 250
"""Packets that must come before what is wanted for a jump to it."""


class PyAVReader:
    """A video file, through PyAV's FFmpeg, on one thread."""

    starts = 0.0
    _stream: Any
    """Of the open file; None once it is closed."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._picture = Converter(path).picture
        self._walk: _Walk | None = None
        self._held: list[Any] | None = None
        with decoder_errors(path):
            self._open()
            try:
                self.codec = str(self._stream.codec_context.name)
                self._look()
            except BaseException:
                self._container.close()
                raise

    def seconds(self, numbers: Indices) -> NDArray[np.float64]:
        return self._clock.seconds(numbers)

    def clocked(self, indices: Indices) -> Indices:
        return self._clock.clocked(indices)

    def frames(self, indices: Indices, each: Each = unchanged) -> Pictures:
        try:
            with decoder_errors(self.path):
                decode = functools.partial(self._by_time, each)
                pictures = self._timeline.pictures(indices, decode) if self._is_timed else None
                return self._passing_all(indices, each) if pictures is None else pictures
        finally:  # not left to the garbage collector: it comes late, and memory grew
            self._release()

    def onward(self, indices: Indices, each: Each = unchanged) -> list[Picture]:
        with decoder_errors(self.path):
            if not len(indices):
                return []
            self._walk = self._walk or _Walk(self._all(self._place_before(int(indices[0]))))
            shown = itertools.takewhile(bool, map(self._walk.at, indices))
            found = [each(self._picture(frame)) for frame in shown]
            if len(found) < len(indices):
                self.num_frames = self._walk.passed
            return found

    def every_frame(self) -> Iterator[Any]:
        """PyAV's own frames by their numbers; a damaged one is the one before it."""
        with decoder_errors(self.path):
            walk = _Walk(self._all())
            yield from itertools.takewhile(bool, map(walk.at, range(self.num_frames)))

    def decode_all(self) -> tuple[int, tuple[int, int]]:
        count, size = 0, None
        with decoder_errors(self.path):
            for _, frame in self._all():
                count += not frame.is_corrupt
                if size is None:
                    height, width, _ = self._picture(frame).shape
                    size = width, height
        if size is None:
            raise reader.no_frame(self.path)
        return count, size

    def keyframes(self) -> tuple[int, Indices]:
        return self._timeline.keyframes()

    def close(self) -> None:
        self._walk = None
        self._release()

    def _release(self) -> None:
        """Closes the file; what was learned from its packets stays."""
        self._held = self._stream = None
        self._container.close()

    def _look(self) -> None:
        """Takes from the packets, all of them, how many frames there are, and their times."""
        stream, name = self._stream, self._container.format.name
        hides = self.codec == "vp8"
        held, num_bytes = [], 0
        times, keys, shown = array("d"), bytearray(), bytearray()  # small also for hours of video
        for packet in _packets(self._container, stream):
            is_shown = not packet.is_discard and (
                not hides or reader.is_shown_vp8(memoryview(packet))
            )
            time = packet.pts if name in TIMED else packet.dts
            times.append(float("nan") if time is None else time)
            keys.append(packet.is_keyframe)
            shown.append(is_shown)
            num_bytes += packet.size
            if num_bytes <= HELD_BYTES:
                held.append(packet)
        self._is_new, self._held = True, held if num_bytes <= HELD_BYTES else None
        unit = float(stream.time_base or 0)
        flags = (np.frombuffer(each, np.bool_) for each in (keys, shown))
        self._timeline = Timeline(np.frombuffer(times) * unit, *flags)
        self._is_timed = name in TIMED and self._timeline.is_exact
        self._unit = unit
        self.num_frames = len(self._timeline)
        if self.num_frames < 2:
            raise reader.too_short(self.path, self.num_frames)
        rate = float(stream.average_rate or stream.guessed_rate or 0)
        # Of files that are joined, times come twice.
        exact = self._timeline.times() if self._timeline.is_exact else np.empty(0)
        self._clock = Clock(exact, rate)
        self.fps = self._clock.fps
        self.begins = self._begins(exact)
        of_all = self._container.duration or 0
        self.seconds_said = (stream.duration or 0) * unit or of_all / av.time_base
        if name == "avi" and rate:  # of a file that is cut off FFmpeg corrects the duration
            self.seconds_said = stream.frames / rate

    def _place_before(self, number: int) -> int:
        """The packet to decode frame ``number`` from."""
        within = min(number, len(self._timeline) - 1)
        return self._timeline.place_before(within) if self._is_timed else 0

    def _begins(self, times: NDArray[np.float64]) -> float:
        """When players show the first frame. Chromium 156 keeps an MP4's and Matroska's times, as
        ISO 14496-12, 8.6.6, has it of an edit list that begins with nothing; others shift them."""
        first = (self._container.start_time or 0) / av.time_base
        if self._container.format.name in OWN_CLOCK:
            first = min(first, 0.0)
        return max(float(times[0]) - first, 0.0) if len(times) else 0.0

    def _by_time(self, each: Each, numbers: Indices) -> Iterator[Picture]:
        """The frames, each known by its time, as far as they come out of the decoder."""
        is_wanted = np.zeros(len(self._timeline) + 1, bool)  # the last for -1, without number
        is_wanted[numbers] = True
        for frame in self._decode(numbers):
            if is_wanted[self._number(frame)]:
                yield each(self._picture(frame))

    def _number(self, frame: Any) -> int:
        """The number of a frame by its time; -1 if there is none."""
        return -1 if frame.pts is None else self._timeline.number(frame.pts * self._unit)

    def _decode(self, numbers: Indices) -> Iterator[Any]:
        """Decodes these frames, what they depend on, and nothing else."""
        needed, wanted = self._timeline.needed(numbers)
        first, last = np.flatnonzero(needed)[[0, -1]].tolist()
        packets = self._from(first)
        codec = self._stream.codec_context
        skips = codec.name in SKIPS_EXACTLY
        for position, packet in packets:
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

    def _passing_all(self, indices: Indices, each: Each) -> Pictures:
        """The frames, found by going through all from the first one on: of a file whose times say
        nothing, or where one that is wanted is damaged."""
        walk = _Walk(self._all())
        shown = itertools.takewhile(bool, map(walk.at, indices))
        found = [each(self._picture(frame)) for frame in shown]
        if missing := len(indices) - len(found):
            if not walk.passed:
                raise reader.no_frame(self.path)
            self.num_frames = walk.passed
            found += [each(self._picture(walk.shown))] * missing
        return np.stack(found)

    def _all(self, begin: int = 0) -> Iterator[tuple[int, Any]]:
        """The frames from packet ``begin`` on that are not damaged, with their numbers, in the
        order of showing."""
        packets = (packet for place, packet in self._from(begin) if place >= begin)
        codec, count = self._stream.codec_context, itertools.count()
        for packet in itertools.chain(packets, [None]):
            for frame in _decoded(codec, packet):
                number = self._number(frame) if self._is_timed else next(count)
                if number >= 0:
                    yield number, frame

    def _from(self, begin: int) -> Iterator[tuple[int, Any]]:
        """The packets of the file with their places, from ``begin`` or one before it on, for a
        decoder that has seen none."""
        if self._is_new and self._held is not None:
            self._is_new = False
            return enumerate(self._held)
        self._container.close()
        self._open()
        if begin > WORTH and self._is_timed and self._container.format.name in OWN_CLOCK:
            time = round(self._timeline.stored(begin) / self._unit)
            with contextlib.suppress(av.FFmpegError):
                self._container.seek(time, stream=self._stream)
                packets = _packets(self._container, self._stream)
                landed = next(packets, None)
                place = -1 if landed is None else self._place_of(landed)
                if 0 <= place <= begin:
                    return enumerate(itertools.chain([landed], packets), place)
            self._container.close()
            self._open()
        return enumerate(_packets(self._container, self._stream))

    def _place_of(self, packet: Any) -> int:
        """Where a keyframe is stored; -1 if it is none, or may be another."""
        is_known = packet.is_keyframe and packet.pts is not None
        return self._timeline.keyframe_at(packet.pts * self._unit) if is_known else -1

    def _open(self) -> None:
        try:
            self._container = open_container(self.path)
        except av.FFmpegError as error:
            raise VideoError(f"{self.path}: not a video that PyAV can open") from error
        stream = film_of(self._container)
        what = ""
        if stream is None:
            has_cover = self._container.streams.best("video")
            what = f"no video in it{', only a cover picture' if has_cover else ''}"
        elif stream.codec_context is None:
            what = "PyAV has no decoder for its codec"
        if what:
            self._container.close()
            raise VideoError(f"{self.path}: {what}")
        # One thread: the readers themselves run in parallel.
        stream.codec_context.thread_count = 1
        stream.codec_context.thread_type = "NONE"
        self._stream = stream


class _Walk:
    """Goes through the frames of a file, once, in the order of showing."""

    def __init__(self, frames: Iterator[tuple[int, Any]]) -> None:
        self._frames = frames
        self._coming = next(frames, None)
        self.shown: Any = None
        self.passed = 0
        """The number of frames up to the one that was decoded last."""

    def at(self, number: int) -> Any:
        """Frame ``number``, or if it is damaged the one before it, or else the first one; None if
        the file ends before. Numbers grow from call to call."""
        while self._coming and (self._coming[0] <= number or not self.shown):
            self.passed, self.shown = self._coming[0] + 1, self._coming[1]
            self._coming = next(self._frames, None)
        return self.shown if self._coming or number < self.passed else None


def film_of(container: Any) -> Any:
    """The video stream of an open file that is its film: FFmpeg's choice, unless that is a cover
    picture, which may not be marked as one. None if there is none."""
    best = container.streams.best("video")
    films = sorted(
        filter(_is_film, container.streams.video), key=lambda s: (s.frames == 1, s != best)
    )
    return films[0] if films else None


def open_container(path: str) -> Any:
    """A video file, or video in a tar shard, opened by PyAV; no playlist."""
    formats = ",".join(sorted(formats_available - PLAYLISTS))
    return av.open(video_url(path), options={"format_whitelist": formats}, **LENIENT)


def pixel_aspect(path: str) -> float:
    """How wide a pixel of a file's film is shown for its height, once upright: 1 but for DV, DVD
    and the like; and where the file does not say, or nothing likely."""
    with decoder_errors(path), open_container(path) as source:
        film = film_of(source)
        aspect = float(film.sample_aspect_ratio or 1) if film else 1.0
        if aspect == 1 or not 1 / WIDEST_PIXEL <= aspect <= WIDEST_PIXEL:
            return 1.0
        turns, _ = upright(display_matrix(next(source.decode(film))))
        return 1 / aspect if turns % 2 else aspect


def _is_film(stream: Any) -> bool:
    return not stream.disposition & Disposition.attached_pic


def _packets(container: Any, stream: Any) -> Iterator[Any]:
    """The packets of a stream as far as they can be read."""
    try:
        with contextlib.suppress(av.FFmpegError):  # cut off
            for packet in container.demux(stream):
                Pulse.beat()
                if packet.size:  # an empty one marks the end, or repeats a frame in AVI
                    yield packet
    except IndexError as error:  # PyAV has only the streams that were there at first
        what = "another stream begins in its middle: it is damaged, or was joined"
        raise VideoError(f"{container.name}: {what}") from error


def _decoded(codec: Any, packet: Any) -> list[Any]:
    """What a packet, or None for the end, brings out of the decoder; nothing if it is damaged."""
    Pulse.beat()
    try:
        return list(codec.decode(packet))
    except av.FFmpegError:
        return []
