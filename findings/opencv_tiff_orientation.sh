#!/usr/bin/env bash
# OpenCV 5.0.0.93: imread() returns None for a TIFF whose orientation tag says that it lies on its
# side; imdecode() of the same bytes gives the picture.
#
# Guess: imread turns TIFF as it does JPEG, or leaves it; and what imdecode reads imread reads.
#
# Seen, the same 48 x 32 picture with orientation 6 in five formats: JPEG, PNG and WebP are turned
# unless IMREAD_UNCHANGED is given. TIFF is turned by imdecode even then; imread prints "Internal
# imread issue: 'original_ptr == real_mat.data' must be 'true'" and gives None, with both flags.
# AVIF is never turned. VideoCapture, which opens pictures too, turns none.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    opencv-python-headless==5.0.0.93 pillow==13.0.0 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY' 2>stderr
import cv2
import numpy as np
from PIL import Image

exif = Image.Exif()
exif[0x0112] = 6  # the first row is on the right
picture = Image.new("RGB", (48, 32), "red")


def shape(found):
    return None if found is None else f"{found.shape[1]}x{found.shape[0]}"


seen = {}
for kind in ("jpeg", "png", "webp", "tiff", "avif"):
    path = f"a.{kind}"
    picture.save(path, exif=exif)
    content = np.fromfile(path, np.uint8)
    seen[kind] = (
        shape(cv2.imread(path)),
        shape(cv2.imread(path, cv2.IMREAD_UNCHANGED)),
        shape(cv2.imdecode(content, cv2.IMREAD_COLOR)),
        shape(cv2.imdecode(content, cv2.IMREAD_UNCHANGED)),
    )
    print(f"{kind:4} imread {seen[kind][0]}, unchanged {seen[kind][1]};", end=" ")
    print(f"imdecode {seen[kind][2]}, unchanged {seen[kind][3]}")
usual = "32x48", "48x32", "32x48", "48x32"
assert seen["jpeg"] == seen["png"] == seen["webp"] == usual
assert seen["tiff"] == (None, None, "32x48", "32x48"), "TIFF is read otherwise by now"
assert seen["avif"] == ("48x32",) * 4, "AVIF is turned by now"
assert cv2.VideoCapture("a.jpeg").read()[1].shape == (32, 48, 3)
PY
# Seen:
#   jpeg imread 32x48, unchanged 48x32; imdecode 32x48, unchanged 48x32
#   png  imread 32x48, unchanged 48x32; imdecode 32x48, unchanged 48x32
#   webp imread 32x48, unchanged 48x32; imdecode 32x48, unchanged 48x32
#   tiff imread None, unchanged None; imdecode 32x48, unchanged 32x48
#   avif imread 48x32, unchanged 48x32; imdecode 48x32, unchanged 48x32
