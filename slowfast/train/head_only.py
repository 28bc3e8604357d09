"""Trains only the classifier, on features of all videos that are computed once and kept.

Legend: N clips, n clips of a video, C channels of the classifier's input, K classes.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import paddle
from numpy.typing import NDArray

from slowfast import distributed
from slowfast.config import Config
from slowfast.data.lists import Sample
from slowfast.data.order import train_batches
from slowfast.log import logger
from slowfast.metrics.accuracy import Meter, average_views
from slowfast.models.head import PROBABILITIES, Head
from slowfast.predict.features import FOLDER, Rows, claim_features, video_features
from slowfast.predict.runtime.built import weighted
from slowfast.predict.runtime.low_precision import settled
from slowfast.signals import handled_signals
from slowfast.train.checkpoint import NonFiniteError, TrainState, save_checkpoint
from slowfast.train.monitor import MetricWriter, Pace, log_validation, tell_batch
from slowfast.train.recipe.loss import cross_entropy
from slowfast.train.recipe.schedule import Schedule
from slowfast.train.step import Outcome, seed_dropout
from slowfast.weights.systems import Tensors

AT_ONCE = 4096
"""Clips per validation batch."""


def train_head(
    state: TrainState, samples: list[Sample], val_samples: list[Sample] | None, cfg: Config
) -> dict[str, float]:
    """Computes missing features, and trains the head on all of them to the last epoch.

    The rest of the network does not change. All processes compute features; rank 0 trains.
    Writes a checkpoint of the whole network after the last epoch, and the best one. Returns the
    last validation's ``loss``, ``top1``, ``top5``; empty without one and on other ranks.

    Raises:
        NonFiniteError: the loss or a weight is not finite; nothing is written.
        VideoError: a video cannot be read, and ``data.on_error`` or ``data.max_errors`` does not
            allow leaving it out.
        KeyboardInterrupt: Ctrl-C, or (Terminated) SIGTERM; the features so far are kept.
    """
    if state.epoch >= cfg.train.epochs:
        logger.info(f"nothing left to do: {state.epoch} of {cfg.train.epochs} epochs are done")
        return {}
    logger.info(
        f"the classifier alone is trained, on {cfg.train.head_clips} clips of each video, centre "
        "crops: augmentation and freezing in the config have no effect"
    )
    result: dict[str, float] = {}
    best: Tensors | None = None
    with handled_signals() as stop:
        try:
            network = weighted(state.model)
            cfg = settled(network, cfg, "features")
            kept = claim_features(network, cfg)
            train = video_features(network, samples, cfg, kept, "training")
            val = video_features(network, val_samples or [], cfg, kept, "validation")
            if distributed.rank() == 0:
                result, best = _fit(state, _of(train, samples), _of(val, val_samples or []), cfg)
        except KeyboardInterrupt as signal:
            folder = Path(cfg.output_dir) / FOLDER
            raise stop.error(f"the features so far are in {folder}") from signal
        state.epoch = cfg.train.epochs
        with stop.deferred():
            save_checkpoint(state, cfg, is_best=best is not None, best=best)
    return result


@dataclass
class Features:
    """Features of a list of videos, and their classes."""

    rows: NDArray[np.float32]
    """``[videos, n, C]``."""
    labels: NDArray[np.int64]
    """``[videos]``."""


def _of(rows: Rows, samples: Sequence[Sample]) -> Features | None:
    """The features and labels of readable videos; None if there are none."""
    pairs = [(r, s.label) for r, s in zip(rows, samples, strict=True) if r is not None]
    if not pairs:
        return None
    readable, labels = zip(*pairs, strict=True)
    return Features(np.stack(readable), np.array(labels))


def _fit(
    state: TrainState, train: Features | None, val: Features | None, cfg: Config
) -> tuple[dict[str, float], Tensors | None]:
    """Trains to the last epoch. Returns the last validation, and the head's weights at a new best
    validation, if there was one."""
    assert train is not None
    schedule = Schedule(train.labels.size * train.rows.shape[1], None, cfg)
    tell_batch(schedule, cfg)
    head, result = state.model.head, {}
    best: Tensors | None = None
    with MetricWriter(cfg.output_dir, distributed.rank()) as writer:
        for epoch in range(state.epoch, schedule.epochs):
            _train_epoch(state, train, schedule, epoch, cfg, writer)
            is_due = (epoch + 1) % cfg.train.val_interval == 0 or epoch + 1 == schedule.epochs
            if val is None or not is_due:
                continue
            result = validate_head(head, val, cfg)
            _require_finite(result["loss"], f"the validation of epoch {epoch + 1}")
            if result["top1"] > state.best_top1:
                state.best_top1 = result["top1"]
                best = {f"head.{name}": x.numpy() for name, x in head.state_dict().items()}
            log_validation(writer, "val", epoch + 1, result, state.best_top1)
    return result, best


def _train_epoch(
    state: TrainState, train: Features, schedule: Schedule, epoch: int, cfg: Config,
    writer: MetricWriter,
) -> None:  # fmt: skip
    """One epoch over all clips, shuffled, in batches of the total size of all processes."""
    head, clips = state.model.head, train.rows.shape[1]
    rows, labels = train.rows.reshape(-1, train.rows.shape[2]), train.labels.repeat(clips)
    batches = train_batches(
        len(rows), sizes=[schedule.total_batch], seed=cfg.seed, epoch=epoch, rank=0, world_size=1
    )
    seed_dropout(cfg.seed, epoch)
    pace = Pace(cfg, writer, epoch, schedule)
    head.train()
    for step, batch in enumerate(batches):
        began, meter = time.perf_counter(), Meter()
        features_NC, own = paddle.to_tensor(rows[batch]), labels[batch]
        reader_cost = time.perf_counter() - began
        logits = head.projection(head.dropout(features_NC))
        loss = cross_entropy(logits, paddle.to_tensor(own), cfg.train.label_smoothing)
        meter.add(logits.detach().numpy(), own, float(loss))
        _require_finite(float(loss), f"epoch {epoch + 1}, step {step}")
        state.precision.backward(loss)
        lr = schedule.learning_rate(epoch, step)
        state.precision.step(state.model, state.optimizer, lr, cfg.optim.grad_clip)
        mean = Meter.result(meter.sums())
        own_loss, top1, top5 = mean["loss"], mean["top1"], mean["top5"]
        outcome = Outcome(own_loss, top1, top5, len(batch), False, own_loss, is_taken=True)
        pace.log(step, outcome, lr, reader_cost)
    pace.log_end()


def _require_finite(loss: float, what: str) -> None:
    if not np.isfinite(loss):
        raise NonFiniteError(f"the loss of {what} is {loss} (lower optim.base_lr)")


@paddle.no_grad()
def validate_head(head: Head, val: Features, cfg: Config) -> dict[str, float]:
    """``top1`` and ``top5`` of a test with the same views, and the clips' mean ``loss``."""
    head.eval()
    videos, clips, channels = val.rows.shape
    meter = Meter()
    at_once = max(AT_ONCE // clips, 1)
    for first in range(0, videos, at_once):
        rows, labels = val.rows[first : first + at_once], val.labels[first : first + at_once]
        logits = head.projection(paddle.to_tensor(rows.reshape(-1, channels)))
        loss = cross_entropy(logits, paddle.to_tensor(labels.repeat(clips)))
        is_score = cfg.test.row_kind == "score"
        views = logits if is_score else PROBABILITIES[cfg.train.task](logits)
        scores = [
            average_views(scores_nK, cfg.test.average_clips, cfg.train.task)
            for scores_nK in views.numpy().reshape(len(labels), clips, -1)
        ]
        meter.add(np.stack(scores), labels, float(loss))
    return Meter.result(meter.sums())
