#!/usr/bin/env bash
# SVT-AV1 4.1 (in PyAV 18.1.0), run by root: whoever encodes is a real-time thread from then on.
#
# Guess: an encoder may raise the priority of its own threads, and the caller stays as it was.
#
# Seen: after three frames of 64 x 64 the thread that called the encoder has SCHED_FIFO, priority 99,
# the highest there is, and keeps it when the file is closed; every thread and process that it starts
# inherits it. libx264 and libvpx-vp9 change nothing. As another user nothing changes either. In a
# container, where everything is root, a test or a service that once writes an AV1 file takes its
# cores from all others, and two such processes that wait for each other may never go on.
set -euo pipefail
[ "$(id -u)" = 0 ] || { echo "run this as root: only then is it seen"; exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY' 2>stderr
import os
import subprocess
import sys

import av
import numpy as np


def after(codec, name):
    """The policy and priority of this thread after it has encoded three frames."""
    with av.open(name, "w") as out:
        stream = out.add_stream(codec, rate=30)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), "rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return os.sched_getscheduler(0), os.sched_getparam(0).sched_priority


before = os.sched_getscheduler(0), os.sched_getparam(0).sched_priority
seen = {codec: after(codec, name) for codec, name in
        (("libx264", "a.mp4"), ("libvpx-vp9", "b.webm"), ("libsvtav1", "c.mp4"))}
child = subprocess.run(
    [sys.executable, "-c", "import os; print(os.sched_getscheduler(0))"],
    capture_output=True, text=True, check=True,
).stdout.strip()  # fmt: skip
os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
print("before", before, "after", seen, "a child", child)
assert seen["libx264"] == seen["libvpx-vp9"] == before == (os.SCHED_OTHER, 0), seen
assert seen["libsvtav1"] == (os.SCHED_FIFO, 99), seen
assert child == str(os.SCHED_FIFO), child
print("as found")
PY
