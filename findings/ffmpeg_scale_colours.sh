#!/usr/bin/env bash
# FFmpeg 8.0 (in PyAV 17.0.1) and 8.1 (in 18.1.0), Linux x86-64: two surprises of the filter `scale`
# where it converts BT.2020 to BT.709 (out_primaries, new in FFmpeg 8).
#
# 1. The place of chroma that a frame is tagged with (left, as nearly always) is ignored: the filter
#    takes the centre unless in_chroma_loc is given; sws_scale_frame(), as OpenCV calls it, goes by the
#    tag. Edges of colours differ by up to 150 of 255. Way round: in_chroma_loc=left.
# 2. In 8.0 flags=bilinear gives another picture altogether (mean difference above 10 of 255 from
#    bicubic, on patches of 8 x 8); 8.1 does not. Way round: flags=bicubic.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/show.py" <<'PY'
import av, av.filter, numpy as np

patches = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
with av.open("video.mp4", "w") as container:
    stream = container.add_stream("libx264", rate=25, options={"crf": "1"})
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    frame = av.VideoFrame.from_ndarray(patches.repeat(8, 0).repeat(8, 1), format="rgb24")
    frame = frame.reformat(format="yuv420p")
    for one in (stream.codec_context, frame):
        one.colorspace, one.color_primaries, one.color_trc = 9, 9, 14
    container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def scaled(options):
    frame = next(av.open("video.mp4").decode(video=0))
    graph = av.filter.Graph()
    graph.link_nodes(
        graph.add("buffer", "width=64:height=48:pix_fmt=yuv420p:time_base=1/25"),
        graph.add("scale", f"out_primaries=bt709:out_transfer=bt709:{options}"),
        graph.add("format", "rgb24"),
        graph.add("buffersink"),
    ).configure()
    graph.push(frame)
    return graph.pull().to_ndarray().astype(int)


bicubic = scaled("flags=bicubic")
left = np.abs(bicubic - scaled("flags=bicubic:in_chroma_loc=left"))
center = np.abs(bicubic - scaled("flags=bicubic:in_chroma_loc=center"))
bilinear = np.abs(bicubic - scaled("flags=bilinear"))
print(f"PyAV {av.__version__}: without in_chroma_loc, from left {left.max()}, from the centre "
      f"{center.max()} at most; bilinear from bicubic {bilinear.mean():.1f} on average")
assert left.max() > 50 and center.max() == 0, "1. has changed"
assert (bilinear.mean() > 10) == av.__version__.startswith("17."), "2. has changed"
PY
cd "$folder"
for version in 17.0.1 18.1.0; do
    python3 -m venv "$version"
    "$version/bin/pip" install --quiet --disable-pip-version-check "av==$version" numpy
    "$version/bin/python" show.py 2>/dev/null
done
