"""Video files through OpenCV's FFmpeg.

Frames are counted as they are decoded. Where that would decode much that nobody asked for, the
reader jumps, and learns from the time of the frame it lands on which one that is: by OpenCV's own
account it may be another, as in videos of variable frame rate.
"""

import functools
import os
from collections.abc import Iterator
from typing import cast

import cv2
import numpy as np

from slowfast.data.shards import member_range, split_member, video_url
from slowfast.data.video import reader
from slowfast.data.video.reader import Each, Indices, Picture, Pictures, Timeline, unchanged

LEAD = 16
"""OpenCV's jump begins at the keyframe before this many frames before its goal."""
JUMPS_RIGHT = int(cv2.__version__.partition(".")[0]) >= 5
"""In OpenCV 4 (4.8 to 4.12 were tried) the time after a jump may be that of another frame."""
WORTH = 24
"""A jump that saves fewer frames of decoding than this is not made."""
TOLERANCE = 1e-3
"""Of a frame's time, milliseconds."""
MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide")
MATROSKA = b"\x1aE\xdf\xa3"
"""The first bytes of the containers that say when each frame is shown."""
HIDES_FRAMES = cv2.VideoWriter.fourcc(*"VP80")
"""A codec with frames that are stored, perhaps with a time, and never shown."""


class OpenCVReader:
    """A video file, on one thread."""

    def __init__(self, path: str) -> None:
        self.path = path
        # As bytes: given a name that is not UTF-8 as text, OpenCV ends the process.
        self._url = cast(str, os.fsencode(video_url(path)))
        self._position = 0  # how many frames have been grabbed
        self._open()
        if not self._capture.isOpened():
            raise reader.VideoError(f"{path}: not a video that OpenCV can open")
        self.fps = float(self._capture.get(cv2.CAP_PROP_FPS))
        if not 0 < self.fps < 1000:
            self.fps = 30.0
        self.num_frames = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        if not 0 < self.num_frames < 10**8:  # the container does not say
            while self._grab():
                pass
            self.num_frames = self._position
            self._open()
        if not self.num_frames:
            raise reader.no_frame(path)

    def frames(self, indices: Indices, each: Each = unchanged) -> Pictures:
        timeline = self._timeline(indices)
        if timeline is not None:
            decode = functools.partial(self._decoded, each=each, timeline=timeline)
            pictures = timeline.pictures(indices, decode)
            if pictures is not None:
                return pictures
            self._open()
        found = list(self._decoded(indices, each))
        if missing := len(indices) - len(found):  # the file ended early
            last = list(self._decoded(np.array([self._position - 1]), each))
            if not last:
                raise reader.no_frame(self.path)
            found += last * missing
        return np.stack(found)

    def onward(self, indices: Indices, each: Each = unchanged) -> list[Picture]:
        found = list(self._decoded(indices, each))
        if len(found) < len(indices):
            self.num_frames = self._position
        return found

    def close(self) -> None:
        self._capture.release()

    def _decoded(
        self, numbers: Indices, each: Each, timeline: Timeline | None = None
    ) -> Iterator[Picture]:
        """The frames as far as the file holds them. By a timeline it jumps forward, and ends where
        a frame is not the one that it should be by its time."""
        if len(numbers) and numbers[0] < self._position:
            self._open()
        for number in map(int, numbers):
            keyframe = timeline.keyframe_before(max(number - LEAD, 0)) if timeline else 0
            if timeline and keyframe - self._position >= WORTH:
                self._capture.set(cv2.CAP_PROP_POS_MSEC, timeline.time(number))
                self._position = self._number(timeline) + 1  # the frame before is grabbed already
            while self._position <= number and self._grab():
                pass
            if number != (self._number(timeline) if timeline else self._position - 1):
                return
            is_picture, picture = self._capture.retrieve()
            if not is_picture:
                return
            yield _rgb(picture, each)

    def _number(self, timeline: Timeline) -> int:
        """The number of the frame that was grabbed last, by its time."""
        return timeline.number(self._capture.get(cv2.CAP_PROP_POS_MSEC), TOLERANCE)

    def _timeline(self, indices: Indices) -> Timeline | None:
        """When the frames are shown, if a jump may pay and times can be relied on."""
        position = self._position if self._position <= indices[0] else 0
        gaps = np.diff(indices, prepend=position)
        if not JUMPS_RIGHT or gaps.max() < LEAD + WORTH:
            return None
        if self._capture.get(cv2.CAP_PROP_FOURCC) == HIDES_FRAMES or not _has_times(self.path):
            return None
        # As they are in the file, without decoding.
        packets = cv2.VideoCapture(self._url, cv2.CAP_FFMPEG, [cv2.CAP_PROP_FORMAT, -1])
        times: list[float] = []
        is_keyframe: list[bool] = []
        while len(times) <= indices[-1] + reader.REORDERING and packets.grab():
            times.append(packets.get(cv2.CAP_PROP_POS_MSEC))
            is_keyframe.append(packets.get(cv2.CAP_PROP_LRF_HAS_KEY_FRAME) != 0)
        timeline = Timeline(np.array(times), np.array(is_keyframe))
        # What an edit list cuts away from the start has times below 0, which OpenCV takes for 0.
        return timeline if timeline.is_exact and timeline.time(0) == 0 else None

    def _grab(self) -> bool:
        grabbed = bool(self._capture.grab())
        self._position += grabbed
        return grabbed

    def _open(self) -> None:
        """Opens the file at its first frame."""
        one_thread = [cv2.CAP_PROP_N_THREADS, 1]  # the readers themselves run in parallel
        self._capture = cv2.VideoCapture(self._url, cv2.CAP_FFMPEG, one_thread)
        self._position = 0


def _rgb(bgr: Picture, each: Each) -> Picture:
    return cv2.cvtColor(each(bgr), cv2.COLOR_BGR2RGB)


def _has_times(path: str) -> bool:
    """Whether the container is MP4 or Matroska; AVI and others say when frames are decoded."""
    member = split_member(path)
    with open(member[0] if member else path, "rb") as file:
        file.seek(member_range(*member)[0] if member else 0)
        head = file.read(8)
    return head[4:] in MP4_BOXES or head[:4] == MATROSKA
