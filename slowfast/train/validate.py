"""Validation during training: the centre view of every sample, each counted once.

Legend: N videos, K classes.
"""

from collections.abc import Sequence

import numpy as np
import paddle
from numpy.typing import NDArray

from slowfast import distributed
from slowfast.config import Config
from slowfast.data.clips.datasets import Clip, ClipKey
from slowfast.data.samples import Sample
from slowfast.data.unreadable import Unreadable, in_order
from slowfast.data.video.reader import VideoError
from slowfast.data.workers.loader import Loader
from slowfast.log import logger
from slowfast.models.slowfast import VideoClassifier
from slowfast.predict.tallies import TALLIES, Tally
from slowfast.predict.views import own_batches, rows_of
from slowfast.train.recipe.loss import LOSSES
from slowfast.train.step import batch_of


@paddle.no_grad()
def validate(
    model: VideoClassifier, loader: Loader[ClipKey, Clip], samples: Sequence[Sample], cfg: Config
) -> dict[str, float]:
    """The loss, without class weights or smoothing, and the usual numbers of the task's tally, of
    the centre view of every sample, each counted once.

    Unless ``data.on_error`` is ``raise``, unreadable videos are left out, never replaced: rank 0
    logs them, and ``seen`` counts the readable ones.

    Raises:
        VideoError: a video is unreadable and ``data.on_error`` is ``raise``; or more than
            ``data.max_errors`` of one process are; or all are.
        NoPositivesError: several labels a video, and no video has one.
    """
    tally = TALLIES[cfg.train.task]([sample.truth for sample in samples], cfg)
    losses = np.zeros(2)  # their sum, and that of the clips
    unreadable = Unreadable(0 if cfg.data.on_error == "raise" else cfg.data.max_errors)

    def logits_of(clips: list[Clip]) -> NDArray[np.float32]:
        clip_NCTHW, labels = batch_of(clips, cfg)
        logits = model(clip_NCTHW)
        logits_NK: NDArray[np.float32] = logits.numpy()
        (counted,) = np.isfinite(logits_NK).all(axis=1).nonzero()  # rows_of makes errors of others
        if counted.size:
            own = paddle.to_tensor(labels[counted])
            loss = float(LOSSES[cfg.train.task](logits[paddle.to_tensor(counted)], own))
            losses[:] += loss * counted.size, counted.size
        return logits_NK

    model.eval()
    for index, row in rows_of(loader, own_batches(samples, cfg.train.batch_size, cfg), logits_of):
        if isinstance(row, VideoError):
            unreadable.note(index, samples[index].shown, row)
        else:
            tally.add_logits(index, row)
    model.train()
    loss, seen = distributed.all_reduce_sum(*losses.tolist())
    missing = in_order(distributed.gather(unreadable.videos))
    if not seen:
        none = f"none of the {len(samples):,} validation videos could be read"
        raise VideoError(f"{none} (first: {missing[0].line()})")
    tally.gather()
    if missing and distributed.rank() == 0:
        for video in missing:
            logger.warning(f"unreadable: {video.line()}")
        logger.warning(f"validation: over {seen:,.0f} of {len(samples):,} videos")
    return validation_result(loss / seen, tally, seen)


def validation_result(loss: float, tally: Tally, seen: float) -> dict[str, float]:
    """The mean ``loss``, the usual numbers of the tally, and how many videos are ``seen``."""
    numbers = tally.numbers()
    return {"loss": loss, **{key: numbers[key] for key in tally.told()}, "seen": seen}
