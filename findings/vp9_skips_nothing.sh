#!/usr/bin/env bash
# PyAV 18.1.0 (FFmpeg 8.1): codec_context.skip_frame does nothing for VP9, all but its last levels
# nothing for VP8 and FFV1, and "ALL" still gives AV1's keyframes.
#
# Guess: NONKEY gives the keyframes of every codec, quickly, and ALL gives nothing; NONREF leaves
# out what no frame refers to, in codecs that have such frames.
#
# Seen, of 40 frames with 4 keyframes: of VP9 always 40, so code that makes an index or thumbnails
# with NONKEY takes each frame for a keyframe, and decodes them all. NONINTRA means NONKEY in H.264,
# HEVC and AV1, BIDIR in MPEG-4, and nothing in VP8. frame.key_frame tells the truth everywhere.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 numpy==2.4.6
cd "$folder"
venv/bin/python - <<'PY' 2>stderr
import av
import numpy as np

LEVELS = ("DEFAULT", "NONREF", "BIDIR", "NONINTRA", "NONKEY", "ALL")
CODECS = {
    "libx264": ("mp4", {"g": "12"}),
    "libx265": ("mp4", {"x265-params": "keyint=12:min-keyint=12:scenecut=0:log-level=error"}),
    "libsvtav1": ("mp4", {"g": "12"}),
    "libvpx-vp9": ("webm", {"g": "12"}),
    "libvpx": ("webm", {"g": "12"}),
    "mpeg4": ("mp4", {"g": "12", "bf": "2"}),
    "ffv1": ("mkv", {"g": "12"}),
}


def frames(path, level):
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.codec_context.skip_frame = level
        return list(container.decode(stream))


seen = {}
for codec, (suffix, options) in CODECS.items():
    path = f"a.{suffix}"
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for i in range(40):
            picture = np.full((96, 128, 3), 16, np.uint8)
            picture[:, 3 * i : 3 * i + 8] = 235
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode())
    keys = sum(frame.key_frame for frame in frames(path, "DEFAULT"))
    seen[codec] = [len(frames(path, level)) for level in LEVELS], keys
    levels = ", ".join(f"{level} {n}" for level, n in zip(LEVELS, seen[codec][0]))
    print(f"{codec:10} {levels}, keyframes {keys}")
assert seen["libvpx-vp9"] == ([40] * 6, 4), "VP9 skips by now"
assert seen["ffv1"] == ([40] * 5 + [0], 4), "FFV1 skips by now"
assert seen["libvpx"][0][:4] == [40] * 4 and seen["libvpx"][0][4] == seen["libvpx"][1]
assert seen["libsvtav1"][0][5] == seen["libsvtav1"][1] > 0, "AV1's ALL skips keyframes by now"
assert seen["mpeg4"][0][1] == seen["mpeg4"][0][3] > seen["mpeg4"][1]
for codec in ("libx264", "libx265"):
    assert seen[codec][0][3:5] == [seen[codec][1]] * 2 and seen[codec][0][5] == 0
PY
# Seen:
#   libx264    DEFAULT 40, NONREF 31, BIDIR 27, NONINTRA 4, NONKEY 4, ALL 0, keyframes 4
#   libx265    DEFAULT 40, NONREF 21, BIDIR 8, NONINTRA 4, NONKEY 4, ALL 0, keyframes 4
#   libsvtav1  DEFAULT 40, NONREF 28, BIDIR 28, NONINTRA 4, NONKEY 4, ALL 4, keyframes 4
#   libvpx-vp9 DEFAULT 40, NONREF 40, BIDIR 40, NONINTRA 40, NONKEY 40, ALL 40, keyframes 4
#   libvpx     DEFAULT 40, NONREF 40, BIDIR 40, NONINTRA 40, NONKEY 4, ALL 0, keyframes 4
#   mpeg4      DEFAULT 40, NONREF 14, BIDIR 14, NONINTRA 14, NONKEY 4, ALL 0, keyframes 4
#   ffv1       DEFAULT 40, NONREF 40, BIDIR 40, NONINTRA 40, NONKEY 40, ALL 0, keyframes 4
