"""Writes detectors of PyTorchVideo and mmaction2, what they answer, and a non-local block.

In the environment of make_foreign_files.py:

    python tests/golden/make_detection_files.py

Beside this file go detection_{pytorchvideo,mmaction2,mmaction2_context}.pyth, as those systems
save, with a block a stage and name-seeded weights; and detection_answers.json: parameters and
tensors of the full-size detectors, the logits of the small ones with settings that no tensor tells,
and what PyTorchVideo's non-local block makes of numbers.

The shims are those of make_foreign_files.py, and: mmcv-lite has no RoIAlign, so that torchvision's
stands in for it, in Python, which is the compiled one for boxes inside the picture; and the head
of mmaction2 asks mmdet for the name of a class. Background is the first output of mmaction2.
"""

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import mmengine.runner
import torch
from make_foreign_files import canonical_mmaction2, import_mmaction2, mmaction2_config
from make_pytorchvideo_logits import canonical_name, import_pytorchvideo
from name_seeded import name_seeded, seeded_clip

HERE = Path(__file__).parent
WIDTH, CLASSES = 8, 6
CLIP = (8, (2, 3, 32, 64, 80))  # seed and shape
BOXES = [[0, 4.0, 9.5, 60.8, 63.0], [0, 30.0, 2.0, 79.0, 40.0], [1, 10.0, 20.0, 25.0, 50.0]]
"""The clip's number, then the corners."""
BLOCK = (9, (2, 4, 4, 5, 6))  # seed and shape of a non-local block's input


def import_boxes() -> ModuleType:
    """torchvision's operators, past the shims of mmaction2's heads for boxes."""
    operators = importlib.import_module("torchvision.ops")

    class RoIAlign(torch.nn.Module):
        """mmcv's."""

        def __init__(
            self, output_size: int, spatial_scale: float, sampling_ratio: int, pool_mode: str,
            aligned: bool,
        ) -> None:  # fmt: skip
            super().__init__()
            self.given = (output_size, spatial_scale, sampling_ratio, aligned)

        def forward(self, x: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
            pooled: torch.Tensor = operators.roi_align(x, boxes, *self.given)
            return pooled

    ops = ModuleType("mmcv.ops")
    vars(ops).update(RoIAlign=RoIAlign, RoIPool=type("RoIPool", (), {}))
    sys.modules["mmcv.ops"] = ops
    name = "mmdet.models.task_modules.samplers"
    parts = name.split(".")
    for i in range(1, len(parts) + 1):
        sys.modules.setdefault(".".join(parts[:i]), ModuleType(".".join(parts[:i])))
    vars(sys.modules[name])["SamplingResult"] = type("SamplingResult", (), {})
    return operators


def our_name(name: str) -> str | None:
    """Our name of a detector's tensor; None for ``num_batches_tracked``."""
    for head in ("detection_head.proj", "roi_head.bbox_head.fc_cls"):
        if name.startswith(head):
            return name.replace(head, "head.projection")
    if name.startswith("model."):
        return canonical_name(name.removeprefix("model."))
    return canonical_mmaction2(name)


def filled(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Sets a detector to its names' values, in half the bytes; its state."""
    state = {}
    for name, tensor in network.state_dict().items():
        ours = our_name(name)
        state[name] = tensor
        if ours is not None:
            values = torch.from_numpy(name_seeded(ours, tuple(tensor.shape)))
            scale = 30 if ours.startswith("head") else 1
            state[name] = (scale * values).half()
    network.load_state_dict(state, strict=True)
    network.eval()
    return state


def pytorchvideo(fast_dilation: int, size: int, aligned: bool, **given: Any) -> torch.nn.Module:
    """The hub's detector, narrow unless ``given`` says otherwise, with logits as answers."""
    module = importlib.import_module("pytorchvideo.models.slowfast")
    own = dict(model_depth=18, stem_dim_outs=(WIDTH, WIDTH // 8), model_num_class=CLASSES)
    spread = [((1, 1, 1),) * 3 + ((1, d, d),) for d in (2, fast_dilation)]
    network: torch.nn.Module = module.create_slowfast_with_roi_head(
        head_activation=None, head_spatial_resolution=(size, size),
        stage_conv_b_dilations=tuple(spread), **own | given,
    )  # fmt: skip
    network.detection_head.roi_layer.aligned = aligned
    return network


def mmaction2_slowfast(models: Any, alpha: int, kernel: int, **narrow: Any) -> torch.nn.Module:
    """The backbone of its configs for AVA."""
    config = mmaction2_config(alpha, kernel, False)["backbone"]
    config["slow_pathway"] |= narrow | dict(spatial_strides=(1, 2, 2, 1))
    config["fast_pathway"] |= narrow | dict(spatial_strides=(1, 2, 2, 1), base_channels=8)
    if narrow:
        config["slow_pathway"]["base_channels"] = WIDTH
        config["fast_pathway"]["base_channels"] = WIDTH // 8
    backbone: torch.nn.Module = models.build(config)
    return backbone


class MMAction2(torch.nn.Module):
    """What its FastRCNN and AVARoIHead hold, under their names; mmdet builds them there."""

    def __init__(
        self, backbone: torch.nn.Module, channels: int, classes: int, time: str, context: bool
    ) -> None:
        super().__init__()
        heads = "mmaction.models.roi_heads"
        extractor = importlib.import_module(f"{heads}.roi_extractors.single_straight3d")
        head = importlib.import_module(f"{heads}.bbox_heads.bbox_head")
        self.backbone, self.roi_head = backbone, torch.nn.Module()
        self.roi_head.bbox_roi_extractor = extractor.SingleRoIExtractor3D(
            output_size=8, temporal_pool_mode=time, with_global=context
        )
        self.roi_head.bbox_head = head.BBoxHeadAVA(
            background_class=True, in_channels=(1 + context) * channels, num_classes=classes + 1,
            dropout_ratio=0.5,
        )  # fmt: skip

    def forward(self, clip: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
        features, _ = self.roi_head.bbox_roi_extractor(self.backbone(clip), boxes)
        logits: torch.Tensor = self.roi_head.bbox_head(features)
        return logits


def sizes(network: torch.nn.Module) -> list[int]:
    """Trainable parameters, and tensors."""
    return [sum(x.numel() for x in network.parameters()), len(network.state_dict())]


def nonlocal_block() -> dict[str, Any]:
    """What the block makes of an input, with weights of their names."""
    create = importlib.import_module("pytorchvideo.layers.nonlocal_net").create_nonlocal
    channels = BLOCK[1][1]
    block = create(dim_in=channels, dim_inner=channels // 2, pool_size=(2, 2, 2),
                   instantiation="dot_product").eval()  # fmt: skip
    names = {"norm": "bn", "running_mean": "_mean", "running_var": "_variance"}
    state = {}
    for name, tensor in block.state_dict().items():
        ours = ".".join(names.get(part, part) for part in name.split("."))
        own = None if "tracked" in name else name_seeded(ours, tuple(tensor.shape))
        state[name] = tensor if own is None else torch.from_numpy(own)
    block.load_state_dict(state)
    found = block(torch.from_numpy(seeded_clip(*BLOCK)))
    return {"clip": BLOCK, "output": [float(f"{x:.7g}") for x in found.flatten().tolist()]}


def main() -> None:
    """Writes all files."""
    torch.set_num_threads(2)
    torch.set_grad_enabled(False)
    hub, transforms = import_pytorchvideo()
    models = import_mmaction2()
    import_boxes()
    clips, boxes = torch.from_numpy(seeded_clip(*CLIP)), torch.tensor(BOXES)
    slow = torch.stack([transforms.uniform_temporal_subsample(clip, 8) for clip in clips])
    logits: dict[str, Any] = {}
    for case in ((2, 7, False), (1, 7, True), (2, 8, False)):
        network = pytorchvideo(*case)
        state = filled(network)
        logits["pytorchvideo " + " ".join(map(str, case))] = network([slow, clips], boxes).tolist()
    torch.save({"model_state": state}, HERE / "detection_pytorchvideo.pyth")
    for time, context in (("avg", False), ("max", False), ("avg", True)):
        narrow = dict(stage_blocks=(1, 1, 1, 1))
        backbone = mmaction2_slowfast(models, 8, 5, **narrow)
        network = MMAction2(backbone, 36 * WIDTH, CLASSES, time, context)
        state = filled(network)
        logits[f"mmaction2 {time} {context}"] = network(clips, boxes).tolist()
        name = "detection_mmaction2_context.pth" if context else "detection_mmaction2.pth"
        content = {"meta": {"epoch": 20}, "state_dict": state}
        mmengine.runner.save_checkpoint(content, str(HERE / name))
    answers = {
        "sizes": {
            "slowfast_r50_detection": sizes(hub.slowfast_r50_detection()),
            "slow_r50_detection": sizes(hub.slow_r50_detection()),
            **{f"mmaction2 {alpha} {context}": sizes(MMAction2(
                mmaction2_slowfast(models, alpha, kernel), 2304, 80, "avg", context))
               for alpha, kernel, context in ((8, 5, False), (4, 7, False), (8, 5, True))},
        },
        "clip": CLIP, "boxes": BOXES, "logits": logits, "nonlocal": nonlocal_block(),
    }  # fmt: skip
    (HERE / "detection_answers.json").write_text(json.dumps(answers) + "\n")
    print(answers["sizes"], *logits.items(), sep="\n")


if __name__ == "__main__":
    main()
