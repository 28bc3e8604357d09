#!/usr/bin/env bash
# PyAV 18.1.0 (libswscale 9.5 of FFmpeg 8.1): from yuv420p to rgb24 without scaling, a picture that
# is one row lower gets other colours in all of its rows, and the interpolation, which had no
# effect before, then has one.
#
# Guess: a conversion of the same size has nothing to interpolate but chroma, always alike; one row
# less changes the last row at most. An odd width rather than an odd height might take a slower way.
#
# Seen: with 64x48 each chroma sample is given to its 2x2 pixels, whatever `interpolation` says.
# With 64x47 the general scaler runs and interpolates chroma between rows, as the flag says: on
# noise values differ by up to 255 from those of the same pixels at 64x48, and BILINEAR (PyAV's own
# default) differs from BICUBIC (FFmpeg's and OpenCV's). Odd widths change nothing. At 10 bits it is
# always the general scaler, so two tools agree to the bit on 8-bit files of even height only.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY'
import av
import numpy as np

noise = np.random.default_rng(0).integers(0, 256, (3, 48, 64), dtype=np.uint8)


def rgb(width, height, how, kind="yuv420p"):
    """The upper left of the same yuv420p picture, as rgb24."""
    frame = av.VideoFrame(width, height, "yuv420p")
    for plane, values in zip(frame.planes, noise):
        rows = np.zeros((plane.height, plane.line_size), np.uint8)
        rows[:, : plane.width] = values[: plane.height, : plane.width]
        plane.update(rows)
    frame = frame.reformat(format=kind)
    return frame.reformat(format="rgb24", interpolation=how).to_ndarray().astype(int)


def most(one, other):
    """The largest difference of pixels that both have, without the last rows and columns."""
    height, width = np.minimum(one.shape, other.shape)[:2] - 4
    return int(np.abs(one[:height, :width] - other[:height, :width]).max())


whole = rgb(64, 48, "BILINEAR")
seen = {
    "63x48 against 64x48": most(rgb(63, 48, "BILINEAR"), whole),
    "64x47 against 64x48": most(rgb(64, 47, "BILINEAR"), whole),
    "64x48, bicubic against bilinear": most(rgb(64, 48, "BICUBIC"), whole),
    "64x47, bicubic against bilinear": most(rgb(64, 47, "BICUBIC"), rgb(64, 47, "BILINEAR")),
    "64x48 at 10 bits, bicubic against bilinear": most(
        rgb(64, 48, "BICUBIC", "yuv420p10le"), rgb(64, 48, "BILINEAR", "yuv420p10le")
    ),
}
for what, difference in seen.items():
    print(f"{what}: up to {difference} of 255")
width, height, even, odd, deep = seen.values()
assert width == even == 0 and height >= 40 and odd >= 10 and deep >= 10, "swscale has changed"
PY
# Seen:
#   63x48 against 64x48: up to 0 of 255
#   64x47 against 64x48: up to 255 of 255
#   64x48, bicubic against bilinear: up to 0 of 255
#   64x47, bicubic against bilinear: up to 57 of 255
#   64x48 at 10 bits, bicubic against bilinear: up to 53 of 255
