"""Loads what make_foreign_files.py wrote, and prints how far our logits are from those systems'.

In the project's environment:

    PYTHONPATH=. python tests/golden/check_foreign_files.py FOLDER

PyTorchVideo's logits are the first case of pytorchvideo_logits.json.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import safetensors.numpy
from name_seeded import seeded_clip

from slowfast.models import slow_r50, slowfast_r50, slowfast_r50_4x16
from slowfast.weights.formats.read import read_content
from slowfast.weights.load import load_weights

TOLERANCE = 1e-4
FIXTURE = json.loads(Path(__file__).with_name("pytorchvideo_logits.json").read_text())
MMACTION2: dict[str, Any] = dict(slow_frames="strided", pool_size=None)


def error(model: paddle.nn.Layer, path: Path, expected: list[float], case: dict[str, Any]) -> float:
    """Loads a file, and gives the largest difference of a logit of the case's clip."""
    start = time.perf_counter()
    print(load_weights(model, path), f"in {time.perf_counter() - start:.1f} s")
    model.eval()
    with paddle.no_grad():
        clip_NCTHW = paddle.to_tensor(seeded_clip(case["clip_seed"], case["clip_shape"]))
        logits_K = model(clip_NCTHW).numpy()[0]
    return float(np.abs(logits_K - np.array(expected)).max())


def main(folder: Path) -> None:
    """Fails if a difference is above the tolerance."""
    copy = folder / "copy.safetensors"
    tensors = read_content(folder / "pytorchvideo.pyth")["model_state"]
    safetensors.numpy.save_file({n: x.copy() for n, x in tensors.items()}, str(copy))
    logits = json.loads((folder / "logits.json").read_text())
    errors = {}
    both, slow = FIXTURE["cases"][0], FIXTURE["cases"][4]
    for name in ("pytorchvideo.pyth", "pytorchvideo_legacy.pyth", "pytorchvideo_trained.pyth",
                 "pyslowfast.pyth", copy.name):  # fmt: skip
        errors[name] = error(slowfast_r50(), folder / name, both["logits"], both)
    model = slowfast_r50_4x16(lateral_norm=False, **MMACTION2)
    errors["mmaction2.pth"] = error(model, folder / "mmaction2.pth", logits["mmaction2"], both)
    model = slowfast_r50(**MMACTION2)
    path = folder / "mmaction2_norm.pth"
    errors[path.name] = error(model, path, logits["mmaction2_norm"], both)
    path = folder / "pytorchvideo_slow.pyth"
    errors[path.name] = error(slow_r50(), path, slow["logits"], slow)
    path = folder / "mmaction2_slow.pth"
    errors[path.name] = error(slow_r50(**MMACTION2), path, logits["mmaction2_slow"], slow)
    for name, value in errors.items():
        print(f"{name}: largest difference of a logit {value:.1e}")
    if max(errors.values()) > TOLERANCE:
        sys.exit(f"more than {TOLERANCE}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
