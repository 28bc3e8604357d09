"""Video files through OpenCV's FFmpeg: the fallback where PyAV is not installed.

The packets of a file are looked at first, which costs no decoding: they tell how many frames there
are, and when each is shown. Where decoding on would decode much that nobody asked for, the reader
jumps, and learns from the time of the frame it lands on which one that is: by OpenCV's own account
it may be another. Of what OpenCV cannot show right, it shows nothing: such a file is refused.
"""

import functools
import os
from collections.abc import Iterator
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from slowfast.data.shards import member_range, split_member, video_size, video_url
from slowfast.data.video import interlacing, mp4, reader
from slowfast.data.video.orientation import turned, upright
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

LEAD = 16
"""OpenCV's jump begins at the keyframe before this many frames before its goal."""
WORTH = 24
"""A jump that saves fewer frames of decoding than this is not made."""
TOLERANCE = 1e-3
"""Of a frame's time, milliseconds."""
END = 64
"""So many failures in a row to read a packet are the end of the file."""
MP4_BOXES = b"ftyp moov mdat free skip wide styp sidx pnot udta junk uuid".split()
MATROSKA = b"\x1aE\xdf\xa3"
TIMED = (b"FLV", b"G")
"""How others begin that say when each frame is shown: Flash Video; GIF and MPEG-TS."""
NEEDS_ALL = {"mpg2", "vp80"}
"""Codecs in which every packet is looked into; in others the keyframes are enough."""
LACKING = {"av01"}
"""Codecs that some versions of OpenCV open and cannot decode: 5.0."""
SAME = (cv2.CAP_PROP_FOURCC, cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT, cv2.CAP_PROP_FPS)
"""What tells streams of one file apart."""


class OpenCVReader:
    """A video file, on one thread."""

    begins = starts = 0.0

    def __init__(self, path: str) -> None:
        self.path = path
        self._held: Indices | None = None
        """The frames that are not damaged; None if that is not known."""
        self._number = -1
        """Of the frame that was decoded last."""
        self._grabbed = self._failures = self._lost = 0
        """Frames that were decoded since the file was opened; what failed; and did before these."""
        with decoder_errors(path):
            # As bytes: given a name that is not UTF-8 as text, OpenCV ends the process.
            self._url = cast(str, os.fsencode(video_url(path)))
            self._look()

    def seconds(self, numbers: Indices) -> NDArray[np.float64]:
        return self._clock.seconds(numbers)

    def clocked(self, indices: Indices) -> Indices:
        return self._clock.clocked(indices)

    def frames(self, indices: Indices, each: Each = unchanged) -> Pictures:
        with decoder_errors(self.path):
            decode = functools.partial(self._decoded, each=each)
            for _ in range(2):
                numbers, inverse = np.unique(self._shown_for(indices), return_inverse=True)
                pictures = reader.stack(decode(numbers), len(numbers))
                if pictures is not None:
                    return pictures if len(numbers) == len(indices) else pictures[inverse]
                self._find_held()  # one of them is damaged, or the file ends early
            raise self._refused("not the same frames come out of OpenCV each time")

    def onward(self, indices: Indices, each: Each = unchanged) -> list[Picture]:
        indices = indices[indices < self.num_frames]
        found = list(self.frames(indices, each)) if len(indices) else []
        return found[: np.count_nonzero(indices < self.num_frames)]

    def decode_all(self) -> tuple[int, tuple[int, int]]:
        with decoder_errors(self.path):
            held = self._find_held()
            self._grab()
            height, width, _ = self._picture(unchanged).shape
            return len(held), (width, height)

    def keyframes(self) -> tuple[int, Indices]:
        return self._packets.keyframes()

    def close(self) -> None:
        self._capture.release()
        self._number = self.num_frames  # so that whatever is read next opens the file again

    def _look(self) -> None:
        """Takes from the packets, all of them, how many frames there are, and their times."""
        packets = cv2.VideoCapture(self._url, cv2.CAP_FFMPEG, [cv2.CAP_PROP_FORMAT, -1])
        if not packets.isOpened():
            raise VideoError(f"{self.path}: not a video that OpenCV can open")
        fourcc = int(packets.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF  # a byte above 127: below 0
        codec = fourcc.to_bytes(4, "little").decode("ascii", "ignore")
        self.codec = "".join(filter(str.isprintable, codec)).strip().lower()
        if self.codec not in interlacing.BY_CODEC:
            raise self._refused(f"OpenCV may not show its codec right ({self.codec or 'unknown'})")
        self._packets = self._timeline_of(packets)
        self._num_packets, _ = self._packets.keyframes()
        self._open()
        if not self._capture.isOpened():
            raise self._refused(f"this OpenCV has no decoder for {self.codec}")
        if any(packets.get(what) != self._capture.get(what) for what in SAME):
            raise self._refused("OpenCV takes a cover picture, or another film, for the film")
        head, track = self._container()
        is_mp4 = head[4:] in MP4_BOXES
        self._orientation = upright(track.matrix)
        if not is_mp4 and self._capture.get(cv2.CAP_PROP_ORIENTATION_META):
            raise self._refused("it is to be turned, or mirrored, and OpenCV does not know which")
        self._jumps = (is_mp4 or head[:4] == MATROSKA) and not track.is_cut
        self._timeline = self._packets
        self._is_timed = False
        if track.is_cut:
            self._timeline = self._timeline_of_frames()
        self._is_timed = self._timeline.is_exact and (self._jumps or head.startswith(TIMED))
        self.num_frames = len(self._timeline)
        if self.num_frames < 2:
            what = str(reader.too_short(self.path, self.num_frames))
            raise VideoError(f"{what}; if it is a film with a cover picture, PyAV reads it")
        said = self._capture.get(cv2.CAP_PROP_FPS)
        times = self._timeline.times() if self._timeline.is_exact else np.zeros(0)
        self._clock = Clock(times / 1000, said)
        self.fps = self._clock.fps
        frames = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.seconds_said = frames / said if 0 < frames < 10**8 and said > 0 else 0.0
        if track.is_cut:  # which that does not take into account
            self.seconds_said = self.num_frames / self.fps

    def _timeline_of(self, packets: cv2.VideoCapture) -> Timeline:
        """Looks at the packets as they are in the file, without decoding."""
        is_interlaced = interlacing.BY_CODEC[self.codec]
        header = packets.retrieve(flag=int(packets.get(cv2.CAP_PROP_CODEC_EXTRADATA_INDEX)))[1]
        first = b"" if header is None else header.tobytes()
        if is_interlaced(interlacing.with_start_codes(self.codec, first)):
            raise self._interlaced()
        rows: list[tuple[float, float, bool]] = []
        failures = 0
        while failures < END:
            if not packets.grab():
                failures += 1
                continue
            if failures:
                raise self._refused("a damaged packet, or a long gap in the film")
            Pulse.beat()
            is_keyframe = packets.get(cv2.CAP_PROP_LRF_HAS_KEY_FRAME)
            is_shown = True
            if is_keyframe or not rows or self.codec in NEEDS_ALL:
                content = packets.retrieve()[1].tobytes()
                if is_interlaced(content):
                    raise self._interlaced()
                is_shown = self.codec != "vp80" or reader.is_shown_vp8(content)
            rows.append((packets.get(cv2.CAP_PROP_POS_MSEC), is_keyframe, is_shown))
        times, keys, shown = np.array(rows, np.float64).reshape(-1, 3).T
        return Timeline(times, keys > 0, shown > 0)

    def _timeline_of_frames(self) -> Timeline:
        """Decodes all, because packets do not tell which of them an edit list leaves out."""
        times = []
        while self._grab():
            times.append(self._capture.get(cv2.CAP_PROP_POS_MSEC))
        if self._lost or np.any(np.diff(times) <= 0):
            raise self._refused("OpenCV does not follow its edit list")
        self._open()
        return Timeline(np.array(times), np.zeros(len(times), bool))

    def _container(self) -> tuple[bytes, mp4.Track]:
        """The first bytes of the file, and if it is an MP4, what that says."""
        member = split_member(self.path)
        start, size = member_range(*member) if member else (0, video_size(self.path))
        with open(member[0] if member else self.path, "rb") as file:
            file.seek(start)
            head = file.read(8)
            is_mp4 = head[4:] in MP4_BOXES
            return head, mp4.read_track(file, start, start + size) if is_mp4 else mp4.Track()

    def _shown_for(self, indices: Indices) -> Indices:
        """The frames that stand for these: of a damaged one that before it, or the first one."""
        indices = np.minimum(indices, self.num_frames - 1)
        if self._held is None:
            return indices
        return self._held[np.maximum(np.searchsorted(self._held, indices, side="right") - 1, 0)]

    def _find_held(self) -> Indices:
        """Finds out, by decoding all, which frames are not damaged."""
        self._open()
        numbers = []
        while self._grab():
            numbers.append(self._number)
        self._open()
        self._jumps = False  # where something is damaged, it may be what a jump lands on
        held = np.unique(np.array(numbers, np.int64))
        self._held = held = held[held >= 0]
        if not len(held):
            if self.codec in LACKING:
                raise self._refused(f"this OpenCV cannot decode {self.codec}")
            raise reader.no_frame(self.path)
        self.num_frames = int(held[-1]) + 1
        return held

    def _decoded(self, numbers: Indices, each: Each) -> Iterator[Picture]:
        """The frames (sorted) up to the first that is damaged, or not in the file."""
        if self._number >= numbers[0]:
            self._open()
        for number in map(int, numbers):
            if self._jumps and self._is_timed and number - self._number > LEAD + WORTH:
                self._jump(number)
            while self._number < number and self._grab():
                pass
            if self._number != number:
                return
            yield self._picture(each)

    def _jump(self, number: int) -> None:
        """Goes to somewhere before this frame."""
        keyframe = self._timeline.keyframe_before(number - LEAD)
        if keyframe - self._number - 1 < WORTH:
            return
        self._capture.set(cv2.CAP_PROP_POS_MSEC, self._timeline.time(number))
        self._number = self._number_by_time()  # of the frame before: it is grabbed already
        if not 0 <= self._number < number:
            self._jumps = False
            self._open()

    def _number_by_time(self) -> int:
        """The number of the frame that was grabbed last; -1 if there is none."""
        return self._timeline.number(self._capture.get(cv2.CAP_PROP_POS_MSEC), TOLERANCE)

    def _grab(self) -> bool:
        """Decodes the next frame that is not damaged; False at the end."""
        while self._grabbed + self._failures < self._num_packets:
            Pulse.beat()
            if self._capture.grab():
                self._grabbed += 1
                self._lost = self._failures
                self._number = self._number_by_time() if self._is_timed else self._number + 1
                return True
            self._failures += 1
        return False

    def _picture(self, each: Each) -> Picture:
        """The picture of the frame that was grabbed last, upright."""
        is_picture, picture = self._capture.retrieve()
        if not is_picture:
            raise reader.no_frame(self.path)
        return _rgb(turned(picture, *self._orientation), each)

    def _open(self) -> None:
        """Opens the file at its first frame."""
        one_thread = [cv2.CAP_PROP_N_THREADS, 1]  # the readers themselves run in parallel
        self._capture = cv2.VideoCapture(self._url, cv2.CAP_FFMPEG, one_thread)
        self._capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
        self._number = -1
        self._grabbed = self._failures = self._lost = 0

    def _interlaced(self) -> VideoError:
        return self._refused("it may be interlaced, which OpenCV does not show right")

    def _refused(self, why: str) -> VideoError:
        return VideoError(f"{self.path}: {why}; PyAV may (pip install av, data.decoder=pyav)")


def _rgb(bgr: Picture, each: Each) -> Picture:
    return cv2.cvtColor(each(bgr), cv2.COLOR_BGR2RGB)
