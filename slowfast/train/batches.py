"""Reads the clips of each training step, and handles videos that cannot be read."""

import time
from collections.abc import Iterator, Sequence
from itertools import chain

from slowfast import distributed
from slowfast.config import Config
from slowfast.data.clips.datasets import Clip, ClipKey, Clips, TrainClips, TrainKey, ValClips
from slowfast.data.clips.key_clips import KeyViews, TrainKeyClips
from slowfast.data.clips.sampling import Grid
from slowfast.data.labels import flipped_labels, read_labels
from slowfast.data.order import class_groups
from slowfast.data.packed import PackedSamples
from slowfast.data.samples import Sample
from slowfast.data.unreadable import Unreadable, in_order, write_unreadable
from slowfast.data.video.reader import VideoError
from slowfast.data.workers.loader import Loader
from slowfast.log import logger
from slowfast.predict.views import num_readers
from slowfast.train.recipe.schedule import Step
from slowfast.train.step import Work

UNREADABLE = "unreadable_train.txt"


def clip_loader(train: list[Sample], val: list[Sample], cfg: Config) -> Loader[ClipKey, Clip]:
    """The loader of training and validation clips."""
    data = cfg.data
    names = read_labels(data.labels, cfg.model.num_classes, data.root) if data.flip_by_name else []
    flipped = flipped_labels(data.flip_pairs, names)
    is_balanced = cfg.train.sampling == "balanced"
    groups = class_groups([sample.label for sample in train]) if is_balanced else ()
    own: TrainClips | TrainKeyClips = TrainClips(train, data, cfg.seed, flipped)
    view: ValClips | KeyViews = ValClips(val, data)
    pixels = data.crop_size**2
    if cfg.train.task == "detection":
        packed = PackedSamples(train)
        own = TrainKeyClips(packed, data, cfg.detection, cfg.test.protocol, cfg.seed, flipped)
        view = KeyViews(PackedSamples(val), data, cfg.test, cfg.detection)
        pixels = max(pixels, cfg.test.short_side**2 * 16 // 9)
    clips = Clips(own, view, groups)
    batch_bytes = cfg.train.batch_size * data.num_frames * pixels * 3
    return Loader(
        clips,
        num_workers=num_readers(cfg, batch_bytes),
        describe=clips.shown,
        seconds=data.read_seconds,
        substitute=clips.substitute if data.on_error == "substitute" else None,
    )


def train_keys(
    draws: Sequence[int], epoch: int, num_samples: int, grid: Grid | None = None
) -> list[TrainKey]:
    """The clips of a batch, see ``balanced_draws``; in a plain order a draw is the sample."""
    return [TrainKey(epoch, draw % num_samples, grid, draw // num_samples) for draw in draws]


class EpochReader:
    """Reads the clips of an epoch's steps; epochs count from 0."""

    def __init__(
        self, loader: Loader[ClipKey, Clip], samples: list[Sample], cfg: Config, epoch: int
    ) -> None:
        self._loader, self._samples, self._cfg, self._epoch = loader, samples, cfg, epoch
        self._unreadable = Unreadable(cfg.data.max_errors)

    def read(self, steps: list[Step]) -> Iterator[tuple[Step, Work, float]]:
        """Yields each step with its clips, and the seconds that it waited for them."""
        batches = self._loader.run(
            train_keys(batch, self._epoch, len(self._samples), step.grid)
            for step in steps
            for batch in step.batches
        )
        for step in steps:
            began = time.perf_counter()
            items = [next(batches) for _ in step.batches]
            yield step, self._readable(step, items), time.perf_counter() - began

    def _readable(self, step: Step, items: list[list[Clip | VideoError]]) -> Work:
        """The readable clips of a step's batches; counts and logs the unreadable ones.

        Holds the error that ends the run if an unreadable clip may not be left out, or there are
        too many.
        """
        replaced = self._loader.replaced
        errors = [(key.sample, error) for key, error in replaced if isinstance(key, TrainKey)]
        replaced.clear()
        fatal = None
        for draw, item in zip(chain(*step.batches), chain(*items), strict=True):
            if isinstance(item, VideoError) and self._cfg.data.on_error == "skip":
                errors.append((draw % len(self._samples), item))
            elif isinstance(item, VideoError):
                fatal = fatal or item
        try:
            for index, error in errors:
                if video := self._unreadable.note(self._samples, index, error):
                    logger.warning(f"unreadable: {video.line()}")
        except VideoError as too_many:
            fatal = fatal or too_many
        batches = [[item for item in batch if not isinstance(item, VideoError)] for batch in items]
        return Work(batches, step.clips, step.grid, fatal)

    def list_unreadable(self) -> None:
        """Lists unreadable videos of all processes in the log and in unreadable_train.txt."""
        if self._cfg.data.on_error == "raise":
            return
        videos = distributed.gather(self._unreadable.videos)
        reasons = [video.line() for video in in_order(videos)]
        if reasons and distributed.rank() == 0:
            fates = {"skip": "left out", "substitute": "replaced by others"}
            fate = fates[self._cfg.data.on_error]
            path = write_unreadable(self._cfg.output_dir, reasons, UNREADABLE)
            head = f"epoch:{self._epoch + 1}: {len(reasons)} unreadable videos {fate} ({path}):"
            for line in (head, *(f"  {reason}" for reason in reasons)):
                logger.warning(line)
