#!/usr/bin/env bash
# torch 2.13.0 (CPU): a video network in bfloat16 runs all its convolutions, max pools and batch norms, and
# stops at its last pool: avg_pool3d has no bfloat16 kernel on a CPU, while avg_pool2d and
# adaptive_avg_pool3d have one. So PyTorchVideo's SlowFast with .bfloat16() raises in its head.
# Guess: what avg_pool2d can, avg_pool3d can. Seen:
#
#     avg_pool2d           ok
#     adaptive_avg_pool3d  ok
#     avg_pool3d           NotImplementedError: "avg_pool3d_out_frame" not implemented for 'BFloat16'
#
# Under autocast it runs, because autocast leaves that pool in float32.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" -W ignore - <<'PY'
import torch
import torch.nn.functional as F

clip = torch.ones(1, 2, 4, 8, 8, dtype=torch.bfloat16)
found = {}
for name, run in {
    "avg_pool2d": lambda: F.avg_pool2d(clip[0], 2),
    "adaptive_avg_pool3d": lambda: F.adaptive_avg_pool3d(clip, 1),
    "avg_pool3d": lambda: F.avg_pool3d(clip, 2),
}.items():
    try:
        run()
        found[name] = "ok"
    except RuntimeError as error:
        found[name] = f"{type(error).__name__}: {error}"
    print(f"{name:21}{found[name]}")
assert found["avg_pool2d"] == found["adaptive_avg_pool3d"] == "ok"
assert "not implemented for 'BFloat16'" in found["avg_pool3d"]
PY
