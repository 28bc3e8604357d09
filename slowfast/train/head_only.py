"""Trains only the classifier, on features of all videos that are computed once and kept.

Legend: N clips, n clips of a video, C channels of the classifier's input, K classes.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import paddle
from numpy.typing import NDArray

from slowfast import distributed
from slowfast.config import Config
from slowfast.data.order import Pool, class_groups, train_batches
from slowfast.data.samples import Label, Sample
from slowfast.log import logger
from slowfast.metrics.accuracy import average_views
from slowfast.metrics.meter import METERS
from slowfast.models.head import PROBABILITIES, Head
from slowfast.predict.features import FOLDER, Rows, claim_features, video_features
from slowfast.predict.runtime.built import weighted
from slowfast.predict.runtime.low_precision import settled
from slowfast.predict.tallies import TALLIES, Tally
from slowfast.signals import handled_signals
from slowfast.train.checkpoint import NonFiniteError, TrainState, save_checkpoint
from slowfast.train.class_results import results_of
from slowfast.train.curves import MetricWriter
from slowfast.train.cut import Place
from slowfast.train.monitor import Pace, log_validation, tell_batch
from slowfast.train.recipe.loss import LOSSES, training_loss
from slowfast.train.recipe.optim import take_step
from slowfast.train.recipe.schedule import Schedule
from slowfast.train.settings_shown import final_scalars, shown_settings
from slowfast.train.step import Outcome, label_array, seed_dropout
from slowfast.train.validate import validation_result
from slowfast.weights.systems import Tensors

AT_ONCE = 4096
"""Clips per validation batch."""


def train_head(
    state: TrainState, samples: list[Sample], val_samples: list[Sample] | None, cfg: Config,
    class_names: list[str] | None = None,
) -> dict[str, float]:  # fmt: skip
    """Computes missing features, and trains the head on all of them to the last epoch.

    The rest of the network does not change. All processes compute features; rank 0 trains.
    Writes a checkpoint of the whole network after the last epoch, and the best one. Returns the
    last validation's result, see ``validate_head``; empty without one and on other ranks.

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
                result, best = _fit(
                    state, _of(train, samples), _of(val, val_samples or []), cfg, class_names
                )
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
    labels: list[Label]
    """Of each video."""


def _of(rows: Rows, samples: Sequence[Sample]) -> Features | None:
    """The features and labels of readable videos; None if there are none."""
    pairs = [(r, s.label) for r, s in zip(rows, samples, strict=True) if r is not None]
    if not pairs:
        return None
    readable, labels = zip(*pairs, strict=True)
    return Features(np.stack(readable), [*labels])


def _fit(
    state: TrainState, train: Features | None, val: Features | None, cfg: Config,
    class_names: list[str] | None,
) -> tuple[dict[str, float], Tensors | None]:  # fmt: skip
    """Trains to the last epoch. Returns the last validation, and the head's weights at a new best
    validation, if there was one."""
    assert train is not None
    labels = [label for label in train.labels for _ in range(train.rows.shape[1])]
    groups = class_groups(labels) if cfg.train.sampling == "balanced" else None
    schedule = Schedule(Pool(len(labels), groups=groups), cfg)
    tell_batch(schedule, cfg, state.class_weights)
    head, result = state.model.head, {}
    best: Tensors | None = None
    state.steps = schedule.go_on(state.epoch, 0, state.steps)
    place = Place(state.steps, state.epoch)
    with MetricWriter(cfg.output_dir, distributed.rank(), place) as writer:
        finals = final_scalars(cfg.train.task, validates=val is not None)
        writer.settings(shown_settings(cfg, schedule.total_batch), finals)
        for epoch in range(state.epoch, schedule.epochs):
            _train_epoch(state, train, schedule, epoch, cfg, writer)
            is_due = (epoch + 1) % cfg.train.val_interval == 0 or epoch + 1 == schedule.epochs
            if val is None or not is_due:
                continue
            result, tally = validate_head(head, val, cfg)
            _require_finite(result["loss"], f"the validation of epoch {epoch + 1}")
            if result[state.decisive] > state.best:
                state.best = result[state.decisive]
                best = {f"head.{name}": x.numpy() for name, x in head.state_dict().items()}
            log_validation(writer, "val", epoch + 1, result, state.decisive, state.best)
            if cfg.train.show_interval and writer.draws:
                from slowfast.train.class_pictures import draw_classes  # here: matplotlib

                draw_classes(writer, "val", epoch + 1, results_of(tally), class_names)
    state.steps = schedule.total
    return result, best


def _train_epoch(
    state: TrainState, train: Features, schedule: Schedule, epoch: int, cfg: Config,
    writer: MetricWriter,
) -> None:  # fmt: skip
    """One epoch over all clips, shuffled, in batches of the total size of all processes."""
    head, clips = state.model.head, train.rows.shape[1]
    rows = train.rows.reshape(-1, train.rows.shape[2])
    sizes = [schedule.total_batch]
    batches = train_batches(
        schedule.pool, sizes=sizes, seed=cfg.seed, epoch=epoch, rank=0, world_size=1
    )
    seed_dropout(cfg.seed, epoch)
    pace = Pace(cfg, writer, epoch, schedule)
    head.train()
    for step, batch in enumerate(batches):
        began, meter = time.perf_counter(), METERS[cfg.train.task](cfg.test.threshold)
        places = np.array(batch) % len(rows)
        features_NC = paddle.to_tensor(rows[places])
        own = label_array([train.labels[place // clips] for place in places], cfg)
        reader_cost = time.perf_counter() - began
        logits = head.projection(head.dropout(features_NC))
        loss = training_loss(logits, paddle.to_tensor(own), cfg.train, state.class_weights)
        meter.add(logits.detach().numpy(), own, float(loss))
        _require_finite(float(loss), f"epoch {epoch + 1}, step {step}")
        state.precision.backward(loss)
        lr = schedule.learning_rate(epoch, step)
        is_told, norm = step % cfg.train.log_interval == 0, math.nan
        if is_taken := state.precision.unscale(state.model):
            norm = take_step(state.model, state.optimizer, lr, cfg.optim.grad_clip, is_told=is_told)
        state.optimizer.clear_grad()
        metrics = meter.result(meter.sums())
        own_loss, seen = metrics.pop("loss"), int(metrics.pop("seen"))
        outcome = Outcome(own_loss, metrics, meter.sums(), seen, False, own_loss, is_taken, norm)
        pace.log(step, outcome, lr, reader_cost)
    pace.log_end()


def _require_finite(loss: float, what: str) -> None:
    if not np.isfinite(loss):
        raise NonFiniteError(f"the loss of {what} is {loss} (lower optim.base_lr)")


@paddle.no_grad()
def validate_head(head: Head, val: Features, cfg: Config) -> tuple[dict[str, float], Tally]:
    """The metrics of a test with the same views, see ``validate``, and the clips' mean ``loss``;
    and their tally."""
    head.eval()
    task, tally = cfg.train.task, TALLIES[cfg.train.task](val.labels, cfg)
    videos, clips, channels = val.rows.shape
    total, at_once = 0.0, max(AT_ONCE // clips, 1)
    for first in range(0, videos, at_once):
        rows = val.rows[first : first + at_once]
        labels = label_array(val.labels[first : first + at_once], cfg)
        logits = head.projection(paddle.to_tensor(rows.reshape(-1, channels)))
        loss = LOSSES[task](logits, paddle.to_tensor(labels.repeat(clips, axis=0)))
        total += float(loss) * len(rows)
        views = logits if cfg.test.row_kind == "score" else PROBABILITIES[task](logits)
        views_NnK = views.numpy().reshape(len(rows), clips, -1)
        for index, scores_nK in enumerate(views_NnK, first):
            tally.add(index, average_views(scores_nK, cfg.test.average_clips, task))
    return validation_result(total / videos, tally, float(videos)), tally
