"""Validation during training: the centre view of every sample, or the whole picture of every key
frame, each counted once.

Legend: N videos, or boxes, K classes.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import paddle
from numpy.typing import NDArray

from slowfast import distributed
from slowfast.config import Config
from slowfast.data.boxes.ava import labels_of_nearest
from slowfast.data.clips.datasets import Clip, ClipKey
from slowfast.data.samples import Sample
from slowfast.data.unreadable import Unreadable, in_order, noted
from slowfast.data.video.reader import VideoError
from slowfast.data.workers.loader import Loader
from slowfast.log import logger
from slowfast.models.slowfast import VideoClassifier
from slowfast.overlap import IOU
from slowfast.predict.tallies import TALLIES, Tally
from slowfast.predict.views import own_batches, rows_of
from slowfast.train.recipe.loss import loss_of
from slowfast.train.step import batch_of


@paddle.no_grad()
def validate(
    model: VideoClassifier, loader: Loader[ClipKey, Clip], samples: Sequence[Sample], cfg: Config
) -> dict[str, float]:
    """The loss, without class weights or smoothing, and the usual numbers of the task's tally, of
    the centre view of every sample, each counted once. With boxes the mean loss is over these, see
    ``labels_of_nearest``: an annotated box counts for those that overlap it by half, while a
    training asks for detection.match_iou.

    Unless ``data.on_error`` is ``raise``, unreadable videos are left out, never replaced: rank 0
    logs them, and ``seen`` counts the readable ones.

    Raises:
        VideoError: a video is unreadable and ``data.on_error`` is ``raise``; or more than
            ``data.max_errors`` of one process are; or all are.
        NoPositivesError: several labels a video, and no video has one.
    """
    tally = TALLIES[cfg.train.task]([sample.truth for sample in samples], cfg)
    losses, read = np.zeros(2), 0  # the losses' sum, and that of the clips, or boxes
    unreadable = Unreadable(0 if cfg.data.on_error == "raise" else cfg.data.max_errors)

    def rows(clips: list[Clip]) -> Iterator[NDArray[np.float32]]:
        for clip in clips:
            if key := samples[clip.index].key:
                clip.box_labels = tuple(labels_of_nearest(key.boxes, key.truth, IOU))
        for same in of_one_size(clips):
            yield from logits_of(model, same, cfg, losses)

    model.eval()
    for index, row in rows_of(loader, own_batches(samples, cfg.train.batch_size, cfg), rows):
        if isinstance(row, VideoError):
            unreadable.note(*noted(samples, index), row)
        else:
            tally.add_logits(index, row)
            read += 1
    model.train()
    loss, counted, seen = distributed.all_reduce_sum(*losses.tolist(), read)
    missing = in_order(distributed.gather(unreadable.videos))
    what = "key frames" if cfg.train.task == "detection" else "videos"
    if not seen:
        none = f"none of the {len(samples):,} validation {what} could be read"
        raise VideoError(f"{none} (first: {missing[0].line()})")
    tally.gather()
    if missing and distributed.rank() == 0:
        for video in missing:
            logger.warning(f"unreadable: {video.line()}")
        logger.warning(f"validation: over {seen:,.0f} of {len(samples):,} {what}")
    return validation_result(loss / max(counted, 1), tally, seen)


def logits_of(
    model: VideoClassifier, clips: list[Clip], cfg: Config, losses: NDArray[np.float64]
) -> Iterable[NDArray[np.float32]]:
    """The logits of each clip ``[K]``, or of its boxes; adds the losses' sum, and the number of
    clips, or boxes, to ``losses``."""
    if not clips[0].frames.size:  # of key frames without boxes nothing is read
        return np.zeros([len(clips), 0, cfg.model.num_classes], np.float32)
    inputs, labels = batch_of(clips, cfg)
    logits = model(*inputs)
    logits_NK: NDArray[np.float32] = logits.numpy()
    is_counted = np.isfinite(logits_NK).all(axis=1)  # rows_of makes errors of others
    if cfg.has_one_label:
        is_counted &= labels.any(axis=1)
    (counted,) = is_counted.nonzero()
    if counted.size:
        own = paddle.to_tensor(labels[counted])
        loss = float(loss_of(cfg)(logits[paddle.to_tensor(counted)], own))
        losses += loss * counted.size, counted.size
    if clips[0].boxes is None:
        return logits_NK
    return np.split(logits_NK, np.cumsum([len(clip.box_labels) for clip in clips])[:-1])


def of_one_size(clips: Iterable[Clip]) -> Iterator[list[Clip]]:
    """Neighbours whose pictures are of one size, which the network can be given together."""
    for _, same in itertools.groupby(clips, key=lambda clip: clip.frames.shape):
        yield list(same)


def validation_result(loss: float, tally: Tally, seen: float) -> dict[str, float]:
    """The mean ``loss``, the usual numbers of the tally, and how many videos are ``seen``."""
    numbers = tally.numbers()
    return {"loss": loss, **{key: numbers[key] for key in tally.told()}, "seen": seen}
