#!/usr/bin/env bash
# OpenCV 5.0.0.93 (and 4.12, 4.14): in an MPEG-TS no frame before the second keyframe can be jumped
# to; even set(CAP_PROP_POS_FRAMES, 0) does not lead back to the first frame. With x264's defaults
# (a keyframe every 250 frames, and at cuts) that is easily ten seconds of the film.
#
# Guess: 0 is the first frame in every container; in MPEG-TS, which has no index, a jump may take
# longer or be inexact by a few frames.
#
# Seen: set() and read() return True, and the picture is the second keyframe's or the one after it,
# which is also what a jump to that keyframe shows. POS_FRAMES is what was asked for, or one less
# than what is shown. Further on jumps are exact. The same pictures in Matroska: all exact.
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

ASKED = (0, 1, 10, 20, 23, 24, 30, 50)


def jumps(path):
    """What is shown after a jump to each frame, and POS_FRAMES before it is read."""
    shown, positions = {}, []
    for i in ASKED:
        capture = cv2.VideoCapture(path)
        assert capture.set(cv2.CAP_PROP_POS_FRAMES, i)
        positions.append(int(capture.get(cv2.CAP_PROP_POS_FRAMES)))
        ok, picture = capture.read()
        assert ok
        shown[i] = round(picture.mean() / 4)
    return shown, positions


seen = {}
for suffix in ("ts", "mkv"):
    path = f"a.{suffix}"
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"g": "24", "sc_threshold": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in range(60):
            grey = np.full((48, 64, 3), 4 * i, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey)))
        container.mux(stream.encode())
    seen[suffix], positions = jumps(path)
    print(f"{suffix:3} asked for: shown {seen[suffix]}, POS_FRAMES {positions}")
assert seen["mkv"] == {i: i for i in ASKED}
assert all(seen["ts"][i] == i for i in (30, 50))
assert all(seen["ts"][i] >= 24 for i in (0, 1, 10, 20)), "the beginning is reached by now"
PY
# Seen:
#   ts  asked for: shown {0: 24, 1: 25, 10: 25, 20: 25, 23: 25, 24: 25, 30: 30, 50: 50},
#       POS_FRAMES [0, 1, 24, 24, 24, 24, 30, 50]
#   mkv asked for: shown {0: 0, 1: 1, 10: 10, 20: 20, 23: 23, 24: 24, 30: 30, 50: 50},
#       POS_FRAMES [0, 1, 10, 20, 23, 24, 30, 50]
