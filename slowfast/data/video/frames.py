"""Folders of numbered pictures in place of a video file."""

import itertools
import os

import cv2
import numpy as np
from numpy.typing import NDArray

from slowfast.data.video.reader import (
    Each,
    Indices,
    Picture,
    Pictures,
    VideoError,
    require_file,
    unchanged,
)


class FrameFolderReader:
    """A folder of numbered pictures, from 1 on."""

    codec = "frames"

    def __init__(self, folder: str, num_frames: int | None, pattern: str, fps: float) -> None:
        if not os.path.isdir(folder):
            raise VideoError(f"{folder}: no such folder of frames")
        self.folder, self.pattern, self.fps = folder, pattern, fps
        if num_frames is None:
            num_frames = next(i for i in itertools.count() if not os.path.isfile(self._path(i)))
        self.num_frames = num_frames
        self.seconds_said = self.num_frames / fps
        if self.num_frames < 1:
            raise VideoError(f"{folder}: no frame named like {pattern.format(1)}")

    def frames(self, indices: Indices, each: Each = unchanged) -> Pictures:
        pictures = [each(self._picture(min(int(i), self.num_frames - 1))) for i in indices]
        for index, picture in zip(indices, pictures, strict=True):
            self.require_size(int(index), picture, pictures[0].shape)
        return np.stack(pictures)

    def onward(self, indices: Indices, each: Each = unchanged) -> list[Picture]:
        return [each(self._picture(int(index))) for index in indices]

    def seconds(self, numbers: Indices) -> NDArray[np.float64]:
        return numbers / self.fps

    def clocked(self, indices: Indices) -> Indices:
        return indices

    def decode_all(self) -> tuple[int, tuple[int, int]]:
        shape: tuple[int, ...] = ()
        for index in range(self.num_frames):  # one in memory at a time
            picture = self._picture(index)
            shape = shape or picture.shape
            self.require_size(index, picture, shape)
        height, width, _ = shape
        return self.num_frames, (width, height)

    def keyframes(self) -> tuple[int, Indices]:
        return 0, np.empty(0, np.int64)

    def close(self) -> None:
        pass

    def require_size(self, index: int, picture: Picture, shape: tuple[int, ...]) -> None:
        """Raises VideoError where frame ``index`` has not the shape of those before it."""
        if picture.shape != shape:
            name = self._path(index)
            raise VideoError(f"{name}: its size differs from that of the frames before it")

    def _picture(self, index: int) -> Picture:
        path = self._path(index)
        require_file(path)
        picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
        if picture is None:
            raise VideoError(f"{path}: not a picture that OpenCV can read")
        return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)

    def _path(self, index: int) -> str:
        return os.path.join(self.folder, self.pattern.format(index + 1))
