#!/usr/bin/env bash
# A video whose colour matrix is tagged as YCgCo, BT.2020 constant luminance or ICtCp (valid values
# of H.264's table): PyAV 18.1.0 raises an OSError that names nothing, OpenCV 5.0.0.93 says it read
# a frame and hands over a buffer that nobody has written, eva-decord 0.6.1 converts as if it
# were BT.601.
#
# Guess: FFmpeg takes BT.601 for a matrix that it does not know, in all of them.
#
# Seen: since FFmpeg's new scaler a matrix without coefficients is refused. The tag is in the
# stream only; the pixels are ordinary, and frame.colorspace = 2 ("unknown") before the conversion
# gives the picture. In OpenCV read() is True for all frames, and all have the same content.
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

LEVELS = (60, 120, 180, 240)
NAMES = {1: "BT.709", 7: "SMPTE 240M", 8: "YCgCo", 9: "BT.2020", 10: "BT.2020 cl", 14: "ICtCp"}


def encode(path, matrix):
    """Four frames of one grey level each, whose matrix is tagged."""
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.colorspace = matrix
        for level in LEVELS:
            grey = np.full((48, 64, 3), level, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey).reformat(format="yuv420p")
            frame.colorspace = matrix
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def with_pyav(path):
    with av.open(path) as container:
        frames = list(container.decode(video=0))
        try:
            return [int(frame.to_ndarray(format="rgb24").mean()) for frame in frames]
        except OSError as error:
            return f"OSError: {error}"


seen = {}
for matrix, name in NAMES.items():
    encode("a.mp4", matrix)
    capture = cv2.VideoCapture("a.mp4")
    read = [capture.read() for _ in LEVELS]
    contents = len({picture.tobytes() for _, picture in read})
    grey = [int(picture.asnumpy().mean()) for picture in decord.VideoReader("a.mp4")]
    seen[matrix] = with_pyav("a.mp4"), all(ok for ok, _ in read), contents, grey
    print(f"{name:10} PyAV {seen[matrix][0]}; OpenCV {contents} pictures; decord {grey}")
for matrix, (pyav, said, contents, grey) in seen.items():
    assert said and np.allclose(grey, LEVELS, atol=2)
    if matrix in (1, 7, 9):
        assert contents == 4 and np.allclose(pyav, LEVELS, atol=2)
    else:
        assert contents == 1, "OpenCV converts or refuses it by now"
        assert pyav == "OSError: [Errno 95] Operation not supported", "PyAV converts it by now"
PY
# Seen, for grey levels 60, 120, 180, 240:
#   BT.709, SMPTE 240M, BT.2020  PyAV [60, 119, 180, 239]; OpenCV 4 pictures;
#                                decord [60, 119, 180, 239]
#   YCgCo, BT.2020 cl, ICtCp     PyAV OSError: [Errno 95] Operation not supported;
#                                OpenCV 1 pictures; decord [60, 119, 180, 239]
