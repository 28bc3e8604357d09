"""From a key frame to the clip around it that the loader ships, with its boxes.

numpy and OpenCV, no Paddle, so that it runs in reader processes.
"""

import contextlib
import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from slowfast.config import DataConfig, DetectionConfig, TestConfig
from slowfast.data.clips import box_transforms, datasets, transforms
from slowfast.data.clips.box_transforms import BOX_RULES, Boxes, Size
from slowfast.data.clips.datasets import Clip, TrainKey, distinct_frames
from slowfast.data.clips.key_windows import WINDOWS, draw_moves
from slowfast.data.clips.protocols import PROTOCOLS, ClipGrid
from slowfast.data.clips.sampling import scaled_size
from slowfast.data.order import Stream
from slowfast.data.samples import KeyFrame, Sample, classes_of, seconds_text
from slowfast.data.video.films import Films
from slowfast.data.video.part import length_of, named
from slowfast.data.video.reader import (
    ROUNDING,
    Each,
    Indices,
    Picture,
    Pictures,
    Reader,
    VideoError,
)


class Shown(NamedTuple):
    """The pictures around a key frame."""

    frames: Pictures
    """``[T, H, W, 3]``."""
    source: Size
    """Height and width of the pictures as decoded."""


class KeyWindows:
    """Reads the frames around key frames, of films that are looked at once."""

    def __init__(self, data: DataConfig, detection: DetectionConfig, protocol: str) -> None:
        self._films, self._unit = Films(data), 1 / detection.rate
        self._window = WINDOWS[protocol]
        self._grid = ClipGrid(1, data.num_frames, data.sampling_stride, data.target_fps)

    def read(self, sample: Sample, each: Each, moved: Indices | int = 0) -> Shown:
        """The clip of a sample that is a key frame; ``moved``: see ``key_windows.py``.

        Raises:
            VideoError: the film cannot be read, or ends before the key frame.
        """
        key = key_of(sample)
        reader = self._films.reader(sample)
        times = reader.seconds(np.arange(reader.num_frames))
        source: list[Size] = []

        def window(count: int) -> Indices:
            return self._window(key.seconds, times[:count], self._grid, moved)

        def seen(picture: Picture) -> Picture:
            source[:] = [picture.shape[:2]]
            return each(picture)

        with contextlib.closing(reader):
            require_inside(sample, reader, self._unit)
            with named(sample):
                frames, places = distinct_frames(reader, window, seen, counts_frames=True)
        return Shown(frames if len(frames) == len(places) else frames[places], source[0])


class TrainKeyClips:
    """Random crops of the clips around key frames; their frames are random only if
    detection.jitter says so.

    The random stream of a clip depends on (seed, epoch, sample, turn) alone, as in ``TrainClips``.

    Args:
        protocol: that of ``TestConfig``.
        flipped: the classes that a flip turns into others.
    """

    def __init__(
        self, samples: Sequence[Sample], data: DataConfig, detection: DetectionConfig,
        protocol: str, seed: int, flipped: Mapping[int, int] | None = None,
    ) -> None:  # fmt: skip
        self.samples, self.data, self.seed = samples, data, seed
        self.flipped = flipped or {}
        self._jitter, self._rule = detection.jitter, BOX_RULES[protocol]
        self._windows = KeyWindows(data, detection, protocol)

    def __call__(self, key: TrainKey) -> Clip:
        """The clip of a key, with the boxes of which the crop leaves a pixel each way; there may be
        none."""
        data, sample = self.data, self.samples[key.sample]
        rng = np.random.default_rng([Stream.CLIP, self.seed, *key.place])
        drawn = transforms.draw_augmentation(
            rng, min_short_side=data.min_short_side, max_short_side=data.max_short_side,
            flip=data.flip, inverse=data.inverse_short_side,
        )  # fmt: skip
        moved = draw_moves(rng, data.num_frames, data.sampling_stride) if self._jitter else 0
        each = functools.partial(transforms.augment, drawn=drawn, crop_size=data.crop_size)
        frames, source = self._windows.read(sample, each, moved)
        boxes = self._boxes(key_of(sample), source, drawn)
        is_left = box_transforms.is_left(boxes)
        own = itertools.compress(key_of(sample).boxes, is_left)
        labels = tuple(
            classes_of(datasets.flipped(box.labels, self.flipped)) if drawn.flip else box.labels
            for box in own
        )
        union = tuple(sorted({*itertools.chain(*labels)}))
        return Clip(frames, union, key.sample, boxes[is_left].astype(np.float32), labels)

    def _boxes(self, key: KeyFrame, source: Size, drawn: transforms.Augmentation) -> Boxes:
        """The boxes of a key frame in the drawn crop."""
        side, rule = self.data.crop_size, self._rule
        size = scaled_size(*source, drawn.short_side)
        boxes = box_transforms.resized(corners_of(key), source, size, rule)
        corner = transforms.corner_of(size, drawn, side)
        boxes = box_transforms.cropped(boxes, corner, (side, side))
        return box_transforms.flipped(boxes, side, rule) if drawn.flip else boxes


class KeyViews:
    """The whole picture of the clips around key frames, for validation and test: each has all of
    its boxes. Of a key frame without boxes nothing is read: ``[0, 0, 0, 3]``."""

    def __init__(
        self, samples: Sequence[Sample], data: DataConfig, test: TestConfig,
        detection: DetectionConfig,
    ) -> None:  # fmt: skip
        self.samples = samples
        self._protocol, self._rule = PROTOCOLS[test.protocol], BOX_RULES[test.protocol]
        self._windows = KeyWindows(data, detection, test.protocol)
        self._each = functools.partial(
            transforms.resize_short_side, short_side=test.short_side, scaled=self._protocol.size,
            in_float=self._protocol.in_float,
        )  # fmt: skip

    def __call__(self, index: int) -> Clip:
        """The clip of a key frame by its place in the list."""
        sample = self.samples[index]
        key = key_of(sample)
        labels = tuple(box.labels for box in key.boxes)
        if not key.boxes:
            nothing = np.empty((0, 0, 0, 3), np.uint8)
            return Clip(nothing, sample.label, index, np.empty((0, 4), np.float32), labels)
        frames, source = self._windows.read(sample, self._each)
        _, height, width, _ = frames.shape
        boxes = box_transforms.resized(corners_of(key), source, (height, width), self._rule)
        if self._rule.is_clipped:
            boxes = box_transforms.clipped(boxes, (height, width))
        return Clip(frames, sample.label, index, boxes.astype(np.float32), labels)


def require_inside(sample: Sample, reader: Reader, unit: float) -> None:
    """Raises VideoError if a key frame is before its film's first frame, or more than a unit of the
    annotated time, to which annotations are rounded, behind its end."""
    key, length = key_of(sample), length_of(reader)
    if not -ROUNDING <= key.seconds <= length + unit + ROUNDING:
        when = f"{seconds_text(key.time)} (at {seconds_text(key.seconds)} s)"
        raise VideoError(
            f"{sample.path}: key frame {when} is outside the video, which has {length:.1f} s "
            "(detection.start, detection.rate)"
        )


def key_of(sample: Sample) -> KeyFrame:
    """The key frame that a sample of train.task=detection is."""
    assert sample.key is not None
    return sample.key


def corners_of(key: KeyFrame) -> list[tuple[float, ...]]:
    """The boxes of a key frame, as shares of the picture."""
    return [box.corners for box in key.boxes]
