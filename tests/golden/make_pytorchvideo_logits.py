"""Writes pytorchvideo_logits.json: what PyTorchVideo's SlowFast and Slow answer to name-seeded
weights.

Run it in an environment of its own, never in the project's; made with Python 3.11 and

    pip install torch==2.13.0 pytorchvideo==0.1.5 av fvcore iopath parameterized
    pip install --no-deps torchvision==0.28.0
    python tests/golden/make_pytorchvideo_logits.py

Two shims, both in `import_pytorchvideo`, let PyTorchVideo 0.1.5 import there. Neither touches what
is measured: SlowFast uses no torchvision operator.
"""

import importlib
import json
import platform
import re
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from name_seeded import name_seeded, seeded_clip

# The hub's constructors carry the names of ours. clip: [N, 3, T, H, W].
CASES: list[dict[str, Any]] = [
    {"constructor": "slowfast_r50", "clip_seed": 0, "clip_shape": [1, 3, 32, 224, 224]},
    {"constructor": "slowfast_r50", "clip_seed": 1, "clip_shape": [1, 3, 32, 256, 256]},
    {"constructor": "slowfast_r101", "clip_seed": 2, "clip_shape": [1, 3, 32, 224, 224]},
    {"constructor": "slowfast_16x8_r101_50_50", "clip_seed": 3, "clip_shape": [1, 3, 64, 224, 224]},
    {"constructor": "slow_r50", "clip_seed": 4, "clip_shape": [1, 3, 8, 224, 224]},
    {"constructor": "slow_r50", "clip_seed": 5, "clip_shape": [1, 3, 8, 256, 256]},
]
ALPHA = 4  # of all constructors with two pathways
# One tensor of each kind: its first values go into the file, so that a NumPy that draws other
# numbers is told apart from a network that computes other logits.
PROBES = {
    "s2_fuse.conv_f2s.weight": (64, 32, 7, 1, 1),
    "s5.pathway0_res2.branch2.c_bn._mean": (2048,),
    "s5.pathway1_res2.branch2.c_bn._variance": (256,),
    "head.projection.weight": (400, 2304),
}
OUTPUT = Path(__file__).with_name("pytorchvideo_logits.json")

# PyTorchVideo's layer name -> ours. There the stem is block 0, so its stage n - 1 is our stage n.
LAYER_NAMES = (
    (r"blocks\.0\.multipathway_blocks\.(\d)\.conv", r"s1.pathway\1_stem.conv"),
    (r"blocks\.0\.multipathway_blocks\.(\d)\.norm", r"s1.pathway\1_stem.bn"),
    (r"blocks\.(\d)\.multipathway_fusion\.conv_fast_to_slow", r"s{stage}_fuse.conv_f2s"),
    (r"blocks\.(\d)\.multipathway_fusion\.norm", r"s{stage}_fuse.bn"),
    (r"blocks\.\d\.multipathway_blocks\.(\d)\.res_blocks\.(\d+)\.branch1_conv",
     r"s{stage}.pathway\1_res\2.branch1"),
    (r"blocks\.\d\.multipathway_blocks\.(\d)\.res_blocks\.(\d+)\.branch1_norm",
     r"s{stage}.pathway\1_res\2.branch1_bn"),
    (r"blocks\.\d\.multipathway_blocks\.(\d)\.res_blocks\.(\d+)\.branch2\.conv_([abc])",
     r"s{stage}.pathway\1_res\2.branch2.\3"),
    (r"blocks\.\d\.multipathway_blocks\.(\d)\.res_blocks\.(\d+)\.branch2\.norm_([abc])",
     r"s{stage}.pathway\1_res\2.branch2.\3_bn"),
    (r"blocks\.[56]\.proj", r"head.projection"),
)  # fmt: skip
SINGLE = r"^(blocks\.\d\.)(?=conv|norm|res_blocks)"  # a pathway alone is in no multipathway_blocks
TENSOR_NAMES = {
    "weight": "weight",
    "bias": "bias",
    "running_mean": "_mean",
    "running_var": "_variance",
}


def import_pytorchvideo() -> tuple[ModuleType, ModuleType]:
    """PyTorchVideo's hub constructors and functional transforms, past the two shims."""
    # torchvision without its compiled part lacks two operators that its import describes.
    declarations = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        signature = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        declarations.define(operator + signature)
    # torchvision 0.17 renamed the module that PyTorchVideo 0.1.5 imports.
    sys.modules["torchvision.transforms.functional_tensor"] = importlib.import_module(
        "torchvision.transforms._functional_tensor"
    )
    return (
        importlib.import_module("pytorchvideo.models.hub"),
        importlib.import_module("pytorchvideo.transforms.functional"),
    )


def canonical_name(name: str) -> str | None:
    """Our name of PyTorchVideo's tensor `name`; None for `num_batches_tracked`, which we lack.

    Raises:
        ValueError: no row of the table knows the name.
    """
    layer, _, kind = name.rpartition(".")
    if kind == "num_batches_tracked":
        return None
    layer = re.sub(SINGLE, r"\1multipathway_blocks.0.", layer)
    for pattern, ours in LAYER_NAMES:
        if match := re.fullmatch(pattern, layer):
            stage = int(layer.split(".")[1]) + 1
            return match.expand(ours).format(stage=stage) + "." + TENSOR_NAMES[kind]
    raise ValueError(f"no canonical name for {name!r}")


def fill(model: torch.nn.Module) -> None:
    """Sets every tensor of the model to the values that belong to its canonical name."""
    state = {}
    for name, tensor in model.state_dict().items():
        ours = canonical_name(name)
        if ours is None:
            state[name] = tensor
        else:
            state[name] = torch.from_numpy(name_seeded(ours, tuple(tensor.shape)))
    model.load_state_dict(state, strict=True)


def run_case(case: dict[str, Any], hub: ModuleType, transforms: ModuleType) -> dict[str, Any]:
    """Adds to a case what PyTorchVideo answers: its parameter count and the 400 logits.

    In eval mode the hub's head applies no softmax: it averages the logits over its positions
    (one at 224, 2x2 at 256).
    """
    model = getattr(hub, case["constructor"])().eval()
    fill(model)
    fast_NCTHW = torch.from_numpy(seeded_clip(case["clip_seed"], case["clip_shape"]))
    num_slow = case["clip_shape"][2] // ALPHA
    slow_NCtHW = transforms.uniform_temporal_subsample(fast_NCTHW, num_slow)
    is_slow = case["constructor"].startswith("slow_")
    with torch.no_grad():
        logits_NK = model(fast_NCTHW if is_slow else [slow_NCtHW, fast_NCTHW])
    print(case, f"logits mean {logits_NK.mean():.3f} std {logits_NK.std():.3f}", flush=True)
    return {
        **case,
        "trainable_params": sum(parameter.numel() for parameter in model.parameters()),
        "logits": [float(f"{logit:.9g}") for logit in logits_NK[0].tolist()],
    }


def main() -> None:
    """Runs all cases and writes them, a case a line."""
    hub, transforms = import_pytorchvideo()
    made_with = {
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in ("numpy", "pytorchvideo", "torchvision")},
        "torch": torch.__version__,
    }
    probes = [
        {"name": name, "shape": shape, "values": name_seeded(name, shape).ravel()[:4].tolist()}
        for name, shape in PROBES.items()
    ]
    cases = ",\n".join(json.dumps(run_case(case, hub, transforms)) for case in CASES)
    OUTPUT.write_text(
        f'{{"made_with": {json.dumps(made_with)},\n'
        f'"probes": {json.dumps(probes)},\n'
        f'"cases": [\n{cases}\n]}}\n'
    )


if __name__ == "__main__":
    main()
