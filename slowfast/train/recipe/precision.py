"""Mixed precision: which operations compute in 16 bits, and the scaled loss that float16 needs.

Weights, gradients and the optimizer stay float32 at both levels: autocast casts the inputs and
weights of each operation, and nothing is decorated, so checkpoints are the same with and without.
Batch norm takes 16-bit activations, and is left to Paddle: its scale, shift and statistics are
exempt from casting, and its GPU kernels sum in float32. In float32 it would read and write twice
the bytes, for statistics that the rounding of the convolution before it limits anyway.
"""

import contextlib
import math
from contextlib import AbstractContextManager

import paddle
from paddle import Tensor, nn

from slowfast import distributed
from slowfast.errors import UserError
from slowfast.log import logger
from slowfast.train.recipe.optim import clip_gradients

LOW_PRECISION_OPS = ("conv3d",)
"""What Paddle 3.3 leaves out of its white lists, which have conv2d and matmul. An operation on no
list takes the widest type among its inputs, and these have float32 weights."""
CAPABILITY = {"float16": 7, "bfloat16": 8}
"""From which compute capability on a GPU has the type; ``paddle.amp.auto_cast`` has the same."""


class LossScaleError(UserError):
    """The gradients are not finite, however little the loss is scaled."""


class LossScale:
    """A factor of the loss that keeps small gradients above float16's least number, 6e-8.

    A power of two, so that it changes no digit. Halved where gradients overflow, and doubled after
    ``GROW_AFTER`` steps without (Micikevicius et al. 2018), as by Paddle's ``GradScaler``. That of
    Paddle 3.3 fails at the first overflow with NumPy 2.4 (Paddle #77010), turns itself off on CPU,
    where tests run, prints from every process, and does not say that it has left a step out.
    """

    FIRST = 2.0**16
    GROW_AFTER = 2000

    def __init__(self) -> None:
        self.scale = self.FIRST
        self.good_steps = 0
        """Steps in a row whose gradients were finite, since the scale last changed."""

    def unscale(self, gradients: list[Tensor]) -> bool:
        """Divides the gradients by the scale, in place; whether all of them are finite."""
        # The operation of GradScaler, one launch for all of them. It is not public.
        scale = paddle.to_tensor([self.scale], dtype="float32")
        _, found = paddle._C_ops.check_finite_and_unscale_(gradients, scale)
        return not bool(found)

    def update(self, is_finite: bool) -> None:
        """The scale of the next step.

        Raises:
            LossScaleError: it would be below 1.
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
    """How a run computes; one way through the training step for float32 and mixed precision.

    On a device without the type it says so and computes in float32.

    Args:
        level: ``off``, or Paddle's ``O1`` or ``O2``. For this network they differ in the head:
            O1 pools in float32.
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
        """To be entered around the network alone: the loss is to be float32, from float32 logits,
        and the gradients follow what the forward pass did."""
        if self._level == "off":
            return contextlib.nullcontext()
        return paddle.amp.auto_cast(
            level=self._level, dtype=self._dtype, custom_white_list=LOW_PRECISION_OPS
        )

    def backward(self, loss: Tensor) -> None:
        """Adds the loss's gradients, scaled in float16, to the parameters'."""
        (loss * self._loss_scale.scale if self._loss_scale else loss).backward()

    def step(
        self, model: nn.Layer, optimizer: paddle.optimizer.Optimizer, lr: float, grad_clip: float
    ) -> bool:
        """One step from the gradients that are there, which are then cleared.

        In float16 gradients that have overflowed leave the step out. All processes decide alike:
        their gradients have been summed over them, and a sum with inf or nan in it is never finite.
        Elsewhere gradients are not looked at: the next loss shows whether they were finite.

        Returns:
            Whether the weights have changed.

        Raises:
            LossScaleError: gradients overflow, however small the loss is scaled.
        """
        is_finite = self._loss_scale is None or self._unscale(model, self._loss_scale)
        if is_finite:
            clip_gradients(model, grad_clip)
            optimizer.set_lr(lr)
            optimizer.step()
        optimizer.clear_grad()
        return is_finite

    def _unscale(self, model: nn.Layer, loss_scale: LossScale) -> bool:
        trained = [p for p in model.parameters() if not p.stop_gradient and p.grad is not None]
        is_finite = loss_scale.unscale([p.grad for p in trained])
        loss_scale.update(is_finite)
        if not is_finite:
            logger.info(
                "gradients overflow float16: a step is left out, the loss scale is now %g",
                loss_scale.scale,
            )
        return is_finite

    def state(self) -> dict[str, float]:
        """What a resumed run needs to go on as if nothing had happened: plain numbers."""
        if self._loss_scale is None:
            return {}
        return {"loss_scale": self._loss_scale.scale, "good_steps": self._loss_scale.good_steps}

    def set_state(self, state: dict[str, float]) -> None:
        """Goes on from ``state()``; a run in another precision has nothing to go on from.

        Raises:
            KeyError, TypeError, ValueError: it is not such a state.
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
        # Paddle 3.3 on CPU: auto_cast turns itself off, and neither conv3d nor batch norm has a
        # kernel for a 16-bit type (nor oneDNN's).
        return "mixed precision needs a GPU"
    major, minor = paddle.device.cuda.get_device_capability()
    if major < CAPABILITY[dtype]:
        other = "; train.amp_dtype=float16 would do" if major >= CAPABILITY["float16"] else ""
        return f"this GPU, of compute capability {major}.{minor}, has no {dtype}{other}"
    return ""
