#!/usr/bin/env bash
# OpenCV 5.0.0.93 (also 4.12.0.88), Linux: cv2.VideoCapture(name) ends the process by SIGSEGV if the
# name is one of a file that is not UTF-8, as os.listdir and sys.argv give it (PEP 383: "caf\udce9").
# Expected: a capture that is not opened, or a UnicodeEncodeError, as cv2.imread may raise.
# The same name as bytes, os.fsencode(name), is opened and read, though the signature says str.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
for version in 5.0.0.93 4.12.0.88; do
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
        "opencv-python-headless==$version"
    cat >"$folder/read.py" <<'PY'
import os
import sys

import cv2
import numpy as np

writer = cv2.VideoWriter("a.mp4", cv2.VideoWriter.fourcc(*"mp4v"), 25, (64, 48))
for level in range(5):
    writer.write(np.full((48, 64, 3), 50 * level, np.uint8))
writer.release()
name = os.fsdecode(b"caf\xe9.mp4")
os.replace("a.mp4", name)
capture = cv2.VideoCapture(os.fsencode(name) if sys.argv[1] == "bytes" else name)
print(cv2.__version__, sys.argv[1], capture.isOpened(), capture.read()[0], flush=True)
PY
    for kind in bytes text; do
        (cd "$folder" && venv/bin/python read.py "$kind") || echo "$version $kind: status $?"
    done
done
