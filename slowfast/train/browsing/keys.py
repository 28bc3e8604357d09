"""Which clips of a training or a test are shown, and what its loader gives for them. No Paddle."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from slowfast.config import Config, ConfigError
from slowfast.data.clips.datasets import TrainKey
from slowfast.data.find import Split
from slowfast.data.order import Pool, class_groups, shard_numbers
from slowfast.data.samples import Sample
from slowfast.data.video.reader import VideoError
from slowfast.data.workers.loader import Loader
from slowfast.log import Progress
from slowfast.predict.views import key_loader, own_batches, view_loader
from slowfast.train.recipe.schedule import Schedule
from slowfast.train.training_clips import clip_loader, train_keys

OF_TEST = 3
"""Videos of a test that are shown, if no number is given: each has 30 views."""


class Place(NamedTuple):
    """Where in a training, or a test, the first clip is; both from 1."""

    epoch: int
    step: int
    """Or batch of a validation or test."""


class Read(NamedTuple):
    """What the loader gave for a key."""

    sample: Sample
    """That was asked for."""
    item: Any
    """A clip, the views of a video, or a VideoError."""
    replaced: list[VideoError]
    """Why others were not read, in whose place the item is."""


def chosen(
    cfg: Config, samples: Sequence[Sample], split: Split, place: Place, count: int | None, *,
    in_order: bool = False,
) -> tuple[list[Any], str]:  # fmt: skip
    """The keys that are read, and what they are called.

    Args:
        count: how many; None: those of the step, or ``OF_TEST`` videos of a test.
        in_order: the clips of a training epoch in the order of ``samples``, whatever the step.

    Raises:
        ConfigError: there is no such epoch or step.
        ListError: the list does not fill a step.
    """
    if split != "train":
        size = cfg.train.batch_size if split == "val" else count or OF_TEST
        batches = own_batches(samples, size, cfg)
        what = {"val": "validation", "test": "test"}[split]
        steps = [[*batch] for batch in batches]
        return _from(steps, place.step, count), f"{what}, batch {place.step}"
    if cfg.train.head_only:
        raise ConfigError(
            "train.head_only=True reads centre crops as a test does, without augmentation: add "
            f"--split test -o test.num_clips={cfg.train.head_clips} test.num_crops=1"
        )
    if in_order:
        keys = [TrainKey(place.epoch - 1, number) for number in range(len(samples))]
        return keys[:count], f"training clips, epoch {place.epoch}"
    is_balanced = cfg.train.sampling == "balanced"
    groups = class_groups([sample.label for sample in samples]) if is_balanced else None
    schedule = Schedule(Pool(len(samples), shard_numbers(samples), groups), cfg)
    if place.epoch > schedule.epochs:
        raise ConfigError(f"--epoch {place.epoch}: the run has {schedule.epochs} epochs")
    epoch = place.epoch - 1
    of_steps = [
        train_keys([*itertools.chain(*step.batches)], epoch, len(samples), step.grid)
        for step in schedule.steps(epoch)
    ]
    return _from(of_steps, place.step, count), f"training, epoch {place.epoch}, step {place.step}"


def _from(steps: list[list[Any]], step: int, count: int | None) -> list[Any]:
    """The keys from the step on that is asked for: as many as wanted, or those of the step."""
    if step > len(steps):
        raise ConfigError(f"--step {step}: there are {len(steps):,}")
    return [*itertools.chain(*steps[step - 1 :])][: count or len(steps[step - 1])]


def read(split: Split, keys: list[Any], samples: list[Sample], cfg: Config) -> Iterator[Read]:
    """What the loader gives for each key."""
    workers = min(cfg.data.num_workers, len(keys))
    cfg = dataclasses.replace(cfg, data=dataclasses.replace(cfg.data, num_workers=workers))
    progress = Progress("read the clips", len(keys))
    with _loader(split, samples, cfg, len(keys)) as loader:
        for done, (key, items) in enumerate(
            zip(keys, loader.run([key] for key in keys), strict=True), 1
        ):
            replaced = [error for _, error in loader.replaced]
            loader.replaced.clear()
            progress.update(done)
            sample = samples[key.sample if isinstance(key, TrainKey) else key]
            yield Read(sample, items[0], replaced)
    progress.finish()


def _loader(split: Split, samples: list[Sample], cfg: Config, count: int) -> Loader[Any, Any]:
    """The same as in training, validation or test, but with facts."""
    if split == "test":
        of = key_loader if cfg.train.task == "detection" else view_loader
        return of(samples, cfg, count, tells=True)
    train, val = (samples, []) if split == "train" else ([], samples)
    return clip_loader(train, val, cfg, tells=True)
