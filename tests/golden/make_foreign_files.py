"""Writes checkpoints of PyTorchVideo's and mmaction2's own networks, saved by torch.

Run it in an environment of its own, never in the project's; made with Python 3.11 and

    pip install torch==2.13.0 pytorchvideo==0.1.5 av fvcore iopath parameterized
    pip install mmengine mmcv-lite==2.1.0 eva-decord opencv-python-headless importlib_metadata
    pip install einops scipy
    pip install --no-deps torchvision==0.28.0 mmaction2==1.2.0
    python tests/golden/make_foreign_files.py FOLDER

Into FOLDER go the checkpoints (R50, 140 MB each) and logits.json, what the networks answer; then
check_foreign_files.py loads them in the project's environment. Beside this file goes
foreign_names.json: every layer of the networks that has a weight, and the weight's shape.

The shims are make_pytorchvideo_logits.py's two, and one that mmaction2 1.2.0's wheel needs, which
lacks a module of temporal localisation. All weights are name-seeded, as canonical names have them.
"""

import importlib
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from make_pytorchvideo_logits import TENSOR_NAMES, canonical_name, fill, import_pytorchvideo
from name_seeded import name_seeded, seeded_clip

NAMES = Path(__file__).with_name("foreign_names.json")
CLIP = (0, (1, 3, 32, 224, 224))  # seed and shape, as of the first case of the logits' fixture
SLOW_CLIP = (4, (1, 3, 8, 224, 224))  # as of slow_r50's
SLOW_FEATURES = 2048


def import_mmaction2() -> Any:
    """mmaction2's registry of models, past the shim."""
    package, module = (ModuleType(f"mmaction.models.localizers.{n}") for n in ("drn", "drn.drn"))
    vars(module)["DRN"] = type("DRN", (), {})
    sys.modules[package.__name__], sys.modules[module.__name__] = package, module
    for name in ("mmaction.models", "mmaction.models.data_preprocessors"):
        importlib.import_module(name)
    scope = importlib.import_module("mmengine.registry").DefaultScope
    scope.get_instance("foreign", scope_name="mmaction")
    return importlib.import_module("mmaction.registry").MODELS


def mmaction2_network(models: Any, *settings: Any) -> torch.nn.Module:
    """SlowFast, as mmaction2's configs have it."""
    network: torch.nn.Module = models.build(mmaction2_config(*settings)).eval()
    return network


def mmaction2_config(alpha: int, kernel: int, norm: bool, depth: int = 50) -> dict[str, Any]:
    """The config of SlowFast R50, or of another depth."""
    common = dict(type="resnet3d", depth=depth, pretrained=None, conv1_stride_t=1, pool1_stride_t=1,
                  norm_eval=False)  # fmt: skip
    slow = dict(common, lateral=True, fusion_kernel=kernel, conv1_kernel=(1, 7, 7),
                dilations=(1, 1, 1, 1), inflate=(0, 0, 1, 1), lateral_norm=norm)  # fmt: skip
    fast = dict(common, lateral=False, base_channels=8, conv1_kernel=(5, 7, 7))
    backbone = dict(type="ResNet3dSlowFast", pretrained=None, resample_rate=alpha,
                    speed_ratio=alpha, channel_ratio=8, slow_pathway=slow,
                    fast_pathway=fast)  # fmt: skip
    head = dict(type="SlowFastHead", in_channels=2304, num_classes=400, spatial_type="avg",
                dropout_ratio=0.5)  # fmt: skip
    return dict(type="Recognizer3D", backbone=backbone, cls_head=head)


def slowonly_config(**backbone: Any) -> dict[str, Any]:
    """The config of SlowOnly R50 (configs/_base_/models/slowonly_r50.py)."""
    backbone = dict(type="ResNet3dSlowOnly", depth=50, pretrained=None, lateral=False,
                    conv1_kernel=(1, 7, 7), conv1_stride_t=1, pool1_stride_t=1,
                    inflate=(0, 0, 1, 1), norm_eval=False) | backbone  # fmt: skip
    head = dict(type="I3DHead", in_channels=2048, num_classes=400, spatial_type="avg",
                dropout_ratio=0.5)  # fmt: skip
    return dict(type="Recognizer3D", backbone=backbone, cls_head=head)


def canonical_mmaction2(name: str) -> str | None:
    """Our name of mmaction2's tensor; None for ``num_batches_tracked``."""
    layer, _, kind = name.rpartition(".")
    layer = re.sub(r"^backbone\.(?=conv1|layer)", "backbone.slow_path.", layer)  # SlowOnly
    if kind == "num_batches_tracked":
        return None
    if layer == "cls_head.fc_cls":
        return f"head.projection.{kind}"
    _, way, first, *rest = layer.replace("_path", "").split(".")
    pathway, is_norm = ("slow", "fast").index(way), rest[-1] == "bn"
    if first.endswith("_lateral"):
        stage = 1 if first.startswith("conv1") else int(first[5]) + 1
        ours = f"s{stage}_fuse.{'bn' if is_norm else 'conv_f2s'}"
    elif first == "conv1":
        ours = f"s1.pathway{pathway}_stem.{rest[0]}"
    else:
        block, part, _ = rest
        branch = "branch1" if part == "downsample" else f"branch2.{'abc'[int(part[4]) - 1]}"
        ours = f"s{int(first[5]) + 1}.pathway{pathway}_res{block}.{branch}{'_bn' * is_norm}"
    return f"{ours}.{TENSOR_NAMES[kind]}"


def fill_mmaction2(model: torch.nn.Module, slow_features: int = SLOW_FEATURES) -> None:
    """Sets every tensor to its canonical name's values; the classifier's fast features lead."""
    state = {}
    for name, tensor in model.state_dict().items():
        ours = canonical_mmaction2(name)
        if ours is None:
            state[name] = tensor
            continue
        values = torch.from_numpy(name_seeded(ours, tuple(tensor.shape)))
        if ours == "head.projection.weight":
            values = torch.cat([values[:, slow_features:], values[:, :slow_features]], dim=1)
        state[name] = values
    model.load_state_dict(state, strict=True)


def mmaction2_logits(network: torch.nn.Module, clip_NCTHW: torch.Tensor) -> torch.Tensor:
    """``[N, K]``."""
    with torch.no_grad():
        logits: torch.Tensor = network.cls_head(network.backbone(clip_NCTHW))
    return logits


def shapes(model: torch.nn.Module) -> dict[str, list[int]]:
    """Of every layer's weight; the rest of a batch norm is as large."""
    return {
        name.removesuffix(".weight"): list(tensor.shape)
        for name, tensor in model.state_dict().items()
        if name.endswith(".weight")
    }


def pyslowfast_name(name: str) -> str:
    """PySlowFast's name of PyTorchVideo's tensor."""
    ours = canonical_name(name)
    if ours is None:
        of_mean = canonical_name(re.sub("num_batches_tracked$", "running_mean", name))
        return str(of_mean).replace("_mean", "num_batches_tracked")
    return ours.replace("._mean", ".running_mean").replace("._variance", ".running_var")


def main(folder: Path) -> None:
    """Writes all files."""
    folder.mkdir(parents=True, exist_ok=True)
    hub, _ = import_pytorchvideo()
    network = hub.slowfast_r50().eval()
    fill(network)
    names = {"PyTorchVideo": shapes(network)}
    state = network.state_dict()
    torch.save({"model_state": state}, folder / "pytorchvideo.pyth")
    torch.save({"model_state": state}, folder / "pytorchvideo_legacy.pyth",
               _use_new_zipfile_serialization=False)  # fmt: skip
    trained = {f"model.{name}": tensor for name, tensor in state.items()}
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9).state_dict()
    torch.save({"epoch": 195, "model_state": trained, "optimizer_state": optimizer,
                "cfg": "TRAIN: {}\n"}, folder / "pytorchvideo_trained.pyth")  # fmt: skip
    ours = {pyslowfast_name(name): tensor for name, tensor in state.items()}
    torch.save({"epoch": 195, "model_state": ours}, folder / "pyslowfast.pyth")

    models, logits = import_mmaction2(), {}
    clip_NCTHW = torch.from_numpy(seeded_clip(*CLIP))
    for file, settings in {"mmaction2": (8, 5, False), "mmaction2_norm": (4, 7, True)}.items():
        network = mmaction2_network(models, *settings)
        fill_mmaction2(network)
        names[file] = shapes(network)
        torch.save({"meta": {"epoch": 256, "config": "model = dict()"},
                    "state_dict": network.state_dict()}, folder / f"{file}.pth")  # fmt: skip
        logits[file] = mmaction2_logits(network, clip_NCTHW)[0].tolist()

    network = hub.slow_r50().eval()
    fill(network)
    names["PyTorchVideo, slow"] = shapes(network)
    torch.save({"model_state": network.state_dict()}, folder / "pytorchvideo_slow.pyth")
    network = models.build(slowonly_config()).eval()
    fill_mmaction2(network)
    names["mmaction2, slow"] = shapes(network)
    torch.save({"state_dict": network.state_dict()}, folder / "mmaction2_slow.pth")
    clip_NCTHW = torch.from_numpy(seeded_clip(*SLOW_CLIP))
    logits["mmaction2_slow"] = mmaction2_logits(network, clip_NCTHW)[0].tolist()
    (folder / "logits.json").write_text(json.dumps(logits))
    lines = ",\n".join(
        f'"{system}": {{\n' + ",\n".join(f'"{n}": {s}' for n, s in rows.items()) + "}"
        for system, rows in names.items()
    )
    NAMES.write_text(f"{{{lines}}}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
