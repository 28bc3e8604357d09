"""Validation during training: the centre view of every sample, or the whole picture of every key
frame, each counted once.

Legend: N videos, or boxes, K classes.
"""

import dataclasses
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
from slowfast.data.unreadable import Unreadable, in_order
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
) -> tuple[dict[str, float], Tally]:
    """The loss, without class weights or smoothing, and the usual numbers of the task's tally, of
    the centre view of every sample, each counted once. With boxes the mean loss is over these, see
    ``labels_of_nearest``: an annotated box counts for those that overlap it by half, while a
    training asks for detection.match_iou. Excluded key frames do not count in the loss.

    Unless ``data.on_error`` is ``raise``, unreadable videos are left out, never replaced: rank 0
    logs them, and ``seen`` counts the readable ones.

    Returns:
        The numbers, and the tally that they are of.

    Raises:
        VideoError: a video is unreadable and ``data.on_error`` is ``raise``; or more than
            ``data.max_errors`` of one process are; or all are.
        NoPositivesError: several labels a video, and no video has one.
    """
    tally = TALLIES[cfg.train.task]([sample.truth for sample in samples], cfg)
    losses, read = np.zeros(2), 0  # the losses' sum, and that of the clips, or boxes
    unreadable = Unreadable(0 if cfg.data.on_error == "raise" else cfg.data.max_errors)

    def rows(clips: list[Clip]) -> Iterator[NDArray[np.float32]]:
        for same in at_once(map(labelled, clips), cfg):
            keys = [samples[clip.index].key for clip in same]
            boxes = [key.boxes if key else (None,) for key in keys]
            counts = [not (key and key.is_excluded) for key in keys]
            counts_N = np.repeat(counts, [*map(len, boxes)])
            yield from logits_of(model, same, cfg, losses, counts_N)

    def labelled(clip: Clip) -> Clip:
        key = samples[clip.index].key
        if key is None:
            return clip
        labels = labels_of_nearest(key.boxes, key.truth, IOU)
        return dataclasses.replace(clip, box_labels=tuple(labels))

    model.eval()
    batches = own_batches(samples, cfg.train.batch_size, cfg, loader.num_workers)
    for index, row in rows_of(loader, batches, rows):
        if isinstance(row, VideoError):
            unreadable.note(samples, index, row)
        else:
            tally.add_logits(index, row)
            read += 1
    model.train()
    loss, counted, seen = distributed.all_reduce_sum(*losses.tolist(), read)
    missing = in_order(distributed.gather(unreadable.videos))
    if not seen:
        none = f"none of the {len(samples):,} validation {tally.unit} could be read"
        raise VideoError(f"{none} (first: {missing[0].line()})")
    tally.gather()
    if missing and distributed.rank() == 0:
        for video in missing:
            logger.warning(f"unreadable: {video.line()}")
        logger.warning(f"validation: over {seen:,.0f} of {len(samples):,} {tally.unit}")
    return validation_result(loss / max(counted, 1), tally, seen), tally


def logits_of(
    model: VideoClassifier,
    clips: list[Clip],
    cfg: Config,
    losses: NDArray[np.float64],
    counts_N: NDArray[np.bool_],
) -> Iterable[NDArray[np.float32]]:
    """The logits of each clip ``[K]``, or of its boxes; adds the losses' sum, and the number of
    clips, or boxes, to ``losses``, of those that count."""
    if not clips[0].frames.size:  # of key frames without boxes nothing is read
        return np.zeros([len(clips), 0, cfg.model.num_classes], np.float32)
    inputs, labels = batch_of(clips, cfg)
    logits = model(*inputs)
    logits_NK: NDArray[np.float32] = logits.numpy()
    is_counted = np.isfinite(logits_NK).all(axis=1) & counts_N  # rows_of makes errors of others
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


def at_once(clips: Iterable[Clip], cfg: Config) -> Iterator[list[Clip]]:
    """Neighbours whose pictures are of one size, which the network can be given together: no more
    pixels than a training batch has, but one clip at least."""
    most = cfg.train.batch_size * cfg.data.crop_size**2
    for shape, same in itertools.groupby(clips, key=lambda clip: clip.frames.shape):
        count = max(most // max(shape[1] * shape[2], 1), 1)
        while chunk := list(itertools.islice(same, count)):
            yield chunk


def validation_result(loss: float, tally: Tally, seen: float) -> dict[str, float]:
    """The mean ``loss``, the usual numbers of the tally, and how many videos are ``seen``."""
    numbers = tally.numbers()
    return {"loss": loss, **{key: numbers[key] for key in tally.told()}, "seen": seen}
