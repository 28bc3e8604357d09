#!/usr/bin/env bash
# A film whose size changes on the way, as in broadcasts and calls (here MPEG-TS: 64x48, then
# 64x96): OpenCV 5.0.0.93 squeezes all that follows into the first size and tells nothing of it.
#
# Guess: read() gives another shape from there on, as PyAV 18.1.0's frames have another size, or it
# ends there; and CAP_PROP_FRAME_HEIGHT follows.
#
# Seen: one shape for all 60 frames, the properties too; a square that is 16 pixels wide and high in
# both parts is 16 x 8 in the second. decode(video=0) of PyAV gives both sizes, so that an array
# of all frames cannot be stacked.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    av==18.1.0 opencv-python-headless==5.0.0.93 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY' 2>stderr
import av
import cv2
import numpy as np


def part(height, offset):
    """30 frames with a white square of 16 pixels."""
    options = {"output_ts_offset": str(offset)}
    with av.open("part.ts", "w", options=options) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, height, "yuv420p"
        picture = np.zeros((height, 64, 3), np.uint8)
        picture[16:32, 16:32] = 255
        for _ in range(30):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode())
    with open("part.ts", "rb") as file:
        return file.read()


def square(picture):
    """Width and height of the square."""
    light = picture[:, :, 0] > 128
    return int(light.any(0).sum()), int(light.any(1).sum())


with open("a.ts", "wb") as file:
    file.write(part(48, 0) + part(96, 1.28))
with av.open("a.ts") as container:
    decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
capture, read = cv2.VideoCapture("a.ts"), []
while (got := capture.read())[0]:
    read.append(got[1])
said = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
seen = {}
for name, frames in (("PyAV", decoded), ("OpenCV", read)):
    shapes = sorted({frame.shape[:2] for frame in frames})
    seen[name] = len(frames), shapes, square(frames[10]), square(frames[50])
    print("{:6} {} frames of {}, square {}, then {}".format(name, *seen[name]))
print("OpenCV's properties at the end:", *said)
assert seen["PyAV"] == (60, [(48, 64), (96, 64)], (16, 16), (16, 16))
assert seen["OpenCV"] == (60, [(48, 64)], (16, 16), (16, 8)), "OpenCV does otherwise by now"
assert said == (64, 48)
PY
# Seen:
#   PyAV   60 frames of [(48, 64), (96, 64)], square (16, 16), then (16, 16)
#   OpenCV 60 frames of [(48, 64)], square (16, 16), then (16, 8)
#   OpenCV's properties at the end: 64.0 48.0
