#!/usr/bin/env bash
# mmaction2 1.2.0: around a key second of AVA it reads the frames one picture later than its own
# versions 0.x, with whose weights it is compared.
#
# Guess: second 902 of a film whose first frame, img_00001.jpg, is second 900, at 30 frames a second,
# is img_00061.jpg.
#
# Seen: it is img_00062.jpg: SampleAVAFrames adds the number of the first picture to the key frame,
# and once more to all frames of the clip. Frames of a clip of 32 x 2 are 30 to 92, not 29 to 91.
# tests/data/clips/test_key_windows.py has both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
install() { "$folder/venv/bin/pip" install --quiet --disable-pip-version-check "$@"; }
install torch==2.13.0 mmengine==0.10.7 mmcv-lite==2.1.0 opencv-python-headless==4.13.0.92 \
    numpy==2.4.6 einops scipy importlib_metadata eva-decord setuptools
install --no-deps torchvision==0.28.0 mmaction2==1.2.0
cd "$folder"
printf 'a,0902,0.1,0.1,0.4,0.8,12,0\n' >train.csv
venv/bin/python -W ignore - <<'PY' >stdout 2>stderr || { cat stdout stderr; exit 1; }
import torch

library = torch.library.Library("torchvision", "DEF")  # its compiled part is not there
for name in ("nms", "qnms"):
    library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from mmaction.datasets import AVADataset
from mmengine.registry import init_default_scope

init_default_scope("mmaction")


def frames(clip_len, frame_interval):
    sample = dict(
        type="SampleAVAFrames", clip_len=clip_len, frame_interval=frame_interval, test_mode=True
    )
    dataset = AVADataset("train.csv", [sample], data_prefix=dict(img="frames"), test_mode=True)
    return dataset[0]["frame_inds"].tolist()


(key,), clip = frames(1, 1), frames(32, 2)
print(f"key frame of second 902: img_{key:05d}.jpg")
print("clip of 32 x 2:", *clip[:2], "...", *clip[-2:])
assert key == 62 and clip == list(range(30, 94, 2))
PY
grep -E '^(key frame|clip)' stdout
# Seen:
#   key frame of second 902: img_00062.jpg
#   clip of 32 x 2: 30 32 ... 90 92
