"""What VisualDL shows of the first step of an epoch, now and then: clips, and how weights and
gradients are spread."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from paddle import Tensor, nn

from slowfast.config import Config
from slowfast.train.curves import MetricWriter

ONE_VALUE = 1
"""Dimensions of what is no kernel: biases, scales and shifts."""


class FirstStep:
    """Writes what is due of the first step of an epoch; changes nothing.

    Args:
        step: the number of the step in the run, from 1.
        names: of the classes, if they are known.
    """

    def __init__(
        self, writer: MetricWriter, cfg: Config, step: int, names: Sequence[str] | None, *,
        shows: bool, counts: bool,
    ) -> None:  # fmt: skip
        self._writer, self._cfg, self._step, self._names = writer, cfg, step, names
        self._shows, self._counts = shows, counts

    def clips(self, clip_NCTHW: Tensor, targets: Tensor, boxes: Sequence[Tensor]) -> None:
        """Shows clips of the step's first batch, as the network is given them, with what the loss
        compares its output with."""
        if not self._shows:
            return
        from slowfast.train.shown_clips import clip_pictures  # here: matplotlib takes a second

        self._shows = False
        pictures = clip_pictures(clip_NCTHW, targets, boxes, self._cfg, self._names)
        for number, picture in enumerate(pictures, 1):
            self._writer.picture(f"clips/{number}", self._step, picture)

    def gradients(self, model: nn.Layer) -> None:
        """Shows how the kernels of each stage are spread before the optimizer step, and their
        gradients, which are of all processes."""
        if not self._counts:
            return
        for stage, values in of_stages(model, of_gradients=False).items():
            self._writer.histogram(f"weights/{stage}", self._step, values)
        for stage, values in of_stages(model, of_gradients=True).items():
            self._writer.histogram(f"gradients/{stage}", self._step, values)


def first_step(
    writer: MetricWriter, cfg: Config, epoch: int, step: int, names: Sequence[str] | None
) -> FirstStep | None:
    """What looks on at the first step of an epoch, from 0; None if nothing is due."""
    shows, counts = (
        writer.draws and interval > 0 and epoch % interval == 0
        for interval in (cfg.train.show_interval, cfg.train.histogram_interval)
    )
    if not (shows or counts):
        return None
    return FirstStep(writer, cfg, step, names, shows=shows, counts=counts)


def of_stages(model: nn.Layer, *, of_gradients: bool) -> dict[str, NDArray[np.float32]]:
    """The values of all trained kernels, or of their gradients, by stage and pathway: ``s2.slow``,
    ``s2.fast``, ``s2_fuse``, ``head``."""
    parts: dict[str, list[NDArray[np.float32]]] = defaultdict(list)
    for name, parameter in model.named_parameters():
        tensor = parameter.grad if of_gradients else parameter
        if parameter.ndim > ONE_VALUE and not parameter.stop_gradient and tensor is not None:
            parts[stage_of(name)].append(tensor.numpy().ravel())
    return {stage: np.concatenate(values) for stage, values in parts.items()}


def stage_of(name: str) -> str:
    """``s2.pathway1_res0.branch1.weight`` is of ``s2.fast``."""
    first, *rest = name.removeprefix("_layers.").split(".")
    pathways = {"pathway0": "slow", "pathway1": "fast"}
    pathway = pathways.get(rest[0].split("_")[0], "") if rest else ""
    return f"{first}.{pathway}" if pathway else first
