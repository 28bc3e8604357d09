"""PyTorchVideo's slowfast_r50_detection in torch, asked for by detection.py.

A contender is one of torch's forms in view_torch.py; what is put into it is all but the head. With
"check " before it, RoIAlign is torchvision's, else the fastest that there is: torchvision's, where
its compiled operators can be loaded, or where not one that is cheaper than it, which favours torch:
its pure Python would take seconds. Runs in the peers' environment (requirements-peers.txt).
"""

import functools
import sys
from pathlib import Path
from typing import Any

import torch
from make_pytorchvideo_logits import canonical_name, import_pytorchvideo
from name_seeded import name_seeded
from torch import Tensor, nn

from benchmarks.boxes_server import BOXES
from benchmarks.view_server import Compute, clips, serve
from benchmarks.view_torch import CONTENDERS, pathways
from slowfast import machine

CELLS, SCALE = 7, 1 / 16


class Backbone(nn.Module):
    """All but the head, from the two pathways to ``[1, 2304, 1, H, W]``."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, slow: Tensor, fast: Tensor) -> Tensor:
        return self.model([slow, fast])


def build(contender: str, network: str, folder: Path) -> tuple[Compute, str]:
    """The function of one contender."""
    name = contender.removeprefix("check ")
    features, both, about = _features(name)
    roi_align, which = _exact, "torchvision's RoIAlign"
    if name == contender:
        roi_align, which = _fastest()
    projection = _model().detection_head.proj

    def logits(number: int) -> Any:
        with torch.inference_mode():
            x_CHW = torch.from_numpy(features(both[number]))[0, :, 0]
            cells = roi_align(x_CHW[None], torch.from_numpy(BOXES))
            return projection(cells.amax(dim=(2, 3))).numpy()

    return logits, f"{about}, {which}"


@functools.cache
def _features(name: str) -> tuple[Any, list[list[Tensor]], str]:
    """A form of the backbone, both clips as it wants them, and what it is."""
    layout = torch.contiguous_format if name == "torch" else torch.channels_last_3d
    both = [[p.contiguous(memory_format=layout) for p in pathways(c, "8x8")] for c in clips()]
    compute, about = CONTENDERS[name](Backbone(_model().model).eval(), both[0], torch.float32)
    return compute, both, about


@functools.cache
def _model() -> Any:
    """PyTorchVideo's, with weights by name, ready to infer."""
    hub, _ = import_pytorchvideo()
    model = hub.slowfast_r50_detection()
    state = {}
    for name, tensor in model.state_dict().items():
        ours = canonical_name(name.removeprefix("model.")) if name.startswith("model.") else (
            name.replace("detection_head.proj", "head.projection")
        )  # fmt: skip
        value = tensor if ours is None else name_seeded(ours, tuple(tensor.shape))
        state[name] = torch.as_tensor(value)
    model.load_state_dict(state, strict=True)
    return model.eval().requires_grad_(False)


def _fastest() -> tuple[Any, str]:
    from torchvision.extension import _has_ops

    if _has_ops():
        return _exact, "torchvision's compiled RoIAlign"
    return _nearest, "one sample a cell for RoIAlign, as torchvision's operators are not compiled"


def _exact(x_1CHW: Tensor, boxes_K4: Tensor) -> Tensor:
    """RoIAlign as PyTorchVideo's head has it, box by box: in pure Python it takes much memory."""
    from torchvision.ops import roi_align

    boxes = boxes_K4.split(1)
    return torch.cat([roi_align(x_1CHW, [box], CELLS, SCALE, 0, False) for box in boxes])


def _nearest(x_1CHW: Tensor, boxes_K4: Tensor) -> Tensor:
    """The value nearest to the middle of each cell ``[K, C, 7, 7]``: less work than RoIAlign."""
    low, high = (boxes_K4 * SCALE).split(2, dim=1)
    middles = (torch.arange(CELLS) + 0.5) / CELLS
    places = (low[:, :, None] + (high - low)[:, :, None] * middles).round().long()
    most = torch.tensor(x_1CHW.shape[:-3:-1])[None, :, None] - 1
    x_K7, y_K7 = places.clamp(min=torch.zeros_like(most), max=most).unbind(1)
    return x_1CHW[0, :, y_K7[:, :, None], x_K7[:, None, :]].transpose(0, 1)


if __name__ == "__main__":
    torch.set_num_threads(machine.threads())
    sys.exit(serve(build))
