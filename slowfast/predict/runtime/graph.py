"""The network as a graph, traced by Paddle.

It takes clips as the reader gives them, uint8 ``[N, T, H, W, 3]`` of any N, H and W, and gives a
row each: normalisation, the choice of the slow frames and the mean over positions are inside.
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

CLIPS = "clips"
"""The name of the graph's input."""
STRIDE = 32
"""Pixels of a picture for one of the last feature map."""

KINDS: dict[str, Callable[[VideoClassifier, Tensor], Tensor]] = {
    "prob": lambda model, clip_NCTHW: model.predict(clip_NCTHW),
    "score": lambda model, clip_NCTHW: model(clip_NCTHW),
    "features": lambda model, clip_NCTHW: model.embed(clip_NCTHW),
}
"""What a row is: probabilities, logits, or the classifier's input."""


class FromFrames(nn.Layer):
    """A network with its normalisation: uint8 ``[N, T, H, W, 3]`` to rows, see ``KINDS``."""

    def __init__(self, model: VideoClassifier, cfg: Config, kind: str) -> None:
        super().__init__()
        self.model, self.kind = model, kind
        self.mean, self.std = cfg.data.mean, cfg.data.std
        self.eval()

    def forward(self, clips: Tensor) -> Tensor:
        return KINDS[self.kind](self.model, normalize(clips, self.mean, self.std))


def trace(network: FromFrames, num_frames: int, least_side: int) -> Any:
    """The network as a static layer of Paddle, for clips with sides from ``least_side`` on."""
    # Our Python runs as it is: Paddle would rewrite it, and does not know all of it.
    ours = [module for name, module in sys.modules.items() if name.split(".")[0] == "slowfast"]
    paddle.jit.ignore_module(ours)
    clips = paddle.static.InputSpec([None, num_frames, None, None, 3], "uint8", CLIPS)
    traced = paddle.jit.to_static(network, input_spec=[clips], full_graph=True)
    head = network.model.head
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
