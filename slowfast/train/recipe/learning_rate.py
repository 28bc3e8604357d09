"""The learning rate as a function of the epoch; without Paddle."""

import bisect
import math

from slowfast.config import OptimConfig


def lr_scale(optim: OptimConfig, total_batch: int) -> float:
    """Factor of the learning rate for the real total batch (Goyal et al. 2017)."""
    return total_batch / optim.base_batch_size if optim.scale_lr else 1.0


def learning_rate(epoch: float, optim: OptimConfig, epochs: int) -> float:
    """The rate at a fractional epoch, for a total batch of ``base_batch_size``.

    Over the first ``warmup_epochs`` it grows linearly from ``warmup_start_lr``; then it follows
    ``schedule`` (PySlowFast).
    """
    schedule, warmup = SCHEDULES[optim.schedule], optim.warmup_epochs
    if epoch < warmup:
        end = schedule(warmup, optim, epochs)
        return optim.warmup_start_lr + epoch * (end - optim.warmup_start_lr) / warmup
    return schedule(epoch, optim, epochs)


def half_cosine(epoch: float, optim: OptimConfig, epochs: int) -> float:
    """``base_lr * (cos(pi * e / epochs) + 1) / 2`` (paper section 4.1)."""
    return optim.base_lr * (math.cos(math.pi * epoch / epochs) + 1.0) / 2.0


def stepwise(epoch: float, optim: OptimConfig, epochs: int) -> float:
    """``base_lr`` times the factor of the current step (PySlowFast)."""
    return optim.base_lr * optim.step_factors[bisect.bisect_right(optim.steps, epoch) - 1]


SCHEDULES = {"cosine": half_cosine, "step": stepwise}
