"""What all readers of videos share, and which frames of a file need decoding.

Legend: F frames, H x W pixels. Frames are numbered from 0 in the order of showing.
"""

import contextlib
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from slowfast.data.shards import split_member, video_size
from slowfast.data.video.sources import URL, is_device, is_pipe
from slowfast.errors import UserError, masked_url, one_line

Picture = NDArray[np.uint8]
"""One picture ``[H, W, 3]``."""
Pictures = NDArray[np.uint8]
"""RGB frames ``[F, H, W, 3]``."""
Indices = NDArray[np.int64]
"""Numbers of frames, from 0, of any shape."""
Each = Callable[[Picture], Picture]
"""Called with each picture as soon as it is decoded: spatial, the same for each colour."""
Decode = Callable[[Indices], Iterable[Picture]]
"""From the numbers of frames, sorted and unique, to these frames as far as they can be had."""
PIPE = (
    "a pipe, which can be read only once and from its start: write it into a file (main.py --infer "
    "reads a pipe that is named alone)"
)
ROUNDING = 1e-3
"""Matroska's unit of time, the coarsest in use, seconds."""


class Pulse:
    """Told by readers that they get on, packet by packet: what tells a long file from a hang."""

    beat: Callable[[], None] = staticmethod(lambda: None)


class VideoError(UserError):
    """A video that cannot be read; the message names the file."""


class Reader(Protocol):
    """An opened video."""

    num_frames: int
    """Frames that are shown, counted from the packets; lowered if fewer come out of the decoder."""
    fps: float
    """The mean over the file, see ``mean_rate``."""
    begins: float
    """When players show the first frame, on their clock, seconds: later than 0 where an edit list
    or sound comes first. OpenCV does not tell: 0."""
    starts: float
    """Of a part of a video: when its first frame is shown, from the whole's first on, seconds; of a
    whole video 0."""
    seconds_said: float
    """How long the container says that the video is; 0 if it does not."""
    codec: str
    """As the decoder names it."""

    def seconds(self, numbers: Indices) -> NDArray[np.float64]:
        """When frames are shown, from the first one on."""

    def clocked(self, indices: Indices) -> Indices:
        """The frames shown at the times ``indices / fps``: the indices themselves, unless the frame
        rate varies."""

    def frames(self, indices: Indices, each: Each = ...) -> Pictures:
        """The frames at ``indices`` (sorted, unique, from 0), each passed through ``each``.

        A damaged frame is the one before it; indices beyond the real end of the file give its last
        frame.

        Raises:
            VideoError: nothing could be decoded.
        """

    def onward(self, indices: Indices, each: Each = ...) -> list[Picture]:
        """The frames at ``indices``, as far as the file holds them, in one pass over the file.

        All come after those of earlier calls: for a video too long to be read at once. If the
        file ends early, ``num_frames`` becomes the real number.
        """

    def decode_all(self) -> tuple[int, tuple[int, int]]:
        """Decodes the whole file: how many frames are sound, and a picture's width and height."""

    def keyframes(self) -> tuple[int, Indices]:
        """The number of packets, and which of them are keyframes, in the order of storing."""

    def close(self) -> None:
        """Closes the file. To read on opens it again, without another look at all of it."""


def unchanged(picture: Picture) -> Picture:
    """The picture as it was decoded: an ``Each`` that does nothing."""
    return picture


def require_file(path: str) -> None:
    """Raises VideoError if the file or member of a shard is missing or empty, or not readable, or
    is no file: a pipe, a device, an url."""
    if URL.match(path):
        raise VideoError(f"{masked_url(path)}: an url, not a file")
    if is_pipe(path):
        raise VideoError(f"{path}: {PIPE}")
    if is_device(path):
        raise VideoError(f"{path}: a device, not a video")
    try:
        size = video_size(path)
    except OSError as error:  # of a shard: strerror is None, and the message names what it is about
        raise VideoError(f"{path}: {error.strerror}" if error.strerror else str(error)) from error
    if size == 0:
        raise VideoError(f"{path}: the file is empty (0 bytes)")
    if not os.access((split_member(path) or (path,))[0], os.R_OK):
        raise VideoError(f"{path}: Permission denied")
    if _is_playlist(path):
        raise VideoError(f"{path}: a playlist, not a video: name the files that it names")


def _is_playlist(path: str) -> bool:
    """Whether a file is one of HLS or DASH: OpenCV would open what it names, whatever that is. PyAV
    is kept from it also where this does not see it."""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        begin = file.read(1024)
        return begin.startswith(b"#EXTM3U") or b"<MPD" in begin
    return False


SINGLE = "a single picture, not a video (which has two frames or more)"


def too_short(path: str, num_frames: int) -> VideoError:
    """The error of a file of fewer than two frames."""
    if num_frames and _is_animated_webp(path):
        return VideoError(f"{path}: an animated WebP, of which FFmpeg reads one picture")
    return VideoError(f"{path}: {SINGLE}") if num_frames else no_frame(path)


def _is_animated_webp(path: str) -> bool:
    """By https://developers.google.com/speed/webp/docs/riff_container."""
    if not os.path.isfile(path):  # a stream, or in a shard
        return False
    with open(path, "rb") as file:
        head = file.read(64)
    return head[8:12] == b"WEBP" and b"ANIM" in head


def no_frame(path: str) -> VideoError:
    """The error of a file that opens but has no picture."""
    return VideoError(f"{path}: no frame could be decoded (a damaged or cut-off file?)")


def is_shown_vp8(packet: bytes | memoryview) -> bool:
    """Whether a frame of VP8 is shown: others only refer to some. RFC 6386, section 9.1."""
    return bool(packet[0] & 0x10)


def stack(pictures: Iterable[Picture], count: int) -> Pictures | None:
    """The first ``count`` pictures in one array; None if there are fewer."""
    frames: Pictures | None = None
    row = -1
    for row, picture in enumerate(itertools.islice(pictures, count)):
        if frames is None:
            frames = np.empty((count, *picture.shape), np.uint8)
        frames[row] = picture
    return frames if row == count - 1 else None


class Timeline:
    """The packets of a file in the order they are stored, which is the order of decoding.

    ``times`` are the moments at which their frames are shown, in any unit; one that is not shown
    is cut away by an edit list. A keyframe can be decoded without what is stored before it. Time
    tells which frame is which::

        stored       0  1  2  3  4  5  6        open GOP: 5 and 6 are stored after the keyframe 4,
        keyframe     *           *              shown before it, and need what is before it
        number       0  2  1  3  6  4  5
    """

    def __init__(
        self, times: NDArray[np.float64], is_keyframe: NDArray[np.bool_],
        is_shown: NDArray[np.bool_] | None = None,
    ) -> None:  # fmt: skip
        self._times = times
        self._keyframes = np.flatnonzero(is_keyframe)
        positions = np.arange(len(times)) if is_shown is None else np.flatnonzero(is_shown)
        self._positions = positions[np.argsort(times[positions], kind="stable")]
        """Where each frame, by number, is stored."""
        self._shown = times[self._positions]
        """When each frame is shown."""
        self.is_exact = len(positions) > 0 and bool(np.all(np.diff(self._shown) > 0))
        """Whether each frame has a time of its own; if not, nothing here can be relied on."""

    def __len__(self) -> int:
        return len(self._shown)

    def pictures(self, indices: Indices, decode: Decode) -> Pictures | None:
        """The frames at ``indices``, those beyond the last being that one, each decoded once. None
        if ``decode`` gives fewer than it is asked for."""
        numbers, inverse = np.unique(np.minimum(indices, len(self) - 1), return_inverse=True)
        found = stack(decode(numbers), len(numbers))
        return found if found is None or len(numbers) == len(indices) else found[inverse]

    def number(self, time: float, tolerance: float = 0.0) -> int:
        """The number of the frame shown at ``time``, or -1 if there is none."""
        near = int(np.searchsorted(self._shown, time - tolerance))
        return near if near < len(self) and self._shown[near] <= time + tolerance else -1

    def times(self) -> NDArray[np.float64]:
        """When the frames are shown, in order; none if that is not known of each."""
        return self._shown if np.all(np.isfinite(self._shown)) else self._shown[:0]

    def keyframes(self) -> tuple[int, Indices]:
        """See ``Reader.keyframes``."""
        return len(self._times), self._keyframes

    def place_before(self, number: int) -> int:
        """Where the keyframe is stored that frame ``number`` can be decoded from."""
        return int(self._keyframe_of(self._positions[[number]])[0])

    def stored(self, place: int) -> float:
        """When the packet at ``place`` is shown."""
        return float(self._times[place])

    def keyframe_at(self, time: float) -> int:
        """Where the keyframe is stored that is shown at ``time``; -1 if none is, or several are."""
        found = self._keyframes[self._times[self._keyframes] == time]
        return int(found[0]) if len(found) == 1 else -1

    def time(self, number: int) -> float:
        """When frame ``number`` is shown."""
        return float(self._shown[number])

    def needed(self, numbers: Indices) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Of each packet: whether these frames need it, and whether it holds one of them.

        A frame needs all from its keyframe to itself.
        """
        positions = self._positions[numbers]
        begins_or_ends = np.zeros(len(self._times) + 1, np.int64)
        np.add.at(begins_or_ends, self._keyframe_of(positions), 1)
        np.add.at(begins_or_ends, positions + 1, -1)
        wanted = np.zeros(len(self._times), bool)
        wanted[positions] = True
        return np.cumsum(begins_or_ends)[:-1] > 0, wanted

    def keyframe_before(self, number: int) -> int:
        """The number of the keyframe that frame ``number`` can be decoded from."""
        return max(self.number(float(self._times[self.place_before(number)])), 0)

    def _keyframe_of(self, positions: Indices) -> Indices:
        """Where the keyframes are stored from which the packets at ``positions`` can be decoded."""
        if not len(self._keyframes):
            return np.zeros_like(positions)
        last = np.searchsorted(self._keyframes, positions, side="right") - 1
        is_leading = self._times[self._keyframes[np.maximum(last, 0)]] > self._times[positions]
        last = last - is_leading
        return np.where(last < 0, 0, self._keyframes[np.maximum(last, 0)])


def mean_rate(times: NDArray[np.float64], said: float) -> float:
    """The frame rate of frames shown at ``times`` (seconds, in order): the mean over the file.

    Matroska rounds times to ``ROUNDING``; a whole rate, half of one, or one of NTSC's, so near to
    the mean that only this rounding can tell them apart, is meant. Of a single frame, and where the
    file has no times, the rate is what the container has ``said``, or else 30.
    """
    seconds = float(times[-1] - times[0]) if len(times) > 1 else 0.0
    if seconds <= 0:
        return said if 0 < said < 1000 else 30.0
    rate = (len(times) - 1) / seconds
    ntsc = Fraction(round(rate * 1.001) * 1000, 1001)
    meant = [float(near) for near in (Fraction(round(rate * 2), 2), ntsc)]
    nearest = min(meant, key=lambda near: abs(near - rate))
    return nearest if abs(nearest - rate) * seconds <= ROUNDING * rate else rate


class Clock:
    """When the frames of a file are shown, at ``times`` (seconds; none if unknown).

    Args:
        said: see ``mean_rate``.
        of_whole: of a part of a video, the rate of the whole: that of the part, too, if its frames
            come at that rate. Times of a part are even only to the rounding, as those of the whole
            are even, or are not.
    """

    def __init__(self, times: NDArray[np.float64], said: float, of_whole: float = 0.0) -> None:
        self._times = times - times[0] if len(times) else times
        self._is_part = of_whole > 0
        of_part = not of_whole or not self._comes_at(of_whole)
        self.fps = mean_rate(times, said) if of_part else of_whole
        self._is_even = self._comes_at(self.fps)

    def _comes_at(self, rate: float) -> bool:
        """Whether no frame is half a frame's time away from an even rate."""
        late = self._times * rate - np.arange(len(self._times))
        return bool(np.all(np.abs(late) < (ROUNDING * rate if self._is_part else 0.5)))

    def seconds(self, numbers: Indices) -> NDArray[np.float64]:
        """See ``Reader.seconds``."""
        return numbers / self.fps if self._is_even else self._times[numbers]

    def clocked(self, indices: Indices) -> Indices:
        """See ``Reader.clocked``."""
        if self._is_even:
            return indices
        shown = np.searchsorted(self._times, indices / self.fps + ROUNDING, side="right") - 1
        return np.clip(shown, 0, len(self._times) - 1)


@contextlib.contextmanager
def decoder_errors(path: str) -> Iterator[None]:
    """Whatever a decoder raises at a file becomes a VideoError that names it."""
    try:
        yield
    except (UserError, MemoryError):
        raise
    except Exception as error:
        what = getattr(error, "strerror", None) or one_line(error)
        raise VideoError(f"{path}: {type(error).__name__}: {what}") from error
