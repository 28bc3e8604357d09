#!/usr/bin/env bash
# FFmpeg 8.1 in PyAV 18.1.0, and eva-decord 0.6.1: an H.264 file made with x264's intra-refresh has
# "keyframes" from which nothing is shown for more than a second.
#
# Guess: a packet that mp4 calls a keyframe is shown when decoding begins with it.
#
# Seen: with intra-refresh (live streams, low latency) only the first picture is whole. Every 60
# frames a column of intra blocks begins to wander over the picture, and x264 and FFmpeg mark that
# packet as a keyframe. After a seek to it the decoder is silent until the column has arrived: the
# first frame is 38 later, so "seek to the keyframe before t, decode up to t" ends at a frame that
# is not t, without an error, and is_corrupt is False. decord counts from the keyframe as if all had
# come: 38 too late. OpenCV 5 notices that it got beyond its target, and goes further back: right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    av==18.1.0 eva-decord==0.6.1 opencv-python-headless==5.0.0.93 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY' 2>stderr
import av
import cv2
import decord
import numpy as np

COUNT, HEIGHT, WIDTH = 180, 480, 640
small = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
texture = cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
with av.open("a.mp4", "w") as container:
    options = {"intra-refresh": "1", "g": "60", "crf": "23", "bf": "0"}
    stream = container.add_stream("libx264", rate=25, options=options)
    stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    for i in range(COUNT):
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.roll(texture, 2 * i, axis=1))))
    container.mux(stream.encode())

with av.open("a.mp4") as container:
    stream = container.streams.video[0]
    tick = int(1 / 25 / stream.time_base)
    keys = [packet.pts // tick for packet in container.demux(stream) if packet.is_keyframe]
with av.open("a.mp4") as container:
    film = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
assert len(film) == COUNT


def number(picture):
    """The number of the frame that is most like a picture."""
    differences = np.abs(film[:, ::16, ::16].astype(int) - picture[::16, ::16])
    return int(differences.mean((1, 2, 3)).argmin())


asked = (45, 70, 100, 130)
landed, jumped, found = {}, {}, {}
capture = cv2.VideoCapture("a.mp4")
with av.open("a.mp4") as container:
    stream = container.streams.video[0]
    for i in asked:
        container.seek(i * tick, stream=stream)
        frame = next(container.decode(stream))
        assert not frame.is_corrupt
        landed[i] = frame.pts // tick
        capture.set(cv2.CAP_PROP_POS_FRAMES, i)
        jumped[i] = number(capture.read()[1][:, :, ::-1])
        found[i] = number(decord.VideoReader("a.mp4")[i].asnumpy())
print("keyframes by their packets", keys)
print("PyAV, seek to: first frame", landed)
print("decord, index: frame      ", found)
print("OpenCV, index: frame      ", jumped)
assert keys == [0, 60, 120] and jumped == {i: i for i in asked}
assert landed == {45: 0, 70: 98, 100: 98, 130: 158}, "FFmpeg shows others after a seek by now"
assert found[45] == 45 and found[70] == 108 and found[130] == 168, "decord is right by now"
PY
# Seen:
#   keyframes by their packets [0, 60, 120]
#   PyAV, seek to: first frame {45: 0, 70: 98, 100: 98, 130: 158}
#   decord, index: frame       {45: 45, 70: 108, 100: 100, 130: 168}
#   OpenCV, index: frame       {45: 45, 70: 70, 100: 100, 130: 130}
