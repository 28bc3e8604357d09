"""From a sample to the clip that the loader ships, for training or validation.

Each class is called with a key and returns arrays only: numpy and OpenCV, no Paddle, so that it
runs in reader processes.
"""

import contextlib
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from slowfast.config import DataConfig
from slowfast.data.clips import rand_augment, sampling, transforms
from slowfast.data.clips.box_transforms import Size
from slowfast.data.clips.facts import Area, Facts, Watched, area_of, facts_of
from slowfast.data.clips.rand_augment import Operation
from slowfast.data.clips.rectangles import Box
from slowfast.data.clips.sampling import Grid
from slowfast.data.order import Stream
from slowfast.data.samples import Label, Sample, classes_of
from slowfast.data.video.open import open_video
from slowfast.data.video.reader import ROUNDING, Each, Indices, Picture, Pictures, Reader


class TrainKey(NamedTuple):
    """A training clip to read."""

    epoch: int
    sample: int
    """Its place in the training list."""
    grid: Grid | None = None
    """Its size; None: the config's."""
    turn: int = 0
    """How often the sample was drawn before in the epoch."""

    @property
    def place(self) -> list[int]:
        """What its random stream depends on, besides the seed."""
        return [self.epoch, self.sample, *([self.turn] if self.turn else [])]


OWN_GROUP = 6
"""Attempts at a substitute from the video's own group."""

ClipKey = TrainKey | int
"""A training clip, or the index in the validation list."""


@dataclass
class Clip:
    """One clip: ``frames [T, H, W, 3]`` uint8 RGB, its class or classes, its sample's place in the
    list."""

    frames: Pictures
    label: Label
    index: int
    boxes: NDArray[np.float32] | None = None
    """With train.task=detection: x1, y1, x2, y2 in pixels of ``frames``, ``[K, 4]``."""
    box_labels: tuple[tuple[int, ...], ...] = ()
    """Class indices of each box."""
    facts: Facts | None = None
    """Where it is from, if its reader ``tells``."""


class Crop(NamedTuple):
    """What each frame of a training clip goes through."""

    each: Each
    flip: bool
    area: Callable[[Size], Area]
    """From a picture's height and width: what is cut from it."""
    short_side: int | None
    """To which the picture is resized before; None: the area is resized as it is."""


class TrainClips:
    """Random clips with augmentation.

    The random stream of a clip depends on (seed, epoch, sample, turn) alone, so no two ranks or
    workers ever share one, and neither their number nor a restart changes what is drawn.

    Args:
        flipped: the classes that a flip turns into others.
        tells: clips have their ``facts``.
    """

    def __init__(
        self, samples: Sequence[Sample], data: DataConfig, seed: int,
        flipped: Mapping[int, int] | None = None, *, tells: bool = False,
    ) -> None:  # fmt: skip
        self.samples, self.data, self.seed, self.tells = samples, data, seed, tells
        self.flipped = flipped or {}

    def __call__(self, key: TrainKey) -> Clip:
        """The clip of a key. Of whatever size, it spans the same seconds and draws the same.

        A smaller crop comes from as much smaller pictures at the least, and from as large ones at
        the most (PySlowFast's multigrid training); one that is a share of the picture's area shows
        the same in fewer pixels.
        """
        data, sample = self.data, self.samples[key.sample]
        grid = key.grid or Grid(data.num_frames, data.crop_size)
        rng = np.random.default_rng([Stream.CLIP, self.seed, *key.place])
        reader, _ = open_sample(sample, data)
        clip = _clip_at(rng.random(), reader.fps, data, grid.num_frames)
        crop = draw_crop(data, grid.crop_size, rng)
        watched = Watched(crop.each) if self.tells else None
        frames = _read(reader, clip, watched or crop.each)
        operations, erased = _augment_clip(frames, data, rng)
        label = sample.label
        if sample.actions:
            ends = reader.seconds(reader.clocked(clip(reader.num_frames)[[0, -1]]))
            label = label_between(sample, *(reader.starts + ends).tolist())
        found = Clip(frames, flipped(label, self.flipped) if crop.flip else label, key.sample)
        if watched:
            found.facts = facts_of(
                reader, reader.clocked(clip(reader.num_frames)), watched,
                areas=[crop.area(watched.source)], short_side=crop.short_side, flip=crop.flip,
                operations=operations, erased=erased,
            )  # fmt: skip
        return found


def label_between(sample: Sample, first: float, last: float) -> Label:
    """The label of a clip whose frames are shown from ``first`` to ``last``, seconds of the whole
    video: what is seen then, and of what the list does not say when it is seen."""
    untimed = {*classes_of(sample.label)} - {action.label for action in sample.actions}
    seen = {
        label for label, start, end in sample.actions
        if start <= last + ROUNDING and end >= first - ROUNDING
    }  # fmt: skip
    return tuple(sorted(untimed | seen))


def flipped(label: Label, becomes: Mapping[int, int]) -> Label:
    """What a label becomes by a horizontal flip, which turns classes into others."""
    if isinstance(label, tuple):
        return tuple(sorted(becomes.get(own, own) for own in label))
    return becomes.get(label, label)


class ValClips:
    """The centre clip, centre crop, without augmentation; with its ``facts`` if ``tells``."""

    def __init__(self, samples: Sequence[Sample], data: DataConfig, *, tells: bool = False) -> None:
        self.samples, self.data, self.tells = samples, data, tells

    def __call__(self, index: int) -> Clip:
        data, sample = self.data, self.samples[index]
        reader, _ = open_sample(sample, data)
        clip = _clip_at(0.5, reader.fps, data, data.num_frames)
        each = functools.partial(
            transforms.centre_crop, short_side=data.min_short_side, crop_size=data.crop_size
        )
        if not self.tells:
            return Clip(_read(reader, clip, each), sample.label, index)
        watched = Watched(each)
        found = Clip(_read(reader, clip, watched), sample.label, index)
        size = sampling.scaled_size(*watched.source, data.min_short_side)
        (corner,) = sampling.view_crops(*size, data.crop_size, num_crops=1)
        area = area_of(watched.source, size, corner, (data.crop_size, data.crop_size))
        found.facts = facts_of(
            reader, reader.clocked(clip(reader.num_frames)), watched,
            areas=[area], short_side=data.min_short_side,
        )  # fmt: skip
        return found


class TrainReader(Protocol):
    """What reads training clips: ``TrainClips``, or ``TrainKeyClips`` around key frames."""

    samples: Sequence[Sample]
    seed: int

    def __call__(self, key: TrainKey) -> Clip: ...


class ValReader(Protocol):
    """What reads the clips of the validation: ``ValClips``, or ``KeyViews`` around key frames."""

    samples: Sequence[Sample]

    def __call__(self, index: int) -> Clip: ...


class Clips:
    """Training and validation clips for one loader, and so for the same reader processes.

    Args:
        groups: where videos of the same group replace each other, see ``class_groups``.
    """

    def __init__(
        self, train: TrainReader, val: ValReader, groups: Sequence[Sequence[int]] = ()
    ) -> None:
        self.train, self.val, self.groups = train, val, groups

    def __call__(self, key: ClipKey) -> Clip:
        return self.val(key) if isinstance(key, int) else self.train(key)

    def substitute(self, key: ClipKey, attempt: int) -> ClipKey | None:
        """What is read in place of a training clip; validation replaces nothing.

        With ``groups`` it is of a group of the clip's video for the first attempts, and after that
        any: all of a rare class may be unreadable.
        """
        if isinstance(key, int):
            return None
        place = [Stream.SUBSTITUTE, self.train.seed, *key.place, attempt]
        rng = np.random.default_rng(place)
        own = [group for group in self.groups if key.sample in group]
        if own and attempt <= OWN_GROUP:
            group = own[int(rng.integers(len(own)))]
            return key._replace(sample=group[int(rng.integers(len(group)))])
        return key._replace(sample=int(rng.integers(len(self.train.samples))))

    def shown(self, key: ClipKey) -> str:
        """How the video of a key, or its part, is called."""
        sample = self.val.samples[key] if isinstance(key, int) else self.train.samples[key.sample]
        return sample.shown


def _clip_at(
    where: float, fps: float, data: DataConfig, num_frames: int
) -> Callable[[int], Indices]:
    """From a video's number of frames: those of a clip, ``where`` of its room, as data.spacing has
    them. With however many frames, a clip spans the seconds of the config's."""
    stride, target_fps = data.sampling_stride, data.target_fps
    if data.spacing == "stride":
        wider = stride * data.num_frames / num_frames
        own = functools.partial(sampling.strided_at, rate=fps / target_fps, stride=wider)
    else:
        span = sampling.clip_span(data.num_frames, stride, fps, target_fps)
        own = functools.partial(sampling.clip_at, span=span)
    return functools.partial(own, where, num_frames=num_frames)


def draw_crop(data: DataConfig, crop_size: int, rng: np.random.Generator) -> Crop:
    """What each frame of a training clip goes through."""
    if data.crop_area:
        area, aspect = data.crop_area, data.crop_aspect
        box = transforms.draw_area_crop(rng, area=area, aspect=aspect, flip=data.flip)
        each = functools.partial(transforms.augment_area_crop, drawn=box, crop_size=crop_size)
        return Crop(each, box.flip, lambda source: Area(*transforms.box_of(source, box)), None)
    drawn = transforms.draw_augmentation(
        rng, min_short_side=round(data.min_short_side * crop_size / data.crop_size),
        max_short_side=data.max_short_side, flip=data.flip, inverse=data.inverse_short_side,
    )  # fmt: skip
    each = functools.partial(transforms.augment, drawn=drawn, crop_size=crop_size)
    cut = functools.partial(cut_area, drawn=drawn, crop_size=crop_size)
    return Crop(each, drawn.flip, cut, drawn.short_side)


def cut_area(source: Size, drawn: transforms.Augmentation, crop_size: int) -> Area:
    """What ``transforms.augment`` cuts from a picture of height and width ``source``."""
    size = sampling.scaled_size(*source, drawn.short_side)
    corner = transforms.corner_of(size, drawn, crop_size)
    return area_of(source, size, corner, (crop_size, crop_size))


def _augment_clip(
    frames: Pictures, data: DataConfig, rng: np.random.Generator
) -> tuple[list[Operation], Box | None]:
    """RandAugment and erasing, in place: on RGB, which ``each`` need not be given. Returns the
    operations and what is erased."""
    drawn, box = list[Operation](), None
    if data.rand_augment:
        drawn = rand_augment.draw(rng, data.rand_augment, data.rand_augment_magnitude)
        rand_augment.apply(frames, drawn)
    if data.erase and (box := transforms.draw_erased(rng, frames.shape[1], data.erase)):
        transforms.erase(frames, box, rng)
    return drawn, box


def open_sample(sample: Sample, data: DataConfig) -> tuple[Reader, float]:
    """The video, and how many of its frames a clip spans."""
    reader = open_video(sample, data.frame_pattern, data.frame_fps, data.decoder, data.frame_start)
    span = sampling.clip_span(data.num_frames, data.sampling_stride, reader.fps, data.target_fps)
    return reader, span


def frame_at(sample: Sample, data: DataConfig, seconds: float, longest: int) -> Picture:
    """What a video shows at a time ``[H, W, 3]``, or at its end, with its longer side at most
    ``longest`` pixels. Raises a VideoError if the video cannot be read."""
    reader, _ = open_sample(sample, data)
    with contextlib.closing(reader):

        def at(count: int) -> Indices:
            return np.array([min(int(seconds * reader.fps), count - 1)])

        return _read(reader, at, functools.partial(transforms.fitted, longest=longest))[0]


def _read(reader: Reader, clip: Callable[[int], Indices], each: Each) -> Pictures:
    """The frames of a clip; ``clip`` gives their numbers from the video's number of frames."""
    frames, places = distinct_frames(reader, clip, each)
    return frames if len(frames) == len(places) else frames[places]


def distinct_frames(
    reader: Reader, clips: Callable[[int], Indices], each: Each, counts_frames: bool = False
) -> tuple[Pictures, Indices]:
    """The distinct frames of some clips, each decoded once, and where the clips' frames lie in
    them. Should the file turn out to end early, the clips are laid out anew.

    Args:
        clips: from the video's number of frames to those of the clips, at an even frame rate.
        counts_frames: take the frames of these numbers, whenever they are shown.
    """
    said = reader.num_frames
    wanted = clips(said) if counts_frames else reader.clocked(clips(said))
    unique, inverse = np.unique(wanted, return_inverse=True)
    frames = reader.frames(unique, each)
    if reader.num_frames < said:
        return distinct_frames(reader, clips, each, counts_frames)
    return frames, inverse.reshape(wanted.shape)
