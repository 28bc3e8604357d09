"""Views computed by PyTorchVideo's network in torch, asked for by inference.py.

Each contender has its clips in the layout and precision that it wants before it is timed: ours get
bytes. Runs in the peers' environment (requirements-peers.txt).
"""

import functools
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from make_pytorchvideo_logits import fill, import_pytorchvideo
from torch import Tensor, nn

from benchmarks.hub_recipe import CLIP_SECONDS, Recipe, transform
from benchmarks.step_torch import OF_4X16, OF_8X8
from benchmarks.timing import BEGINS, WINDOWS
from benchmarks.view_server import ALPHA, MEAN, NUM_FRAMES, SIDE, STD, Compute, clips, serve
from slowfast import machine

PRODUCT = 4096
"""Side of the matrices whose product tells the machine's rate."""

CONFIDENCE = 5.0
"""The classifier's weights are larger by this: as after training, one class has most of the
probability. With all classes alike, --infer would need all views."""


class Pathways(nn.Module):
    """A network with an argument for each pathway; PyTorchVideo's changes the list it is given."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, slow: Tensor, fast: Tensor) -> Tensor:
        return self.model([slow, fast])


class InFloat32(nn.Module):
    """A layer that torch 2.13 lacks in bf16 on CPUs: the average pool of the head."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.float()).to(x.dtype)


def build(contender: str, network: str, folder: Path) -> tuple[Compute, str]:
    """The function of one contender."""
    if contender == "product":
        return _product()
    if contender.startswith("hub"):
        layout = torch.channels_last_3d if contender != "hub" else torch.contiguous_format
        recipe = Recipe(folder / "8x8.pyth", layout)
        return lambda _: recipe.answer(str(folder / "video.mp4"), 1, 1), recipe.about
    model = network_of(network)
    slides = contender.startswith("timeline ")
    contender = contender.removeprefix("timeline ")
    layout = torch.contiguous_format if contender == "torch" else torch.channels_last_3d
    dtype = torch.bfloat16 if "bf16" in contender else torch.float32
    both = [
        [p.contiguous(memory_format=layout).to(dtype) for p in pathways(clip, network)]
        for clip in clips()
    ]
    compute, about = CONTENDERS[contender.removesuffix(" bf16")](model, both[0], dtype)
    if slides:
        prepared = functools.partial(torch.Tensor.to, dtype=dtype, memory_format=layout)
        return _windows(folder / "video.mp4", compute, network, prepared), about
    return lambda number: compute(both[number]), about


def _windows(path: Path, compute: Any, network: str, prepared: Any) -> Compute:
    """The probabilities of windows a second apart, each read by PyTorchVideo's own reader."""
    from pytorchvideo.data.encoded_video import EncodedVideo
    from pytorchvideo.transforms.functional import uniform_crop

    prepare = transform()
    slow = torch.linspace(0, NUM_FRAMES - 1, NUM_FRAMES // ALPHA[network]).long()

    def row(video: Any, start: int) -> Any:
        # The frames of [start, end), a little earlier: 64 at 30 fps.
        clip = video.get_clip(start - 0.001, start - 0.001 + CLIP_SECONDS)["video"]
        fast = uniform_crop(prepare(clip), SIDE, 1)[None]
        pair = [fast[:, :, slow], fast]
        logits = compute([prepared(pathway) for pathway in pair])
        return torch.from_numpy(logits).softmax(1).numpy()

    def rows(number: int) -> Any:
        video = EncodedVideo.from_path(str(path))
        found = [row(video, BEGINS[number] + window) for window in range(WINDOWS)]
        video.close()
        return np.concatenate(found)

    return rows


def save(folder: str) -> None:
    """Writes the weights of both networks into a folder, as PyTorchVideo's hub has them."""
    import_pytorchvideo()
    for network in ALPHA:
        state = network_of(network).model.state_dict()
        torch.save({"model_state": state}, Path(folder, f"{network}.pyth"))


def network_of(network: str) -> Pathways:
    """PyTorchVideo's, with weights by name, ready to infer."""
    from pytorchvideo.models.slowfast import create_slowfast

    model = create_slowfast(model_depth=50, **{"8x8": OF_8X8, "4x16": OF_4X16}[network])
    fill(model)
    model.blocks[6].proj.weight.data *= CONFIDENCE
    for part in [m for m in model.modules() if hasattr(m, "pool") and hasattr(m.pool, "__len__")]:
        part.pool = nn.ModuleList(InFloat32(pool) for pool in part.pool)
    return Pathways(model).eval().requires_grad_(False)


def pathways(clip: Any, network: str) -> list[Tensor]:
    """The slow and the fast pathway's input ``[1, 3, T, H, W]``."""
    fast = torch.from_numpy(clip).permute(0, 4, 1, 2, 3).float().div(255).sub(MEAN).div(STD)
    slow = torch.linspace(0, NUM_FRAMES - 1, NUM_FRAMES // ALPHA[network]).long()
    return [fast[:, :, slow], fast]


def _eager(model: nn.Module, example: list[Tensor], dtype: torch.dtype) -> tuple[Any, str]:
    layout = torch.contiguous_format
    if example[1].is_contiguous(memory_format=torch.channels_last_3d):
        layout = torch.channels_last_3d
    model = model.to(dtype).to(memory_format=layout)
    return _without_gradients(model), f"torch {torch.__version__}"


def _autocast(model: nn.Module, example: list[Tensor], dtype: torch.dtype) -> tuple[Any, str]:
    infer, about = _eager(model, example, torch.float32)

    def compute(pair: list[Tensor]) -> Any:
        with torch.autocast("cpu", torch.bfloat16):
            return infer([pathway.float() for pathway in pair])

    return compute, about


def _compiled(model: nn.Module, example: list[Tensor], dtype: torch.dtype) -> tuple[Any, str]:
    import torch._inductor.config

    torch._inductor.config.freezing = True  # folds batch norm, and packs the weights
    model = torch.compile(model.to(dtype).to(memory_format=torch.channels_last_3d))
    return _without_gradients(model), f"torch {torch.__version__}"


def _frozen(model: nn.Module, example: list[Tensor], dtype: torch.dtype) -> tuple[Any, str]:
    model = model.to(dtype).to(memory_format=torch.channels_last_3d)
    traced = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(model, example)))
    return _without_gradients(traced), f"torch {torch.__version__}"


def _openvino(model: nn.Module, example: list[Tensor], dtype: torch.dtype) -> tuple[Any, str]:
    import openvino

    settings = {
        "INFERENCE_PRECISION_HINT": "bf16" if dtype is torch.bfloat16 else "f32",
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": machine.threads(),
    }
    inputs = [pathway.float().contiguous() for pathway in example]
    converted = openvino.convert_model(
        model, example_input=tuple(inputs), input=[list(p.shape) for p in inputs]
    )
    request = openvino.compile_model(converted, "CPU", settings).create_infer_request()

    def compute(pair: list[Tensor]) -> Any:
        (rows,) = request.infer([p.float().contiguous().numpy() for p in pair]).values()
        return rows.copy()

    return compute, f"openvino {openvino.__version__.partition('-')[0]}"


CONTENDERS = {
    "torch": _eager,
    "torch channels_last_3d": _eager,
    "torch autocast": _autocast,
    "torch compiled": _compiled,
    "torch frozen": _frozen,
    "exported": _openvino,
}
"""By name, less ``bf16``."""


def _without_gradients(model: Any) -> Any:
    def compute(pair: list[Tensor]) -> Any:
        with torch.inference_mode():
            return model(*pair).float().numpy()

    return compute


def _product() -> tuple[Compute, str]:
    """A product of square matrices of float32."""
    a, b = torch.rand(PRODUCT, PRODUCT), torch.rand(PRODUCT, PRODUCT)
    out = torch.empty(PRODUCT, PRODUCT)
    return lambda _: torch.mm(a, b, out=out), f"torch {torch.__version__}"


if __name__ == "__main__":
    import_pytorchvideo()
    torch.set_num_threads(machine.threads())
    sys.exit(serve(build))
