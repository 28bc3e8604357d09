"""One training step, on the readable clips of its batches.

Legend: N clips, C channels, T frames, H x W pixels, K classes.
"""

import contextlib
import time
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

import numpy as np
import paddle
from paddle import nn, optimizer

from slowfast import distributed
from slowfast.config import Config
from slowfast.data.clips.datasets import Clip
from slowfast.data.clips.sampling import Grid
from slowfast.data.order import Stream
from slowfast.data.video.reader import VideoError
from slowfast.metrics.accuracy import Meter
from slowfast.models.pathways import normalize
from slowfast.signals import Stop
from slowfast.train.recipe.loss import cross_entropy
from slowfast.train.recipe.mix import mix
from slowfast.train.recipe.precision import Precision


@dataclass
class Learner:
    """What a step works with."""

    model: nn.Layer
    """With several processes a DataParallel, which averages gradients over them."""
    optimizer: optimizer.Optimizer
    precision: Precision
    stop: Stop
    cfg: Config


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
    """The result of a step; means are over the clips of all processes."""

    loss: float
    top1: float
    top5: float
    clips: int
    """Clips of all processes."""
    stop: bool
    """Whether a process has been asked to stop."""
    own_loss: float
    """The mean loss over this process's clips."""
    is_taken: bool
    """Whether the weights have changed."""


def train_step(learner: Learner, work: Work, lr: float, epoch: int, step: int) -> Outcome:
    """One optimizer step; if the loss is not finite, the weights stay as they are.

    The gradient is that of the mean loss over all clips of all batches and processes. Each batch
    is weighted by its share of the planned clips. If videos are left out, the sum is scaled up to
    the clips that were read.

    A process without clips still takes part, with a black clip that has weight 0 and does not
    change batch norm. If no process has clips, there is no step.

    Raises:
        VideoError: in all processes, if one has an ``error``. If only that one ended, gloo would
            abort the others in the middle of their sums.
    """
    (errors,) = distributed.all_reduce_sum(work.error is not None)
    if errors:
        raise_together(VideoError, work.error)
    cfg, meter = learner.cfg, Meter()
    rng = _seed(cfg.seed, epoch, step)
    batches = [batch for batch in work.batches if batch]
    for number, clips in enumerate(batches, 1):
        with _unsynchronised(learner.model, number < len(batches)):
            _add_gradients(learner, clips, work.clips, rng, meter)
    if not batches:
        _take_part(learner, work.grid)
    own = meter.sums()
    loss, top1, top5, seen, stops = distributed.all_reduce_sum(*own, learner.stop.signal != 0)
    wanted = work.clips * distributed.world_size()
    is_taken = False
    if not seen or not np.isfinite(loss):
        learner.optimizer.clear_grad()
    else:
        if seen != wanted:
            _scale_gradients(learner.model, wanted / seen)
        is_taken = learner.precision.step(learner.model, learner.optimizer, lr, cfg.optim.grad_clip)
    total, own_total = max(seen, 1.0), max(own[3], 1.0)
    means = (loss / total, top1 / total, top5 / total)
    return Outcome(*means, int(seen), stops > 0, own[0] / own_total, is_taken)


def _add_gradients(
    learner: Learner, clips: list[Clip], wanted: int, rng: np.random.Generator, meter: Meter
) -> None:
    """Adds the gradients of a batch's mean loss, weighted by its share of ``wanted`` clips."""
    cfg = learner.cfg
    frames = paddle.stack([paddle.to_tensor(clip.frames) for clip in clips])
    labels = np.array([clip.label for clip in clips])
    clip_NCTHW = normalize(frames, cfg.data.mean, cfg.data.std)
    targets = paddle.to_tensor(labels)
    if cfg.train.mixup or cfg.train.cutmix:
        clip_NCTHW, targets = mix(
            clip_NCTHW,
            labels,
            num_classes=cfg.model.num_classes,
            mixup=cfg.train.mixup,
            cutmix=cfg.train.cutmix,
            rng=rng,
        )
    with learner.precision.autocast():
        logits = learner.model(clip_NCTHW)
    loss = cross_entropy(logits, targets, cfg.train.label_smoothing)
    learner.precision.backward(loss * (len(clips) / wanted))
    meter.add(logits.detach().astype("float32").numpy(), labels, float(loss))


def _take_part(learner: Learner, grid: Grid) -> None:
    """Adds gradients of 0, so that the sums over the processes work."""
    size = grid.crop_size
    black_NCTHW = paddle.zeros([1, 3, grid.num_frames, size, size])
    learner.model.eval()
    with learner.precision.autocast():
        logits = learner.model(black_NCTHW)
    learner.precision.backward(logits.astype("float32").sum() * 0.0)
    learner.model.train()


def _unsynchronised(model: nn.Layer, is_entered: bool) -> contextlib.AbstractContextManager[object]:
    """A context; if ``is_entered``, gradients are not averaged over the processes in it."""
    if is_entered and isinstance(model, paddle.DataParallel):
        return model.no_sync()
    return contextlib.nullcontext()


@paddle.no_grad()
def _scale_gradients(model: nn.Layer, factor: float) -> None:
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad.scale_(factor)


def _seed(seed: int, epoch: int, step: int) -> np.random.Generator:
    """Seeds a step's dropout and mixing by its place, so that a resumed run repeats them."""
    place = [seed, epoch, step, distributed.rank()]
    words = np.random.SeedSequence([Stream.DROPOUT, *place]).generate_state(1)
    paddle.seed(int(words[0]))
    return np.random.default_rng([Stream.MIX, *place])


def raise_together(kind: type[Exception], error: Exception | None) -> NoReturn:
    """Raises the error of the first process that has one, in every process.

    All processes call it once they know that one of them has an error.
    """
    reasons = distributed.gather(str(error) if error else "")
    if distributed.rank() > 0:  # the launcher ends all as soon as one has ended
        time.sleep(3)  # so that rank 0, whose output is on the screen, ends first
    raise kind(next(reason for reason in reasons if reason))
