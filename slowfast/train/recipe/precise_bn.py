"""Precise batch norm: statistics over many batches, all with the current weights.

The running mean and variance of training lag behind the weights, and the last few batches weigh
most (Wu & Johnson 2021, "Rethinking 'Batch' in BatchNorm", section 3; PySlowFast).
"""

import contextlib
import functools
from collections.abc import Iterable, Iterator

import numpy as np
import paddle
from paddle import Tensor, nn

from slowfast import distributed
from slowfast.models.layers.norm import BatchNorm3D, batch_norms, tracked_per_biased
from slowfast.models.slowfast import VideoClassifier


@paddle.no_grad()
def precise_bn(model: VideoClassifier, clips: Iterable[Tensor]) -> None:
    """Replaces the running statistics by the mean and variance over all batches of all processes.

    Every process calls it with its own batches; their number and sizes may differ, and a process
    may have none. If there are no batches at all, or every norm is frozen, the statistics stay.
    Layers are normalised as in training, each of ``splits`` parts by itself, but ``sync_bn`` has no
    effect. Dropout is off.

    Args:
        model: the network itself, not its DataParallel; its mode is restored.
        clips: batches of normalised clips ``[N, 3, T, H, W]``.
    """
    norms = [norm for norm in batch_norms(model) if not norm.is_frozen]
    if not norms:
        return
    with _summing(model, norms) as sums:
        for clip_NCTHW in clips:
            model.features(clip_NCTHW)  # the head has no norms
    flat = paddle.concat(sums, axis=1)
    totals = np.reshape(distributed.all_reduce_sum(*flat.flatten().tolist()), flat.shape)
    ends = np.cumsum([norm._num_features for norm in norms])[:-1]
    for norm, total_3C in zip(norms, np.split(totals, ends, axis=1), strict=True):
        count, elements, squares = total_3C
        if count[0] == 0:
            continue
        mean = elements / count
        variance = np.maximum(squares / count - mean**2, 0.0)
        norm._mean.set_value(mean.astype(np.float32))
        norm._variance.set_value(variance.astype(np.float32))


@contextlib.contextmanager
def _summing(model: nn.Layer, norms: list[BatchNorm3D]) -> Iterator[list[Tensor]]:
    """A context in which each norm adds its inputs to its own sums, see ``_add``.

    The model is always restored at the end.
    """
    modes = [(layer, layer.training) for layer in model.sublayers(include_self=True)]
    before = [
        (norm, norm._mean.clone(), norm._variance.clone(), norm._momentum, norm.synchronised)
        for norm in norms
    ]
    sums = [paddle.zeros([3, norm._num_features], dtype="float64") for norm in norms]
    hooks = [
        norm.register_forward_post_hook(functools.partial(_add, total))
        for norm, total in zip(norms, sums, strict=True)
    ]
    for layer, _ in modes:
        layer.training = False  # only the norms train: no dropout
    for norm in norms:
        norm.training, norm.synchronised = True, False
        norm._momentum = 0.0  # the running statistics are then the last batch's
    try:
        yield sums
    finally:
        for hook in hooks:
            hook.remove()
        for norm, mean, variance, momentum, synchronised in before:
            norm._mean.set_value(mean)
            norm._variance.set_value(variance)
            norm._momentum, norm.synchronised = momentum, synchronised
        for layer, was_training in modes:
            layer.training = was_training


def _add(total_3C: Tensor, norm: BatchNorm3D, inputs: tuple[Tensor], output: Tensor) -> None:
    """Adds a batch to a norm's sums in double precision: count, sum, and sum of squares."""
    (x_NCTHW,) = inputs
    count = int(x_NCTHW.size) // norm._num_features
    if count == 1:
        return  # Paddle does not normalise a single element, and tracks nothing
    with paddle.amp.auto_cast(enable=False):
        mean = norm._mean.astype("float64")
        variance = norm._variance.astype("float64") / tracked_per_biased(x_NCTHW, count)
        ones = paddle.ones_like(mean)
        total_3C.add_(count * paddle.stack([ones, mean, variance + mean.square()]))
