"""Our slowfast_r50_detection by our backends, asked for by detection.py: ``auto`` or one's name."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from name_seeded import name_seeded

from benchmarks.boxes_server import BOXES
from benchmarks.view_server import NUM_FRAMES, SIDE, Compute, clips, serve
from slowfast import machine
from slowfast.config import load_config

SETTINGS = [
    "train.task=detection", "model.num_classes=80", "model.alpha=4", "model.fusion_kernel=7",
    "model.roi_aligned=false", "model.dilations=[2,2]", f"data.num_frames={NUM_FRAMES}",
    f"test.short_side={SIDE}", "data.labels=",
]  # fmt: skip


def build(contender: str, network: str, folder: Path) -> tuple[Compute, str]:
    """The function of one contender."""
    machine.import_paddle()  # with its settings, as a command has them
    import paddle

    from slowfast.models import build_model
    from slowfast.predict.runtime.backends import open_backend
    from slowfast.predict.runtime.built import weighted

    paddle.set_device("cpu")
    cfg = load_config(None, [*SETTINGS, f"test.backend={contender}"])
    model = build_model(cfg.model, cfg.data.crop_size, cfg.train.task)
    values = {}
    for name, tensor in model.state_dict().items():
        is_linear = name == "head.projection.weight"  # Paddle's are [in, out]
        shape = tuple(tensor.shape)[::-1] if is_linear else tuple(tensor.shape)
        value = name_seeded(name, shape)
        values[name] = paddle.to_tensor(np.ascontiguousarray(value.T) if is_linear else value)
    model.set_state_dict(values)
    model.eval()
    backend = open_backend(weighted(model), cfg, "score")
    both = [clip[0] for clip in clips()]

    def logits(number: int) -> Any:
        (row,) = backend.of_boxes([both[number]], [BOXES])
        return row

    return logits, backend.about


if __name__ == "__main__":
    sys.exit(serve(build))
