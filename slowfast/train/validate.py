"""Validation during training: the centre view of every sample, each counted once.

Legend: N videos, K classes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

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
from slowfast.metrics.accuracy import Scores, sigmoid
from slowfast.metrics.average_precision import multi_label_numbers
from slowfast.metrics.meter import Meter
from slowfast.models.slowfast import VideoClassifier
from slowfast.predict.views import own_batches, rows_of
from slowfast.train.recipe.loss import LOSSES
from slowfast.train.step import batch_of, label_array

DECISIVE = {"single": "top1", "multi": "mAP"}
"""By task: the metric of the best checkpoint."""


@paddle.no_grad()
def validate(
    model: VideoClassifier, loader: Loader[ClipKey, Clip], samples: Sequence[Sample], cfg: Config
) -> dict[str, float]:
    """The loss, without class weights or smoothing, and the metrics of the centre view of every
    sample, each counted once: top-1 and top-5, or those of ``label_metrics``.

    Unless ``data.on_error`` is ``raise``, unreadable videos are left out, never replaced: rank 0
    logs them, and ``seen`` counts the readable ones.

    Raises:
        VideoError: a video is unreadable and ``data.on_error`` is ``raise``; or more than
            ``data.max_errors`` of one process are; or all are.
        NoPositivesError: several labels a video, and no video has one.
    """
    meter, rows, task = Meter(), dict[int, NDArray[np.float32]](), cfg.train.task
    unreadable = Unreadable(0 if cfg.data.on_error == "raise" else cfg.data.max_errors)

    def logits_of(clips: list[Clip]) -> NDArray[np.float32]:
        clip_NCTHW, labels = batch_of(clips, cfg)
        logits = model(clip_NCTHW)
        logits_NK: NDArray[np.float32] = logits.numpy()
        (counted,) = np.isfinite(logits_NK).all(axis=1).nonzero()  # rows_of makes errors of others
        if counted.size and task == "single":
            own = labels[counted]
            loss = LOSSES[task](logits[paddle.to_tensor(counted)], paddle.to_tensor(own))
            meter.add(logits_NK[counted], own, float(loss))
        return logits_NK

    model.eval()
    for index, row in rows_of(loader, own_batches(samples, cfg.train.batch_size, cfg), logits_of):
        if isinstance(row, VideoError):
            unreadable.note(index, samples[index].shown, row)
        elif task == "multi":
            rows[index] = row
    model.train()
    if task == "single":
        result = Meter.result(distributed.all_reduce_sum(*meter.sums()))
    else:
        result = _of_all(rows, samples, cfg)
    missing = in_order(distributed.gather(unreadable.videos))
    if not result["seen"]:
        none = f"none of the {len(samples):,} validation videos could be read"
        raise VideoError(f"{none} (first: {missing[0].line()})")
    if missing and distributed.rank() == 0:
        for video in missing:
            logger.warning(f"unreadable: {video.line()}")
        logger.warning(f"validation: over {result['seen']:,.0f} of {len(samples):,} videos")
    return result


def _of_all(
    own: Mapping[int, NDArray[np.float32]], samples: Sequence[Sample], cfg: Config
) -> dict[str, float]:
    """The result for several labels a video, from this process's logits ``[K]`` by index: of the
    videos of all processes in the list's order, so that it is the same for any number of them."""
    rows = {index: row for part in distributed.gather(own) for index, row in part.items()}
    if not rows:
        return {"seen": 0.0}
    places = sorted(rows)
    logits_NK = np.stack([rows[index] for index in places])
    truth_NK = label_array([samples[index].label for index in places], cfg)
    loss = LOSSES["multi"](paddle.to_tensor(logits_NK), paddle.to_tensor(truth_NK))
    return label_metrics(sigmoid(logits_NK.astype(np.float64)), truth_NK, float(loss), cfg)


def label_metrics(
    scores_NK: Scores, truth_NK: NDArray[Any], loss: float, cfg: Config
) -> dict[str, float]:
    """``loss``, ``multi_label_numbers`` and ``seen``, from the probabilities of all videos."""
    numbers = multi_label_numbers(scores_NK, truth_NK, cfg.test.threshold)
    return {"loss": loss, **numbers, "seen": float(len(truth_NK))}
