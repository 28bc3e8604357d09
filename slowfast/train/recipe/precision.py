"""Mixed precision: which operations compute in 16 bits, and the loss scaling that float16 needs.

Weights, gradients and the optimizer stay float32 at both levels: autocast casts the inputs and
weights of each operation, and ``amp.decorate`` is not used. So checkpoints are the same with and
without mixed precision. Batch norm takes 16-bit activations: Paddle keeps its scale, shift and
statistics in float32, and its GPU kernels sum in float32. With float32 activations it would move
twice the bytes, though the rounding of the convolution before it limits the statistics anyway.
"""

import contextlib
import math
from contextlib import AbstractContextManager

import paddle
from paddle import Tensor, nn

from slowfast import distributed
from slowfast.errors import UserError
from slowfast.log import logger

LOW_PRECISION_OPS = ("conv3d",)
"""Missing from Paddle 3.3's white lists, which have conv2d and matmul. An operation on no list
computes in the widest type of its inputs, here the float32 of the weights."""
CAPABILITY = {"float16": 7, "bfloat16": 8}
"""Lowest compute capability of a GPU with the type; as in ``paddle.amp.auto_cast``."""


class LossScaleError(UserError):
    """The gradients are not finite even with the smallest loss scale."""


class LossScale:
    """A factor of the loss that keeps small gradients above float16's smallest number, 6e-8.

    It is a power of two, so scaling does not round. It is halved when gradients overflow, and
    doubled after ``GROW_AFTER`` steps without overflow (Micikevicius et al. 2018), as by Paddle's
    ``GradScaler``. But that of Paddle 3.3 fails at the first overflow with NumPy 2.4 (Paddle
    #77010), is off on CPU, where tests run, prints from every process, and does not report
    skipped steps.
    """

    FIRST = 2.0**16
    GROW_AFTER = 2000

    def __init__(self) -> None:
        self.scale = self.FIRST
        self.good_steps = 0
        """Consecutive steps with finite gradients since the scale last changed."""

    def unscale(self, gradients: list[Tensor]) -> bool:
        """Divides the gradients by the scale, in place; returns whether all are finite."""
        # GradScaler's operation: not public, but one launch for all gradients.
        scale = paddle.to_tensor([self.scale], dtype="float32")
        _, found = paddle._C_ops.check_finite_and_unscale_(gradients, scale)
        return not bool(found)

    def update(self, is_finite: bool) -> None:
        """Sets the scale of the next step.

        Raises:
            LossScaleError: the scale would be below 1.
        """
        self.good_steps = self.good_steps + 1 if is_finite else 0
        if not is_finite:
            if self.scale < 2.0:
                raise LossScaleError(
                    "train.amp_dtype=float16: the gradients are not finite, even with the loss "
                    "scaled by 1 alone: use train.amp_dtype=bfloat16 or train.amp=off, or lower "
                    "optim.base_lr"
                )
            self.scale /= 2.0
        elif self.good_steps == self.GROW_AFTER:
            self.scale *= 2.0
            self.good_steps = 0


class Precision:
    """Runs the training step in float32 or mixed precision, through the same code.

    On a device without the type it logs a warning and computes in float32.

    Args:
        level: ``off``, or Paddle's ``O1`` or ``O2``. For this network they differ only in the
            head: O1 pools in float32.
        dtype: ``bfloat16`` or ``float16``.
    """

    def __init__(self, level: str, dtype: str) -> None:
        self._level, self._dtype = level, dtype
        obstacle = why_not(dtype) if level != "off" else ""
        if obstacle:
            self._level = "off"
            if distributed.rank() == 0:
                logger.warning("train.amp=%s: computing in float32, since %s", level, obstacle)
        is_scaled = self._level != "off" and dtype == "float16"
        self._loss_scale = LossScale() if is_scaled else None

    def autocast(self) -> AbstractContextManager[None]:
        """A context for the forward pass alone: the loss needs float32, and the backward pass
        follows the forward pass by itself."""
        if self._level == "off":
            return contextlib.nullcontext()
        low = LOW_PRECISION_OPS
        return paddle.amp.auto_cast(level=self._level, dtype=self._dtype, custom_white_list=low)

    def backward(self, loss: Tensor) -> None:
        """Backpropagates the loss, scaled if the type is float16."""
        (loss * self._loss_scale.scale if self._loss_scale else loss).backward()

    def unscale(self, model: nn.Layer) -> bool:
        """Makes the gradients those of the loss itself; returns whether a step can be taken.

        In float16 there is none if gradients have overflowed. All processes decide alike: the
        gradients are sums over the processes, and a sum with inf or nan is never finite. In other
        types gradients are not checked: the next loss shows if they were not finite.

        Raises:
            LossScaleError: gradients overflow even with the smallest loss scale.
        """
        if self._loss_scale is None:
            return True
        trained = [p for p in model.parameters() if not p.stop_gradient and p.grad is not None]
        is_finite = self._loss_scale.unscale([p.grad for p in trained])
        self._loss_scale.update(is_finite)
        if not is_finite:
            overflow = "gradients overflow float16: a step is left out, the loss scale is now %g"
            logger.info(overflow, self._loss_scale.scale)
        return is_finite

    def state(self) -> dict[str, float]:
        """The loss scale's state for a checkpoint, as plain numbers."""
        if self._loss_scale is None:
            return {}
        return {"loss_scale": self._loss_scale.scale, "good_steps": self._loss_scale.good_steps}

    def set_state(self, state: dict[str, float]) -> None:
        """Continues from ``state()``; does nothing if either run has no loss scale.

        Raises:
            KeyError, TypeError, ValueError: ``state`` is not valid.
        """
        if self._loss_scale is None or not state:
            return
        scale, good_steps = float(state["loss_scale"]), int(state["good_steps"])
        if not 1.0 <= scale < math.inf or not 0 <= good_steps < LossScale.GROW_AFTER:
            raise ValueError(f"a loss scale of {scale} after {good_steps} good steps")
        self._loss_scale.scale, self._loss_scale.good_steps = scale, good_steps


def why_not(dtype: str) -> str:
    """Why this process's device cannot compute in ``dtype``; empty if it can."""
    if not paddle.get_device().startswith("gpu"):
        # Paddle 3.3 on CPU turns auto_cast off; conv3d and batch norm have no 16-bit kernels
        # there, not in oneDNN either.
        return "mixed precision needs a GPU"
    major, minor = paddle.device.cuda.get_device_capability()
    if major < CAPABILITY[dtype]:
        other = "; train.amp_dtype=float16 would do" if major >= CAPABILITY["float16"] else ""
        return f"this GPU, of compute capability {major}.{minor}, has no {dtype}{other}"
    return ""
