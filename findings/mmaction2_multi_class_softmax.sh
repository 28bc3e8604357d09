#!/usr/bin/env bash
# mmaction2 1.2.0: a head with multi_class=True, trained with BCELossWithLogits, gives softmax in a
# test, so that two classes that are both seen have one half each.
#
# Guess: average_clips='prob' gives the probabilities that the loss is about: the sigmoid of each
# class where several can be seen at once.
#
# Seen: logits 2, 2 and -4, of sigmoid 0.881, 0.881 and 0.018, come out as 0.4994, 0.4994 and
# 0.0012. The head's loss is binary cross-entropy, so training is right; average precision over
# videos, and any threshold, are not: a class's score depends on how many others are seen with it.
# Files of such heads are converted to sigmoid here, and a note says so
# (slowfast/zoo/file_config.py).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
install() { "$folder/venv/bin/pip" install --quiet --disable-pip-version-check "$@"; }
install torch==2.13.0 mmengine==0.10.7 mmcv-lite==2.1.0 opencv-python-headless==4.13.0.92 \
    einops scipy importlib_metadata setuptools
install --no-deps torchvision==0.28.0 mmaction2==1.2.0
cd "$folder"
venv/bin/python -W ignore - <<'PY' 2>stderr || { cat stderr; exit 1; }
import sys
import types

import torch

# torchvision's compiled part is not there for every torch, and this wheel of mmaction2 lacks a
# folder that it imports; neither computes anything here.
library = torch.library.Library("torchvision", "DEF")
for name in ("nms", "qnms"):
    library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
lacking = [types.ModuleType(f"mmaction.models.localizers.{name}") for name in ("drn", "drn.drn")]
lacking[1].DRN = None
sys.modules |= {module.__name__: module for module in lacking}

from mmaction.models.heads import SlowFastHead
from mmaction.structures import ActionDataSample

head = SlowFastHead(
    num_classes=3, in_channels=4, multi_class=True, average_clips="prob",
    loss_cls=dict(type="BCELossWithLogits"),
)
logits = torch.tensor([[2.0, 2.0, -4.0]])
sample = ActionDataSample().set_gt_label(torch.tensor([1.0, 1.0, 0.0]))
loss = float(head.loss_by_feat(logits, [sample])["loss_cls"])
binary = float(torch.nn.functional.binary_cross_entropy_with_logits(logits, sample.gt_label[None]))
tested, sigmoid = head.average_clip(logits)[0], torch.sigmoid(logits)[0]
print(f"loss: {loss:.6f}, binary cross-entropy: {binary:.6f}")
print("sigmoid:", *(f"{value:.4f}" for value in sigmoid.tolist()))
print("tested: ", *(f"{value:.4f}" for value in tested.tolist()))
assert abs(loss - binary) < 1e-6
assert torch.allclose(tested, torch.softmax(logits, dim=1)[0]), "it is not softmax any more"
PY
# Seen:
#   loss: 0.090669, binary cross-entropy: 0.090669
#   sigmoid: 0.8808 0.8808 0.0180
#   tested:  0.4994 0.4994 0.0012
