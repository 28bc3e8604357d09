#!/usr/bin/env bash
# Paddle 3.3.1: paddle.vision.transforms.CenterCrop of an array or a tensor that is smaller than the
# crop gives less than the picture, down to a corner of 2 x 1 pixels, without an error.
#
# Guess: an array is padded or refused like a PIL image, or comes back whole.
#
# Seen: the corner's offset is negative then, and a slice with it counts from the end. CenterCrop
# (10) of 6 x 8 pixels leaves the last 2 x 1, of 9 x 12 nine rows, of 4 x 20 three rows of four; a PIL
# image is padded with black to 10 x 10. So the backend decides whether a short frame becomes a
# padded one or a scrap, and a Resize behind it blows the scrap up to full size.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    paddlepaddle==3.3.1 numpy==2.4.6 pillow==13.0.0
cd "$folder"
venv/bin/python - <<'PY' 2>stderr
import numpy as np
import paddle
from paddle.vision.transforms import CenterCrop
from PIL import Image

seen = {}
for height, width in ((6, 8), (9, 12), (4, 20), (12, 12)):
    picture = np.ones((height, width, 3), np.uint8)
    image = CenterCrop(10)(Image.fromarray(picture))
    seen[height, width] = (
        tuple(CenterCrop(10)(picture).shape[:2]),
        tuple(CenterCrop(10)(paddle.to_tensor(picture.transpose(2, 0, 1))).shape[1:]),
        image.size[::-1],
    )
    print(f"{height} x {width}: array, tensor and PIL become", *seen[height, width])
assert seen == {
    (6, 8): ((2, 1), (2, 1), (10, 10)),
    (9, 12): ((9, 10), (9, 10), (10, 10)),
    (4, 20): ((3, 10), (3, 10), (10, 10)),
    (12, 12): ((10, 10),) * 3,
}, "CenterCrop has changed"
PY
# Seen:
#   6 x 8: array, tensor and PIL become (2, 1) (2, 1) (10, 10)
#   9 x 12: array, tensor and PIL become (9, 10) (9, 10) (10, 10)
#   4 x 20: array, tensor and PIL become (3, 10) (3, 10) (10, 10)
#   12 x 12: array, tensor and PIL become (10, 10) (10, 10) (10, 10)
