"""Folders of numbered pictures in place of a video file."""

import os

import cv2
import numpy as np
from numpy.typing import NDArray

from slowfast.data.video.reader import Each, Picture, Pictures, VideoError, require_file, unchanged


class FrameFolderReader:
    """A folder of numbered pictures, from 1 on."""

    def __init__(self, folder: str, num_frames: int | None, pattern: str, fps: float) -> None:
        if not os.path.isdir(folder):
            raise VideoError(f"{folder}: no such folder of frames")
        self.folder, self.pattern, self.fps = folder, pattern, fps
        self.num_frames = self._count() if num_frames is None else num_frames
        if self.num_frames < 1:
            raise VideoError(f"{folder}: no frame named like {pattern.format(1)}")

    def frames(self, indices: NDArray[np.int64], each: Each = unchanged) -> Pictures:
        pictures = [each(self._picture(min(int(i), self.num_frames - 1))) for i in indices]
        for index, picture in zip(indices, pictures, strict=True):
            if picture.shape != pictures[0].shape:
                name = os.path.join(self.folder, self.pattern.format(int(index) + 1))
                raise VideoError(f"{name}: its size differs from that of the frames before it")
        return np.stack(pictures)

    def onward(self, indices: NDArray[np.int64], each: Each = unchanged) -> list[Picture]:
        return [each(self._picture(int(index))) for index in indices]

    def close(self) -> None:
        pass

    def _picture(self, index: int) -> Picture:
        path = os.path.join(self.folder, self.pattern.format(index + 1))
        require_file(path)
        picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
        if picture is None:
            raise VideoError(f"{path}: not a picture that OpenCV can read")
        return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)

    def _count(self) -> int:
        count = 0
        while os.path.isfile(os.path.join(self.folder, self.pattern.format(count + 1))):
            count += 1
        return count
