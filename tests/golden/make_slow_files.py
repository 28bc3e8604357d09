"""Writes slow pathways of PyTorchVideo and mmaction2, and what their heads make of clips.

In the environment of make_foreign_files.py, after make_protocol_files.py:

    python tests/golden/make_slow_files.py

Beside this file go pytorchvideo_slow_small.pyth and mmaction2_slow_small.pth, saved as those
systems save, with a block a stage and name-seeded weights; and slow_answers.json: the trainable
parameters of the systems' full-size networks, the logits of these two, and the probabilities of
PyTorchVideo's networks with a sigmoid in the head, for several labels; those of SlowFast are of
pytorchvideo_small.pyth.
"""

import importlib
import json
from pathlib import Path
from typing import Any

import mmengine.runner
import torch
from make_foreign_files import (
    fill_mmaction2,
    import_mmaction2,
    mmaction2_logits,
    shapes,
    slowonly_config,
)
from make_protocol_files import round_to_half, spread_logits
from make_pytorchvideo_logits import fill, import_pytorchvideo
from name_seeded import seeded_clip

HERE = Path(__file__).parent
WIDTH, CLASSES = 8, 7
CLIP, BOTH = (6, (2, 3, 8, 96, 96)), (7, (2, 3, 32, 96, 96))  # seed and shape; 2 x 2 positions
FULL_SIZE = {"slow_r50": 400, "slow_r50_charades": 157, "slowfast_r50_charades": 157}


def slow(activation: Any = None) -> torch.nn.Module:
    """PyTorchVideo's Slow, with a head for crops of 64 pixels."""
    module = importlib.import_module("pytorchvideo.models.resnet")
    module._MODEL_STAGE_DEPTH[14] = (1, 1, 1, 1)  # its own table begins with R50
    network: torch.nn.Module = module.create_resnet(
        model_depth=14, stem_dim_out=WIDTH, stem_conv_kernel_size=(1, 7, 7),
        model_num_class=CLASSES, head_pool_kernel_size=(8, 2, 2), head_activation=activation,
    )  # fmt: skip
    return network.eval()


def slowfast() -> torch.nn.Module:
    """PyTorchVideo's SlowFast of make_protocol_files.py, with a sigmoid."""
    create = importlib.import_module("pytorchvideo.models.slowfast").create_slowfast
    network: torch.nn.Module = create(
        model_depth=18, stem_dim_outs=(8, 1), model_num_class=20,
        head_pool_kernel_sizes=((8, 2, 2), (32, 2, 2)), head_activation=torch.nn.Sigmoid,
    )  # fmt: skip
    network.load_state_dict(torch.load(HERE / "pytorchvideo_small.pyth")["model_state"])
    return network.eval()


def spread(network: torch.nn.Module, logits_NK: torch.Tensor) -> dict[str, torch.Tensor]:
    """Scales the classifier; the network's state, in half the bytes."""
    (linear,) = [m for m in network.modules() if isinstance(m, torch.nn.Linear)]
    spread_logits(linear, logits_NK)
    return round_to_half(network)


def parameters(hub: Any, models: Any) -> dict[str, int]:
    """Trainable ones of the full-size networks."""
    networks = {
        name: getattr(hub, name.removesuffix("_charades"))(model_num_class=classes)
        for name, classes in FULL_SIZE.items()
    }
    networks["slowonly_r50"] = models.build(slowonly_config())
    return {name: sum(x.numel() for x in net.parameters()) for name, net in networks.items()}


def main() -> None:
    """Writes all files."""
    torch.set_num_threads(2)
    hub, transforms = import_pytorchvideo()
    models = import_mmaction2()
    answers: dict[str, Any] = {"parameters": parameters(hub, models), "clip": CLIP, "both": BOTH}
    clips = torch.from_numpy(seeded_clip(*CLIP))
    patterns = torch.cat([clips, clips.flip(2), clips.cumsum(2) / 3, clips.cumsum(4) / 5])

    network = slow()
    fill(network)
    with torch.no_grad():
        state = spread(network, network(patterns))
        answers["pytorchvideo"] = network(clips).tolist()
        torch.save({"model_state": state}, HERE / "pytorchvideo_slow_small.pyth")
        network = slow(torch.nn.Sigmoid)
        network.load_state_dict(state)
        answers["pytorchvideo, sigmoid"] = network(clips).tolist()
        both = torch.from_numpy(seeded_clip(*BOTH))
        few = torch.stack([transforms.uniform_temporal_subsample(clip, 8) for clip in both])
        answers["pytorchvideo, both, sigmoid"] = slowfast()([few, both]).tolist()

    config = slowonly_config(base_channels=WIDTH, stage_blocks=(1, 1, 1, 1))
    config["cls_head"] |= dict(in_channels=32 * WIDTH, num_classes=CLASSES)
    network = models.build(config).eval()
    fill_mmaction2(network)
    state = spread(network, mmaction2_logits(network, patterns))
    answers["mmaction2"] = mmaction2_logits(network, clips).tolist()
    mmengine.runner.save_checkpoint(
        {"meta": {"epoch": 256}, "state_dict": state}, str(HERE / "mmaction2_slow_small.pth")
    )
    (HERE / "slow_answers.json").write_text(json.dumps(answers, indent=0) + "\n")
    print(answers["parameters"], len(shapes(network)))


if __name__ == "__main__":
    main()
