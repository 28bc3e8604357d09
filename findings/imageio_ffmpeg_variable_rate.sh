#!/usr/bin/env bash
# imageio-ffmpeg 0.8.1 (its wheel brings FFmpeg 9.0): of a video with a variable frame rate
# read_frames() yields twice the frames that are there, count_frames_and_secs() counts them right.
#
# Guess: both give the file's 60 frames; the second exists to tell how many the first will yield.
#
# Seen: 60 counted; 120 read from Matroska and 122 from mp4, the same film, since FFmpeg fills up to
# a constant rate for raw output: 25 a second, the rate of the shortest interval, whatever the
# header's mean is. meta["fps"] is 25 for the one and 12.1 for the other, so index / fps is a time
# in the first and far from it in the second. output_params=["-fps_mode", "passthrough"] gives 60.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    av==18.1.0 imageio-ffmpeg==0.8.1 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY'
import av
import imageio_ffmpeg
import numpy as np

# 30 frames of 3/25 s each, then 30 of 1/25 s.
times = [3 * i for i in range(30)] + [90 + i for i in range(30)]


def encode(path):
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 4 * i, np.uint8))
            frame.pts = time
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def read(path, *output_params):
    frames = imageio_ffmpeg.read_frames(path, output_params=list(output_params))
    meta = next(frames)
    return sum(1 for _ in frames), meta["fps"]


seen = {}
for path in ("a.mkv", "a.mp4"):
    encode(path)
    counted, _ = imageio_ffmpeg.count_frames_and_secs(path)
    passed, _ = read(path, "-fps_mode", "passthrough")
    seen[path] = counted, *read(path), passed
    print(path, "counted {}, read {} at meta fps {}, passed through {}".format(*seen[path]))
assert seen == {"a.mkv": (60, 120, 25.0, 60), "a.mp4": (60, 122, 12.1, 60)}
PY
# Seen:
#   a.mkv counted 60, read 120 at meta fps 25.0, passed through 60
#   a.mp4 counted 60, read 122 at meta fps 12.1, passed through 60
