#!/usr/bin/env bash
# PySceneDetect 0.7.2: in a video with a variable frame rate the seconds of a scene are right, and its
# frame numbers are those of no frame; which wrong ones depends on the backend.
#
# Guess: since 0.7 counts in presentation times, frame_num of a scene's first frame is that frame's
# number: 120 in this file.
#
# Seen: frame_num is the time multiplied by the file's rate. OpenCV gives the mean rate as 3750/169
# per second, so frame 120 becomes 89; PyAV gives 50 per second, so it becomes 200, in a file of 150
# frames. PyAV's duration is the number of frames divided by that rate: 3 s of 6.92 s.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    scenedetect==0.7.2 av==18.1.0 opencv-python-headless==5.0.0.93 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY' 2>stderr || { cat stderr; exit 1; }
from fractions import Fraction

import av
import numpy as np
from scenedetect import ContentDetector, SceneManager, open_video

before = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
after = 255 - before
unit, at = Fraction(1, 1000), 0
with av.open("a.mp4", "w") as container:
    stream = container.add_stream("libx264", rate=50)
    stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
    stream.codec_context.time_base = unit
    for i in range(150):  # 100 frames of 20 ms, 50 of 100 ms: frame 120 is shown at 4 s
        frame = av.VideoFrame.from_ndarray(before if i < 120 else after)
        frame.pts, frame.time_base = at, unit
        at += 20 if i < 100 else 100
        container.mux(stream.encode(frame))
    container.mux(stream.encode())

found = {}
for backend in ("opencv", "pyav"):
    video = open_video("a.mp4", backend=backend)
    manager = SceneManager()
    manager.add_detector(ContentDetector(min_scene_len=5))
    manager.detect_scenes(video)
    (_, second) = manager.get_scene_list()
    found[backend] = (second[0].seconds, second[0].frame_num, round(video.duration.seconds, 2))
print(found)
assert found == {"opencv": (4.0, 89, 6.76), "pyav": (4.0, 200, 3.0)}, found
PY
echo "as described"
