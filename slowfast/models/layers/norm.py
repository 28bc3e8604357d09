"""The batch norm of all layers. Legend: N clips, C channels, T frames, H x W pixels.

Paddle tracks ``running = momentum * running + (1 - momentum) * batch``, with momentum 0.9 (what
others call 0.1).
"""

import math
from functools import partial

import paddle
import paddle.nn.functional as F
from paddle import Tensor, nn

from slowfast import distributed
from slowfast.models.layers.cpu.onednn_norm import normalize
from slowfast.models.layers.functional import relu_
from slowfast.models.layers.layout import in_paddles, is_channels_last
from slowfast.models.layers.recompute import is_again


class BatchNorm3D(nn.BatchNorm3D):
    """Paddle's, with its parameters and their names; in training it may look at part of the batch,
    or at more than it (``set_splits``, ``sync_batch_norm``). What is saved is the same for all.
    """

    _momentum: float
    splits = 1
    """Equal parts of a batch, each of which is normalised by its own statistics."""
    synchronised = False
    """Normalise by the statistics of all processes' batches; ``splits`` is then ignored."""

    @property
    def is_frozen(self) -> bool:
        """Whether training, too, uses the running statistics, and leaves them as they are."""
        return bool(self._use_global_stats)

    def freeze_statistics(self) -> None:
        """Makes it frozen; scale and shift are still trained."""
        self._use_global_stats = True  # the constructor's use_global_stats

    def forward(self, x: Tensor, relu: bool = False) -> Tensor:
        """The clips, normalised; in training the running statistics follow them.

        Args:
            x: clips, in the layout of ``layout.py``.
            relu: whether a ReLU follows.
        """
        if not is_again():
            return self._in_layout(x, relu)
        momentum = self._momentum
        self._momentum = 1.0  # the first call has updated the running statistics
        try:
            return self._in_layout(x, relu)
        finally:
            self._momentum = momentum

    def _in_layout(self, x: Tensor, relu: bool) -> Tensor:
        if not is_channels_last():
            y = self._normalise(x)
            return relu_(y) if relu else y
        has_own = self.training and not self.is_frozen
        elements = math.prod(x.shape[:-1])
        if has_own and (math.gcd(x.shape[0], self.splits) > 1 or elements == 1):
            # Rare on a CPU: multigrid training, a single element.
            return in_paddles(partial(self._in_layout, relu=relu), x)
        return normalize(self, x, is_given=not has_own, has_relu=relu)

    def _normalise(self, x_NCTHW: Tensor) -> Tensor:
        if self.is_frozen or not self.training:
            return super().forward(x_NCTHW)
        if self.synchronised:
            # An nn.SyncBatchNorm in its place would not be found as a BatchNorm3D. It also uses
            # its GPU kernel in evaluation, without a gradient (Paddle #70900), and cannot freeze
            # its statistics.
            return nn.SyncBatchNorm.forward(self, x_NCTHW)
        num_clips, _, *size = x_NCTHW.shape
        parts = math.gcd(num_clips, self.splits)  # 1, too, if videos were left out of a batch
        if parts > 1 and num_clips // parts * math.prod(size) > 1:
            return self._normalise_parts(x_NCTHW, parts)
        return super().forward(x_NCTHW)

    @paddle.amp.auto_cast(enable=False)  # level O2 would have the parameters in low precision
    def _normalise_parts(self, x_NCTHW: Tensor, parts: int) -> Tensor:
        """Sub-batch batch norm (PySlowFast): part p has the clips p, p + parts, p + 2 parts, ...

        The same memory seen as ``[N / parts, parts * C, T, H, W]`` has the parts as channels. The
        one running mean and variance follow the whole batch, as without parts.
        """
        num_clips, channels, *size = x_NCTHW.shape
        rows, shape = num_clips // parts, [parts, channels]
        count = rows * math.prod(size)
        weight, bias = self.weight.tile([parts]), self.bias.tile([parts])
        means, variances = paddle.zeros_like(weight), paddle.ones_like(weight)
        x = x_NCTHW.reshape([rows, parts * channels, *size])
        y = F.batch_norm(  # with momentum 0 means and variances are then this batch's
            x, means, variances, weight, bias, training=True, momentum=0.0, epsilon=self._epsilon
        )
        with paddle.no_grad():
            self._track(means.reshape(shape), variances.reshape(shape), count, parts * count)
        return y.reshape(x_NCTHW.shape)

    def _track(self, means_PC: Tensor, variances_PC: Tensor, count: int, total: int) -> None:
        """Moves the running statistics towards the batch's, by the law of total variance; a channel
        has ``count`` elements in each part, and ``total`` in the batch."""
        mean = means_PC.mean(axis=0)
        within = variances_PC.mean(axis=0) / tracked_per_biased(means_PC, count)
        between = (means_PC - mean).square().mean(axis=0)
        variance = (within + between) * tracked_per_biased(means_PC, total)
        for running, batch in ((self._mean, mean), (self._variance, variance)):
            followed = self._momentum * running + (1.0 - self._momentum) * batch
            paddle.assign(followed, running)

    def _check_data_format(self, data_format: str = "NCDHW") -> None:
        super()._check_data_format(data_format)  # nn.SyncBatchNorm.forward calls it without one


def tracked_per_biased(x: Tensor, count: int) -> float:
    """What Paddle tracks of a batch's variance, over its biased variance (the mean of squares).

    On CPUs it tracks the biased one (measured with 3.3.1; Paddle #68159). On GPUs cuDNN does it,
    which tracks the unbiased one (PyTorch, which calls it too, documents that).

    Args:
        x: any tensor on the device that computes.
        count: elements a channel.
    """
    return count / (count - 1) if x.place.is_gpu_place() else 1.0


def batch_norms(model: nn.Layer) -> list[BatchNorm3D]:
    """All batch norms of a network."""
    layers = model.sublayers(include_self=True)
    return [layer for layer in layers if isinstance(layer, BatchNorm3D)]


def set_splits(model: nn.Layer, splits: int) -> None:
    """From here on, training normalises each of ``splits`` equal parts of a batch by itself.

    So a batch that multigrid training has made larger is normalised as the base batch would be (Wu
    et al. 2020). A batch that it does not divide has the greatest common divisor of both as parts.
    """
    assert splits >= 1, splits
    for norm in batch_norms(model):
        norm.splits = splits


NO_SYNC_ON_CPU = "train.sync_bn needs GPUs: Paddle's synchronised batch norm does not run on a CPU"


def sync_batch_norm(model: nn.Layer) -> None:
    """From here on, training normalises by the statistics of all processes' clips together.

    All processes must have batches of one size, and be in training mode: Paddle's backward kernel
    takes every process's count for its own, and one in evaluation would leave the others waiting.
    With a single process nothing changes.

    Raises:
        DeviceError: the device is no GPU.
    """
    if not paddle.device.get_device().startswith("gpu"):
        raise distributed.DeviceError(NO_SYNC_ON_CPU)
    for norm in batch_norms(model):
        norm.synchronised = distributed.world_size() > 1
