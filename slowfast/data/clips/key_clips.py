"""From a key frame to the clip around it that the loader ships, with its boxes.

numpy and OpenCV, no Paddle, so that it runs in reader processes.
"""

import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from slowfast.config import DataConfig, DetectionConfig, TestConfig
from slowfast.data.clips import box_transforms, datasets, transforms
from slowfast.data.clips.box_transforms import Boxes, Size
from slowfast.data.clips.datasets import Clip, TrainKey
from slowfast.data.clips.facts import Area, Facts, small
from slowfast.data.clips.key_windows import draw_moves
from slowfast.data.clips.protocols import PROTOCOLS
from slowfast.data.clips.sampling import scaled_size
from slowfast.data.clips.window_reader import KeyWindows, Onward, Shown, key_of
from slowfast.data.order import Stream
from slowfast.data.samples import KeyFrame, Sample, classes_of


class TrainKeyClips:
    """Random crops of the clips around key frames; their frames are random only if
    detection.jitter says so.

    The random stream of a clip depends on (seed, epoch, sample, turn) alone, as in ``TrainClips``.

    Args:
        protocol: that of ``TestConfig``.
        flipped: the classes that a flip turns into others.
        tells: clips have their ``facts``.
    """

    def __init__(
        self, samples: Sequence[Sample], data: DataConfig, detection: DetectionConfig,
        protocol: str, seed: int, flipped: Mapping[int, int] | None = None, *,
        tells: bool = False,
    ) -> None:  # fmt: skip
        self.samples, self.data, self.seed, self.tells = samples, data, seed, tells
        self.flipped = flipped or {}
        self._jitter, self._rule = detection.jitter, PROTOCOLS[protocol].boxes
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
        shown = self._windows.read(sample, each, moved, small if self.tells else None)
        boxes = self._boxes(key_of(sample), shown.source, drawn)
        is_left = box_transforms.is_left(boxes)
        own = itertools.compress(key_of(sample).boxes, is_left)
        labels = tuple(
            classes_of(datasets.flipped(box.labels, self.flipped)) if drawn.flip else box.labels
            for box in own
        )
        union = tuple(sorted({*itertools.chain(*labels)}))
        found = Clip(shown.frames, union, key.sample, boxes[is_left].astype(np.float32), labels)
        if self.tells:
            area = datasets.cut_area(shown.source, drawn, data.crop_size)
            found.facts = _facts(self._windows, sample, shown, area, drawn.short_side)
            found.facts.flip = drawn.flip
            found.facts.kept = tuple((np.flatnonzero(is_left) + 1).tolist())
        return found

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
    its boxes, and its ``facts`` if ``tells``. Of a key frame without boxes nothing is read:
    ``[0, 0, 0, 3]``."""

    def __init__(
        self, samples: Sequence[Sample], data: DataConfig, test: TestConfig,
        detection: DetectionConfig, *, tells: bool = False,
    ) -> None:  # fmt: skip
        self.samples, self.tells, self._short_side = samples, tells, test.short_side
        protocol = PROTOCOLS[test.protocol]
        self._rule = protocol.boxes
        each = functools.partial(
            transforms.resize_short_side, short_side=test.short_side, scaled=protocol.size,
            in_float=protocol.in_float,
        )  # fmt: skip
        self._films = KeyWindows(data, detection, test.protocol)
        self._windows = Onward(self._films, each, small if tells else None)

    def __call__(self, index: int) -> Clip:
        """The clip of a key frame by its place in the list."""
        sample = self.samples[index]
        key = key_of(sample)
        labels = tuple(box.labels for box in key.boxes)
        if not key.boxes:
            nothing = np.empty((0, 0, 0, 3), np.uint8)
            return Clip(nothing, sample.label, index, np.empty((0, 4), np.float32), labels)
        shown = self._windows.read(sample, self._later(index))
        _, height, width, _ = shown.frames.shape
        boxes = box_transforms.in_whole_picture(
            corners_of(key), shown.source, (height, width), self._rule
        )
        found = Clip(shown.frames, sample.label, index, boxes, labels)
        if self.tells:
            area = Area(0, 0, *shown.source)
            found.facts = _facts(self._films, sample, shown, area, self._short_side)
        return found

    def _later(self, index: int) -> Iterator[Sample]:
        """The key frames with boxes that follow in the same film."""
        path = self.samples[index].path
        following = (self.samples[place] for place in range(index + 1, len(self.samples)))
        same = itertools.takewhile(lambda sample: sample.path == path, following)
        return (sample for sample in same if key_of(sample).boxes)


def _facts(windows: KeyWindows, sample: Sample, shown: Shown, area: Area, short_side: int) -> Facts:
    """The facts of a clip around a key frame."""
    reader = windows.film(sample)
    assert shown.picture is not None
    return Facts(
        shown.numbers, reader.seconds(shown.numbers), reader.num_frames, reader.fps, reader.codec,
        shown.source, [area], shown.picture, short_side, key=windows.at(sample, reader),
    )  # fmt: skip


def corners_of(key: KeyFrame) -> list[tuple[float, ...]]:
    """The boxes of a key frame, as shares of the picture."""
    return [box.corners for box in key.boxes]
