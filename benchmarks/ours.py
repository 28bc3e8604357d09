"""How this project reads videos in training and test, and the floor below any reader."""

import itertools
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from slowfast.config import DataConfig, TestConfig
from slowfast.data.clips import sampling
from slowfast.data.clips.datasets import TrainClips, TrainKey
from slowfast.data.clips.view_videos import MultiViewVideos
from slowfast.data.samples import Sample
from slowfast.data.video.reader import Indices

DECODERS = ("pyav", "opencv")
"""The default first."""
NUM_FRAMES = DataConfig().num_frames


def views(path: Path, decoder: str) -> NDArray[np.uint8]:
    """The distinct frames of the 30 views of a video ``[F, H, W, 3]``, as the loader ships them."""
    return _videos(path, decoder)(0).frames


def all_views(path: Path, decoder: str) -> NDArray[np.uint8]:
    """The same for each of the 10 clips and 3 crops: ``[10, 3, T, 256, 256, 3]``."""
    video = _videos(path, decoder)(0)
    side = TestConfig().crop_size
    cuts = [video.frames[:, y : y + side, x : x + side] for y, x in video.crops]
    return np.stack([np.stack([cut[clip] for cut in cuts]) for clip in video.clips])


def clip(path: Path, start: int, decoder: str, augment: bool = True) -> NDArray[np.uint8]:
    """A training clip whose first frame is ``start``: ``[T, H, W, 3]``.

    ``augment=False`` takes the whole of a 256 x 256 picture, to see which frames they are.
    """
    data = DataConfig(decoder=decoder)  # type: ignore[arg-type]
    if not augment:
        data = DataConfig(
            decoder=decoder,  # type: ignore[arg-type]
            min_short_side=256,
            max_short_side=256,
            crop_size=256,
            flip=0.0,
        )
    read = TrainClips([Sample(str(path), 0)], data, seed=0)
    with mock.patch.object(sampling, "clip_at", _clip_from(start)):
        return read(TrainKey(start, 0)).frames  # the epoch: another crop and size for each start


def can_use(decoder: str, path: Path) -> bool:
    """Whether ``data.decoder`` decides what reads a file: a reader that ignores it is no row."""
    try:
        with (
            mock.patch.object(av, "open", wraps=av.open) as by_pyav,
            mock.patch.object(cv2, "VideoCapture", wraps=cv2.VideoCapture) as by_opencv,
        ):
            views(path, decoder)
    except ImportError:
        return False
    return (by_pyav if decoder == "pyav" else by_opencv).called


def decode_only(path: Path, num_frames: int) -> None:
    """The floor: libavcodec decodes the first frames on one thread and nothing is converted."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        stream.codec_context.thread_count = 1
        for _ in itertools.islice(container.decode(stream), num_frames):
            pass


def _videos(path: Path, decoder: str) -> MultiViewVideos:
    data = DataConfig(decoder=decoder)  # type: ignore[arg-type]
    return MultiViewVideos([Sample(str(path), 0)], data, TestConfig())


def _clip_from(start: int) -> Callable[..., Indices]:
    """``sampling.clip_at`` without the draw."""

    def fixed(where: float, video_frames: int, span: float, num_frames: int) -> Indices:
        return sampling.clip_frames(start, span, num_frames, video_frames)

    return fixed
