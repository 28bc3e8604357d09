"""The network as a graph, traced by Paddle.

It takes clips as the reader gives them, uint8 ``[N, T, H, W, 3]`` of any N, H and W, and gives a
row each: normalisation, the choice of the slow frames and the mean over positions are inside. With
detection it also takes boxes, of any number, and gives a row for each of them.

Legend: N clips, T frames, H x W pixels, K boxes of all clips, A classes, C channels.
"""

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paddle
from paddle import Tensor, nn

from slowfast.config import Config
from slowfast.models.pathways import normalize
from slowfast.models.slowfast import VideoClassifier
from slowfast.predict.runtime.noise import INPUTS

STRIDE = 32
"""Pixels of a picture for one of the last feature map."""

KINDS: dict[str, Callable[..., Tensor]] = {
    "prob": lambda model, *inputs: (
        model.probabilities_of(*inputs) if model.has_boxes else model.predict(*inputs)
    ),
    "score": lambda model, *inputs: model(*inputs),
    "features": lambda model, *inputs: model.embed(*inputs),
}
"""What a row is, a clip's or a box's: probabilities, logits, or the classifier's input."""


class FromFrames(nn.Layer):
    """A network with its normalisation: uint8 ``[N, T, H, W, 3]``, and with detection boxes, to
    rows, see ``KINDS``."""

    def __init__(self, model: VideoClassifier, cfg: Config, kind: str) -> None:
        super().__init__()
        self.model, self.kind = model, kind
        self.has_boxes = model.has_boxes
        self.mean, self.std = cfg.data.mean, cfg.data.std
        self.eval()

    def forward(
        self, clips: Tensor, boxes: Tensor | None = None, counts: Tensor | None = None
    ) -> Tensor:
        """``[N, ...]``; with detection ``[K, ...]``."""
        where = () if boxes is None else (boxes, counts)  # Paddle does not trace *where
        return KINDS[self.kind](self.model, normalize(clips, self.mean, self.std), *where)


def trace(network: FromFrames, num_frames: int, least_side: int) -> Any:
    """The network as a static layer of Paddle, for clips with sides from ``least_side`` on."""
    # Our Python runs as it is: Paddle would rewrite it, and does not know all of it.
    ours = [module for name, module in sys.modules.items() if name.split(".")[0] == "slowfast"]
    paddle.jit.ignore_module(ours)
    spec = paddle.static.InputSpec
    clips, boxes, counts = INPUTS
    inputs = [spec([None, num_frames, None, None, 3], "uint8", clips)]
    if network.has_boxes:
        inputs += [spec([None, 4], "float32", boxes), spec([None], "int32", counts)]
    traced = paddle.jit.to_static(network, input_spec=inputs, full_graph=True)
    head = network.model.head
    if network.has_boxes:
        assert traced.forward.concrete_program  # traces
        return traced
    window = head.pool_size
    try:
        # A window is as large as the picture at the most, whose size is not known here.
        head.pool_size = window and min(window, math.ceil(least_side / STRIDE))
        assert traced.forward.concrete_program  # traces
    finally:
        head.pool_size = window
    return traced


def save_program(traced: Any, path: Path) -> None:
    """Writes ``PATH.json`` and ``PATH.pdiparams``, for Paddle Inference."""
    paddle.jit.save(traced, str(path))
