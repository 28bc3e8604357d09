"""One training step, on the readable clips of its batches.

Legend: N clips, C channels, T frames, H x W pixels, K classes.
"""

import contextlib
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

import numpy as np
import paddle
from numpy.typing import NDArray
from paddle import Tensor, nn, optimizer

from slowfast import distributed
from slowfast.config import Config
from slowfast.data.clips.datasets import Clip
from slowfast.data.clips.sampling import Grid
from slowfast.data.order import Stream
from slowfast.data.samples import Label
from slowfast.data.video.reader import VideoError
from slowfast.metrics.accuracy import softmax
from slowfast.metrics.meter import METERS, LabelMeter, Meter
from slowfast.models.pathways import normalize
from slowfast.models.roi_head import joined
from slowfast.predict.tallies import TALLIES
from slowfast.signals import Stop
from slowfast.train.recipe.loss import loss_of, training_loss
from slowfast.train.recipe.mix import mix
from slowfast.train.recipe.optim import take_step
from slowfast.train.recipe.precision import Precision
from slowfast.train.watch import FirstStep


@dataclass
class Learner:
    """What a step works with."""

    model: nn.Layer
    """With several processes a DataParallel, which averages gradients over them."""
    optimizer: optimizer.Optimizer
    precision: Precision
    stop: Stop
    cfg: Config
    class_weights: NDArray[np.float32] | None = None
    """In the loss, ``[K]``."""


class Work(NamedTuple):
    """One process's input to a step."""

    batches: list[list[Clip]]
    """The readable clips of each batch; the batches' gradients are added up."""
    clips: int
    """Planned clips, with those that cannot be read."""
    grid: Grid
    error: VideoError | None
    """Ends the run in all processes."""


class Outcome(NamedTuple):
    """The result of a step; means are over the clips, or boxes, of all processes."""

    loss: float
    metrics: dict[str, float]
    """Those of the task, by name."""
    sums: list[float]
    """What both are computed from, see ``METERS``."""
    clips: int
    """Clips of all processes."""
    stop: bool
    """Whether a process has been asked to stop."""
    own_loss: float
    """The mean loss over this process's clips, or boxes."""
    is_taken: bool
    """Whether the weights have changed."""
    grad_norm: float = math.nan
    """L2 norm of the step's gradients, before they are clipped; nan where it was not computed."""


def train_step(
    learner: Learner, work: Work, lr: float, epoch: int, step: int, watch: FirstStep | None = None
) -> Outcome:
    """One optimizer step; if the loss is not finite, the weights stay as they are.

    The gradient is that of the mean loss over all clips of all batches and processes. Each batch
    is weighted by its share of the planned clips. If videos are left out, the sum is scaled up to
    the clips that were read. With boxes the mean is over these: each batch is weighted by its boxes
    per planned clip, and the sum scaled to the boxes of all.

    A process without clips still takes part, with a black clip that has weight 0 and does not
    change batch norm; a batch without boxes does, with a box of weight 0. If no process has clips,
    or boxes, there is no step.

    Raises:
        VideoError: in all processes, if one has an ``error``. If only that one ended, gloo would
            abort the others in the middle of their sums.
    """
    (errors,) = distributed.all_reduce_sum(work.error is not None)
    if errors:
        raise_together(VideoError, work.error)
    cfg, meter = learner.cfg, meter_of(learner.cfg)
    place = (cfg.seed, epoch, step, distributed.rank())
    seed_dropout(*place)
    rng = np.random.default_rng([Stream.MIX, *place])
    batches = [batch for batch in work.batches if batch]
    for number, batch in enumerate(batches, 1):
        # Gradients are averaged over the processes once, after the last batch.
        waits = number < len(batches) and isinstance(learner.model, paddle.DataParallel)
        with learner.model.no_sync() if waits else contextlib.nullcontext():
            _add_gradients(learner, batch, work.clips, rng, meter, watch)
    if not batches:
        _take_part(learner, work.grid)
    own, own_clips = meter.sums(), sum(map(len, batches))
    *sums, clips, stops = distributed.all_reduce_sum(*own, own_clips, learner.stop.signal != 0)
    metrics = meter.result(sums)
    loss, seen = metrics.pop("loss"), metrics.pop("seen")
    wanted = work.clips * distributed.world_size()
    is_taken, norm = False, math.nan
    if seen and np.isfinite(loss):
        if seen != wanted:
            _scale_gradients(learner.model, wanted / seen)
        is_taken = learner.precision.unscale(learner.model)
        if watch:
            watch.gradients(learner.model)
        if is_taken:
            is_told = step % cfg.train.log_interval == 0
            norm = take_step(
                learner.model, learner.optimizer, lr, cfg.optim.grad_clip, is_told=is_told
            )
    learner.optimizer.clear_grad()
    own_loss = meter.result(own)["loss"]
    return Outcome(loss, metrics, sums, int(clips), stops > 0, own_loss, is_taken, norm)


def meter_of(cfg: Config) -> Meter | LabelMeter:
    """Of the clips, or boxes, of a step."""
    if cfg.has_one_label:
        return LabelMeter(cfg.test.threshold, softmax)
    return METERS[cfg.train.task](cfg.test.threshold)


def batch_of(clips: list[Clip], cfg: Config) -> tuple[tuple[Tensor, ...], NDArray[Any]]:
    """What the network is given: the normalised clips ``[N, 3, T, H, W]``; with detection also the
    boxes of all of them and their counts, see ``joined``. And the labels of the clips, or of the
    boxes, see ``label_array``."""
    frames = paddle.stack([paddle.to_tensor(clip.frames) for clip in clips])
    clip_NCTHW = normalize(frames, cfg.data.mean, cfg.data.std)
    if cfg.train.task != "detection":
        return (clip_NCTHW,), label_array([clip.label for clip in clips], cfg)
    labels = label_array([own for clip in clips for own in clip.box_labels], cfg)
    return (clip_NCTHW, *joined([clip.boxes for clip in clips if clip.boxes is not None])), labels


def label_array(labels: Sequence[Label], cfg: Config) -> NDArray[Any]:
    """The class of each clip ``[N]``; with several labels, or of each box, 1 for each of its
    classes, else 0, ``[N, K]`` float32."""
    return TALLIES[cfg.train.task].array(labels, cfg.model.num_classes)


def _add_gradients(
    learner: Learner, clips: list[Clip], wanted: int, rng: np.random.Generator,
    meter: Meter | LabelMeter, watch: FirstStep | None,
) -> None:  # fmt: skip
    """Adds the gradients of a batch's mean loss, weighted by its share of ``wanted`` clips."""
    cfg = learner.cfg
    (clip_NCTHW, *boxes), labels = batch_of(clips, cfg)
    if not len(labels):
        _add_zeros(learner, clip_NCTHW)
        return
    targets = paddle.to_tensor(labels)
    if cfg.train.mixup or cfg.train.cutmix:
        alphas = {"mixup": cfg.train.mixup, "cutmix": cfg.train.cutmix}
        classes = cfg.model.num_classes
        clip_NCTHW, targets = mix(clip_NCTHW, labels, num_classes=classes, rng=rng, **alphas)
    if watch:
        watch.clips(clip_NCTHW, targets, boxes)
    with learner.precision.autocast():
        logits = learner.model(clip_NCTHW, *boxes)
    loss = training_loss(logits, targets, cfg.train, learner.class_weights, loss_of(cfg))
    learner.precision.backward(loss * (len(labels) / wanted))
    meter.add(logits.detach().astype("float32").numpy(), labels, float(loss))


def _take_part(learner: Learner, grid: Grid) -> None:
    """Adds gradients of 0, so that the sums over the processes work."""
    learner.model.eval()
    _add_zeros(learner, paddle.zeros([1, 3, grid.num_frames, grid.crop_size, grid.crop_size]))
    learner.model.train()


def _add_zeros(learner: Learner, clip_NCTHW: Tensor) -> None:
    """Adds gradients of 0; of the whole picture where the network wants boxes."""
    height, width = clip_NCTHW.shape[3:]
    whole = np.array([[0, 0, width, height]], np.float32)
    is_detector = learner.cfg.train.task == "detection"
    boxes = joined([whole] * len(clip_NCTHW)) if is_detector else ()
    with learner.precision.autocast():
        logits = learner.model(clip_NCTHW, *boxes)
    learner.precision.backward(logits.astype("float32").sum() * 0.0)


@paddle.no_grad()
def _scale_gradients(model: nn.Layer, factor: float) -> None:
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad.scale_(factor)


def seed_dropout(*place: int) -> None:
    """Seeds dropout by a place in the run, so that a resumed run repeats it."""
    words = np.random.SeedSequence([Stream.DROPOUT, *place]).generate_state(1)
    paddle.seed(int(words[0]))


def raise_together(kind: type[Exception], error: Exception | None) -> NoReturn:
    """Raises the error of the first process that has one, in every process.

    All processes call it once they know that one of them has an error.
    """
    reasons = distributed.gather(str(error) if error else "")
    if distributed.rank() > 0:  # the launcher ends all as soon as one has ended
        time.sleep(3)  # so that rank 0, whose output is on the screen, ends first
    raise kind(next(reason for reason in reasons if reason))
