#!/usr/bin/env bash
# eva-decord 0.6.1: in an mp4 of x265 with its defaults (open GOPs) an index at a keyframe that is
# not the first one gives a frame some places later, and in a batch so does what follows.
#
# Guess: right everywhere; keyframes are found by the file's index, and frames counted from there.
#
# Seen: pictures that follow a keyframe in the file and are shown before it ("leading" pictures)
# cannot be decoded after a jump to it, and are left out. decord counts from the keyframe as if
# they had come. A reader that goes through all frames in order sees nothing of it.
#
# PyAV 18.1 (FFmpeg 8.1), guess: a seek to a frame's time never lands behind it. Seen: it does for
# leading pictures whose time is not before the decoding time of the keyframe. OpenCV 5 is right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    av==18.1.0 eva-decord==0.6.1 opencv-python-headless==5.0.0.93 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY'
import av
import cv2
import decord
import numpy as np

COUNT = 120


def number(picture):
    """The number of a frame, which is written as seven bars, dark for 0 and light for 1."""
    return sum(int(picture[24, bar * 16 + 8, 0] > 128) << bar for bar in range(7))


with av.open("a.mp4", "w") as container:
    options = {"x265-params": "keyint=30:min-keyint=30:scenecut=0:log-level=error"}
    stream = container.add_stream("libx265", rate=25, options=options)
    stream.width, stream.height, stream.pix_fmt = 112, 48, "yuv420p"
    for i in range(COUNT):
        bars = [235 if i >> bar & 1 else 16 for bar in range(7)]
        picture = np.repeat(np.array(bars, np.uint8), 16)[None, :, None].repeat(48, 0).repeat(3, 2)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
    container.mux(stream.encode())

with av.open("a.mp4") as container:
    tick = int(1 / 25 / container.streams.video[0].time_base)
    shown = [number(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
assert shown == list(range(COUNT))
with av.open("a.mp4") as container:
    stream = container.streams.video[0]
    landed = {}
    for i in (20, 29, 30, 59):
        container.seek(i * tick, stream=stream)
        landed[i] = next(container.decode(stream)).pts // tick
capture, jumped = cv2.VideoCapture("a.mp4"), {}
asked = [10, 29, 30, 45, 60, 65, 100]
for i in asked:
    capture.set(cv2.CAP_PROP_POS_FRAMES, i)
    jumped[i] = number(capture.read()[1])
batch = [number(picture) for picture in decord.VideoReader("a.mp4").get_batch(asked).asnumpy()]
alone = [number(decord.VideoReader("a.mp4")[i].asnumpy()) for i in asked]
reader = decord.VideoReader("a.mp4")
in_order = [number(reader[i].asnumpy()) for i in range(COUNT)]
print("asked for           ", asked)
print("decord, get_batch   ", batch)
print("decord, opened anew ", alone)
print("PyAV, first after a seek to", landed)
assert in_order == shown and jumped == {i: i for i in asked}
assert batch[0] == 10 and batch[3] > 45 and batch[5] > 65, "decord counts otherwise by now"
assert alone[1] > 29 and alone[2] > 30 and alone[4] > 60, "decord is right by now"
assert (landed[20], landed[29], landed[59]) == (0, 30, 60), "FFmpeg seeks otherwise by now"
PY
# Seen:
#   asked for            [10, 29, 30, 45, 60, 65, 100]
#   decord, get_batch    [10, 32, 33, 48, 64, 69, 100]
#   decord, opened anew  [10, 32, 33, 45, 64, 65, 100]
#   PyAV, first after a seek to {20: 0, 29: 30, 30: 30, 59: 60}
