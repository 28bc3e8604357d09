"""Validation during training: the centre view of every sample, each counted once."""

from collections.abc import Sequence

import numpy as np
import paddle
from numpy.typing import NDArray

from slowfast import distributed
from slowfast.config import Config
from slowfast.data.clips.datasets import Clip, ClipKey
from slowfast.data.lists import Sample
from slowfast.data.unreadable import Unreadable, in_order
from slowfast.data.video.reader import VideoError
from slowfast.data.workers.loader import Loader
from slowfast.log import logger
from slowfast.metrics.accuracy import Meter
from slowfast.models.slowfast import VideoClassifier
from slowfast.predict.views import own_batches, rows_of
from slowfast.train.recipe.loss import cross_entropy
from slowfast.train.step import batch_of


@paddle.no_grad()
def validate(
    model: VideoClassifier, loader: Loader[ClipKey, Clip], samples: Sequence[Sample], cfg: Config
) -> dict[str, float]:
    """Loss, top-1 and top-5 of the centre view of every sample, each counted once.

    Unless ``data.on_error`` is ``raise``, unreadable videos are left out, never replaced: rank 0
    logs them, and ``seen`` counts the readable ones.

    Raises:
        VideoError: a video is unreadable and ``data.on_error`` is ``raise``; or more than
            ``data.max_errors`` of one process are; or all are.
    """
    meter = Meter()
    unreadable = Unreadable(0 if cfg.data.on_error == "raise" else cfg.data.max_errors)

    def logits_of(clips: list[Clip]) -> NDArray[np.float32]:
        clip_NCTHW, labels = batch_of(clips, cfg)
        logits = model(clip_NCTHW)
        logits_NK: NDArray[np.float32] = logits.numpy()
        (counted,) = np.isfinite(logits_NK).all(axis=1).nonzero()  # rows_of makes errors of others
        if counted.size:
            own = labels[counted]
            loss = cross_entropy(logits[paddle.to_tensor(counted)], paddle.to_tensor(own))
            meter.add(logits_NK[counted], own, float(loss))
        return logits_NK

    model.eval()
    for index, row in rows_of(loader, own_batches(samples, cfg.train.batch_size, cfg), logits_of):
        if isinstance(row, VideoError):
            unreadable.note(index, samples[index].path, row)
    model.train()
    result = Meter.result(distributed.all_reduce_sum(*meter.sums()))
    missing = in_order(distributed.gather(unreadable.videos))
    if not result["seen"]:
        none = f"none of the {len(samples):,} validation videos could be read"
        raise VideoError(f"{none} (first: {missing[0].line()})")
    if missing and distributed.rank() == 0:
        for video in missing:
            logger.warning(f"unreadable: {video.line()}")
        logger.warning(f"validation: over {result['seen']:,.0f} of {len(samples):,} videos")
    return result
