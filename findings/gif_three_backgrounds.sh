#!/usr/bin/env bash
# A GIF whose frames are disposed of "to the background" (method 2) has three looks: white behind in
# FFmpeg (PyAV 18.1.0, OpenCV's VideoCapture), what was there before in OpenCV 5's own
# imreadanimation(), black in Pillow 13.0.0. eva-decord 0.6.1 opens no GIF at all.
#
# Guess: black in all of them, or all as the file's background colour says; decord reads GIF, since
# FFmpeg does.
#
# Seen: FFmpeg clears to transparent white, and a conversion to RGB drops the transparency.
# imreadanimation leaves the colour and clears alpha only, so its first three channels show the
# frames before. A delay of 0 is 1/10 s to FFmpeg and 0 ms to OpenCV and Pillow; one of 1/100 s,
# of which browsers make 1/10, is 1/100 s to all of them, although FFmpeg's documentation calls
# delays below 2/100 s invalid.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    av==18.1.0 eva-decord==0.6.1 opencv-python-headless==5.0.0.93 pillow==13.0.0 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY' 2>stderr
import av
import cv2
import decord
import numpy as np
from PIL import Image

# Red all over, then boxes that do not reach the corner.
frames = [Image.new("RGBA", (64, 48), "red")]
for left, colour in ((8, "lime"), (24, "blue"), (40, "yellow")):
    frames.append(Image.new("RGBA", (64, 48)))
    frames[-1].paste(colour, (left, 8, left + 16, 24))
delays = [0, 10, 50, 50]  # milliseconds
frames[0].save("a.gif", save_all=True, append_images=frames[1:], disposal=2, duration=delays)

with av.open("a.gif") as container:
    decoded = list(container.decode(video=0))
    times = [round(float(frame.time), 2) for frame in decoded]
capture = cv2.VideoCapture("a.gif")
_, animation = cv2.imreadanimation("a.gif")
pillow = Image.open("a.gif")
by_pillow, by_pillow_delays = [], []
for i in range(4):
    pillow.seek(i)
    by_pillow.append(np.array(pillow.convert("RGB")))
    by_pillow_delays.append(pillow.info["duration"])
corners = {
    "PyAV": [frame.to_ndarray(format="rgb24")[0, 0] for frame in decoded],
    "VideoCapture": [capture.read()[1][0, 0, ::-1] for _ in range(4)],
    "imreadanimation": [picture[0, 0, 2::-1] for picture in animation.frames],
    "Pillow": [picture[0, 0] for picture in by_pillow],
}
names = {(255, 0, 0): "red", (255, 255, 255): "white", (0, 0, 0): "black"}
seen = {how: [names[tuple(map(int, c))] for c in found] for how, found in corners.items()}
try:
    decord.VideoReader("a.gif")
    by_decord = "opened"
except decord.DECORDError:
    by_decord = "not opened"
for how, colours in seen.items():
    print(f"the corner, {how}: {', '.join(colours)}")
by_opencv_delays = animation.durations.tolist()
print("times, PyAV:", times, "delays, OpenCV:", by_opencv_delays, "Pillow:", by_pillow_delays)
print("decord:", by_decord)
assert seen["PyAV"] == seen["VideoCapture"] == ["red", "red", "white", "white"]
assert seen["imreadanimation"] == ["red"] * 4 and seen["Pillow"][2:] == ["black", "black"]
assert animation.frames[2][0, 0, 3] == 0 and by_decord == "not opened"
assert times == [0, 0.1, 0.11, 0.16] and by_opencv_delays == by_pillow_delays == delays
PY
# Seen:
#   the corner, PyAV: red, red, white, white
#   the corner, VideoCapture: red, red, white, white
#   the corner, imreadanimation: red, red, red, red
#   the corner, Pillow: red, red, black, black
#   times, PyAV: [0.0, 0.1, 0.11, 0.16] delays, OpenCV: [0, 10, 50, 50] Pillow: [0, 10, 50, 50]
#   decord: not opened
