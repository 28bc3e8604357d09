#!/usr/bin/env bash
# An animated AVIF has two video streams for FFmpeg 8.1, the still picture first and then the film.
# PyAV 18.1.0's decode(video=0) gives one frame of ten (streams.best("video") would be the film);
# OpenCV 5.0.0.93's VideoCapture takes the first one too, counts one frame and reads none, while its
# imreadanimation() gives all ten.
#
# Guess: one stream with ten frames, as in animated PNG, GIF and WebP.
#
# Of the others, guess: PyAV and VideoCapture give ten frames of each. Seen: VideoCapture counts
# -2305843009213694 frames in the animated PNG of which it then reads ten, and neither decodes
# animated WebP (FFmpeg does not); it opens it, with a size of 0x0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    av==18.1.0 opencv-python-headless==5.0.0.93 pillow==13.0.0 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY' 2>stderr
import av
import cv2
from PIL import Image

pictures = [Image.new("RGB", (64, 48), (20 * i, 100, 200)) for i in range(10)]


def with_pyav(path, number):
    try:
        with av.open(path) as container:
            return sum(1 for _ in container.decode(video=number))
    except av.FFmpegError as error:
        return type(error).__name__


def with_capture(path):
    capture, count = cv2.VideoCapture(path), 0
    said = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    while capture.read()[0]:
        count += 1
    return capture.isOpened(), "10" if said == 10 else "1" if said == 1 else "negative", count


seen = {}
for kind in ("avif", "png", "webp"):
    path = f"a.{kind}"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=40)
    with av.open(path) as container:
        streams = [stream.frames for stream in container.streams.video]
    _, animation = cv2.imreadanimation(path)
    seen[kind] = (
        [with_pyav(path, number) for number in range(len(streams))],
        with_capture(path),
        len(animation.frames),
    )
    print(f"{kind:4} PyAV, frames a stream: {seen[kind][0]};", end=" ")
    print("VideoCapture, opened {}, said {}, read {};".format(*seen[kind][1]), end=" ")
    print(f"imreadanimation {seen[kind][2]}")
with av.open("a.avif") as container:
    assert container.streams.best("video").index == 1
assert seen == {
    "avif": ([1, 10], (True, "1", 0), 10),
    "png": ([10], (True, "negative", 10), 10),
    "webp": (["InvalidDataError"], (True, "negative", 0), 10),
}
PY
# Seen (imreadanimation gives 10 of each):
#   avif PyAV, frames a stream: [1, 10]; VideoCapture, opened True, said 1, read 0
#   png  PyAV, frames a stream: [10]; VideoCapture, opened True, said negative, read 10
#   webp PyAV, frames a stream: ['InvalidDataError']; VideoCapture, opened True, said negative,
#        read 0
