"""Opening a video and taking frames from it.

A reader knows the video's ``num_frames`` and ``fps``, and gives frames by index. The container's
frame count is a hint: indices beyond what the file really holds give its last frame.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from slowfast.data.annotations import Sample

Pictures = NDArray[np.uint8]
"""RGB frames ``[F, H, W, 3]``."""

Each = Callable[[NDArray[np.uint8]], NDArray[np.uint8]] | None
"""What is done to each picture ``[H, W, 3]`` as soon as it is decoded; None: nothing."""


class VideoError(OSError):
    """A video that cannot be read; the message names the file."""


class Reader(Protocol):
    """An opened video."""

    num_frames: int
    fps: float

    def frames(self, indices: NDArray[np.int64], each: Each = None) -> Pictures:
        """The frames at ``indices`` (sorted, unique, from 0), each passed through ``each``.

        Raises:
            VideoError: nothing could be decoded.
        """
        ...


class OpenCVReader:
    """A video file, through OpenCV's FFmpeg.

    Frames are counted as they are decoded, from the first on, without seeking: which frame is which
    depends on nothing that the container says.
    """

    def __init__(self, path: str) -> None:
        _require_file(path)
        self.path = path
        self._file = os.path.abspath(path)  # FFmpeg takes the start of "12:30.mp4" for a protocol
        # One thread: the readers themselves run in parallel.
        self._capture = cv2.VideoCapture(self._file, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        if not self._capture.isOpened():
            raise VideoError(f"{path}: not a video that OpenCV can open")
        self._position = 0
        self.fps = float(self._capture.get(cv2.CAP_PROP_FPS))
        if not 0 < self.fps < 1000:
            self.fps = 30.0
        self.num_frames = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        if not 0 < self.num_frames < 10**8:
            self.num_frames = self._count()

    def frames(self, indices: NDArray[np.int64], each: Each = None) -> Pictures:
        each = each or _unchanged
        if len(indices) and indices[0] < self._position:
            self._rewind()
        pictures: list[NDArray[np.uint8]] = []
        for index in indices:
            while self._position <= index and self._capture.grab():
                self._position += 1
            if self._position != index + 1:  # the file ended early
                break
            decoded, picture = self._capture.retrieve()
            if not decoded:
                break
            pictures.append(each(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)))
        if len(pictures) < len(indices):
            pictures += [each(self._last())] * (len(indices) - len(pictures))
        return np.stack(pictures)

    def _last(self) -> NDArray[np.uint8]:
        """The last frame that can be decoded, of a file shorter than it says."""
        end, last = self._position, None
        self._rewind()
        while self._position < end and self._capture.grab():
            self._position += 1
            if self._position == end:
                _, last = self._capture.retrieve()
        if last is None:
            raise VideoError(f"{self.path}: no frame could be decoded (a damaged or cut-off file?)")
        return cv2.cvtColor(last, cv2.COLOR_BGR2RGB)

    def _count(self) -> int:
        """Counts the frames of a file whose container does not say."""
        count = 0
        while self._capture.grab():
            count += 1
        self._rewind()
        if not count:
            raise VideoError(f"{self.path}: no frame could be decoded (a damaged or cut-off file?)")
        return count

    def _rewind(self) -> None:
        """Opens the file again, to count from its first frame."""
        self._capture.release()
        self._capture.open(self._file, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        self._position = 0


class FrameFolderReader:
    """A folder of numbered pictures, from 1 on."""

    def __init__(self, folder: str, num_frames: int | None, pattern: str, fps: float) -> None:
        if not os.path.isdir(folder):
            raise VideoError(f"{folder}: no such folder of frames")
        self.folder, self.pattern, self.fps = folder, pattern, fps
        self.num_frames = self._count() if num_frames is None else num_frames
        if self.num_frames < 1:
            raise VideoError(f"{folder}: no frame named like {pattern.format(1)}")

    def frames(self, indices: NDArray[np.int64], each: Each = None) -> Pictures:
        each = each or _unchanged
        pictures = [each(self._picture(min(int(i), self.num_frames - 1))) for i in indices]
        for index, picture in zip(indices, pictures, strict=True):
            if picture.shape != pictures[0].shape:
                name = os.path.join(self.folder, self.pattern.format(int(index) + 1))
                raise VideoError(f"{name}: its size differs from that of the frames before it")
        return np.stack(pictures)

    def _picture(self, index: int) -> NDArray[np.uint8]:
        path = os.path.join(self.folder, self.pattern.format(index + 1))
        _require_file(path)
        picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
        if picture is None:
            raise VideoError(f"{path}: not a picture that OpenCV can read")
        return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)

    def _count(self) -> int:
        count = 0
        while os.path.isfile(os.path.join(self.folder, self.pattern.format(count + 1))):
            count += 1
        return count


def open_video(sample: Sample, frame_pattern: str, frame_fps: float) -> Reader:
    """The reader for a sample: of a frame folder where it is one, else of a video file.

    Raises:
        VideoError: the file is missing, empty, or not a video.
    """
    if sample.num_frames is not None or os.path.isdir(sample.path):
        return FrameFolderReader(sample.path, sample.num_frames, frame_pattern, frame_fps)
    return OpenCVReader(sample.path)


def _unchanged(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return picture


def _require_file(path: str) -> None:
    try:
        size = Path(path).stat().st_size
    except OSError as error:
        raise VideoError(f"{path}: {error.strerror}") from error
    if size == 0:
        raise VideoError(f"{path}: the file is empty (0 bytes)")
