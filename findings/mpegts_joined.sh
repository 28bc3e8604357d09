#!/usr/bin/env bash
# Two MPEG-TS files joined with cat, as the format allows: OpenCV 5.0.0.93 counts half of the
# frames, at the right rate, and then reads all of them.
#
# Guess: FFmpeg bridges the jump in the times, as it does at 2**33; 60 frames are counted and given.
#
# Seen: PyAV 18.1.0 (FFmpeg 8.1) gives all 60 with the times as written, so each time occurs twice,
# no frame is known by it, and frames by duration is twice the true rate. Where the second file's
# times go on from the first's (output_ts_offset), all is well.
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


def part(start, offset):
    """30 frames whose grey levels count up from ``start``."""
    options = {"output_ts_offset": str(offset)}
    with av.open("part.ts", "w", options=options) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in range(start, start + 30):
            grey = np.full((48, 64, 3), 4 * i, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey)))
        container.mux(stream.encode())
    with open("part.ts", "rb") as file:
        return file.read()


seen = {}
for name, offset in (("joined", 0), ("continued", 1.28)):
    path = f"{name}.ts"
    with open(path, "wb") as file:
        file.write(part(0, 0) + part(30, offset))
    with av.open(path) as container:
        times = [frame.pts for frame in container.decode(video=0)]
    capture, read = cv2.VideoCapture(path), 0
    said = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    while capture.read()[0]:
        read += 1
    rate = len(times) / float(max(times) - min(times) + 3600) * 90000
    seen[name] = len(times), len(set(times)), round(rate), said, read
    print("{:9} PyAV {} frames, {} different times, {}/s;".format(name, *seen[name]), end=" ")
    print(f"OpenCV says {said}, reads {read}")
assert seen["joined"] == (60, 30, 50, 30, 60), "counted otherwise by now"
assert seen["continued"] == (60, 60, 25, 60, 60)
PY
# Seen:
#   joined    PyAV 60 frames, 30 different times, 50/s; OpenCV says 30, reads 60
#   continued PyAV 60 frames, 60 different times, 25/s; OpenCV says 60, reads 60
