"""One training step, on what could be read of a batch.

Legend: N clips, C channels, T frames, H x W pixels, K classes.
"""

import time
from typing import Any

import numpy as np
import paddle
from numpy.typing import NDArray
from paddle import Tensor, nn

from slowfast import distributed
from slowfast.config import Config
from slowfast.data.dataset import Clip
from slowfast.data.video import VideoError
from slowfast.engine.loss import cross_entropy
from slowfast.engine.preprocess import normalize
from slowfast.optim import clip_gradients


def step_on(
    clips: list[Clip],
    share: float | None,
    model: nn.Layer,
    optimizer: paddle.optimizer.Optimizer,
    cfg: Config,
    lr: float,
) -> tuple[float, NDArray[np.float32]]:
    """A step on what could be read of a batch; returns the loss and the scores ``[N, K]``.

    Where a process has nothing, it still takes part, with a black clip that counts for nothing and
    does not touch batch norm; where none has anything, there is no step.

    Args:
        share: see ``share_of_batch``.
    """
    data = cfg.data
    if clips:
        frames = paddle.stack([paddle.to_tensor(clip.frames) for clip in clips])
    else:
        side = data.crop_size
        frames = paddle.zeros([1, data.num_frames, side, side, 3], dtype="uint8")
        if share is None:
            return 0.0, np.zeros((0, cfg.model.num_classes), np.float32)
        model.eval()
    labels = np.array([clip.label for clip in clips] or [0])
    clip_NCTHW = normalize(frames, data.mean, data.std)
    loss, logits = train_step(model, optimizer, clip_NCTHW, labels, lr, cfg, share or 0.0)
    model.train()
    return loss, logits.numpy()


def train_step(
    model: nn.Layer,
    optimizer: paddle.optimizer.Optimizer,
    clip_NCTHW: Tensor,
    labels: np.ndarray[Any, Any],
    lr: float,
    cfg: Config,
    share: float = 1.0,
) -> tuple[float, Tensor]:
    """One step on one batch. A loss that is not finite leaves the weights as they are.

    Args:
        share: what the mean over this batch counts for in the mean over the processes.

    Returns:
        The mean loss, and the logits ``[N, K]``.
    """
    logits = model(clip_NCTHW)
    loss = cross_entropy(logits, paddle.to_tensor(labels), cfg.train.label_smoothing)
    value = float(loss)
    if np.isfinite(value):
        (loss * share).backward()
        clip_gradients(model, cfg.optim.grad_clip)
        optimizer.set_lr(lr)
        optimizer.step()
        optimizer.clear_grad()
    return value, logits.detach()


def share_of_batch(num_clips: int, error: VideoError | None) -> float | None:
    """What this process's mean loss counts for when the processes' are averaged: 1 as a rule.

    Where videos are left out batches differ in size, and the mean is to be that of all clips. None
    where no process has any.

    Raises:
        VideoError: in all processes, if one has an ``error``: a process that merely ended would
            leave the others in the middle of their sums, which gloo answers by aborting them.
    """
    if distributed.world_size() > 1:
        total, failed = distributed.all_reduce_sum(num_clips, error is not None)
        if failed:
            reasons = distributed.gather(str(error) if error else "")
            if distributed.rank() > 0:  # the launcher ends all as soon as one has ended
                time.sleep(3)  # so that rank 0, whose words are on the screen, is the first
            raise VideoError(next(reason for reason in reasons if reason))
        return num_clips * distributed.world_size() / total if total else None
    if error is not None:
        raise error
    return 1.0 if num_clips else None
