"""Reads the clips of each training step, and handles videos that cannot be read."""

import time
from collections.abc import Iterator
from itertools import chain

from slowfast import distributed
from slowfast.config import Config
from slowfast.data.clips.datasets import Clip, ClipKey, TrainKey
from slowfast.data.samples import Sample
from slowfast.data.unreadable import Unreadable, in_order, write_unreadable
from slowfast.data.video.reader import VideoError
from slowfast.data.workers.loader import Loader
from slowfast.log import logger
from slowfast.train.recipe.schedule import Step
from slowfast.train.step import Work
from slowfast.train.training_clips import train_keys

UNREADABLE = "unreadable_train.txt"


class EpochReader:
    """Reads the clips of an epoch's steps; epochs count from 0."""

    def __init__(
        self, loader: Loader[ClipKey, Clip], samples: list[Sample], cfg: Config, epoch: int
    ) -> None:
        self._loader, self._samples, self._cfg, self._epoch = loader, samples, cfg, epoch
        self._unreadable = Unreadable(cfg.data.max_errors)
        self._lost = 0  # clips whose crop has no box

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
        clips = chain(*batches)
        self._lost += sum(clip.boxes is not None and not len(clip.boxes) for clip in clips)
        return Work(batches, step.clips, step.grid, fatal)

    def num_lost(self) -> int:
        """How many clips of all processes have no box in their crop."""
        (lost,) = distributed.all_reduce_sum(self._lost)
        return int(lost)

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
